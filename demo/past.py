"""A year that lies behind a demo practice, thinly: what it took, how long people waited, who came.

One day a week, and each working day of the last two weeks, so that measures, charts and returns
have something to show. It is as if the days had been taken over from another system: written at
once, and said so in the trail. The same practice and day always give the same past.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import holidays
from django.db import transaction

from demo.bookings import (
    COMMENTS,
    DID_NOT_ATTEND,
    FROM_OUTSIDE,
    REASONS,
    booking_organisation,
    call_handler,
    patients,
    staff,
)
from practice import clock
from practice.models import (
    Appointment,
    AppointmentSlot,
    ExceptionReason,
    HowBooked,
    Organisation,
    Patient,
    Schedule,
    SessionTemplate,
    Slot,
)
from practice.reads import national_data
from practice.reads.how_booked import LONG_WAIT_DAYS
from practice.reads.slot_types import on_offer
from practice.reads.templates import templates, with_blocks
from practice.services.appointments.provenance import provenance
from practice.services.audit.recording import Actor, Facts, record_all
from practice.services.generation.planned_sessions import PlannedSlot, planned_session

WEEKS, EACH_DAY = 52, 14  # so many weeks, of which the last days are all there
OF_LIST, MOST_A_DAY = 7, 12  # one in so many patients is seen on a day, and no more than so many
CANCELLED = 0.05
REASON_GIVEN = 0.6
# How long people waited, in days, and how many of ten: in the first months, and lately.
Waits = tuple[Sequence[tuple[int, int]], tuple[Sequence[int], Sequence[int]]]
ROUTINE_WAITS: Waits = (
    ((0, 1), (1, 2), (2, 7), (8, 14), (15, 28)),
    ((1, 1, 3, 3, 2), (2, 2, 3, 2, 1)),
)
URGENT_WAITS: Waits = (((0, 0), (1, 2)), ((7, 3), (9, 1)))
METHODS = (*[HowBooked.Method.TELEPHONE] * 5, *[HowBooked.Method.ONLINE] * 3, "in-person")


@dataclass
class Visit:
    """Somebody who came, or was to come, in one slot."""

    slot: Slot
    patient: Patient
    created: datetime
    status: str
    from_outside: bool


def give_a_past(*, organisation: Organisation, actor: Actor, now: datetime) -> int:
    """Write a year of past days; returns how many appointments. Once there is a past: none."""
    today = clock.today(now)
    begun = Appointment.objects.filter(organisation=organisation, start__lt=clock.day_start(today))
    people = list(patients(organisation))
    if begun.exists() or len(people) < OF_LIST:
        return 0
    chance, urgent = Random(f"{organisation.ods_code} before"), urgent_types(organisation)
    with transaction.atomic():
        slots = write_days(organisation, urgent, today=today, chance=chance)
        visits = list(visits_of(slots, people, urgent, today=today, chance=chance))
        write_visits(organisation, visits, actor=actor, now=now)
    return len(visits)


# ---------------------------------------------------------------- the days


def past_days(today: date) -> Iterator[date]:
    """The days on which the practice was open and of which we know, bank holidays left out."""
    closed = holidays.country_holidays("GB", subdiv="ENG", years=(today.year - 1, today.year))
    for ago in range(7 * WEEKS, 0, -1):
        day = today - timedelta(days=ago)
        is_kept = ago <= EACH_DAY or day.weekday() == day.isocalendar().week % 5
        if is_kept and day.weekday() < 5 and day not in closed:
            yield day


def urgent_types(organisation: Organisation) -> set[str]:
    """The slot types that count as urgent in the national data, by name."""
    urgent = national_data.in_force().measures["urgent"]
    types: Any = on_offer(organisation=organisation)  # each with its category
    return {each.name for each in types if each.category in urgent}


def write_days(
    organisation: Organisation, urgent: set[str], *, today: date, chance: Random
) -> list[Slot]:
    """Two sessions of each day, as the templates of that weekday have them; all slots free yet.

    One of them has urgent slots, where any of that day has.
    """
    sessions: list[Schedule] = []
    slots: list[tuple[Schedule, PlannedSlot]] = []
    of_practice = list(with_blocks(templates(organisation=organisation).order_by("pk")))
    for day in past_days(today):
        there = [t for t in of_practice if t.session_holder_id and day.weekday() in t.weekdays]
        chance.shuffle(there)
        there.sort(key=lambda t: not any(b.slot_type in urgent for b in t.blocks.all()))
        for template in {t.session_holder_id: t for t in (*there[-1:], *there[:1])}.values():
            session = planned_session(template, list(template.blocks.all()), day)
            schedule = session_of(template, day, session.start, session.end)
            sessions.append(schedule)
            slots += [(schedule, slot) for slot in session.slots]
    Schedule.objects.bulk_create(sessions)
    return Slot.objects.bulk_create(
        Slot(
            organisation=organisation,
            schedule=schedule,
            start=clock.moment(slot.start),
            end=clock.moment(slot.end),
            **slot.kind._asdict(),
        )
        for schedule, slot in slots
    )


def session_of(template: SessionTemplate, day: date, start: int, end: int) -> Schedule:
    same = ("session_name", "session_holder", "location", "practitioner_role", "access_profile")
    return Schedule(
        organisation=template.organisation,
        date=day,
        start=clock.moment(start),
        end=clock.moment(end),
        **{name: getattr(template, name) for name in same},
    )


# ---------------------------------------------------------------- who came


def visits_of(
    slots: list[Slot], people: list[Patient], urgent: set[str], *, today: date, chance: Random
) -> Iterator[Visit]:
    """Who had which slot: nobody two on a day, and nobody before they were registered."""
    by_day: dict[date, list[Slot]] = defaultdict(list)
    for slot in slots:
        by_day[clock.local(slot.start).date()].append(slot)
    for day, there in by_day.items():
        known = [p for p in people if not p.registration_start or p.registration_start <= day]
        number = min(len(known) // OF_LIST, MOST_A_DAY, len(there))
        lately = (today - day).days < 26 * 7
        chance.shuffle(there)
        there.sort(key=lambda slot: slot.slot_type not in urgent)  # noqa: B023 - used at once
        some_urgent = there[: number // 3] + there[number // 3 - number :]
        for slot, patient in zip(some_urgent, chance.sample(known, number), strict=True):
            waits = URGENT_WAITS if slot.slot_type in urgent else ROUTINE_WAITS
            yield visit(slot, patient, waits, chance, lately=lately)


def visit(slot: Slot, patient: Patient, waits: Waits, chance: Random, *, lately: bool) -> Visit:
    bands, shares = waits
    first, last = chance.choices(bands, shares[lately])[0]
    fate = chance.random()
    status = Appointment.Status.FULFILLED
    if fate < CANCELLED:
        status = Appointment.Status.CANCELLED
    elif fate < CANCELLED + DID_NOT_ATTEND:
        status = Appointment.Status.NO_SHOW
    return Visit(
        slot,
        patient,
        booked_at(slot.start, chance.randint(first, last), chance),
        status,
        slot.gp_connect_bookable and chance.random() < FROM_OUTSIDE,
    )


def booked_at(start: datetime, days_before: int, chance: Random) -> datetime:
    """A moment at which reception answers the telephone, so many days before."""
    if not days_before:
        return max(
            start - timedelta(minutes=chance.randint(20, 180)),
            clock.day_start(clock.local(start).date()) + timedelta(hours=8),
        )
    day = clock.local(start).date() - timedelta(days=days_before)
    return clock.day_start(day) + timedelta(minutes=chance.randint(8 * 60, 18 * 60))


# ---------------------------------------------------------------- writing


def write_visits(
    organisation: Organisation, visits: list[Visit], *, actor: Actor, now: datetime
) -> None:
    chance = Random(f"{organisation.ods_code} in words")
    made = Appointment.objects.bulk_create(
        appointment_of(organisation, each, chance) for each in visits
    )
    gone = Appointment.Status.CANCELLED
    AppointmentSlot.objects.bulk_create(
        AppointmentSlot(appointment=appointment, slot=each.slot, released=each.status == gone)
        for appointment, each in zip(made, visits, strict=True)
    )
    taken = [each.slot.pk for each in visits if each.status != gone]
    Slot.objects.filter(pk__in=taken).update(status=Slot.Status.BUSY, version=2)
    Slot.objects.filter(pk__in=[each.slot.pk for each in visits if each.status == gone]).update(
        version=3
    )
    write_what_was_said(made, visits, chance)
    record_all((organisation.pk, loaded(each, actor, now)) for each in made)


def appointment_of(organisation: Organisation, each: Visit, chance: Random) -> Appointment:
    slot, by = each.slot, call_handler() if each.from_outside else staff()
    outside = booking_organisation() if each.from_outside else None
    gone = each.status == Appointment.Status.CANCELLED
    ended = slot.start - timedelta(hours=1) if gone else slot.end
    changes = {"status": {"from": Appointment.Status.BOOKED.value, "to": str(each.status)}}
    end = provenance("cancelled" if gone else "marked", staff(), max(ended, each.created))
    same = ("session_name", "practitioner_role", "location_id")
    return Appointment(
        organisation=organisation,
        patient=each.patient,
        schedule=slot.schedule,
        status=each.status,
        start=slot.start,
        end=slot.end,
        version=2,
        description=chance.choice(REASONS),
        comment=chance.choice(COMMENTS),
        created=each.created,
        slot_type=slot.slot_type,
        delivery_channel=slot.delivery_channel,
        cancellation_reason="Patient feels better" if gone else "",
        booked_via=Appointment.Door.GP_CONNECT if outside else Appointment.Door.STAFF,
        booking_organisation_json=outside.json if outside else "",
        booking_organisation_ods_code=outside.ods_code if outside else "",
        booking_organisation_name=outside.name if outside else "",
        provenance=[provenance("booked", by, each.created), {**end, "changes": changes}],
        **{name: getattr(slot.schedule, name) for name in same},
    )


def write_what_was_said(made: list[Appointment], visits: list[Visit], chance: Random) -> None:
    """How staff say that each was booked, and why so far ahead, where somebody asked."""
    reasons = national_data.in_force().exception_reasons
    HowBooked.objects.bulk_create(
        HowBooked(appointment=appointment, method=chance.choice(METHODS))
        for appointment, each in zip(made, visits, strict=True)
        if not each.from_outside
    )
    ExceptionReason.objects.bulk_create(
        ExceptionReason(
            appointment=each,
            reason=chance.choice(reasons),
            given_at=each.created,
            given_by_name=staff().name,
        )
        for each in made
        if (each.start - each.created).days > LONG_WAIT_DAYS and chance.random() < REASON_GIVEN
    )


def loaded(each: Appointment, actor: Actor, now: datetime) -> Facts:
    """As of an appointment that came from elsewhere: how far it had come."""
    detail: dict[str, Any] = {
        "entries": len(each.provenance),
        "status": str(each.status),
        "version": each.version,
    }
    return Facts(
        actor=actor,
        event="appointment.loaded",
        outcome="ok",
        now=now,
        resource=f"Appointment/{each.pk}",
        patient_id=each.patient_id,
        detail=detail,
    )
