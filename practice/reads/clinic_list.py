"""Who is expected: the sessions of a day, everybody who is booked in them, and what is free."""

from collections.abc import Collection
from datetime import date
from typing import Any

from practice.models import (
    Appointment,
    AppointmentSlot,
    Organisation,
    Practitioner,
    Schedule,
    Slot,
)
from practice.reads.call_list import with_telephones


def sessions_on(
    *, organisation: Organisation, day: date, holder: Practitioner | None = None
) -> list[Schedule]:
    """Return the practice's sessions of a London date, withdrawn ones too, by time; one query.

    With ``holder``, theirs only.
    """
    here = Schedule.objects.filter(organisation=organisation, date=day)
    if holder is not None:
        here = here.filter(session_holder=holder)
    return list(here.select_related("session_holder", "location").order_by("start", "pk"))


def session_with_id(*, organisation: Organisation, schedule_id: int) -> list[Schedule]:
    """Return one session of the practice, alone in a list; an empty list where there is none."""
    here = Schedule.objects.filter(organisation=organisation, pk=schedule_id)
    return list(here.select_related("session_holder", "location"))


def people_expected(
    *,
    organisation: Organisation,
    sessions: Collection[Schedule],
    with_one: Collection[str] = (),
    also: Collection[Any] = (),
) -> list[Appointment]:
    """Return who comes to these sessions, by time; two queries, however many they are.

    Each has the patient's number to ring as ``telephone``; cancelled appointments are left out.
    ``with_one`` and ``also`` name what else belongs to each: the one record, or all of a kind.
    """
    return with_telephones(
        Appointment.objects.live()
        .filter(organisation=organisation, schedule__in=sessions)
        .select_related("patient", *with_one)
        .prefetch_related(*also)
        .order_by("start", "pk")
    )


def slots_without_patient(
    *, organisation: Organisation, sessions: Collection[Schedule]
) -> list[Slot]:
    """Return the slots of these sessions that nobody has, free or blocked, by time; one query."""
    taken = AppointmentSlot.objects.held().filter(slot__schedule__in=sessions)
    return list(
        Slot.objects.in_diary()
        .valid()
        .filter(organisation=organisation, schedule__in=sessions)
        .exclude(pk__in=taken.values("slot"))
        .order_by("start", "pk")
    )
