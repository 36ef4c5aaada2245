"""A Wednesday noon in June, who acts, and the steps that the tests of appointments begin with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from practice.models import Appointment, AppointmentSlot, AuditEvent, Slot
from practice.services.appointments import changing
from workbench.factories import make_actor, make_appointment

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)  # a Wednesday, noon in London
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RECEPTION = make_actor(door="staff", user_id="rita", name="Rita Reception", organisation="Practice")
CALL_CENTRE = make_actor()


def book(*slots: Slot, **arguments: Any) -> Appointment:
    return make_appointment(slots, **{"now": NOW, **arguments})


def held(appointment: Appointment, actor=RECEPTION, **arguments: Any) -> Appointment:
    """The appointment, locked for a change."""
    return changing.appointment_for_change(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        actor=actor,
        **{"now": NOW, **arguments},
    )


def cancel(appointment: Appointment, actor=RECEPTION, *, reason="Better", now=NOW) -> Appointment:
    with transaction.atomic():
        return changing.cancel_appointment(
            appointment=held(appointment, actor, now=now), reason=reason, actor=actor, now=now
        )


def tables() -> list[list[Any]]:
    kinds: tuple[Any, ...] = (Appointment, AppointmentSlot, Slot, AuditEvent)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]
