"""The front page: today at a glance, what waits for a person, and how the practice is open."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q
from django.http import HttpRequest
from django.utils import timezone

from practice import clock
from practice.models import Appointment, GenerationRun, Organisation, Schedule, Slot
from practice.reads import bookability
from practice.site.people import actor_of
from practice.site.shown import record_shown
from practice.staff.base import current_practice
from practice.staff.call_list import days_left, never_seen

Status = Appointment.Status
MOST = 10  # rows of a table here; the rest is a link away
FEW_DAYS = 28


def front_page(request: HttpRequest) -> dict[str, Any]:
    """Return what the front page shows besides the menu: as many queries on any day."""
    practice, now = current_practice(request), timezone.now()
    context = {"practice": practice, "now": now, "today": clock.today(now)}
    if practice is None or not request.user.has_perm("practice.view_appointment"):
        return context
    waiting, outside = _waiting(practice, now), _from_outside(practice, now)
    if shown := {each.patient_id for each in [*waiting, *outside]}:
        actor = actor_of(request, practice)
        record_shown("front_page.viewed", shown, practice=practice, actor=actor, now=now)
    return {
        **context,
        "glance": glance(practice, now),
        "waiting": [(each, _waited(each, now)) for each in waiting],
        "outside": outside,
        "to_do": to_do(practice, clock.today(now)),
        "is_open": bookability.is_open(practice),
        "runs": runs(practice, now),
    }


# ---------------------------------------------------------------- today


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


def glance(practice: Organisation, now: datetime) -> Glance:
    """Count the day: three queries."""
    today = clock.today(now)
    day = {"start__gte": clock.day_start(today), "start__lt": clock.day_end(today)}
    sessions = Schedule.objects.filter(
        organisation=practice, date=today, withdrawn=False
    ).aggregate(
        sessions=Count("pk"),
        holders=Count("session_holder", distinct=True),
        locations=Count("location", distinct=True),
        until=Max("end"),
    )
    free = Slot.objects.filter(
        organisation=practice,
        status=Slot.Status.FREE,
        withdrawn=False,
        schedule__withdrawn=False,
        start__gt=now,
        start__lt=day["start__lt"],
    ).count()
    through = Q(booked_via=Appointment.Door.GP_CONNECT)
    gone = Q(status__in=[Status.CANCELLED, Status.ENTERED_IN_ERROR])
    people = Appointment.objects.filter(organisation=practice, **day).aggregate(
        waiting=Count("pk", filter=Q(status=Status.ARRIVED)),
        missed=Count("pk", filter=Q(status=Status.NO_SHOW)),
        seen=Count("pk", filter=Q(status=Status.FULFILLED)),
        outside=Count("pk", filter=through & ~gone),
        cancelled=Count("pk", filter=through & Q(status=Status.CANCELLED)),
    )
    return Glance(free=free, **sessions, **people)


def _waiting(practice: Organisation, now: datetime) -> list[Appointment]:
    """Who has arrived and is waiting, whoever was to be seen first before others."""
    today = clock.today(now)
    found = Appointment.objects.filter(
        organisation=practice,
        status=Status.ARRIVED,
        start__gte=clock.day_start(today),
        start__lt=clock.day_end(today),
    ).select_related("patient", "schedule__session_holder")
    return sorted(found.order_by("start", "pk")[:MOST], key=_arrived_at)


def _arrived_at(appointment: Appointment) -> datetime:
    """When somebody arrived, as their appointment's history tells; else when it begins."""
    for entry in reversed(appointment.provenance):
        if entry.get("changes", {}).get("status", {}).get("to") == Status.ARRIVED:
            return datetime.fromisoformat(entry["at"])
    return appointment.start


def _waited(appointment: Appointment, now: datetime) -> int:
    """For how many minutes."""
    return max((now - _arrived_at(appointment)) // timedelta(minutes=1), 0)


def _from_outside(practice: Organisation, now: datetime) -> list[Appointment]:
    """What was booked through GP Connect: for today, or today for another day; soonest first."""
    today = clock.today(now)
    start, end = clock.day_start(today), clock.day_end(today)
    found = (
        Appointment.objects.filter(
            Q(start__gte=start, start__lt=end) | Q(created__gte=start, start__gte=start),
            organisation=practice,
            booked_via=Appointment.Door.GP_CONNECT,
        )
        .exclude(status=Status.ENTERED_IN_ERROR)
        .select_related("patient", "schedule__session_holder")
    )
    return list(found.order_by("start", "pk")[: MOST + 1])


# ---------------------------------------------------------------- what waits for a person


@dataclass(frozen=True)
class ToDo:
    """What the worklist holds."""

    orphaned: int
    orphaned_today: int
    to_be_told: int
    unseen: int
    days_left: int

    @property
    def total(self) -> int:
        return self.orphaned + self.to_be_told + self.unseen

    @property
    def runs_out(self) -> bool:
        return self.days_left < FEW_DAYS


def to_do(practice: Organisation, today: date) -> ToDo:
    """Count the worklist: three queries. Who is orphaned and to be told counts once, as there."""
    day = Q(start__gte=clock.day_start(today), start__lt=clock.day_end(today))
    orphaned, orphaned_today, to_be_told = (
        Appointment.objects.filter(Q(orphaned=True) | Q(to_be_told=True), organisation=practice)
        .aggregate(
            all=Count("pk", filter=Q(orphaned=True)),
            on_the_day=Count("pk", filter=Q(orphaned=True) & day),
            told=Count("pk", filter=Q(orphaned=False, to_be_told=True)),
        )
        .values()
    )
    return ToDo(
        orphaned=orphaned,
        orphaned_today=orphaned_today,
        to_be_told=to_be_told,
        unseen=never_seen(practice, today).count(),
        days_left=days_left(practice, today),
    )


# ---------------------------------------------------------------- the diary ahead


@dataclass(frozen=True)
class Runs:
    """The last generation of the diary, and when the next one is to be expected."""

    last: GenerationRun | None
    next: datetime | None


def runs(practice: Organisation, now: datetime) -> Runs:
    """Return the last run and the next: the one that nobody starts comes every night.

    When it comes is a matter of the machine's timer: it is expected as it was last time, and not
    at all once it has been missed.
    """
    every = GenerationRun.objects.filter(organisation=practice).order_by("-started_at")
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
