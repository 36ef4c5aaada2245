"""Patient as a record of a practice, with what belongs to them."""

from fhirapi.exchange.incoming.parts import (
    NHS_COMMUNICATION,
    address_columns,
    best_name,
    code_of,
    day,
    extensions_named,
    known,
    last_word,
    part_of,
    period_columns,
    person_name,
    spoken,
    words_of,
)
from fhirapi.exchange.incoming.references import (
    Names,
    identifiers_in,
    reference_to,
    references_to,
    system_of,
)
from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice import nhs_number
from practice.services.dumps.kinds import Entry
from practice.services.importing.records import Incoming

REGISTRATION = "Extension-CareConnect-{}RegistrationDetails-1"
VERIFICATION = "Extension-CareConnect-{}NHSNumberVerificationStatus-1"
VERIFIED, NOT_TRACED, TO_BE_TRACED = "01", "02", "03"
RESTRICTED = ("R", "V")  # of v3's Confidentiality: restricted, very restricted


def patient(resource: Element, names: Names) -> Incoming:
    """Somebody registered at the practice, or once registered."""
    found = Incoming("Patient", names.all())
    name = best_name(resource.get("name", []))
    birth_date = day(resource.get("birthDate"))
    if name is None:
        found.problems.append("it has no family name")
    if birth_date is None:
        found.problems.append("it has no full date of birth")
    number = number_of(resource, found)
    if found.problems:
        return found
    labels = [each.get("code") for each in resource.get("meta", {}).get("security", [])]
    found.values = {
        **number,
        **person_name(name or {}),
        "birth_date": birth_date,
        "gender": resource.get("gender") or "unknown",
        "active": resource.get("active", True),
        "deceased_at": day(resource.get("deceasedDateTime")),
        "sensitive": any(label in RESTRICTED for label in labels),
        "registered_via": "practice",
        **registration(resource, names, found),
        "other_names": [
            {**person_name(each), "use": each.get("use") or "usual"}
            for each in resource.get("name", [])
            if each is not name and (each.get("family") or each.get("given"))
        ],
        "addresses": [address(each) for each in resource.get("address", [])],
        "telecoms": telecoms(resource.get("telecom", []), found),
        "contacts": contacts(resource.get("contact", []), found),
        "languages": languages(resource, found),
    }
    found.said = [str(birth_date)]
    died = resource.get("deceasedBoolean") or resource.get("deceasedDateTime")
    if died and not found.values["deceased_at"]:
        found.values["active"] = False
        found.notes.append("a patient who died, of whom no day is given, is no longer registered")
    if owner := reference_to(resource.get("managingOrganization", {}), names, "Organization"):
        found.refers["organisation"] = [owner]
    general = references_to(resource.get("generalPractitioner", []), names)
    found.refers["general_practitioner"] = [
        each for each in general if each.kind in ("", "Practitioner")
    ][:1]
    return found


def number_of(resource: Element, found: Incoming) -> Entry:
    """The NHS number, and how far it has been verified; who has none is not verified."""
    numbers: dict[str, str] = {}
    for each in identifiers_in(resource):
        value = str(each.get("value") or "").replace(" ", "")
        if system_of(each) != common.NHS_NUMBER or not value:
            continue
        status = ""
        for extension in [
            *extensions_named(each, VERIFICATION),
            *(e for e in each.get("extension", []) if "VerificationStatus" in last_word(e["url"])),
        ]:
            concept = extension.get("valueCodeableConcept")
            status = status or code_of(concept, "nhs_number_verification_status")
        numbers[value] = status or NOT_TRACED
    if len(numbers) > 1:
        found.problems.append("it has two NHS numbers")
    for number, status in numbers.items():
        if not nhs_number.is_valid(number):
            found.problems.append("its NHS number is none: the check digit is wrong")
        return {"nhs_number": number, "nhs_number_verification": status}
    return {"nhs_number": None, "nhs_number_verification": TO_BE_TRACED}


def registration(resource: Element, names: Names, found: Incoming) -> Entry:
    """Since and until when somebody is registered, as what, preferring which surgery."""
    for extension in extensions_named(resource, REGISTRATION):
        period = period_columns(part_of(extension, "registrationPeriod").get("valuePeriod"))
        type_ = part_of(extension, "registrationType").get("valueCodeableConcept")
        branch = part_of(extension, "preferredBranchSurgery").get("valueReference", {})
        found.refers["preferred_branch"] = references_to([branch], names, "Location")
        return {
            "registration_start": period["start"],
            "registration_end": period["end"],
            "registration_type": code_of(type_, "registration_type") or "R",
        }
    return {"registration_type": "R"}


def address(given: Element) -> Entry:
    """Where a patient lives, or stays."""
    return {
        **address_columns(given),
        "use": known(given.get("use"), "address_use") or "home",
        "type": known(given.get("type"), "address_type"),
        **period_columns(given.get("period")),
    }


def telecoms(given: list[Element], found: Incoming) -> list[Entry]:
    """How to reach a patient."""
    kept = []
    for each in given:
        system = known(each.get("system"), "contact_point_system")
        if not each.get("value") or not system:
            found.notes.append("a way to reach a patient without its kind or its value was left")
            continue
        use = known(each.get("use"), "contact_point_use") or "home"
        period = period_columns(each.get("period"))
        kept.append({"system": system, "value": each["value"], "use": use, **period})
    return kept


def contacts(given: list[Element], found: Incoming) -> list[Entry]:
    """Whom to contact about a patient."""
    kept = []
    for each in given:
        name = each.get("name") or {}
        if not name.get("family"):
            found.notes.append("a contact of a patient without a family name was left")
            continue
        phones = [one for one in each.get("telecom", []) if one.get("value")]
        phone: Element = next((one for one in phones if one.get("system") in (None, "phone")), {})
        relationship = [words_of(one) for one in each.get("relationship", [])]
        kept.append(
            {
                **person_name(name),
                **(address_columns(each["address"]) if each.get("address") else {}),
                "relationship": next(filter(None, relationship), "contact"),
                "gender": each.get("gender") or "",
                "telephone": phone.get("value") or "",
                "telephone_use": known(phone.get("use"), "contact_point_use") or "home",
            }
        )
    return kept


def languages(resource: Element, found: Incoming) -> list[Entry]:
    """The languages of a patient, in the country's extension or as plain STU3 has them."""
    told = [spoken(each) for each in extensions_named(resource, *NHS_COMMUNICATION)]
    for each in resource.get("communication", []):
        code = code_of(each.get("language"), "human_language")
        if not code:
            codings = each.get("language", {}).get("coding", [])
            codes = [str(one.get("code") or "").partition("-")[0] for one in codings]
            code = next((one for one in codes if known(one, "human_language")), "")
        told.append({"language": code, "preferred": each.get("preferred")} if code else None)
    if None in told:
        found.notes.append("a language that is not on the national list was left")
    return [each for each in told if each]
