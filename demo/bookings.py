"""A realistic share of bookings for a demo practice, by staff and from outside.

The same practice and diary always give the same bookings, so that two people see the same demo.
"""

import json
from datetime import date, datetime, timedelta
from random import Random

from django.db import transaction
from django.db.models import QuerySet

from demo import consumer
from fhirapi import ssp
from practice import clock
from practice.exceptions import PracticeError
from practice.models import (
    Appointment,
    AuditEvent,
    CancellationListEntry,
    Organisation,
    Patient,
    Series,
    Slot,
)
from practice.reads.patients import why_nobody_books_for
from practice.reads.series import repeated
from practice.services.appointments.attendance import mark
from practice.services.appointments.booking import BookingOrganisation, book_appointment
from practice.services.appointments.changing import appointment_for_change, cancel_appointment
from practice.services.appointments.series import book_series
from practice.services.audit.recording import Actor, record_done
from practice.services.cancellation_list import Wish, join, usual_wish

# (up to so many days ahead, share of slots taken): a diary fills as its days come near.
SHARES_TAKEN = ((0, 0.65), (2, 0.45), (7, 0.25), (14, 0.12), (21, 0.05))
MOST_DAYS = 4  # on which one patient has an appointment
FROM_OUTSIDE = 0.3
MOST_TRIED = 30  # times from which a series might start
TWO_SLOTS = 0.1
CANCELLED = 0.06
DID_NOT_ATTEND = 0.08

REASONS = (
    *("Sore throat for a week", "Medication review", "Blood pressure check", "Rash on left arm"),
    *("Back pain", "Asthma review", "Follow-up of blood tests", "Earache", "Repeat prescription"),
    *("Cough that will not go", "Sick note", "Contraception", "Knee pain", "Headaches"),
)
COMMENTS = ("", "", "", "Needs step-free access", "Prefers mornings", "Hard of hearing")


def staff() -> Actor:
    """A receptionist, as the audit trail names them; not a user of this installation."""
    return Actor(door=AuditEvent.Door.STAFF, user_id="demo", name="Demo reception")


def call_handler() -> Actor:
    """The call handler of the invented consumer, as a token would describe them."""
    return Actor(
        door=AuditEvent.Door.GP_CONNECT,
        user_id="111222333444",
        name="Miss Jane Handler",
        role="444555666777",
        organisation=consumer.CONSUMER_ODS_CODE,
        device="Trial 1",
        interaction=ssp.BOOK_APPOINTMENT.id,
    )


def book_a_share(*, organisation: Organisation, now: datetime) -> int:
    """Book some of the slots of the next three weeks; returns how many bookings were made.

    A practice that has appointments from today on is left as it is.
    """
    today = clock.today(now)
    from_today = Appointment.objects.filter(
        organisation=organisation, start__gte=clock.day_start(today)
    )
    if from_today.exists():
        return 0
    chance = Random(organisation.ods_code)
    free = free_slots(organisation, today)
    next_slot = {(slot.schedule_id, slot.start): slot for slot in free}
    days_of = {patient: set[date]() for patient in patients(organisation)}
    taken: set[int] = set()
    made = 0
    for slot in free:
        day = clock.local(slot.start).date()
        if slot.pk in taken or chance.random() >= share_taken((day - today).days):
            continue
        willing = [p for p, days in days_of.items() if day not in days and len(days) < MOST_DAYS]
        if not willing:
            continue
        patient = chance.choice(willing)
        slots = [slot]
        after = next_slot.get((slot.schedule_id, slot.end))
        if after and is_alike(slot, after) and chance.random() < TWO_SLOTS:
            slots.append(after)
        appointment = book(organisation, patient, slots, chance=chance, now=now)
        if appointment:
            made += 1
            days_of[patient].add(day)
            taken |= {each.pk for each in slots}
            add_outcomes(organisation, appointment, chance=chance, now=now)
    return made


def book_together(*, organisation: Organisation, now: datetime) -> None:
    """Book the same time three weeks running for somebody, where there is such a time; once."""
    here = Patient.objects.filter(organisation=organisation).order_by("pk")
    patients = [each for each in here if not why_nobody_books_for(each, now=now)]
    if Series.objects.filter(organisation=organisation).exists():
        return
    booked = Appointment.objects.filter(organisation=organisation)
    busy = {
        (patient, clock.local(start).date())
        for patient, start in booked.values_list("patient", "start")
    }
    tomorrow = clock.day_end(clock.today(now))
    coming = [slot for slot in free_slots(organisation, clock.today(now)) if slot.start >= tomorrow]
    there = {where_and_when(slot) for slot in coming}
    weekly = [
        slot
        for slot in coming
        if {where_and_when(slot, weeks=1), where_and_when(slot, weeks=2)} <= there
    ]
    for slot in weekly[:MOST_TRIED]:
        places = repeated(organisation=organisation, first=slot, every_weeks=1, times=3, now=now)
        again = [place.exact.pk for place in places if place.exact]
        days = [clock.local(slot.start).date(), *(place.day for place in places)]
        who = next((p for p in patients if not any((p.pk, day) in busy for day in days)), None)
        if who is None or len(again) < len(places):
            continue
        book_series(
            organisation=organisation,
            patient_id=who.pk,
            slot_ids=[slot.pk, *again],
            every_weeks=1,
            description="Course of injections",
            comment="",
            actor=staff(),
            now=now,
        )
        return


def patients(organisation: Organisation) -> QuerySet[Patient]:
    """Who may have an appointment there."""
    here = Patient.objects.filter(organisation=organisation, active=True, deceased_at__isnull=True)
    return here.order_by("pk")


def where_and_when(slot: Slot, *, weeks: int = 0) -> tuple[object, ...]:
    """Whose slot it is, and when, or so many weeks later by a London clock."""
    there, at = slot.schedule, clock.local(slot.start)
    day = at.date() + timedelta(weeks=weeks)
    return (there.session_holder_id, there.location_id, slot.slot_type, day, at.time())


def free_slots(organisation: Organisation, today: date) -> list[Slot]:
    """What can be booked from today on, in order of time."""
    return list(
        Slot.objects.in_diary()
        .free()
        .filter(
            organisation=organisation,
            start__gte=clock.day_start(today),
            start__lt=clock.day_end(today + timedelta(days=SHARES_TAKEN[-1][0])),
        )
        .select_related("schedule")
        .order_by("start", "pk")
    )


def share_taken(days_ahead: int) -> float:
    """The part of a day's slots that is taken when the day is so far away."""
    return next(share for days, share in SHARES_TAKEN if days_ahead <= days)


def is_alike(one: Slot, other: Slot) -> bool:
    """Tell whether two slots of a session can make one appointment (BOOK-066, BOOK-067)."""
    return (one.slot_type, one.delivery_channel) == (other.slot_type, other.delivery_channel)


def book(
    organisation: Organisation,
    patient: Patient,
    slots: list[Slot],
    *,
    chance: Random,
    now: datetime,
) -> Appointment | None:
    """Book for a patient, from outside if that is allowed and chance wants it, else by staff."""
    description, comment = chance.choice(REASONS), chance.choice(COMMENTS)
    from_outside = chance.random() < FROM_OUTSIDE and slots[0].start > now
    # What lies earlier today was booked before today began.
    booked_at = now if slots[0].start > now else clock.day_start(clock.today(now))
    for actor in (call_handler(), staff()) if from_outside else (staff(),):
        outside = actor.door == AuditEvent.Door.GP_CONNECT
        try:
            booked = book_appointment(
                organisation=organisation,
                patient_id=patient.pk,
                slot_ids=[slot.pk for slot in slots],
                description=description,
                comment=comment,
                actor=actor,
                now=booked_at,
                booking_organisation=booking_organisation() if outside else None,
            )
        except PracticeError:
            continue  # not on offer to other organisations, or for this patient
        if outside:
            record_request(booked, actor, now=booked_at)
        return booked
    return None


def record_request(booked: Appointment, actor: Actor, *, now: datetime) -> None:
    """Record a booking from outside as the API does, which this one did not pass."""
    record_done(ssp.BOOK_APPOINTMENT.id, booked, actor=actor, now=now, outcome="201")


def add_outcomes(
    organisation: Organisation, appointment: Appointment, *, chance: Random, now: datetime
) -> None:
    """Let a few appointments be cancelled, and those of earlier today have been attended or not."""
    if appointment.end <= now:
        missed = chance.random() < DID_NOT_ATTEND
        status = Appointment.Status.NO_SHOW if missed else Appointment.Status.FULFILLED
        mark(
            organisation=organisation,
            appointment_id=appointment.pk,
            status=status,
            actor=staff(),
            now=now,
        )
    elif appointment.start > now and chance.random() < CANCELLED:
        cancel(organisation, appointment, now=now)


@transaction.atomic
def cancel(organisation: Organisation, appointment: Appointment, *, now: datetime) -> None:
    """Cancel an appointment as reception does on the telephone."""
    actor = staff()
    cancel_appointment(
        appointment=appointment_for_change(
            organisation=organisation, appointment_id=appointment.pk, actor=actor, now=now
        ),
        reason="Patient feels better",
        actor=actor,
        now=now,
    )


def ask_for_earlier_times(*, organisation: Organisation, now: datetime) -> int:
    """Put a few people on the cancellation list; returns how many. Once there are any: nobody."""
    if CancellationListEntry.objects.filter(organisation=organisation).exists():
        return 0
    today = clock.today(now)
    coming = Appointment.objects.booked().filter(organisation=organisation, start__gt=now)
    made = 0
    for appointment in coming.order_by("-start", "pk")[:3]:
        wish = usual_wish(appointment, now=now)
        if made == 1:
            wish = wish._replace(minutes=None, note="Can be here within ten minutes")
        asked_at = now - timedelta(days=6 - made, minutes=50 * made)
        made += put_on_list(appointment.patient_id, wish, organisation, appointment, now=asked_at)
    busy = Appointment.objects.live().filter(organisation=organisation, start__gt=now)
    without = patients(organisation).exclude(pk__in=busy.values("patient"))
    wish = Wish(today, today + timedelta(weeks=2), note="Lives next door")
    for patient in without[:1]:
        made += put_on_list(patient.pk, wish, organisation, None, now=now)
    return made


def put_on_list(
    patient_id: int,
    wish: Wish,
    organisation: Organisation,
    appointment: Appointment | None,
    *,
    now: datetime,
) -> int:
    try:
        join(
            organisation=organisation,
            patient_id=patient_id,
            wish=wish,
            appointment_id=appointment.pk if appointment else None,
            actor=staff(),
            now=now,
        )
    except PracticeError:
        return 0  # such as one whose registration has ended
    return 1


def booking_organisation() -> BookingOrganisation:
    """The invented consumer as it describes itself in a booking."""
    resource = consumer.booking_organisation()
    return BookingOrganisation(
        ods_code=consumer.CONSUMER_ODS_CODE,
        name=consumer.CONSUMER_NAME,
        organisation_types=frozenset({consumer.CONSUMER_TYPE}),
        json=json.dumps(resource),
    )
