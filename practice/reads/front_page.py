"""The front page: today at a glance, who waits, who was booked from outside, the last runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q

from practice import clock
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
    """Count the day: three queries."""
    today = clock.today(now)
    sessions = (
        Schedule.objects.taking_place()
        .filter(organisation=organisation, date=today)
        .aggregate(
            sessions=Count("pk"),
            holders=Count("session_holder", distinct=True),
            locations=Count("location", distinct=True),
            until=Max("end"),
        )
    )
    free = (
        Slot.objects.filter(organisation=organisation, start__lt=clock.day_end(today))
        .in_diary()
        .free()
        .coming(now)
        .count()
    )
    through = Q(booked_via=Appointment.Door.GP_CONNECT)
    gone = Q(status__in=Appointment.GONE)
    people = (
        Appointment.objects.filter(organisation=organisation)
        .on_days(today, today)
        .aggregate(
            waiting=Count("pk", filter=Q(status=Status.ARRIVED)),
            missed=Count("pk", filter=Q(status=Status.NO_SHOW)),
            seen=Count("pk", filter=Q(status=Status.FULFILLED)),
            outside=Count("pk", filter=through & ~gone),
            cancelled=Count("pk", filter=through & Q(status=Status.CANCELLED)),
        )
    )
    return Glance(free=free, **sessions, **people)


def waiting(organisation: Organisation, *, now: datetime) -> list[Appointment]:
    """Return who has arrived and is waiting: the next ones, whoever came first before others."""
    today = clock.today(now)
    found = (
        Appointment.objects.filter(organisation=organisation, status=Status.ARRIVED)
        .on_days(today, today)
        .select_related("patient", "schedule__session_holder")
    )
    return sorted(found.order_by("start", "pk")[:MOST], key=arrived_at)


def arrived_at(appointment: Appointment) -> datetime:
    """Return when somebody arrived, as their appointment's history tells; else when it begins."""
    for entry in reversed(appointment.provenance):
        if entry.get("changes", {}).get("status", {}).get("to") == Status.ARRIVED:
            return datetime.fromisoformat(entry["at"])
    return appointment.start


def from_outside(organisation: Organisation, *, now: datetime) -> list[Appointment]:
    """Return what was booked through GP Connect, for today or today for another day, soonest first.

    One more than are shown, so that it is known whether there are more.
    """
    today = clock.today(now)
    start, end = clock.day_start(today), clock.day_end(today)
    found = (
        Appointment.objects.valid()
        .filter(
            Q(start__gte=start, start__lt=end) | Q(created__gte=start, start__gte=start),
            organisation=organisation,
            booked_via=Appointment.Door.GP_CONNECT,
        )
        .select_related("patient", "schedule__session_holder")
    )
    return list(found.order_by("start", "pk")[: MOST + 1])


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
    every = GenerationRun.objects.filter(organisation=organisation).order_by("-started_at")
    last = every.first()
    automatic = (
        last
        if last is None or last.started_by_id is None
        else every.filter(started_by__isnull=True).first()
    )
    if automatic is None or now - automatic.started_at > timedelta(hours=25):
        return Runs(last, None)
    before = clock.local(automatic.started_at)
    return Runs(last, clock.instant(before.date() + timedelta(days=1), before.time()))
