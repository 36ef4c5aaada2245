"""Giving a patient another time: the old appointment is cancelled, the new one remembers it.

To other organisations that is a cancellation and a booking, as the specification has no other way
(AMEND-047); the cancelled one says where the patient went.
"""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from practice import clock
from practice.models import Appointment, AppointmentSlot, HowBooked, Organisation
from practice.reads.patients import why_nobody_books_for
from practice.services import locks
from practice.services.appointments.booking import BookingOrganisation, book_appointment
from practice.services.appointments.changing import (
    appointment_for_change,
    cancel_appointment,
    check_can_be_given_up,
    why_it_stays,
)
from practice.services.appointments.how_booked import Said
from practice.services.appointments.series import hand_over_place
from practice.services.audit.recording import Actor, record_done, resource_of


def why_not_moved(appointment: Appointment, *, now: datetime) -> str:
    """Return why an appointment cannot be moved, whatever the time chosen; empty: it can."""
    if appointment.status == Appointment.Status.CANCELLED:
        return "The appointment has been cancelled."
    stays = why_it_stays(appointment, now=now)
    return stays or why_nobody_books_for(appointment.patient, now=now)


@transaction.atomic
def move_appointment(
    *,
    organisation: Organisation,
    appointment_id: int,
    slot_ids: Sequence[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
    booked_by: User | None = None,
) -> Appointment:
    """Move an appointment to one or several adjacent free slots; return the new appointment.

    Old and new slots are locked together, in the one order, so that two moves into each other's
    slots queue. Raises what booking and cancelling raise; then nothing has changed.
    """
    held = AppointmentSlot.objects.held().filter(appointment=appointment_id)
    every_slot = {*slot_ids, *held.values_list("slot", flat=True)}
    locks.lock_slots(organisation, every_slot)
    old = appointment_for_change(
        organisation=organisation,
        appointment_id=appointment_id,
        actor=actor,
        now=now,
        expected_version=expected_version,
    )
    check_can_be_given_up(old, now=now)
    new = _book_again(
        old, organisation, slot_ids=slot_ids, booked_by=booked_by, actor=actor, now=now
    )
    hand_over_place(old, new)
    when = clock.local(new.start)
    cancel_appointment(
        appointment=old, reason=f"Moved to {when:%A %d %B %Y, %H:%M}.", actor=actor, now=now
    )
    record_done(
        "appointment.moved",
        new,
        actor=actor,
        now=now,
        detail={"from": resource_of(old), "to": resource_of(new)},
    )
    return new


def _book_again(
    old: Appointment,
    organisation: Organisation,
    *,
    slot_ids: Sequence[int],
    booked_by: User | None,
    actor: Actor,
    now: datetime,
) -> Appointment:
    """Book other slots for the patient of an appointment, with all that it said."""
    return book_appointment(
        organisation=organisation,
        patient_id=old.patient_id,
        slot_ids=slot_ids,
        description=old.description,
        comment=old.comment,
        booking_organisation=_booking_organisation(old),
        priority=old.priority,
        created=old.created,
        identifiers=old.identifiers,
        booked_by=booked_by,
        moved_from=old,
        how=_how_booked(old),
        actor=actor,
        now=now,
    )


def _how_booked(old: Appointment) -> Said | None:
    """How the old appointment was booked, if staff said so; reasons were those of its own time."""
    said = HowBooked.objects.filter(appointment=old).first()
    return Said(said.method, said.source) if said else None


def _booking_organisation(old: Appointment) -> BookingOrganisation | None:
    """Who booked the old appointment, so that they can still be reached about the new one."""
    if not old.booking_organisation_json:
        return None
    return BookingOrganisation(
        ods_code=old.booking_organisation_ods_code,
        name=old.booking_organisation_name,
        organisation_types=frozenset(),
        json=old.booking_organisation_json,
    )
