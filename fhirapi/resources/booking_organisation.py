"""The organisation that books, as it describes itself: an Organization inside the Appointment.

Source: GP Connect, "Book an appointment" (BOOK-030 to BOOK-038).
"""

import re
from collections.abc import Iterator

import orjson

from fhirapi import conformance
from fhirapi.conformance import Path, Problem
from fhirapi.errors import check_resource, refuse_resource
from fhirapi.resources import organization
from fhirapi.resources.common import EMPTY, ODS_CODE, STRUCTURES, Element, extensions, logical_id
from fhirapi.validation import in_fhir_order
from fhirapi.well_formed import JSON
from practice import terminology
from practice.services.appointments.booking import BookingOrganisation, Referred

BOOKING_ORGANISATION = f"{STRUCTURES}/Extension-GPConnect-BookingOrganisation-1"


def parse(body: Element) -> BookingOrganisation:
    """The contained organisation that books, checked and kept as it was sent (BOOK-030 to 037)."""
    found = contained_organisation(body)
    if found is None:
        refuse_resource("The extension with the booking organisation is required.")
    check_organisation(found)
    ods_codes = [each["value"] for each in found["identifier"] if each.get("system") == ODS_CODE]
    codings = [coding for kind in found.get("type", []) for coding in kind.get("coding", [])]
    system = terminology.value_set("organisation_type").system
    return BookingOrganisation(
        ods_code=ods_codes[0],
        name=found["name"],
        organisation_types=frozenset(
            coding["code"]
            for coding in codings
            if coding.get("system") == system and coding.get("code")
        ),
        json=orjson.dumps(in_fhir_order(found)).decode(),
    )


def contained_organisation(body: Element) -> Element | None:
    """The resource that the extension points to; INVALID_RESOURCE when it points nowhere."""
    links = extensions(body, BOOKING_ORGANISATION)
    if not links:
        return None
    target = links[0].get("valueReference", {}).get("reference") or ""
    for resource in body.get("contained", []):
        if target == f"#{resource.get('id')}" and resource.get("resourceType") == "Organization":
            return without_what_is_never_contained(resource)
    refuse_resource("The booking organisation must refer to a contained Organization by #id.")


def references(body: Element) -> Iterator[Referred]:
    """What the organisation that books refers to, which must be held here too (GEN-026)."""
    for _, kind, pk in conformance.references_in(contained_organisation(body)):
        yield Referred("The booking organisation", kind, logical_id(pk))


def without_what_is_never_contained(resource: Element) -> Element:
    """A contained resource without a narrative, resources inside it, or a version (dom-1, 2, 4).

    Of what it says of itself, the one profile that is checked is kept; tags and labels for its
    security are out of scope (GEN-034).
    """
    kept = {name: value for name, value in resource.items() if name not in ("text", "contained")}
    if organization.PROFILE in kept.get("meta", {}).get("profile", []):
        kept["meta"] = {"profile": [organization.PROFILE]}
    return kept


def check_organisation(found: Element) -> None:
    """Refuse an organisation that does not conform to CareConnect-GPC-Organization-1."""
    name = "The contained Organization"
    if organization.PROFILE not in found.get("meta", {}).get("profile", []):
        refuse_resource(f"{name}.meta.profile must contain {organization.PROFILE}.")
    ods_codes = [i for i in found.get("identifier", []) if i.get("system") == ODS_CODE]
    if len(ods_codes) != 1 or not ods_codes[0].get("value"):
        refuse_resource(f"{name} must have one identifier with its ODS code.")
    if not re.fullmatch(r"[A-Za-z0-9]{1,20}", ods_codes[0]["value"]):
        refuse_resource(f"{name}.identifier: an ODS code is made of letters and digits.")
    if prohibited := {"use", "type", "period", "assigner"} & ods_codes[0].keys():
        refuse_resource(f"{name}.identifier.{min(prohibited)} must not be sent with an ODS code.")
    if not found.get("name"):
        refuse_resource(f"{name}.name is required.")
    if not any(point.get("system") and point.get("value") for point in found.get("telecom", [])):
        refuse_resource(f"{name}.telecom needs a system and a value.")
    if len(found.get("type", [])) > 1:
        refuse_resource(f"{name}.type must not be repeated.")
    check_resource([problem.within(name) for problem in profile_problems(found)])


ORGANISATION_PERIOD = "http://hl7.org/fhir/StructureDefinition/organization-period"
VALUES_OF_EXTENSIONS = {
    organization.MAIN_LOCATION: "valueReference",
    ORGANISATION_PERIOD: "valuePeriod",
}


def profile_problems(found: Element) -> Iterator[Problem]:
    """What an organisation says that its profile has otherwise; a later reader would refuse it."""
    yield from address_problems(found)
    yield from contact_problems(found)
    yield from extension_problems(found)
    for path, text in conformance.links_in(found):
        if text.startswith("#"):
            yield Problem(path, "must not refer to another contained resource: it alone is kept")


def address_problems(found: Element) -> Iterator[Problem]:
    """An organisation lives nowhere (org-2, org-3), and a county is a district (GEN-141)."""
    for name in ("telecom", "address"):
        for index, each in enumerate(found.get(name, [])):
            if each.get("use") == "home":
                yield Problem((name, index, "use"), "must not be home")
            if "state" in each:
                yield Problem((name, index, "state"), "must not be sent")


def contact_problems(found: Element) -> Iterator[Problem]:
    """Who is named has a family name."""
    for index, contact in enumerate(found.get("contact", [])):
        if "name" in contact and "family" not in contact["name"]:
            yield Problem(("contact", index, "name", "family"), "is required")
        if "state" in contact.get("address", {}):
            yield Problem(("contact", index, "address", "state"), "must not be sent")


def extension_problems(found: Element) -> Iterator[Problem]:
    """The two extensions of the profile hold what they are defined to hold, once each."""
    seen = set()
    for index, extension in enumerate(found.get("extension", [])):
        url = extension.get("url")
        if url not in VALUES_OF_EXTENSIONS:
            continue
        value = extension.get(VALUES_OF_EXTENSIONS[url])
        if value is None:
            yield Problem(("extension", index), f"must have a {VALUES_OF_EXTENSIONS[url]}")
        elif not value.get("reference", "Location/").startswith("Location/"):
            yield Problem(("extension", index, "valueReference"), "must refer to a Location")
        if url in seen:
            yield Problem(("extension", index), f"must not repeat {url}")
        seen.add(url)


def is_unchanged(body: Element, stored: Element) -> bool:
    """Whether the booking organisation has the same content, whatever its local id."""
    sent, kept = contained_organisation(body), contained_organisation(stored)
    if sent is None or kept is None:
        return sent is kept
    return canonical({**sent, "id": ""}) == canonical({**kept, "id": ""})


def canonical(value: JSON, path: Path = ()) -> JSON:
    """The same for two values that differ only in order, or in extensions that are not known.

    With those goes what only kept their place, a null or an empty object (AMEND-033).
    """
    if isinstance(value, dict):
        members = {name: canonical(member, (*path, name)) for name, member in value.items()}
        return {name: member for name, member in members.items() if member not in EMPTY}
    if isinstance(value, list):
        if path and path[-1] == "extension":
            value = [item for item in value if is_known(item, path)]
        items = (canonical(item, path) for item in value)
        return sorted(
            (item for item in items if item not in EMPTY),
            key=lambda item: orjson.dumps(item, option=orjson.OPT_SORT_KEYS),
        )
    return value


def is_known(extension: JSON, path: Path) -> bool:
    """Whether an extension is one of those that the profile names, in its place."""
    url = extension.get("url") if isinstance(extension, dict) else None
    return path == ("extension",) and url in VALUES_OF_EXTENSIONS
