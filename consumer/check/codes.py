"""The addresses, code lists and refusals that GP Connect 1.2.7 knows, as far as they are looked at.

Held to the published lists by tests/consumer/check/test_profiles.py.
"""

from dataclasses import dataclass

from consumer.bodies import VERIFICATION_STATUS as VERIFICATION
from consumer.bodies import VERIFICATION_SYSTEM
from consumer.identity import NHS_NUMBER, ODS_CODE, SDS_USER_ID
from consumer.resources import (
    BOOKING_ORGANISATION,
    CANCELLATION_REASON,
    DELIVERY_CHANNEL,
    PRACTITIONER_ROLE,
    PROFILES,
    STRUCTURES,
    SYSTEMS,
)
from consumer.resources import ORGANISATION_TYPE as ORGANISATION_TYPE_SYSTEM
from consumer.resources import SPINE_CODE as SPINE_SYSTEM

__all__ = [  # and all that is below
    "BOOKING_ORGANISATION",
    "CANCELLATION_REASON",
    "DELIVERY_CHANNEL",
    "NHS_NUMBER",
    "ODS_CODE",
    "ORGANISATION_TYPE_SYSTEM",
    "PRACTITIONER_ROLE",
    "PROFILES",
    "SDS_USER_ID",
    "SPINE_SYSTEM",
    "STRUCTURES",
    "SYSTEMS",
    "VERIFICATION",
    "VERIFICATION_SYSTEM",
]

REGISTRATION_DETAILS = f"{STRUCTURES}/Extension-CareConnect-GPC-RegistrationDetails-1"

JOB_ROLE_SYSTEM = f"{SYSTEMS}/CareConnect-SDSJobRoleName-1"

REGISTER_OPERATION = (
    "https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-RegisterPatient-Operation-1"
)

# Extensions of a Patient that this version does not send (PAT-071).
NOT_SENT_OF_PATIENTS = (
    f"{STRUCTURES}/Extension-CareConnect-GPC-EthnicCategory-1",
    f"{STRUCTURES}/Extension-CareConnect-GPC-ReligiousAffiliation-1",
    f"{STRUCTURES}/Extension-CareConnect-GPC-ResidentialStatus-1",
    f"{STRUCTURES}/Extension-CareConnect-GPC-TreatmentCategory-1",
    "http://hl7.org/fhir/StructureDefinition/patient-cadavericDonor",
    "http://hl7.org/fhir/StructureDefinition/birthPlace",
)


@dataclass(frozen=True)
class Refusal:
    """What a refusal must be: status, Spine code, issue type."""

    status: int
    code: str
    issue_type: str

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


BAD_REQUEST = Refusal(400, "BAD_REQUEST", "invalid")
UNSUPPORTED_FORMAT = Refusal(415, "BAD_REQUEST", "not-supported")
INVALID_IDENTIFIER_SYSTEM = Refusal(400, "INVALID_IDENTIFIER_SYSTEM", "value")
INVALID_IDENTIFIER_VALUE = Refusal(400, "INVALID_IDENTIFIER_VALUE", "value")
INVALID_NHS_NUMBER = Refusal(400, "INVALID_NHS_NUMBER", "value")
INVALID_PARAMETER = Refusal(422, "INVALID_PARAMETER", "invalid")
INVALID_RESOURCE = Refusal(422, "INVALID_RESOURCE", "invalid")
REFERENCE_NOT_FOUND = Refusal(422, "REFERENCE_NOT_FOUND", "invalid")
DUPLICATE_REJECTED = Refusal(409, "DUPLICATE_REJECTED", "duplicate")
VERSION_CONFLICT = Refusal(409, "FHIR_CONSTRAINT_VIOLATION", "conflict")
ORGANISATION_NOT_FOUND = Refusal(404, "ORGANISATION_NOT_FOUND", "not-found")
PATIENT_NOT_FOUND = Refusal(404, "PATIENT_NOT_FOUND", "not-found")
PRACTITIONER_NOT_FOUND = Refusal(404, "PRACTITIONER_NOT_FOUND", "not-found")
NO_RECORD_FOUND = Refusal(404, "NO_RECORD_FOUND", "not-found")
NOT_IMPLEMENTED = Refusal(501, "NOT_IMPLEMENTED", "not-supported")
ACCESS_DENIED = Refusal(403, "ACCESS_DENIED", "forbidden")
INTERNAL_SERVER_ERROR = Refusal(500, "INTERNAL_SERVER_ERROR", "processing")

REFUSALS = (
    *(BAD_REQUEST, UNSUPPORTED_FORMAT, INVALID_IDENTIFIER_SYSTEM, INVALID_IDENTIFIER_VALUE),
    *(INVALID_NHS_NUMBER, INVALID_PARAMETER, INVALID_RESOURCE, REFERENCE_NOT_FOUND),
    *(DUPLICATE_REJECTED, VERSION_CONFLICT, ORGANISATION_NOT_FOUND, PATIENT_NOT_FOUND),
    *(PRACTITIONER_NOT_FOUND, NO_RECORD_FOUND, NOT_IMPLEMENTED, ACCESS_DENIED),
    INTERNAL_SERVER_ERROR,
)

# Diagnostics are no courtesy with these (ERR-009).
WITH_DIAGNOSTICS = {
    *("INVALID_RESOURCE", "INVALID_PARAMETER", "REFERENCE_NOT_FOUND", "INTERNAL_SERVER_ERROR"),
}
# What the code system calls them (ERR-060).
DISPLAYS = {
    "ACCESS_DENIED": "Access denied",
    "BAD_REQUEST": "Bad request",
    "DUPLICATE_REJECTED": "Create would lead to creation of a duplicate resource",
    "FHIR_CONSTRAINT_VIOLATION": "FHIR constraint violated",
    "INTERNAL_SERVER_ERROR": "Unexpected internal server error",
    "INVALID_IDENTIFIER_SYSTEM": "Invalid identifier system",
    "INVALID_IDENTIFIER_VALUE": "Invalid identifier value",
    "INVALID_NHS_NUMBER": "Invalid NHS number",
    "INVALID_PARAMETER": "Invalid parameter",
    "INVALID_RESOURCE": "Invalid validation of resource",
    "NOT_IMPLEMENTED": "Not implemented",
    "NO_RECORD_FOUND": "No record found",
    "ORGANISATION_NOT_FOUND": "Organisation not found",
    "PATIENT_NOT_FOUND": "Patient not found",
    "PRACTITIONER_NOT_FOUND": "Practitioner not found",
    "REFERENCE_NOT_FOUND": "Reference not found",
}
