"""Parameters: what another organisation sends to register a patient. It is never sent by us.

Source: GP Connect, "Register a patient".
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import TypedDict

from fhirapi import conformance
from fhirapi.errors import INVALID_NHS_NUMBER, INVALID_RESOURCE, FHIRError
from fhirapi.resources import common
from fhirapi.resources.common import Element
from fhirapi.resources.patient import PROFILE, VERIFICATION_STATUS
from practice import nhs_number, terminology
from practice.models import Patient, PatientAddress, PatientTelecom
from practice.services.registration import (
    AddressDetails,
    LanguageDetails,
    TelecomDetails,
    address_lines,
)

OPERATION = "https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-RegisterPatient-Operation-1"


class Registration(TypedDict):
    """The arguments of services.registration.register_patient that a consumer sends."""

    nhs_number: str
    prefix: str
    given_names: str
    family_name: str
    birth_date: date
    gender: str
    addresses: list[AddressDetails]
    telecoms: list[TelecomDetails]
    language: LanguageDetails | None


# The page's list of fields, and what parts of them it means; everything else must not be sent.
ALLOWED_PARTS = {
    "Patient": {
        *("resourceType", "id", "meta", "extension", "identifier", "name"),
        *("telecom", "gender", "birthDate", "address"),
    },
    "identifier": {"extension", "system", "value"},
    "another identifier": {"use", "type", "system", "value", "period", "assigner"},
    "name": {"use", "text", "family", "given", "prefix", "suffix", "period"},
    "telecom": {"system", "value", "use", "rank", "period"},
    "address": {"use", "type", "line", "city", "district", "postalCode", "country", "period"},
    "nhsCommunication": {"language", "interpreterRequired"},
}
PHONE_USES = ("home", "work", "mobile", "temp")
ADDRESS_USES = ("home", "temp")
STORED_IN = {
    "prefix": (Patient, "prefix"),
    "given": (Patient, "given_names"),
    "family": (Patient, "family_name"),
    "value": (PatientTelecom, "value"),
    "line": (PatientAddress, "address_line_1"),
    "city": (PatientAddress, "city"),
    "district": (PatientAddress, "district"),
    "postalCode": (PatientAddress, "postal_code"),
    "country": (PatientAddress, "country"),
}


def parse(body: Element, *, today: date) -> Registration:
    """A Parameters resource, valid as FHIR, as the arguments of the registration.

    ``today`` is the date in London. Raises INVALID_RESOURCE naming every element at fault (REG-001
    to REG-021), or INVALID_NHS_NUMBER.
    """
    patient = patient_of(body)
    problems = [
        *profile_problems(patient),
        *conformance.sentences(patient),
        *identifier_problems(patient),
        *name_problems(patient),
        *person_problems(patient, today=today),
        *telecom_problems(patient),
        *address_problems(patient),
        *language_problems(patient),
    ]
    if problems:
        raise FHIRError(INVALID_RESOURCE, list(dict.fromkeys(problems)))
    number = nhs_numbers(patient)[0]["value"]
    if not nhs_number.is_valid(number):
        raise FHIRError(INVALID_NHS_NUMBER, "Patient.identifier.value is not an NHS number.")
    name = official_names(patient)[0]
    return {
        "nhs_number": number,
        "prefix": " ".join(texts(name, "prefix")),
        "given_names": " ".join(texts(name, "given")),
        "family_name": name["family"],
        "birth_date": date.fromisoformat(patient["birthDate"]),
        "gender": patient.get("gender", ""),
        "addresses": [address_details(sent) for sent in patient.get("address", [])],
        "telecoms": [telecom_details(sent) for sent in patient.get("telecom", [])],
        "language": next(map(language_details, patient.get("extension", [])), None),
    }


def patient_of(body: Element) -> Element:
    """The one Patient in the one parameter of the operation (REG-001, REG-002)."""
    if body.keys() - {"resourceType", "id", "meta", "parameter"}:
        raise FHIRError(INVALID_RESOURCE, "Parameters must have its parameter, and no more.")
    parameters = body.get("parameter", [])
    if len(parameters) != 1 or parameters[0].get("name") != "registerPatient":
        raise FHIRError(
            INVALID_RESOURCE, "Parameters must have one parameter, named registerPatient."
        )
    patient: Element = parameters[0].get("resource", {})
    if set(parameters[0]) != {"name", "resource"} or patient.get("resourceType") != "Patient":
        raise FHIRError(
            INVALID_RESOURCE, "Parameters.parameter must have a resource, a Patient, and no more."
        )
    return patient


def forbidden(element: Element, kind: str, path: str) -> Iterator[str]:
    """A problem for each part of an element that the page does not list (REG-015).

    What stands beside a primitive (``_birthDate``) is an extension, and so is not listed either.
    """
    for name in sorted(element.keys() - ALLOWED_PARTS[kind]):
        yield f"{path}.{name.removeprefix('_')} must not be sent."


def too_long(value: str, element: str, path: str) -> Iterator[str]:
    """A problem if a text does not fit into the column that it is stored in."""
    model, column = STORED_IN[element]
    longest: int = getattr(model, column).field.max_length
    if len(value) > longest:
        yield f"{path}.{element} must not be longer than {longest} characters."


def texts(element: Element, name: str) -> list[str]:
    """A repeating text, without the nulls that keep the places of extensions."""
    return [text for text in element.get(name, []) if text is not None]


def profile_problems(patient: Element) -> Iterator[str]:
    """The profile is named, and nothing is sent that the page does not list."""
    if PROFILE not in patient.get("meta", {}).get("profile", []):
        yield f"Patient.meta.profile must contain {PROFILE}."
    yield from forbidden(patient, "Patient", "Patient")


def nhs_numbers(patient: Element) -> list[Element]:
    """The identifiers that are NHS numbers; those of other systems are nothing to us (REG-018)."""
    return [i for i in patient.get("identifier", []) if i.get("system") == common.NHS_NUMBER]


def official_names(patient: Element) -> list[Element]:
    """The names that count; those of another use are not stored (REG-007)."""
    return [name for name in patient.get("name", []) if name.get("use") == "official"]


def identifier_problems(patient: Element) -> Iterator[str]:
    """One NHS number; its status is tolerated and not trusted (REG-018, REG-019)."""
    for other in patient.get("identifier", []):
        if other.get("system") != common.NHS_NUMBER:
            yield from forbidden(other, "another identifier", "Patient.identifier")
    identifiers = nhs_numbers(patient)
    if len(identifiers) != 1:
        yield f"Patient.identifier must have one of the system {common.NHS_NUMBER}."
        return
    if "value" not in identifiers[0]:
        yield "Patient.identifier.value is required."
    yield from forbidden(identifiers[0], "identifier", "Patient.identifier")
    statuses = identifiers[0].get("extension", [])
    if len(statuses) > 1 or any(status.get("url") != VERIFICATION_STATUS for status in statuses):
        yield "Patient.identifier.extension may only be one verification status."
    known = terminology.value_set("nhs_number_verification_status").codes
    for status in statuses:
        codings = status.get("valueCodeableConcept", {}).get("coding", [])
        if not any(coding.get("code") in known for coding in codings):
            yield "Patient.identifier.extension must hold a code of its value set."


def name_problems(patient: Element) -> Iterator[str]:
    """One official name with family and given names (REG-005 to REG-007)."""
    for name in patient.get("name", []):
        yield from forbidden(name, "name", "Patient.name")
    names = official_names(patient)
    if len(names) != 1:
        yield "Patient.name must have one with use official."
        return
    if not names[0].get("family"):
        yield "Patient.name.family is required."
    if not texts(names[0], "given"):
        yield "Patient.name.given is required."
    yield from too_long(names[0].get("family", ""), "family", "Patient.name")
    for part in ("given", "prefix"):
        yield from too_long(" ".join(texts(names[0], part)), part, "Patient.name")


def person_problems(patient: Element, *, today: date) -> Iterator[str]:
    """A whole date of birth that is not to come (REG-021)."""
    born = full_date(patient.get("birthDate", ""))
    if born is None:
        yield "Patient.birthDate must be a full date."
    elif born > today:
        yield "Patient.birthDate must not be in the future."


def full_date(text: str) -> date | None:
    """A date of the form yyyy-mm-dd that exists, or None."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None


def telecom_problems(patient: Element) -> Iterator[str]:
    """A telephone number for each use, and one e-mail address (REG-010, REG-011, REG-014)."""
    seen = set()
    for index, sent in enumerate(patient.get("telecom", [])):
        path = f"Patient.telecom[{index}]"
        yield from forbidden(sent, "telecom", path)
        system, use = sent.get("system"), sent.get("use")
        if system not in ("phone", "email"):
            yield f"{path}.system must be phone or email."
        elif use not in PHONE_USES and (system == "phone" or use is not None):
            yield f"{path}.use must be one of: {', '.join(PHONE_USES)}."
        kind = (system, use) if system == "phone" else (system,)
        if kind in seen:
            yield f"{path} must not be of the same system and use as another one."
        seen.add(kind)
        if not sent.get("value"):
            yield f"{path}.value is required."
        yield from too_long(sent.get("value", ""), "value", path)


def address_problems(patient: Element) -> Iterator[str]:
    """One home address and one for the time being (REG-009, REG-013)."""
    seen = set()
    for index, sent in enumerate(patient.get("address", [])):
        path = f"Patient.address[{index}]"
        yield from forbidden(sent, "address", path)
        use = sent.get("use")
        if use not in ADDRESS_USES:
            yield f"{path}.use must be one of: {', '.join(ADDRESS_USES)}."
        if use in seen:
            yield f"{path} must not be of the same use as another one."
        seen.add(use)
        if not sent.keys() - {"use", "type", "period"}:
            yield f"{path} must say where."
        for line in address_lines(texts(sent, "line")).values():
            yield from too_long(str(line), "line", path)
        for part in ("city", "district", "postalCode", "country"):
            yield from too_long(sent.get(part, ""), part, path)


def language_problems(patient: Element) -> Iterator[str]:
    """At most one extension: a language, and whether an interpreter is needed (REG-012)."""
    extensions = patient.get("extension", [])
    if len(extensions) > 1 or any(
        sent.get("url") != common.NHS_COMMUNICATION for sent in extensions
    ):
        yield f"Patient.extension may only be one {common.NHS_COMMUNICATION}."
        return
    published = terminology.value_set("human_language")
    for sent in extensions:
        parts = sent.get("extension", [])
        urls = [part.get("url") for part in parts]
        path = "Patient.extension(nhsCommunication)"
        if len(set(urls)) != len(urls) or not set(urls) <= ALLOWED_PARTS["nhsCommunication"]:
            yield f"{path} may only have one language and one interpreterRequired."
        codings = [
            coding
            for part in parts
            for coding in part.get("valueCodeableConcept", {}).get("coding", [])
            if part.get("url") == "language"
        ]
        if not any(
            coding.get("system") == published.system and coding.get("code") in published.codes
            for coding in codings
        ):
            yield f"{path}.language must hold a code of its value set."
        for part in parts:
            if part.get("url") == "interpreterRequired" and "valueBoolean" not in part:
                yield f"{path}.interpreterRequired must be true or false."


def telecom_details(sent: Element) -> TelecomDetails:
    """A telecom that was checked, as the service wants it."""
    return {"system": sent["system"], "value": sent["value"], "use": sent.get("use", "home")}


def address_details(sent: Element) -> AddressDetails:
    """An address that was checked, as the service wants it."""
    return {
        "use": sent["use"],
        "type": sent.get("type", ""),
        **address_lines(texts(sent, "line")),
        "city": sent.get("city", ""),
        "district": sent.get("district", ""),
        "postal_code": sent.get("postalCode", ""),
        "country": sent.get("country", ""),
    }


def language_details(sent: Element) -> LanguageDetails:
    """A language that was checked, as the service wants it."""
    published = terminology.value_set("human_language")
    parts = {part["url"]: part for part in sent["extension"]}
    codes = [
        coding["code"]
        for coding in parts["language"]["valueCodeableConcept"]["coding"]
        if coding.get("system") == published.system and coding.get("code") in published.codes
    ]
    interpreter = parts.get("interpreterRequired", {})
    return {"language": codes[0], "interpreter_required": interpreter.get("valueBoolean")}
