"""The capability statement."""

import re
from collections.abc import Iterator
from typing import Any

from consumer import interactions as gpc
from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, answered, check
from consumer.check.exchange import JSON, XML
from consumer.check.kit import Kit


@check(
    "capability.answered",
    "GET /metadata is answered with a CapabilityStatement",
    *("META-001", "GEN-050", "SSP-020"),
)
def is_answered(kit: Kit) -> Iterator[Problem]:
    return answered(kit.metadata, 200, "CapabilityStatement")


def statement(kit: Kit) -> dict[str, Any]:
    """The statement; NotSeen if something else was answered."""
    if kit.metadata.status != 200 or kit.metadata.kind != "CapabilityStatement":
        raise NotSeen("there is no CapabilityStatement (see capability.answered)")
    return kit.metadata.resource


FIXED = {
    "name": "GP Connect",
    "status": "active",
    "kind": "capability",
    "fhirVersion": "3.0.1",
    "acceptUnknown": "both",
}


@check(
    "capability.mandatory",
    "The statement has what STU3 and GP Connect want it to say, and no placeholder",
    *("META-010", "META-012", "META-013", "META-015", "META-016"),
)
def is_complete(kit: Kit) -> Iterator[Problem]:
    said = statement(kit)
    for name, value in FIXED.items():
        if said.get(name) != value:
            yield Problem(f"{name} is {said.get(name)!r}, not {value!r}", kit.metadata)
    for name in ("date", "publisher", "contact", "description", "copyright", "format", "software"):
        if not said.get(name):
            yield Problem(f"{name} is missing", kit.metadata)
        elif re.search(r"\[[A-Za-z ]+\]", str(said[name])):
            yield Problem(f"{name} is a placeholder: {said[name]!r}", kit.metadata)
    software = said.get("software") or {}
    if not all(software.get(name) for name in ("name", "version")):
        yield Problem("software has no name and version", kit.metadata)
    if not re.match(r"\d{4}-\d\d-\d\d", str(software.get("releaseDate"))):
        yield Problem(f"software.releaseDate is {software.get('releaseDate')!r}", kit.metadata)
    if "implementation" in said:
        yield Problem("implementation does not go with the kind capability", kit.metadata)


@check("capability.version", "The statement names GP Connect's version, 1.2.7", "META-011")
def names_the_version(kit: Kit) -> Iterator[Problem]:
    version = statement(kit).get("version")
    if version != "1.2.7":
        yield Problem(f"version is {version!r}, not '1.2.7'", kit.metadata)


@check("capability.profiles", "The statement lists the nine profiles", "META-017")
def lists_profiles(kit: Kit) -> Iterator[Problem]:
    listed = {
        each.get("reference")
        for each in statement(kit).get("profile") or []
        if isinstance(each, dict)
    }
    for url in codes.PROFILES.values():
        if url not in listed:
            yield Problem(f"profile lacks {url}", kit.metadata)


def rest(kit: Kit) -> dict[str, Any]:
    found = statement(kit).get("rest") or [{}]
    return found[0] if isinstance(found[0], dict) else {}


def resource(kit: Kit, kind: str) -> dict[str, Any]:
    """What the statement says of a type of resource."""
    for each in rest(kit).get("resource") or []:
        if each.get("type") == kind:
            return dict(each)
    return {}


INTERACTIONS = {
    "Patient": {"read", "search-type"},
    "Organization": {"read", "search-type"},
    "Practitioner": {"read", "search-type"},
    "Location": {"read"},
    "Appointment": {"read", "create", "update", "search-type"},
    "Slot": {"search-type"},
}


@check(
    "capability.interactions",
    "The statement declares what may be done with each type of resource",
    *("META-019", "META-020", "META-021", "META-022", "META-023", "META-024", "META-026"),
)
def declares_interactions(kit: Kit) -> Iterator[Problem]:
    if rest(kit).get("mode") != "server":
        yield Problem(f"rest.mode is {rest(kit).get('mode')!r}, not 'server'", kit.metadata)
    cors = (rest(kit).get("security") or {}).get("cors")
    if not isinstance(cors, bool):
        yield Problem(f"rest.security.cors is {cors!r}, not true or false", kit.metadata)
    for kind, wanted in INTERACTIONS.items():
        said = {each.get("code") for each in resource(kit, kind).get("interaction") or []}
        if missing := wanted - said:
            yield Problem(f"{kind} lacks {', '.join(sorted(missing))}", kit.metadata)
    if resource(kit, "Appointment").get("updateCreate") is not False:
        yield Problem("Appointment.updateCreate is not false", kit.metadata)


INCLUDES = {
    *("Schedule:actor:Location", "Schedule:actor:Practitioner"),
    *("Slot:schedule", "Location:managingOrganization"),
}
PARAMETERS = {
    "Patient": {"identifier": "token"},
    "Organization": {"identifier": "token"},
    "Practitioner": {"identifier": "token"},
    "Slot": {"start": "date", "end": "date", "status": "token", "searchFilter": "token"},
}


@check(
    "capability.searches",
    "The statement declares the parameters and includes of searches",
    *("META-020", "META-021", "META-022", "META-026"),
)
def declares_searches(kit: Kit) -> Iterator[Problem]:
    for kind, wanted in PARAMETERS.items():
        said = {
            each.get("name"): each.get("type")
            for each in resource(kit, kind).get("searchParam") or []
        }
        for name, type_ in wanted.items():
            if said.get(name) != type_:
                words = f"{kind}: the parameter {name} is {said.get(name)!r}, not {type_!r}"
                yield Problem(words, kit.metadata)
    missing = INCLUDES - set(resource(kit, "Slot").get("searchInclude") or [])
    if missing:
        yield Problem(f"Slot.searchInclude lacks {', '.join(sorted(missing))}", kit.metadata)


@check(
    "capability.start",
    "The statement declares that appointments are searched for by start",
    "META-025",
    must=False,
)
def declares_start(kit: Kit) -> Iterator[Problem]:
    said = [each.get("name") for each in resource(kit, "Appointment").get("searchParam") or []]
    if "start" not in said:
        yield Problem(f"Appointment.searchParam is {said}, without start", kit.metadata)


@check("capability.operation", "The statement declares the operation to register", "META-027")
def declares_operation(kit: Kit) -> Iterator[Problem]:
    for each in rest(kit).get("operation") or []:
        if each.get("name") == "gpc.registerpatient":
            definition = (each.get("definition") or {}).get("reference")
            if definition != codes.REGISTER_OPERATION:
                words = f"the definition is {definition!r}, not {codes.REGISTER_OPERATION}"
                yield Problem(words, kit.metadata)
            return
    yield Problem("rest.operation lacks gpc.registerpatient", kit.metadata)


@check(
    "capability.formats",
    "The formats declared are those that are answered",
    *("META-014", "GEN-051", "GEN-063"),
)
def formats_hold(kit: Kit) -> Iterator[Problem]:
    declared = statement(kit).get("format") or []
    if JSON not in declared:
        yield Problem(f"format lacks {JSON}", kit.metadata)
    xml = kit.wire.ask(gpc.READ_METADATA, format="xml")
    if (xml.status == 200 and xml.is_xml) != (XML in declared):
        words = "is declared and not answered" if XML in declared else "is answered, not declared"
        yield Problem(f"{XML} {words}", xml)
