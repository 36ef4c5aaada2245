"""A short word between a clinician and reception about an appointment, on its day, and back.

Not for what belongs into a clinical record: it is seen by whoever works at the desk. Nothing of it
shows outside, and an appointment has no new version by it.
"""

from datetime import datetime

from django.db import transaction

from practice import clock
from practice.exceptions import ChangeRefused, NotFound
from practice.models import Appointment, DeskMessage, Organisation
from practice.services.audit.recording import Actor, record_done
from practice.services.diary_changes import note_change

LENGTH = 200


@transaction.atomic
def write_message(
    *,
    organisation: Organisation,
    appointment_id: int,
    side: str,
    text: str,
    actor: Actor,
    now: datetime,
) -> DeskMessage:
    """Write to the other side, on the day of the appointment; who answers has seen what was asked.

    Raises NotFound, and ChangeRefused for another day or a text that is empty or too long.
    """
    appointment, text = _locked(organisation, appointment_id), text.strip()
    if not text or len(text) > LENGTH:
        raise ChangeRefused(f"A message has 1 to {LENGTH} characters.")
    if clock.local(appointment.start).date() != clock.today(now):
        raise ChangeRefused("Messages are about appointments of today.")
    _see(appointment, side, actor=actor, now=now)
    message = DeskMessage.objects.create(
        appointment=appointment, side=side, text=text, written_at=now, written_by_name=actor.name
    )
    note_change(appointment, now=now)
    record_done(
        "appointment.message",
        appointment,
        actor=actor,
        now=now,
        detail={"from": side, "message": text},
    )
    return message


@transaction.atomic
def mark_seen(
    *, organisation: Organisation, appointment_id: int, side: str, actor: Actor, now: datetime
) -> None:
    """Say that a side has seen what the other wrote. Raises NotFound, ChangeRefused."""
    appointment = _locked(organisation, appointment_id)
    if not _see(appointment, side, actor=actor, now=now):
        raise ChangeRefused("Somebody has seen it already.")
    note_change(appointment, now=now)
    record_done("appointment.message_seen", appointment, actor=actor, now=now)


def _locked(organisation: Organisation, appointment_id: int) -> Appointment:
    found = Appointment.objects.filter(organisation=organisation, pk=appointment_id)
    found = found.select_for_update(no_key=True, of=("self",)).select_related("schedule")
    appointment = found.first()
    if appointment is None:
        raise NotFound("There is no such appointment at this practice.")
    return appointment


def _see(appointment: Appointment, side: str, *, actor: Actor, now: datetime) -> int:
    """Mark what the other side wrote as seen; return how many there were."""
    waiting = DeskMessage.objects.unseen_by(side).filter(appointment=appointment)
    return waiting.update(seen_at=now, seen_by_name=actor.name)
