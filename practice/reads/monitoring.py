"""How the installation is: what health checks, metrics and check_diary ask. Small queries only.

Sandboxes of suppliers are no part of it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import TruncDate

from practice import clock
from practice.db.prepared import Number, Prepared
from practice.models import Appointment, AuditEvent, GenerationRun, Organisation, Slot, WeeklyReturn
from practice.reads.weekly_return import last_whole_week


@dataclass(frozen=True)
class DiaryEnd:
    """On which London date a practice's diary ends, and how many days that is from today."""

    practice: str
    last: date
    days_left: int


def diary_ends(*, now: datetime, organisation: Organisation | None = None) -> list[DiaryEnd]:
    """Return where each practice's diary ends; practices that never had one are left out."""
    today = clock.today(now)
    ends = ENDS.rows() if organisation is None else END_OF.rows(organisation=organisation.pk)
    return [
        DiaryEnd(ods_code, day, max((day - today).days, 0))
        for ods_code, last in ends
        for day in [clock.local(last).date()]
    ]


def free_slots_by_day(*, now: datetime, days: int = 7) -> dict[int, int]:
    """Return how many slots are free and yet to come, by days from today, 0 included; one query."""
    today = clock.today(now)
    last = today + timedelta(days=days - 1)
    counted = (
        # The practices are named, so that the index of each one's slots by start is used.
        Slot.objects.filter(organisation__in=Organisation.objects.real().values("pk"))
        .in_diary()
        .free()
        .coming(now)
        .filter(start__lt=clock.day_end(last))
        .annotate(day=TruncDate("start", tzinfo=clock.LONDON))
        .values_list("day")
        .annotate(free=Count("pk"))
        .order_by()
    )
    found = dict(counted)
    return {number: found.get(today + timedelta(days=number), 0) for number in range(days)}


def generation_ages(*, now: datetime) -> dict[str, float]:
    """Return for how many seconds each practice's diary has not been generated, by ODS code."""
    done = Max("generation_runs__finished_at", filter=Q(generation_runs__status=DONE))
    finished = Organisation.objects.real().annotate(finished=done).filter(finished__isnull=False)
    return {
        ods_code: max((now - moment).total_seconds(), 0.0)
        for ods_code, moment in finished.values_list("ods_code", "finished")
    }


def days_left_open(*, now: datetime) -> list[str]:
    """Return who lets past days be closed and has a booking of before yesterday; ODS codes."""
    yesterday = clock.today(now) - timedelta(days=1)
    left = Appointment.objects.left_open(yesterday).filter(organisation=OuterRef("pk"))
    practices = Organisation.objects.real().exclude(close_day_as="").filter(Exists(left))
    return list(practices.order_by("ods_code").values_list("ods_code", flat=True))


def weekly_returns_missing(*, now: datetime) -> list[str]:
    """Return which practices had slots last week and no return of it on Tuesday; ODS codes."""
    first_day = last_whole_week(clock.today(now) - timedelta(days=1))
    week = (clock.day_start(first_day), clock.day_end(first_day + timedelta(days=6)))
    slots = Slot.objects.filter(organisation=OuterRef("pk"), start__gte=week[0], start__lt=week[1])
    made = WeeklyReturn.objects.filter(organisation=OuterRef("pk"), first_day=first_day)
    practices = (
        Organisation.objects.real()
        .exclude(diary_complete_from__gt=first_day)
        .filter(Exists(slots), ~Exists(made))
    )
    return list(practices.order_by("ods_code").values_list("ods_code", flat=True))


def backup_since(moment: datetime) -> bool:
    """Whether the trail tells of a backup since then."""
    return AuditEvent.objects.filter(
        organisation=None, event="database.backup", recorded_at__gte=moment
    ).exists()


DONE = GenerationRun.Status.DONE


def _ends(**of: Number) -> "QuerySet[Organisation, Any]":
    in_diary = Slot.objects.in_diary().filter(organisation=OuterRef("pk"))
    practices = Organisation.objects.all() if of else Organisation.objects.real()
    return (
        practices.filter(**of)
        .annotate(last=Subquery(in_diary.order_by("-start").values("start")[:1]))
        .filter(last__isnull=False)
        .order_by("ods_code")
        .values_list("ods_code", "last")
    )


ENDS = Prepared(_ends)
END_OF = Prepared(lambda: _ends(pk=Number("organisation")))
