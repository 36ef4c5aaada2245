"""Test data of what is booked at other organisations; as workbench.factories."""

from datetime import time, timedelta
from typing import Any

from django.utils import timezone

from practice import clock
from practice.models import Organisation, RemoteAppointment, RemoteService
from workbench.factories import make_patient, number, the_organisation, tomorrow


def make_remote_service(
    organisation: Organisation | None = None, **overrides: Any
) -> RemoteService:
    """Make an organisation at which a practice may book; nothing listens at its address."""
    fields = {
        "organisation": organisation or the_organisation(),
        "name": f"Hilltop Hub {number()}",
        "ods_code": "Y99001",
        "asid": "200000009901",
        "base_url": "http://127.0.0.1:9/Y99001/STU3/1/gpconnect",
        **overrides,
    }
    return RemoteService.objects.create(**fields)


def make_remote_appointment(
    service: RemoteService | None = None, **overrides: Any
) -> RemoteAppointment:
    """Make an appointment that was booked elsewhere, tomorrow at 9."""
    where = service or make_remote_service()
    start = overrides.get("start") or clock.instant(tomorrow(), time(9))
    fields = {
        "organisation": where.organisation,
        "service": where,
        "state": "booked",
        "start": start,
        "end": start + timedelta(minutes=10),
        "with_whom": "Dr Hilda Elsewhere",
        "slot_type": "Routine",
        "description": "Routine",
        "remote_slots": ["701"],
        "first_slot": "701",
        "remote_patient_id": "31",
        "remote_id": "91",
        "asked_at": timezone.now(),
        "asked_by_name": "Rita Reception",
        **overrides,
    }
    if "patient" not in fields:
        fields["patient"] = make_patient(where.organisation)
    return RemoteAppointment.objects.create(**fields)
