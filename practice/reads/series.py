"""Times for appointments that are booked together, and which appointments have been.

The same time every n weeks is the same time by the clock on the wall, on either side of a clock
change. Where it is not to be had, it is said why, and the nearest times are offered: a person
decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from practice import clock
from practice.models import Appointment, Closure, Organisation, Schedule, Series, Slot
from practice.reads.closures import closures_between
from practice.reads.diary_columns import closed_in_words
from practice.reads.free_times import coming_slots, listed

NEAR = timedelta(days=3)  # so far from the day that was meant
LATEST = timedelta(days=28)  # after the day from which a part of a set may be
MOST_OFFERED = 5


@dataclass(frozen=True)
class Place:
    """One of a series: when it is meant to be, why it cannot, and what can be had."""

    day: date
    words: str
    exact: Slot | None
    why: str
    offered: list[Slot]


@dataclass(frozen=True)
class PartOfSet:
    """Something else that a set has: of which type, and how many days after the first."""

    slot_type: str
    days: int


def repeated(
    *, organisation: Organisation, first: Slot, every_weeks: int, times: int, now: datetime
) -> list[Place]:
    """Return the places after the first: the same time every so many weeks; three queries."""
    begins = clock.local(first.start)
    days = [begins.date() + timedelta(weeks=every_weeks * n) for n in range(1, times)]
    if not days:
        return []
    around = [day + timedelta(days=n) for day in days for n in range(-NEAR.days, NEAR.days + 1)]
    session = first.schedule
    whose = {"session_holder": session.session_holder_id}
    if session.session_holder_id is None:
        whose = {"session_holder": None, "location": session.location_id}
    sessions = Schedule.objects.taking_place().filter(organisation=organisation, **whose)
    coming = coming_slots(organisation=organisation, now=now).filter(
        slot_type=first.slot_type,
        delivery_channel=first.delivery_channel,
        schedule__in=sessions.filter(date__in=around),
    )
    free = listed(coming.exclude(pk=first.pk), organisation=organisation, now=now)
    closed = closures_between(days[0], days[-1], organisation=organisation)
    held = set(sessions.filter(date__in=days).values_list("date", flat=True))
    return [
        _place(day, clock.instant(day, begins.time()), first, free, closed, has_session=day in held)
        for day in days
    ]


def _place(
    day: date,
    meant: datetime,
    first: Slot,
    free: list[Slot],
    closed: Sequence[Closure],
    *,
    has_session: bool,
) -> Place:
    near = [slot for slot in free if abs(clock.local(slot.start).date() - day) <= NEAR]
    exact = next((slot for slot in near if slot.start == meant), None)
    nearest = sorted(near, key=lambda slot: (abs(slot.start - meant), slot.start, slot.pk))
    why = "" if exact else _why_not(meant, first, closed, has_session=has_session)
    words = f"{day:%a} {day.day} {day:%b %Y}"
    return Place(day, words, exact, why, [] if exact else nearest[:MOST_OFFERED])


def _why_not(meant: datetime, first: Slot, closed: Sequence[Closure], *, has_session: bool) -> str:
    session = first.schedule
    for closure in closed:
        begins, ends = closure.period
        of_them = closure.is_of(session.location_id, session.session_holder_id)
        if of_them and begins <= meant < ends:
            return closed_in_words(closure)
    return "This time is not free" if has_session else "No session on this day"


def set_of(
    *, organisation: Organisation, first: Slot, parts: Sequence[PartOfSet], now: datetime
) -> list[Place]:
    """Return the places of the other parts of a set; a query for each part."""
    begins = clock.local(first.start).date()
    found = []
    for part in parts:
        day = begins + timedelta(days=part.days)
        after = first.end if part.days == 0 else clock.day_start(day)
        coming = coming_slots(organisation=organisation, now=now).filter(
            slot_type=part.slot_type, start__gte=after, start__lt=clock.day_end(day + LATEST)
        )
        offered = listed(
            coming.exclude(pk=first.pk), organisation=organisation, now=now, most=MOST_OFFERED
        )
        words = f"{part.slot_type}, from {day:%a} {day.day} {day:%b %Y}"
        why = "" if offered else "Nothing of this type is free in the four weeks after this day"
        found.append(Place(day, words, None, why, offered))
    return found


def series_with_id(*, organisation: Organisation, series_id: int) -> Series | None:
    """Return a series of the practice with its patient."""
    here = Series.objects.filter(organisation=organisation, pk=series_id)
    return here.select_related("patient").first()


def appointments_of(series: Series) -> list[Appointment]:
    """Return the appointments that have the places of a series now, by time; one query."""
    found = Appointment.objects.filter(
        organisation=series.organisation_id, in_series__series=series
    )
    found = found.select_related("patient", "schedule__session_holder", "location", "moved_from")
    return list(found.order_by("start", "pk"))
