"""The front page: today at a glance, who waits, who was booked from outside, the last runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DateField, DateTimeField, Max, Q, QuerySet

from practice import clock
from practice.db.journeys import one_journey
from practice.db.prepared import Number, Prepared, QueryParameter
from practice.models import Appointment, GenerationRun, Organisation, Schedule, Slot

Status = Appointment.Status
MOST = 10  # rows of a table there; the rest is a link away


@dataclass(frozen=True)
class Glance:
    """Today in a few numbers; the last session ends at ``until``."""

    sessions: int
    holders: int
    locations: int
    until: datetime | None
    free: int
    waiting: int
    missed: int
    seen: int
    outside: int
    cancelled: int


def glance(organisation: Organisation, *, now: datetime) -> Glance:
    """Count the day: three queries, on one journey."""
    today = clock.today(now)
    start, end = clock.day_start(today), clock.day_end(today)
    here = {"organisation": organisation.pk}
    with one_journey():
        asked: list[Any] = [
            SESSIONS.later(**here, today=today),
            FREE.later(**here, now=now, end=end),
            PEOPLE.later(**here, start=start, end=end),
        ]
    # Where there is nothing, there is no row.
    sessions, free, people = ((each.rows() or [()])[0][1:] for each in asked)
    return Glance(*(sessions or (0, 0, 0, None)), *(free or (0,)), *(people or (0,) * 5))


def waiting(organisation: Organisation, *, now: datetime) -> list[Appointment]:
    """Return who has arrived and is not in yet: the next ones, whoever came first before others."""
    today = clock.today(now)
    day = {"start": clock.day_start(today), "end": clock.day_end(today)}
    return sorted(WAITING.objects(organisation=organisation.pk, **day), key=arrived_at)


def arrived_at(appointment: Appointment) -> datetime:
    """Return when somebody arrived; where nothing tells, when it begins."""
    return known_arrival(appointment) or appointment.start


def known_arrival(appointment: Appointment) -> datetime | None:
    """Return when somebody arrived, as their appointment's history tells."""
    for entry in reversed(appointment.provenance):
        if entry.get("changes", {}).get("status", {}).get("to") == Status.ARRIVED:
            return datetime.fromisoformat(entry["at"])
    return None


def from_outside(organisation: Organisation, *, now: datetime) -> list[Appointment]:
    """Return what was booked through GP Connect, for today or today for another day, soonest first.

    One more than are shown, so that it is known whether there are more.
    """
    today = clock.today(now)
    day = {"start": clock.day_start(today), "end": clock.day_end(today)}
    return OUTSIDE.objects(organisation=organisation.pk, **day)


@dataclass(frozen=True)
class Runs:
    """The last generation of the diary, and when the next one is to be expected."""

    last: GenerationRun | None
    next: datetime | None


def generation_runs(organisation: Organisation, *, now: datetime) -> Runs:
    """Return the last run and the next: the one that nobody starts comes every night.

    When it comes is a matter of the machine's timer: it is expected as it was last time, and not
    at all once it has been missed.
    """
    last = LAST_RUN.first(organisation=organisation.pk)
    automatic = last
    if last is not None and last.started_by_id is not None:
        automatic = LAST_AUTOMATIC_RUN.first(organisation=organisation.pk)
    if automatic is None or now - automatic.started_at > timedelta(hours=25):
        return Runs(last, None)
    before = clock.local(automatic.started_at)
    return Runs(last, clock.instant(before.date() + timedelta(days=1), before.time()))


# ---------------------------------------------------------------- the statements

PRACTICE = Number("organisation")
START, END, NOW = (QueryParameter(name, DateTimeField()) for name in ("start", "end", "now"))
THROUGH = Q(booked_via=Appointment.Door.GP_CONNECT)

SESSIONS = Prepared(
    lambda: (
        Schedule.objects.taking_place()
        .filter(organisation=PRACTICE, date=QueryParameter("today", DateField()))
        .order_by()
        .values("organisation")
        .annotate(
            sessions=Count("pk"),
            holders=Count("session_holder", distinct=True),
            locations=Count("location", distinct=True),
            until=Max("end"),
        )
        .values_list("organisation", "sessions", "holders", "locations", "until")
    )
)
FREE = Prepared(
    lambda: (
        Slot.objects.in_diary()
        .free()
        .filter(organisation=PRACTICE, start__gt=NOW, start__lt=END)
        .order_by()
        .values("organisation")
        .annotate(free=Count("pk"))
        .values_list("organisation", "free")
    )
)
PEOPLE = Prepared(
    lambda: (
        Appointment.objects.filter(organisation=PRACTICE, start__gte=START, start__lt=END)
        .order_by()
        .values("organisation")
        .annotate(
            waiting=Count("pk", filter=Q(status=Status.ARRIVED, called_in=None)),
            missed=Count("pk", filter=Q(status=Status.NO_SHOW)),
            seen=Count("pk", filter=Q(status=Status.FULFILLED)),
            outside=Count("pk", filter=THROUGH & ~Q(status__in=Appointment.GONE)),
            cancelled=Count("pk", filter=THROUGH & Q(status=Status.CANCELLED)),
        )
        .values_list("organisation", "waiting", "missed", "seen", "outside", "cancelled")
    )
)


def _with_patients(found: "QuerySet[Appointment]") -> "QuerySet[Appointment]":
    return found.select_related("patient", "schedule__session_holder").order_by("start", "pk")


WAITING = Prepared(
    lambda: _with_patients(
        Appointment.objects.filter(
            organisation=PRACTICE,
            status=Status.ARRIVED,
            called_in=None,
            start__gte=START,
            start__lt=END,
        )
    )[:MOST]
)
OUTSIDE = Prepared(
    lambda: _with_patients(
        Appointment.objects.valid().filter(
            Q(start__gte=START, start__lt=END) | Q(created__gte=START, start__gte=START),
            THROUGH,
            organisation=PRACTICE,
        )
    )[: MOST + 1]
)


def _runs() -> "QuerySet[GenerationRun]":
    return GenerationRun.objects.filter(organisation=PRACTICE).order_by("-started_at")


LAST_RUN = Prepared(lambda: _runs()[:1])
LAST_AUTOMATIC_RUN = Prepared(lambda: _runs().filter(started_by__isnull=True)[:1])
