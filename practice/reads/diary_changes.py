"""Whether the diary has changed, and where: what pages that stay open ask every few seconds.

The database notes each change in the transaction that makes it, whoever that is (migration
``pages_see_what_changed``), and here the notes are added up. A sum tells of every note, in
whichever order transactions end; the latest one alone would hide one that comes to light after it.
To be asked before what is shown is read: a change in between is told twice, and none is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import DateField, Q, QuerySet, Sum

from practice.db.prepared import Number, Prepared, QueryParameter
from practice.models import DiaryChange


@dataclass(frozen=True)
class Changes:
    """How often the sessions of some days have changed, and how often all of them together."""

    sessions: dict[int, int]
    everywhere: int

    @property
    def total(self) -> int:
        """The same number as ``version_of_days``."""
        return sum(self.sessions.values()) + self.everywhere

    def version_of(self, schedule_ids: Iterable[int]) -> str:
        """The version of some sessions together; which they are is part of it."""
        found = sorted((pk, self.sessions.get(pk, 0)) for pk in schedule_ids)
        numbers = [len(found), *(n for pair in found for n in pair), self.everywhere]
        return f"{hash(tuple(numbers)) & 0xFFFFFFFFFF:x}"


def version_of_days(organisation_id: int, first: date, last: date) -> int:
    """Return a number that is another one after any change on these days: one short statement."""
    rows = OF_DAYS.rows("default", organisation=organisation_id, first=first, last=last)
    return sum(total for (total,) in rows)


def version_of_practice(organisation_id: int) -> int:
    """The same for all days together."""
    return sum(total for (total,) in OF_PRACTICE.rows("default", organisation=organisation_id))


def versions_of_practices(organisation_ids: Iterable[int]) -> dict[int, int]:
    """The same for several practices, by id; 0 where nothing has been noted. One query."""
    wanted = list(organisation_ids)
    found = DiaryChange.objects.filter(organisation__in=wanted).order_by().values("organisation")
    totals = dict(found.annotate(total=Sum("times")).values_list("organisation", "total"))
    return {pk: totals.get(pk, 0) for pk in wanted}


def changes_of_days(organisation_id: int, first: date, last: date) -> Changes:
    """Return what has changed on these days, session by session."""
    rows = BY_SESSION.rows("default", organisation=organisation_id, first=first, last=last)
    found: dict[int | None, int] = dict(rows)
    everywhere = found.pop(None, 0)
    return Changes({pk: times for pk, times in found.items() if pk}, everywhere)


# ---------------------------------------------------------------- the statements


def _of_practice() -> "QuerySet[DiaryChange]":
    return DiaryChange.objects.filter(organisation=Number("organisation"))


def _of_days() -> "QuerySet[DiaryChange]":
    days = QueryParameter("first", DateField()), QueryParameter("last", DateField())
    return _of_practice().filter(Q(date__range=days) | Q(date=None))


def _total(found: "QuerySet[DiaryChange]") -> "QuerySet[DiaryChange, Any]":
    by_practice = found.order_by().values("organisation")
    return by_practice.annotate(total=Sum("times")).values_list("total")


OF_PRACTICE = Prepared(lambda: _total(_of_practice()))
OF_DAYS = Prepared(lambda: _total(_of_days()))
BY_SESSION = Prepared(
    lambda: (
        _of_days()
        .order_by()
        .values("schedule_id")
        .annotate(total=Sum("times"))
        .values_list("schedule_id", "total")
    )
)
