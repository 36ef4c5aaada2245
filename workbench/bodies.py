"""Request bodies that a well-behaved consumer sends, as plain dicts to be spoilt by a test."""

from copy import deepcopy
from typing import Any

from fhirapi.resources import appointment, organization
from fhirapi.resources import patient as patient_resource
from fhirapi.resources.booking_organisation import BOOKING_ORGANISATION
from fhirapi.resources.common import NHS_NUMBER, ODS_CODE, uk_time
from practice import terminology
from practice.models import Patient, Slot


def booking_organisation(**overrides: Any) -> dict[str, Any]:
    """A contained Organization: a hospital of type urgent-care with the ODS code A1001."""
    found = {
        "resourceType": "Organization",
        "id": "1",
        "meta": {"profile": [organization.PROFILE]},
        "identifier": [{"system": ODS_CODE, "value": "A1001"}],
        "type": [organisation_type("urgent-care")],
        "name": "Test Hospital",
        "telecom": [{"system": "phone", "value": "0113 496 0005"}],
    }
    return without_nothing({**found, **overrides})


def organisation_type(code: str) -> dict[str, Any]:
    """A CodeableConcept of the published organisation types, or of a code that is not one."""
    system = terminology.value_set("organisation_type").system
    return {"coding": [{"system": system, "code": code}]}


def appointment_body(
    *,
    slots: list[Slot],
    patient: Patient,
    organisation: dict[str, Any] | None = None,
    **overrides: Any,
) -> dict[str, Any]:
    """A booking of these slots; an element overridden with None is left out."""
    schedule = slots[0].schedule
    body = {
        "resourceType": "Appointment",
        "meta": {"profile": [appointment.PROFILE]},
        "contained": [organisation or booking_organisation()],
        "extension": [
            {
                "url": BOOKING_ORGANISATION,
                "valueReference": {"reference": "#1"},
            }
        ],
        "status": "booked",
        "description": "Sore throat for five days.",
        "start": uk_time(slots[0].start),
        "end": uk_time(slots[-1].end),
        "slot": [{"reference": f"Slot/{slot.pk}"} for slot in slots],
        "created": "2026-05-25T13:48:41+01:00",
        "comment": "Hard of hearing.",
        "participant": [
            participant(f"Patient/{patient.pk}"),
            participant(f"Location/{schedule.location_id}"),
        ],
    }
    return without_nothing({**body, **overrides})


def participant(reference: str, **overrides: Any) -> dict[str, Any]:
    """An actor who has accepted."""
    return without_nothing({"actor": {"reference": reference}, "status": "accepted", **overrides})


def cancelled(resource: dict[str, Any], reason: str = "No longer needed.") -> dict[str, Any]:
    """A received appointment as a consumer sends it back to cancel it."""
    body = deepcopy(resource)
    body["status"] = "cancelled"
    body["extension"] = [
        *body.get("extension", []),
        {"url": appointment.CANCELLATION_REASON, "valueString": reason},
    ]
    return body


def registration_body(nhs_number: str, **overrides: Any) -> dict[str, Any]:
    """Parameters that register Miss Jane Jackson; an element overridden with None is left out."""
    body = {
        "resourceType": "Patient",
        "meta": {"profile": [patient_resource.PROFILE]},
        "identifier": [{"system": NHS_NUMBER, "value": nhs_number}],
        "name": [
            {"use": "official", "family": "Jackson", "given": ["Jane"], "prefix": ["Miss"]},
        ],
        "birthDate": "1952-05-31",
    }
    resource = without_nothing({**body, **overrides})
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "registerPatient", "resource": resource}],
    }


def without_nothing(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
