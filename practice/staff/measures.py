"""The national measures, live: for this week, month or financial year, and what is behind each."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict

from practice import clock
from practice.db.replicas import from_replica
from practice.reads import measures as asked
from practice.reads.measures import MEASURES, UNKNOWN, WAITS, Measure, Measures, Share
from practice.site.spreadsheets import spreadsheet
from practice.staff.base import StaffPage

PERIODS = {
    "week": ("This week", asked.this_week),
    "month": ("This month", asked.this_month),
    "year": ("This financial year", asked.this_financial_year),
}
MOST = 200  # appointments of a list
# Of a chart, in pixels: the top of a column of a hundred percent, the ground, the names of months.
TOP, GROUND, NAMES, HEIGHT = 16, 116, 131, 136


Months = list[tuple[date, dict[str, Share]]]


class MeasuresPage(StaffPage):
    """``?period=`` week, month, year or such as 2026-10; ``&list=`` what is behind a number.

    ``&role=`` or ``&location=``: only those of one; ``&skip=`` how many of them went before;
    ``&csv=1`` a file.
    """

    permission = "practice.view_appointment"
    template = "staff/measures/page.html"
    title = "Measures"

    def get(self, request: HttpRequest) -> HttpResponse:
        period, first, last = self.days(request.GET.get("period", ""))
        found, months = from_replica(
            lambda: (
                asked.measures(organisation=self.practice, first=first, last=last, now=self.now),
                asked.last_twelve_months(organisation=self.practice, today=self.today),
            )
        )
        if request.GET.get("csv"):
            return self.file(found, months, first, last)
        goals = {each.key: self.goal(found, each.key) for each in MEASURES}
        return self.render(
            found=found,
            period=period,
            periods=[(key, name) for key, (name, _) in PERIODS.items()],
            first=first,
            last=last,
            shares=[(each, found.shares[each.key], goals[each.key]) for each in MEASURES],
            waits=wait_rows(found),
            in_the_way=asked.lists_of(found, self.today),
            groups=[
                ("By role", "Role", rows("role", found.by_role, found.roles, "No role")),
                ("By location", "Location", rows("location", found.by_location, found.locations)),
            ],
            measure_names=[each.name for each in MEASURES],
            charts=[
                (
                    each.name,
                    None if (goal := goals[each.key]) is None else f"{GROUND - goal:.1f}",
                    columns(months, each.key, first, last),
                )
                for each in MEASURES
            ],
            chart={"top": TOP, "ground": GROUND, "names": NAMES, "height": HEIGHT},
            has_goals=any(goal is not None for goal in goals.values()),
            months=[
                (day, f"{day:%Y-%m}", [(each, shares[each.key]) for each in MEASURES])
                for day, shares in reversed(months)
            ],
            **self.listed(found, first, last),
        )

    def days(self, period: str) -> tuple[str, date, date]:
        """The period that is asked for, or else this month, and its first and last day."""
        with suppress(ValueError):
            return period, *asked.this_month(clock.read_date(f"{period}-01"))
        period = period if period in PERIODS else "month"
        return period, *PERIODS[period][1](self.today)

    def goal(self, found: Measures, key: str) -> float | None:
        """The threshold in force, if the national lists have one."""
        there = [
            each
            for each in found.lists.thresholds
            if each.measure == key and each.first_day <= self.today
        ]
        return max(there, key=lambda each: each.first_day).percent if there else None

    def listed(self, found: Measures, first: date, last: date) -> dict[str, Any]:
        """The appointments behind a number; who is named is recorded."""
        asks = self.request.GET
        key, role, location = asks.get("list", ""), asks.get("role"), asks.get("location")
        if not key:
            return {}
        skip = int(asks["skip"]) if re.fullmatch(r"\d{1,6}", asks.get("skip", "")) else 0
        behind = asked.behind(
            key,
            organisation=self.practice,
            first=first,
            last=last,
            now=self.now,
            most=MOST,
            skip=skip,
            role=role,
            location=location,
        )
        if behind.shown:
            named = [each.patient_id for each in behind.shown]
            self.record_shown("measures.viewed", named, list=key)
        for each in behind.shown:
            each.wait = asked.wait_days(each.created, each.start)  # type: ignore[attr-defined]
        only = [
            found.roles.get(role, "No role") if role is not None else "",
            next((name for pk, name in found.locations.items() if str(pk) == location), ""),
        ]
        going_on = skip + MOST < behind.number
        return {
            "behind": behind,
            "only": ", ".join(filter(None, only)),
            "list_from": skip + 1,
            "list_to": skip + len(behind.shown),
            "more": replaced(asks, skip=skip + MOST) if going_on else "",
            "less": replaced(asks, skip=max(0, skip - MOST)) if skip else "",
        }

    def file(self, found: Measures, months: Months, first: date, last: date) -> HttpResponse:
        """Answer with all numbers for a spreadsheet; no patient is in it."""
        called = f"measures-{self.practice.ods_code}-{first}-to-{last}.csv"
        return spreadsheet(called, file_rows(found, months))


def replaced(asks: QueryDict, **values: Any) -> str:
    """What is asked for, but for some of it, as it stands in an address."""
    return urlencode({**asks.dict(), **values})


class Column(NamedTuple):
    """A month of a chart: across in percent of the picture, up and down in pixels."""

    month: date
    share: Share
    left: str
    width: str
    middle: str
    top: int
    height: int
    is_shown: bool


def columns(months: Months, key: str, first: date, last: date) -> list[Column]:
    """A column for each month, from nothing to a hundred, a pixel a percent; rounded down."""
    step = 100 / len(months)
    return [
        Column(
            month,
            share := shares[key],
            f"{n * step + step / 8:.2f}%",
            f"{step * 3 / 4:.2f}%",
            f"{n * step + step / 2:.2f}%",
            GROUND - (height := int(share.percent or 0)),
            height,
            month <= last and asked.this_month(month)[1] >= first,
        )
        for n, (month, shares) in enumerate(months)
    ]


def wait_rows(found: Measures) -> list[tuple[str, str, int, float, float]]:
    """Each band: its list, its name, how many, the share of all, and how long its bar is."""
    most = max(found.waits.values(), default=0)
    return [
        (key, name, n := found.waits[name], 100 * n / (found.total or 1), 100 * n / (most or 1))
        for key, name in WAITS.items()
        if name != UNKNOWN or found.waits[name]
    ]


def rows(
    kind: str, groups: Mapping[Any, dict[str, Share]], names: Mapping[Any, str], other: str = ""
) -> list[tuple[str, str, list[tuple[Measure, Share | None]]]]:
    """Each group by its name, how an address asks for it, and its share of each measure."""
    named = [
        (names.get(key, other), urlencode({kind: key}), shares) for key, shares in groups.items()
    ]
    return [
        (name, asks, [(each, shares.get(each.key)) for each in MEASURES])
        for name, asks, shares in sorted(named, key=lambda row: row[:2])
    ]


def file_rows(found: Measures, months: Months) -> Iterable[tuple[Any, ...]]:
    """What the page says, a number a row."""
    yield ("what", "of", "fulfilled", "total")
    groups = [
        *rows("role", found.by_role, found.roles, "No role"),
        *rows("location", found.by_location, found.locations),
    ]
    for n, each in enumerate(MEASURES):
        share = found.shares[each.key]
        yield (each.name, "all", share.fulfilled, share.total)
        for name, _, shares in groups:
            if part := shares[n][1]:
                yield (each.name, name, part.fulfilled, part.total)
    for _, name, number, *_ in wait_rows(found):
        yield (f"Wait: {name}", "all", number, found.total)
    for name, number in sorted(found.categories.items()):
        yield (f"Category: {name}", "all", number, found.total)
    yield ("Inconsistent mapping", "all", found.inconsistent, found.total)
    yield ("Care home round", "all", found.care_home_round, found.total)
    yield ("With an exception reason", "all", found.with_reason, found.total)
    yield ("Later than 14 days, and no reason given", "all", found.without_reason, found.total)
    yield ("Past, still booked", "all", found.still_booked, found.total)
    for measure in MEASURES:
        for month, by_key in months:
            share = by_key[measure.key]
            yield (measure.name, f"month {month:%Y-%m}", share.fulfilled, share.total)
