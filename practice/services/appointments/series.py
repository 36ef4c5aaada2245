"""Appointments that are booked together: the same time every n weeks, or a set.

All of them in one transaction or none, each by the rules of any booking. One of them is moved or
cancelled as any other is; all that are to come are cancelled here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from practice.exceptions import (
    BookingRefused,
    ChangeRefused,
    NotFound,
    SlotNotFound,
    TextTooLong,
    VersionConflict,
)
from practice.models import Appointment, AppointmentSlot, InSeries, Organisation, Series
from practice.services import locks
from practice.services.appointments.booking import book_appointment
from practice.services.appointments.changing import (
    REASON_LENGTH,
    appointment_for_change,
    cancel_appointment,
    why_it_stays,
)
from practice.services.appointments.how_booked import Said
from practice.services.audit.recording import Actor, record_done

FEWEST, MOST = 2, 26  # a week for half a year


@transaction.atomic
def book_series(
    *,
    organisation: Organisation,
    patient_id: int,
    slot_ids: Sequence[int],
    every_weeks: int | None,
    description: str,
    comment: str,
    actor: Actor,
    now: datetime,
    booked_by: User | None = None,
    how: Said | None = None,
) -> Series:
    """Book an appointment in each of these slots: all or nothing; return their series.

    ``every_weeks``: None for a set. An empty description is each one's slot type. All slots are
    locked first, in the one order. Raises BookingRefused, and what ``book_appointment`` raises.
    """
    if not FEWEST <= len(set(slot_ids)) == len(slot_ids) <= MOST:
        raise BookingRefused(
            f"A series is {FEWEST} to {MOST} appointments, each with its own time."
        )
    slots = locks.lock_slots(organisation, slot_ids)
    if len(slots) != len(slot_ids):
        raise SlotNotFound
    booked = [
        book_appointment(
            organisation=organisation,
            patient_id=patient_id,
            slot_ids=[slot.pk],
            description=description,
            comment=comment,
            how=how,
            booked_by=booked_by,
            actor=actor,
            now=now,
        )
        for slot in slots
    ]
    return _kept_together(
        booked, organisation=organisation, every_weeks=every_weeks, actor=actor, now=now
    )


def _kept_together(
    booked: Sequence[Appointment],
    *,
    organisation: Organisation,
    every_weeks: int | None,
    actor: Actor,
    now: datetime,
) -> Series:
    """Remember that these belong together."""
    series = Series.objects.create(
        organisation=organisation,
        patient_id=booked[0].patient_id,
        every_weeks=every_weeks,
        made_at=now,
        made_by_name=actor.name,
    )
    InSeries.objects.bulk_create(InSeries(series=series, appointment=each) for each in booked)
    record_done(
        "series.booked",
        series,
        actor=actor,
        now=now,
        detail={"appointments": [each.pk for each in booked], "every_weeks": every_weeks},
    )
    return series


@transaction.atomic
def cancel_series(
    *,
    organisation: Organisation,
    series_id: int,
    expected: Mapping[int, str],
    reason: str,
    actor: Actor,
    now: datetime,
) -> list[Appointment]:
    """Cancel all of a series that can still be given up; return them.

    ``expected`` maps each of them, as the person saw them, to its version. Raises NotFound,
    TextTooLong, ReasonMissing, ChangeRefused where none is left, VersionConflict where they are
    others now; then nothing has changed.
    """
    if len(reason) > REASON_LENGTH:
        raise TextTooLong(f"The reason may have at most {REASON_LENGTH} characters.")
    series = Series.objects.filter(organisation=organisation, pk=series_id).first()
    if series is None:
        raise NotFound("There is no such series at this practice.")
    standing = Appointment.objects.live().filter(in_series__series=series)
    held = AppointmentSlot.objects.held().filter(appointment__in=standing)
    locks.lock_slots(organisation, list(held.values_list("slot", flat=True)))
    locked = [
        appointment_for_change(organisation=organisation, appointment_id=pk, actor=actor, now=now)
        for pk in standing.order_by("pk").values_list("pk", flat=True)
    ]
    left = [each for each in locked if can_be_given_up(each, now=now)]
    if not left:
        raise ChangeRefused("None of the series is left to be cancelled.")
    if {each.pk: str(each.version) for each in left} != dict(expected):
        raise VersionConflict
    for each in left:
        cancel_appointment(appointment=each, reason=reason, actor=actor, now=now)
    record_done(
        "series.cancelled",
        series,
        actor=actor,
        now=now,
        detail={"appointments": [each.pk for each in left], "reason": reason},
    )
    return left


def can_be_given_up(appointment: Appointment, *, now: datetime) -> bool:
    """Whether one of a series is still to come, and nothing keeps it."""
    return appointment.status not in Appointment.GONE and not why_it_stays(appointment, now=now)


def hand_over_place(old: Appointment, new: Appointment) -> None:
    """Let an appointment have the place in a series that the one had which was moved to it."""
    InSeries.objects.filter(appointment=old).update(appointment=new)
