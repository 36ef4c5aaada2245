"""The worklist: everything in a practice that waits for a person, and how much diary is left."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, DateTimeField, Q

from practice import clock
from practice.db.prepared import Number, Prepared, QueryParameter
from practice.models import Appointment, Organisation, Schedule
from practice.reads import (
    asking,
    bookability,
    cancellation_list,
    monitoring,
    never_offered,
    promises,
)
from practice.reads.desk_messages import messages_waiting

FEW_DAYS = 28


def days_left(organisation: Organisation, *, now: datetime) -> int:
    """Return how many days ahead the diary reaches; 0 for a practice that never had one.

    The same count as in the health check, the metrics and ``check_diary``: to the last slot.
    """
    return max(
        (e.days_left for e in monitoring.diary_ends(now=now, organisation=organisation)), default=0
    )


@dataclass(frozen=True)
class NeverOffered:
    """A session of the practice that is marked for other organisations in vain, and why."""

    schedule: Schedule
    reasons: tuple[bookability.Reason, ...]


def sessions_never_offered(organisation: Organisation, *, now: datetime) -> list[NeverOffered]:
    """Return the sessions to come none of whose marked slots can ever be offered, by time."""
    found = never_offered.never_offered_sessions(now=now, organisation=organisation)
    sessions = Schedule.objects.select_related("session_holder", "location").in_bulk(
        [each.schedule for each in found]
    )
    listed = [NeverOffered(sessions[each.schedule], each.reasons) for each in found]
    return sorted(listed, key=lambda each: (each.schedule.start, each.schedule.pk))


@dataclass(frozen=True)
class ToDo:
    """What the worklist holds."""

    orphaned: int
    orphaned_today: int
    to_be_told: int
    never_offered: int
    short_days: int
    asking: int
    messages: int
    freed: int
    days_left: int

    @property
    def total(self) -> int:
        others = self.never_offered + self.short_days + self.asking + self.freed
        return self.messages + self.orphaned + self.to_be_told + others

    @property
    def runs_out(self) -> bool:
        return self.days_left < FEW_DAYS


def to_do(organisation: Organisation, *, now: datetime) -> ToDo:
    """Count the worklist: six queries, or ten where somebody is on the cancellation list.

    Who is orphaned and to be told counts once, as there.
    """
    today = clock.today(now)
    day = {"start": clock.day_start(today), "end": clock.day_end(today)}
    counted = ON_WORKLIST.rows(organisation=organisation.pk, **day)
    _, orphaned, orphaned_today, to_be_told = counted[0] if counted else (0, 0, 0, 0)
    return ToDo(
        orphaned=orphaned,
        orphaned_today=orphaned_today,
        to_be_told=to_be_told,
        never_offered=len(never_offered.never_offered_sessions(now=now, organisation=organisation)),
        short_days=promises.short_days(organisation=organisation),
        asking=len(asking.findings(organisation=organisation)),
        messages=messages_waiting(organisation=organisation).count(),
        freed=len(cancellation_list.freed_times(organisation=organisation, now=now)),
        days_left=days_left(organisation, now=now),
    )


THE_DAY = Q(
    start__gte=QueryParameter("start", DateTimeField()),
    start__lt=QueryParameter("end", DateTimeField()),
)
ON_WORKLIST = Prepared(
    lambda: (
        Appointment.objects.on_worklist()
        .filter(organisation=Number("organisation"))
        .order_by()
        .values("organisation")
        .annotate(
            all=Count("pk", filter=Q(orphaned=True)),
            on_the_day=Count("pk", filter=Q(orphaned=True) & THE_DAY),
            told=Count("pk", filter=Q(orphaned=False, to_be_told=True)),
        )
        .values_list("organisation", "all", "on_the_day", "told")
    )
)
