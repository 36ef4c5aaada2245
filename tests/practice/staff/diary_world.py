"""What the tests of the diary and of the pages behind its blocks share: a Thursday at 09:25."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.test import Client

from practice.models import Appointment, Slot
from workbench.factories import make_actor, make_appointment, make_patient

THURSDAY = date(2026, 11, 19)
MORNING = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
DURING = MORNING + timedelta(minutes=25)
HTMX = {"HX-Request": "true"}


def booked(slot: Slot, **patient: Any) -> Appointment:
    """Book a slot the day before, by staff, for a new patient."""
    return make_appointment(
        slots=[slot],
        patient=make_patient(slot.organisation, **patient),
        actor=make_actor(door="staff", role="Receptionist", organisation="The practice"),
        booking_organisation=None,
        now=MORNING - timedelta(days=1),
    )


def post(client: Client, address: str, do: str, version: int | str, **fields: Any) -> Any:
    """Send one form of a page: what to do, and the version that the page showed."""
    return client.post(address, {"do": do, "expected_version": version, **fields})


def words_of(html: str) -> str:
    """Return a page's text without its elements."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def appointment_address(appointment: Appointment) -> str:
    return f"/admin/practice/appointment/{appointment.pk}/change/"


def slot_address(slot: Slot) -> str:
    return f"/admin/practice/slot/{slot.pk}/change/"
