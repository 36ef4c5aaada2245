"""Finding and reading patients, practitioners, the practice and its places."""

from collections.abc import Iterator
from typing import Any

from consumer import interactions as gpc
from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, answered, check, refuses
from consumer.check.codes import (
    BAD_REQUEST,
    INVALID_IDENTIFIER_SYSTEM,
    INVALID_IDENTIFIER_VALUE,
    INVALID_NHS_NUMBER,
    INVALID_PARAMETER,
    NO_RECORD_FOUND,
    NOT_IMPLEMENTED,
    ORGANISATION_NOT_FOUND,
    PATIENT_NOT_FOUND,
    PRACTITIONER_NOT_FOUND,
)
from consumer.check.exchange import Exchange
from consumer.check.kit import NOBODY, Kit
from consumer.check.profiles import ods_codes, values_of

# ---------------------------------------------------------------- patients


@check(
    "patient.found",
    "The test patient is found by their NHS number, once",
    *("PAT-001", "PAT-010", "GEN-110", "SSP-021"),
)
def is_found(kit: Kit) -> Iterator[Problem]:
    exchange = kit.patient_found
    yield from answered(exchange, 200, "Bundle")
    found = exchange.of_type("Patient")
    if len(found) != 1:
        yield Problem(f"{len(found)} patients were found by the NHS number", exchange)
    for patient in found:
        if kit.nhs_number not in values_of(patient, codes.NHS_NUMBER):
            yield Problem("the patient found has another NHS number", exchange)


@check(
    "patient.read",
    "The patient is read by the id that was found, and is the same",
    *("PAT-030", "GEN-020", "SSP-022"),
)
def is_read(kit: Kit) -> Iterator[Problem]:
    exchange = kit.patient_read
    yield from answered(exchange, 200, "Patient")
    if exchange.kind == "Patient" and exchange.resource not in kit.patient_found.of_type("Patient"):
        yield Problem("the patient that is read differs from the one found", exchange)


@check(
    "patient.practice",
    "The patient's managingOrganization is the practice addressed",
    *("PAT-070", "GEN-025"),
)
def belongs_to_the_practice(kit: Kit) -> Iterator[Problem]:
    patient = kit.patient_read.resource
    reference = str((patient.get("managingOrganization") or {}).get("reference"))
    exchange = kit.wire.ask(gpc.READ_ORGANISATION, reference.rpartition("/")[2])
    yield from answered(exchange, 200, "Organization")
    code = kit.wire.provider.ods_code
    if code and exchange.kind == "Organization" and code not in ods_codes(exchange.resource):
        yield Problem(f"{reference} is not the practice {code}", exchange)


@check(
    "patient.none",
    "An NHS number that nobody has gives an empty Bundle, no error",
    *("PAT-007", "GEN-111"),
)
def nobody_is_found(kit: Kit) -> Iterator[Problem]:
    for number in spare_numbers(kit.nhs_number):
        exchange = kit.find_patient(number)
        if not exchange.of_type("Patient"):
            break
    yield from answered(exchange, 200, "Bundle")
    yield from no_entry(exchange)


def no_entry(exchange: Exchange) -> Iterator[Problem]:
    """An empty Bundle has no entry, not an empty one."""
    if "entry" in exchange.resource:
        yield Problem("the Bundle has an entry although nothing matches", exchange)


def spare_numbers(but: str) -> list[str]:
    """A few valid NHS numbers of the range for tests that hardly anybody uses."""
    made = []
    for number in range(999999995, 999999900, -7):
        check_digit = nhs_check_digit(str(number))
        if check_digit < 10 and f"{number}{check_digit}" != but:
            made.append(f"{number}{check_digit}")
    return made[:3]


def nhs_check_digit(nine: str) -> int:
    """The tenth digit of an NHS number; 10 if there is none."""
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(nine))
    return (11 - total % 11) % 11


def identifier(kit: Kit, interaction: gpc.Interaction, *values: str) -> Exchange:
    return kit.wire.ask(interaction, query=[("identifier", value) for value in values])


@refuses("patient.no-identifier", "A search without identifier", "PAT-002", BAD_REQUEST)
def patient_without_identifier(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PATIENT)


@refuses("patient.two-identifiers", "A search with two identifiers", "PAT-002", BAD_REQUEST)
def patient_by_two(kit: Kit) -> Exchange:
    value = f"{codes.NHS_NUMBER}|{kit.nhs_number}"
    return identifier(kit, gpc.FIND_PATIENT, value, value)


@refuses("patient.no-pipe", "An identifier without system", "PAT-003", INVALID_PARAMETER)
def patient_without_system(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PATIENT, kit.nhs_number)


@refuses(
    "patient.other-system",
    "An identifier of a system that is not that of NHS numbers",
    "PAT-004 ERR-020",
    INVALID_IDENTIFIER_SYSTEM,
)
def patient_by_other_system(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PATIENT, f"http://fhir.nhs.net/Id/nhs-number|{kit.nhs_number}")


@refuses(
    "patient.bad-number",
    "An NHS number with a wrong check digit",
    "PAT-005 ERR-022",
    INVALID_NHS_NUMBER,
)
def patient_by_bad_number(kit: Kit) -> Exchange:
    wrong = (int(kit.nhs_number[-1]) + 1) % 10
    return identifier(kit, gpc.FIND_PATIENT, f"{codes.NHS_NUMBER}|{kit.nhs_number[:-1]}{wrong}")


@refuses("patient.short-number", "An NHS number of nine digits", "PAT-005", INVALID_NHS_NUMBER)
def patient_by_short_number(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PATIENT, f"{codes.NHS_NUMBER}|{kit.nhs_number[:-1]}")


@refuses(
    "patient.unknown-id",
    "An id that is no patient's is read",
    "PAT-031 ERR-025",
    PATIENT_NOT_FOUND,
)
def unknown_patient(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_PATIENT, NOBODY)


# ---------------------------------------------------------------- practitioners


@check(
    "practitioner.read",
    "A practitioner whom a session refers to can be read",
    *("PRAC-008", "GEN-025", "GEN-020", "SSP-025"),
)
def practitioner_is_read(kit: Kit) -> Iterator[Problem]:
    yield from read_by_id(kit.practitioner_read, "Practitioner", kit.referred("Practitioner"))


def read_by_id(exchange: Exchange, kind: str, logical_id: str) -> Iterator[Problem]:
    yield from answered(exchange, 200, kind)
    if exchange.kind == kind and exchange.resource.get("id") != logical_id:
        yield Problem(f"the id is {exchange.resource.get('id')!r}, not {logical_id!r}", exchange)


@check(
    "practitioner.found",
    "A practitioner is found by their SDS user id",
    *("PRAC-001", "PRAC-007", "PRAC-021", "SSP-024"),
)
def practitioner_is_found(kit: Kit) -> Iterator[Problem]:
    ids = values_of(kit.practitioner_read.resource, codes.SDS_USER_ID)
    if not ids:
        raise NotSeen("no practitioner with an SDS user id was seen")
    exchange = identifier(kit, gpc.FIND_PRACTITIONER, f"{codes.SDS_USER_ID}|{ids[0]}")
    yield from answered(exchange, 200, "Bundle")
    if kit.practitioner_read.resource.get("id") not in ids_of(exchange, "Practitioner"):
        yield Problem("the practitioner is not among those found", exchange)


def ids_of(exchange: Exchange, kind: str) -> list[Any]:
    return [each.get("id") for each in exchange.of_type(kind)]


@check("practitioner.none", "An SDS user id that nobody has gives an empty Bundle", "PRAC-006")
def no_practitioner_is_found(kit: Kit) -> Iterator[Problem]:
    exchange = identifier(kit, gpc.FIND_PRACTITIONER, f"{codes.SDS_USER_ID}|ZZ999999999")
    yield from answered(exchange, 200, "Bundle")
    yield from no_entry(exchange)


@refuses("practitioner.no-identifier", "A search without identifier", "PRAC-002", BAD_REQUEST)
def practitioner_without_identifier(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PRACTITIONER)


@refuses(
    "practitioner.other-system",
    "An identifier of a system that is not that of SDS user ids",
    "PRAC-004",
    INVALID_IDENTIFIER_SYSTEM,
)
def practitioner_by_other_system(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PRACTITIONER, "https://x.example/id|1")


@refuses("practitioner.no-value", "An identifier without value", "PRAC-003", INVALID_PARAMETER)
def practitioner_without_value(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_PRACTITIONER, f"{codes.SDS_USER_ID}|")


@refuses(
    "practitioner.unknown-id",
    "An id that is no practitioner's is read",
    "PRAC-009 ERR-026",
    PRACTITIONER_NOT_FOUND,
)
def unknown_practitioner(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_PRACTITIONER, NOBODY)


# ---------------------------------------------------------------- the practice and its places


@check(
    "organisation.read",
    "The practice that was found can be read",
    *("ORG-008", "GEN-025", "GEN-020", "SSP-027"),
)
def organisation_is_read(kit: Kit) -> Iterator[Problem]:
    yield from read_by_id(kit.organisation_read, "Organization", kit.referred("Organization"))


@check(
    "organisation.found",
    "The practice is found by its own ODS code",
    *("ORG-001", "ORG-007", "ORG-010", "SSP-026"),
)
def organisation_is_found(kit: Kit) -> Iterator[Problem]:
    known = ods_codes(kit.organisation_read.resource)
    code = kit.wire.provider.ods_code or (known[0] if known else "")
    if not code:
        raise NotSeen("the ODS code of the practice is not known: give --practice")
    exchange = identifier(kit, gpc.FIND_ORGANISATION, f"{codes.ODS_CODE}|{code}")
    yield from answered(exchange, 200, "Bundle")
    if not any(code in ods_codes(each) for each in exchange.of_type("Organization")):
        yield Problem(f"no Organization with the ODS code {code} is among those found", exchange)


@check("organisation.none", "An ODS code that nobody has gives an empty Bundle", "ORG-006")
def no_organisation_is_found(kit: Kit) -> Iterator[Problem]:
    exchange = identifier(kit, gpc.FIND_ORGANISATION, f"{codes.ODS_CODE}|ZZ99Z")
    yield from answered(exchange, 200, "Bundle")
    yield from no_entry(exchange)


@refuses("organisation.no-identifier", "A search without identifier", "ORG-002", BAD_REQUEST)
def organisation_without_identifier(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_ORGANISATION)


@refuses(
    "organisation.other-system",
    "An identifier of a system that is not that of ODS codes",
    "ORG-004",
    INVALID_IDENTIFIER_SYSTEM,
)
def organisation_by_other_system(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_ORGANISATION, "https://x.example/id|1")


@refuses(
    "organisation.bad-code",
    "An ODS code with a character that none has",
    "ORG-005 ERR-021",
    INVALID_IDENTIFIER_VALUE,
)
def organisation_by_bad_code(kit: Kit) -> Exchange:
    return identifier(kit, gpc.FIND_ORGANISATION, f"{codes.ODS_CODE}|A!001")


@refuses(
    "organisation.unknown-id",
    "An id that is no organisation's is read",
    "ORG-009 ERR-024",
    ORGANISATION_NOT_FOUND,
)
def unknown_organisation(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_ORGANISATION, NOBODY)


@check(
    "location.read",
    "The place of a session can be read",
    *("LOC-001", "GEN-025", "GEN-020", "SSP-028"),
)
def location_is_read(kit: Kit) -> Iterator[Problem]:
    yield from read_by_id(kit.location_read, "Location", kit.referred("Location"))


@refuses(
    "location.unknown-id",
    "An id that is no place's is read",
    "LOC-002 ERR-027",
    NO_RECORD_FOUND,
)
def unknown_location(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_LOCATION, NOBODY)


@refuses(
    "location.search",
    "A search for places, which there is not",
    "LOC-003",
    NOT_IMPLEMENTED,
    BAD_REQUEST,
)
def location_search(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_LOCATION, path="/Location", query=[("name", "Surgery")])
