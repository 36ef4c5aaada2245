"""The national measures, live: for this week, month or financial year, and what is behind each."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse

from practice.db.replicas import from_replica
from practice.reads import measures as asked
from practice.reads.measures import BANDS, MEASURES, UNKNOWN, Measures
from practice.site.spreadsheets import spreadsheet
from practice.staff.base import StaffPage

PERIODS = {
    "week": ("This week", asked.this_week),
    "month": ("This month", asked.this_month),
    "year": ("This financial year", asked.this_financial_year),
}
MOST = 200  # appointments of a list


class MeasuresPage(StaffPage):
    """``?period=`` week, month or year; ``&list=`` what is behind a number; ``&csv=1`` a file."""

    permission = "practice.view_appointment"
    template = "staff/measures/page.html"
    title = "Measures"

    def get(self, request: HttpRequest) -> HttpResponse:
        period = request.GET.get("period", "")
        period = period if period in PERIODS else "month"
        words, between = PERIODS[period]
        first, last = between(self.today)
        found = from_replica(
            lambda: asked.measures(organisation=self.practice, first=first, last=last, now=self.now)
        )
        if request.GET.get("csv"):
            return self.file(found, first, last)
        listed, number = self.listed(request.GET.get("list", ""), first, last)
        return self.render(
            found=found,
            period=period,
            periods=[(key, name) for key, (name, _) in PERIODS.items()],
            first=first,
            last=last,
            shares=[
                (each, found.shares[each.key], self.goal(found, each.key)) for each in MEASURES
            ],
            waits=wait_rows(found),
            in_the_way=asked.lists_of(found),
            groups=[
                ("By role", "Role", rows(found.by_role)),
                ("By location", "Location", rows(found.by_location)),
            ],
            measure_names=[each.name for each in MEASURES],
            listed=listed,
            number=number,
            list_words=next(
                (
                    words
                    for key, words, _ in asked.lists_of(found)
                    if key == request.GET.get("list")
                ),
                "",
            ),
        )

    def goal(self, found: Measures, key: str) -> float | None:
        """The threshold in force, if the national lists have one."""
        there = [
            each
            for each in found.lists.thresholds
            if each.measure == key and each.first_day <= self.today
        ]
        return max(there, key=lambda each: each.first_day).percent if there else None

    def listed(self, key: str, first: date, last: date) -> tuple[list[Any], int]:
        """The appointments behind a number; who is named is recorded."""
        if not key:
            return [], 0
        found, number = asked.behind(
            key, organisation=self.practice, first=first, last=last, now=self.now, most=MOST
        )
        if found:
            self.record_shown("measures.viewed", [each.patient_id for each in found], list=key)
        for each in found:
            each.wait = asked.wait_days(each.created, each.start)  # type: ignore[attr-defined]
        return found, number

    def file(self, found: Measures, first: date, last: date) -> HttpResponse:
        """Answer with all numbers for a spreadsheet; no patient is in it."""
        called = f"measures-{self.practice.ods_code}-{first}-to-{last}.csv"
        return spreadsheet(called, file_rows(found))


def wait_rows(found: Measures) -> list[tuple[str, int, float, float]]:
    """Each band: how many, the share of all, and how long its bar is."""
    most = max(found.waits.values(), default=0)
    names = [*(name for _, name in BANDS), *([UNKNOWN] if found.waits[UNKNOWN] else [])]
    return [
        (name, n := found.waits[name], 100 * n / (found.total or 1), 100 * n / (most or 1))
        for name in names
    ]


def rows(groups: Any) -> list[tuple[str, list[Any]]]:
    """Each group with the share of each measure, in the order of the measures."""
    return [
        (str(name), [(each.name, shares.get(each.key)) for each in MEASURES])
        for name, shares in sorted(groups.items())
    ]


def file_rows(found: Measures) -> Iterable[tuple[Any, ...]]:
    """What the page says, a number a row."""
    yield ("what", "of", "fulfilled", "total")
    for each in MEASURES:
        share = found.shares[each.key]
        yield (each.name, "all", share.fulfilled, share.total)
        for groups in (found.by_role, found.by_location):
            for name, shares in sorted(groups.items(), key=str):
                if part := shares.get(each.key):
                    yield (each.name, name, part.fulfilled, part.total)
    for name, number, *_ in wait_rows(found):
        yield (f"Wait: {name}", "all", number, found.total)
    for name, number in sorted(found.categories.items()):
        yield (f"Category: {name}", "all", number, found.total)
    yield ("Inconsistent mapping", "all", found.inconsistent, found.total)
    yield ("Care home round", "all", found.care_home_round, found.total)
    yield ("With an exception reason", "all", found.with_reason, found.total)
