"""What the tests of the interactions with appointments share: the diary, and reading refusals."""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.http import HttpResponse

from fhirapi.resources import organization
from fhirapi.resources.common import ODS_CODE, uk_time
from practice.models import (
    Appointment,
    AppointmentSlot,
    AuditEvent,
    Location,
    Patient,
    Practitioner,
    Schedule,
    Slot,
)
from practice.services.appointments.changing import appointment_for_change, cancel_appointment
from tests.shared import GPCONNECT
from workbench.bodies import appointment_body, organisation_type
from workbench.consumer import as_dict, diagnostics, read_back, spine_code
from workbench.factories import make_actor

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example(name: str, **values: Any) -> dict[str, Any]:
    """A payload of tests/examples with each ``{name}`` in its texts replaced."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return value.format(**values) if isinstance(value, str) else value

    return filled(json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8")))


def published(name: str, *, slot: Slot, patient: Patient, **overrides: Any) -> dict[str, Any]:
    """A request body as the specification shows it, with ids and times that exist here."""
    path = GPCONNECT / "examples" / "appointments" / f"{name}.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    found.update(
        start=uk_time(slot.start), end=uk_time(slot.end), slot=[{"reference": f"Slot/{slot.pk}"}]
    )
    ids = {"Patient": patient.pk, "Location": slot.schedule.location_id}
    for each in found["participant"]:
        kind = each["actor"]["reference"].split("/")[0]
        each["actor"]["reference"] = f"{kind}/{ids[kind]}"
    return {**found, **overrides}


def diary() -> dict[str, list[dict[str, Any]]]:
    """Everything that a refused request must leave as it is."""
    kinds: tuple[Any, ...] = (
        Appointment,
        AppointmentSlot,
        Slot,
        Schedule,
        Patient,
        Location,
        Practitioner,
    )
    return {kind.__name__: list(kind.objects.order_by("pk").values()) for kind in kinds}


def answer(response: HttpResponse) -> tuple[int, str]:
    """The status, and the code of a refusal."""
    return response.status_code, spine_code(response) if response.status_code >= 400 else ""


def assert_refused(
    response: HttpResponse, expected: tuple[int, str], words: str, *, before: dict[str, Any]
) -> None:
    """The refusal names the rule and repeats no data; it is on record, and nothing has changed."""
    said = diagnostics(response)
    assert (*answer(response), said) == (*expected, said)
    assert words in said
    assert "ETag" not in response.headers
    assert "Location" not in response.headers
    event = AuditEvent.objects.latest("pk")
    assert (event.outcome, event.spine_code, event.diagnostics) == (
        str(expected[0]),
        expected[1],
        said,
    )
    assert diary() == before


def appointment_in(response: HttpResponse) -> dict[str, Any]:
    """The Appointment in an answer, which must be valid FHIR."""
    assert response.status_code in (200, 201), response.content
    assert read_back(response).get_resource_type() == "Appointment"
    return as_dict(response)


def status_of(slots: Sequence[Slot]) -> list[str]:
    found = dict(Slot.objects.values_list("pk", "status"))
    return [found[slot.pk] for slot in slots]


def extension(resource: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The extensions of a resource whose URL ends with a name."""
    return [each for each in resource.get("extension", []) if each["url"].endswith(f"/{name}")]


def actors(resource: dict[str, Any]) -> list[str]:
    return [each["actor"]["reference"] for each in resource["participant"]]


def changed(resource: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    """A copy of a received resource with some elements replaced, or left out by None."""
    found = {**deepcopy(resource), **overrides}
    return {name: value for name, value in found.items() if value is not None}


def cancel(appointment: Appointment, *, now: datetime, reason: str = "Feeling better") -> None:
    """Cancel through the service, as staff."""
    actor = make_actor(door="staff")
    cancel_appointment(
        appointment=appointment_for_change(
            organisation=appointment.organisation,
            appointment_id=appointment.pk,
            actor=actor,
            now=now,
        ),
        reason=reason,
        actor=actor,
        now=now,
    )


# ---------------------------------------------------------------- refusals

INVALID = (422, "INVALID_RESOURCE")
NO_REFERENCE = (422, "REFERENCE_NOT_FOUND")
NO_PATIENT = (404, "PATIENT_NOT_FOUND")
TAKEN = (409, "DUPLICATE_REJECTED")
NO_RECORD = (404, "NO_RECORD_FOUND")
CONFLICT = (409, "FHIR_CONSTRAINT_VIOLATION")
BAD = (400, "BAD_REQUEST")


@dataclass
class World:
    """A session with three adjacent free slots, and who else there is, here and elsewhere."""

    patient: Patient
    schedule: Schedule
    slots: list[Slot]
    branch: Any
    colleague: Any
    foreign_slot: Slot
    foreign_patient: Patient
    foreign_location: Any

    def body(self, **overrides: Any) -> dict[str, Any]:
        """A valid booking of the first two slots."""
        arguments = {"slots": self.slots[:2], "patient": self.patient}
        return appointment_body(**{**arguments, **overrides})


# The organisation that books, with everything that it may say of itself.
FULL_ORGANISATION = {
    "resourceType": "Organization",
    "id": "1",
    "meta": {"profile": [organization.PROFILE]},
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/organization-period",
            "valuePeriod": {"start": "2020-04-01"},
        }
    ],
    "identifier": [
        {"system": ODS_CODE, "value": "A1001"},
        {"use": "secondary", "system": "https://x.example/id", "value": "77"},
    ],
    "active": True,
    "type": [organisation_type("urgent-care")],
    "name": "Test Hospital & Son",
    "alias": ["Zebra House", "Aardvark House"],
    "telecom": [
        {"system": "phone", "value": "0113 496 0005", "use": "work", "rank": 2},
        {"system": "email", "value": "desk@example.nhs.uk", "use": "work", "rank": 1},
    ],
    "address": [
        {
            "use": "work",
            "line": ["Unit 2", "1 Any Street"],
            "city": "Leeds",
            "district": "West Yorkshire",
            "postalCode": "LS1 1AA",
        }
    ],
    "partOf": {"identifier": {"system": ODS_CODE, "value": "RTST"}, "display": "The Trust"},
    "contact": [
        {
            "purpose": {"text": "Bookings"},
            "name": {"family": "Desk", "given": ["Dot", "Ann"]},
            "telecom": [{"system": "phone", "value": "0113 496 0006", "use": "work"}],
        }
    ],
}
