"""Patient: somebody registered at the practice, as others see them.

Source: GP Connect, "Find a patient", "Read a patient".
"""

from fhirapi.resources import common
from fhirapi.resources.common import Element
from practice.reads.patients import (
    AddressRow,
    ContactRow,
    LanguageRow,
    PatientRecord,
    PatientRow,
    TelecomRow,
)

PROFILE = f"{common.STRUCTURES}/CareConnect-GPC-Patient-1"
REGISTRATION_DETAILS = f"{common.STRUCTURES}/Extension-CareConnect-GPC-RegistrationDetails-1"
VERIFICATION_STATUS = f"{common.STRUCTURES}/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1"


def render(record: PatientRecord) -> Element:
    """A patient with their parts as CareConnect-GPC-Patient-1."""
    row = record.patient
    return common.prune(
        {
            "resourceType": "Patient",
            "id": str(row.pk),
            "meta": common.meta(PROFILE, row.version),
            "extension": [registration_details(row), *map(nhs_communication, record.languages)],
            "identifier": _identifiers(row),
            "active": row.active,
            "name": [official_name(row)],
            "telecom": [telecom(part) for part in record.telecoms],
            "gender": row.gender,
            "birthDate": row.birth_date.isoformat(),
            "address": [address(part) for part in record.addresses],
            "contact": [contact(part) for part in record.contacts],
            "generalPractitioner": [common.reference("Practitioner", row.general_practitioner)],
            "managingOrganization": common.reference("Organization", row.organisation),
        }
    )


def _identifiers(row: PatientRow) -> list[Element]:
    """The NHS number, if they have one: who has none is not shown to anybody outside."""
    if row.nhs_number is None:
        return []
    return [nhs_number_identifier(row.nhs_number, row.nhs_number_verification)]


def registration_details(row: PatientRow) -> Element:
    """The registration: since and until when, of which type, preferring which surgery.

    Its status is prohibited by the patient profile (PAT-074).
    """
    start, end = row.registration_start, row.registration_end
    parts = [
        ("registrationPeriod", "valuePeriod", common.period(start, end) if start or end else None),
        (
            "registrationType",
            "valueCodeableConcept",
            common.codeable_concept("registration_type", row.registration_type),
        ),
        (
            "preferredBranchSurgery",
            "valueReference",
            common.reference("Location", row.preferred_branch),
        ),
    ]
    return common.extension_of_parts(REGISTRATION_DETAILS, parts)


def nhs_communication(row: LanguageRow) -> Element:
    """A language, and whether an interpreter is needed."""
    return common.nhs_communication(
        row.language,
        preferred=row.preferred,
        mode=row.mode,
        proficiency=row.proficiency,
        interpreter_required=row.interpreter_required,
    )


def nhs_number_identifier(number: str, verification: str) -> Element:
    """The NHS number with the extension that says how far it has been verified (PAT-062)."""
    status = common.codeable_concept("nhs_number_verification_status", verification)
    extension = {"url": VERIFICATION_STATUS, "valueCodeableConcept": status}
    return {"extension": [extension], **common.identifier(common.NHS_NUMBER, number)}


def official_name(row: PatientRow | ContactRow) -> Element:
    """The name of a patient, or of somebody who may be asked about one."""
    return common.human_name(
        use="official",
        prefix=row.prefix,
        given_names=row.given_names,
        family_name=row.family_name,
        with_text=True,
    )


def telecom(row: TelecomRow) -> Element:
    """A telephone number or e-mail address, and since and until when it is theirs."""
    point = common.contact_point(row.system, row.value, row.use) or {}
    return {**point, "period": common.period(row.start, row.end)}


def address(row: AddressRow) -> Element | None:
    """An address, and since and until when it is theirs."""
    found = common.address(row, use=row.use, type_=row.type)
    return found and {**found, "period": common.period(row.start, row.end)}


def contact(row: ContactRow) -> Element:
    """Somebody to be contacted; the relationship in words, never as a code (PAT-066)."""
    return {
        "relationship": [{"text": row.relationship}],
        "name": official_name(row),
        "telecom": [common.contact_point("phone", row.telephone, row.telephone_use)],
        "address": common.address(row, use="home"),
        "gender": row.gender,
    }
