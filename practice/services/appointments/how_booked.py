"""Keeping how staff booked an appointment, for whom, and why it is so late.

Nothing of it shows outside: an appointment has no new version by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from practice.exceptions import DiaryRefused, NotFound
from practice.models import Appointment, Organisation
from practice.models.booking import ExceptionReason, HowBooked
from practice.reads.how_booked import reasons_asked_for, reasons_given
from practice.services.audit.recording import Actor, record_done


@dataclass(frozen=True)
class Said:
    """How it was booked and for whom, by their codes, and the reasons for a long wait."""

    method: str
    source: str = HowBooked.Source.PRACTICE.value
    reasons: Sequence[str] = ()


@transaction.atomic
def say_how_booked(
    *, organisation: Organisation, appointment_id: int, said: Said, actor: Actor, now: datetime
) -> None:
    """Say it later, or otherwise: how, for whom and why so late. Raises NotFound, DiaryRefused."""
    found = Appointment.objects.filter(organisation=organisation, pk=appointment_id)
    appointment = found.select_for_update(no_key=True, of=("self",)).first()
    if appointment is None:
        raise NotFound("There is no such appointment at this practice.")
    keep(appointment, said, actor=actor, now=now)


def keep(appointment: Appointment, said: Said, *, actor: Actor, now: datetime) -> None:
    """Keep it with an appointment, in the transaction of who calls; nothing new, no event.

    What came through GP Connect was booked as it was: only reasons can be given.
    """
    inside = appointment.booked_via != Appointment.Door.GP_CONNECT
    if inside and said.method and said.method not in HowBooked.Method.values:
        raise DiaryRefused("An appointment is not booked in such a way.")
    if inside and said.source not in HowBooked.Source.values:
        raise DiaryRefused("Nobody like that books.")
    before = HowBooked.objects.filter(appointment=appointment).first()
    was = (before.method, before.source) if before else ("", HowBooked.Source.PRACTICE.value)
    detail: dict[str, object] = {}
    if inside and was != (said.method, said.source):
        HowBooked.objects.update_or_create(
            appointment=appointment, defaults={"method": said.method, "source": said.source}
        )
        detail["booked"] = {"from": list(was), "to": [said.method, said.source]}
    given = reasons_given(appointment)
    if set(given) != set(said.reasons):
        _give(appointment, set(said.reasons), set(given), actor=actor, now=now)
        detail["reasons"] = {"from": given, "to": sorted(said.reasons)}
    if detail:
        record_done("appointment.how-booked", appointment, actor=actor, now=now, detail=detail)


def _give(
    appointment: Appointment, wanted: set[str], given: set[str], *, actor: Actor, now: datetime
) -> None:
    allowed = reasons_asked_for(
        organisation=appointment.organisation,
        slot_type=appointment.slot_type,
        created=appointment.created,
        start=appointment.start,
    )
    if not wanted - given <= set(allowed):
        raise DiaryRefused("No such reason is asked for this appointment.")
    appointment.exception_reasons.filter(reason__in=given - wanted).delete()
    ExceptionReason.objects.bulk_create(
        ExceptionReason(
            appointment=appointment, reason=reason, given_at=now, given_by_name=actor.name
        )
        for reason in sorted(wanted - given)
    )
