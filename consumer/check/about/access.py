"""Who may ask, and what can be asked for: the proxy's headers, paths and verbs."""

import re
from collections.abc import Iterator
from dataclasses import replace

from consumer import interactions as gpc
from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, answered, check, refuses
from consumer.check.codes import (
    BAD_REQUEST,
    NO_RECORD_FOUND,
    NOT_IMPLEMENTED,
    ORGANISATION_NOT_FOUND,
)
from consumer.check.exchange import JSON, Exchange
from consumer.check.kit import NOBODY, Kit
from consumer.tokens import ABSENT

HEADERS = ("Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID")


def register() -> None:
    """For each of the proxy's headers: that it is missing, that it is empty."""
    for header in HEADERS:

        def missing(kit: Kit, header: str = header) -> Exchange:
            return kit.wire.ask(gpc.READ_METADATA, headers={header: ABSENT})

        def empty(kit: Kit, header: str = header) -> Exchange:
            return kit.wire.ask(gpc.SEARCH_SLOTS, query=kit.slot_query(), headers={header: ""})

        name = header.lower()
        needed = "SSP-001 ERR-043 META-003 SEC-020"
        refuses(f"access.no-{name}", f"{header} is missing", needed, BAD_REQUEST)(missing)
        refuses(f"access.empty-{name}", f"{header} is empty", "SSP-002", BAD_REQUEST)(empty)


register()


@refuses("access.other-asid", "Ssp-To is not the practice's ASID", "SSP-005 SSP-006", BAD_REQUEST)
def other_asid(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_METADATA, headers={"Ssp-To": "999999999999"})


@refuses(
    "access.unknown-interaction",
    "Ssp-InteractionID is none of GP Connect's",
    "SSP-007 ERR-045",
    BAD_REQUEST,
)
def unknown_interaction(kit: Kit) -> Exchange:
    named = "urn:nhs:names:services:gpconnect:fhir:rest:read:weather-1"
    return kit.wire.ask(gpc.READ_METADATA, headers={"Ssp-InteractionID": named})


@refuses(
    "access.other-interaction",
    "Ssp-InteractionID is that of another interaction",
    "SSP-007 SSP-011 ERR-045",
    BAD_REQUEST,
)
def other_interaction(kit: Kit) -> Exchange:
    return kit.wire.ask(
        gpc.SEARCH_SLOTS,
        query=kit.slot_query(),
        headers={"Ssp-InteractionID": gpc.READ_PATIENT.id},
    )


@refuses("access.case-of-interaction", "Ssp-InteractionID is in capitals", "SSP-008", BAD_REQUEST)
def interaction_in_capitals(kit: Kit) -> Exchange:
    named = gpc.READ_METADATA.id.upper()
    return kit.wire.ask(gpc.READ_METADATA, headers={"Ssp-InteractionID": named})


@check("access.case-of-headers", "Names of headers may be in any case", "SSP-008")
def headers_in_small_letters(kit: Kit) -> Iterator[Problem]:
    request = kit.wire.prepare(gpc.READ_METADATA)
    small = {name.lower(): value for name, value in request.headers.items()}
    exchange = kit.wire.pass_on(replace(request, headers=small))
    yield from answered(exchange, 200, "CapabilityStatement")


@refuses(
    "access.unknown-resource",
    "A type of resource that there is not",
    "GEN-010 ERR-036",
    NOT_IMPLEMENTED,
)
def unknown_resource(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_PATIENT, path="/Immunization/1")


@refuses(
    "access.small-letters",
    "A path in small letters is another path",
    "GEN-007",
    NOT_IMPLEMENTED,
)
def path_in_small_letters(kit: Kit) -> Exchange:
    query = [("identifier", f"{codes.NHS_NUMBER}|{kit.nhs_number}")]
    return kit.wire.ask(gpc.FIND_PATIENT, path="/patient", query=query)


@refuses(
    "access.unknown-operation",
    "An operation that there is not",
    "GEN-010",
    NOT_IMPLEMENTED,
)
def unknown_operation(kit: Kit) -> Exchange:
    body = {"resourceType": "Parameters"}
    return kit.wire.ask(gpc.REGISTER_PATIENT, path="/Patient/$gpc.getweather", body=body)


VERBS = (
    ("delete", "DELETE", "/Appointment/{}", "GEN-011 GEN-013 ERR-044"),
    ("post-read", "POST", "/Patient/{}", "GEN-011 ERR-044"),
    ("post-search", "POST", "/Slot", "GEN-011 ERR-044"),
    ("patch", "PATCH", "/Appointment/{}", "GEN-011 ERR-044"),
    ("put-metadata", "PUT", "/metadata", "META-005 ERR-044"),
    ("no-verb", "FROB", "/metadata", "ERR-044"),
)


def register_verbs() -> None:
    """For each verb that a path does not offer."""
    for name, verb, path, requirements in VERBS:

        def send(kit: Kit, verb: str = verb, path: str = path) -> Exchange:
            body = b"{}" if verb in ("POST", "PUT", "PATCH") else b""
            return kit.wire.ask(gpc.READ_PATIENT, verb=verb, path=path.format(NOBODY), body=body)

        sentence = f"{verb} {path.format('[id]')}, which is not offered"
        refuses(f"access.verb-{name}", sentence, requirements, BAD_REQUEST)(send)


register_verbs()


@refuses(
    "access.unknown-practice",
    "A service root of a practice that is not here",
    "GEN-001 GEN-002 GEN-009",
    ORGANISATION_NOT_FOUND,
)
def unknown_practice(kit: Kit) -> Exchange:
    root, changed = re.subn(
        r"/[A-Za-z0-9]+(/STU3/\d+/[^/]+)$", r"/Z99Z9\1", kit.wire.provider.address
    )
    if not changed:
        raise NotSeen("the address is not .../[ODS code]/STU3/1/[segment], as GEN-002 wants it")
    return kit.wire.ask(gpc.READ_METADATA, root=root)


@refuses(
    "access.unknown-appointment", "An appointment that there is not", "READ-002", NO_RECORD_FOUND
)
def unknown_appointment(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_APPOINTMENT, NOBODY)


@check(
    "access.content-type-on-get",
    "A GET with a Content-Type, as some consumers send, is answered",
    "GEN-060",
    must=False,
)
def content_type_on_get(kit: Kit) -> Iterator[Problem]:
    exchange = kit.wire.ask(gpc.READ_METADATA, headers={"Content-Type": f"{JSON} ; charset=utf-8"})
    yield from answered(exchange, 200, "CapabilityStatement")
