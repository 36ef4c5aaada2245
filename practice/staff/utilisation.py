"""Utilisation: how the practice's time was used, in figures, charts and files for a spreadsheet."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict

from practice.db.replicas import from_replica
from practice.reads.utilisation import Use, Utilisation, median, rows_for_export, utilisation
from practice.site.fields import WEEKDAYS, DayField
from practice.site.spreadsheets import spreadsheet
from practice.staff.base import StaffPage

USUAL, LONGEST = timedelta(days=27), timedelta(days=366)
# From how many percent on a field of the heat map is darker.
STEPS = (50, 70, 85)


class RangeForm(forms.Form):
    """For which days; the figures would be wrong before the practice's diary is complete."""

    first = DayField(label="From")
    last = DayField(label="To")

    def __init__(self, asked: QueryDict, *, complete_from: date | None) -> None:
        super().__init__(asked)
        self.complete_from = complete_from

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", "The last day is before the first.")
        elif first and last and last - first > LONGEST:
            self.add_error("last", "At most a year at a time.")
        if first and self.complete_from and first < self.complete_from:
            begins = f"{self.complete_from.day} {self.complete_from:%B %Y}"
            self.add_error(
                "first", f"Unused slots of days before {begins} are archived: figures begin there."
            )
        return cleaned


class UtilisationPage(StaffPage):
    """``?first=&last=`` and, for a file, ``&csv=slots`` or ``&csv=bookings``."""

    permission = "practice.view_appointment"
    template = "staff/utilisation/page.html"
    title = "Utilisation"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.copy()
        asked.setdefault("first", str(self.today - USUAL))
        asked.setdefault("last", str(self.today))
        form = RangeForm(asked, complete_from=self.practice.diary_complete_from)
        if not form.is_valid():
            return self.render(form=form, status=422)
        first, last = form.cleaned_data["first"], form.cleaned_data["last"]
        found = from_replica(
            lambda: utilisation(organisation=self.practice, first=first, last=last, now=self.now)
        )
        if (wanted := request.GET.get("csv")) in FILES:
            return self.file(wanted, first, last, FILES[wanted](found))
        asked.pop("csv", None)
        return self.render(
            form=form,
            total=found.total,
            median_lead=median(found.leads),
            heat=heat_map(found),
            tables=[
                ("By session holder", "Session holder", found.by(lambda cell: cell.holder)),
                ("By slot type", "Slot type", found.by(lambda cell: cell.slot_type)),
                ("By channel", "Channel", found.by(lambda cell: cell.channel)),
                (
                    "By who may book",
                    "Offered to",
                    found.by(lambda c: "GP Connect too" if c.outside else "The practice only"),
                ),
            ],
            inside=[each for each in found.bookings if not each.outside],
            outside=[each for each in found.bookings if each.outside],
            outside_booked=sum(each.booked for each in found.bookings if each.outside),
            days=(days := found.by(lambda cell: cell.day)),
            days_chart=days_chart(days),
            leads=found.lead_groups,
            leads_chart=leads_chart(found.lead_groups),
            options=json.dumps(OPTIONS),
            stacked=json.dumps(STACKED),
            address=asked.urlencode(),
        )

    def file(
        self, name: str, first: date, last: date, rows: Iterable[tuple[Any, ...]]
    ) -> HttpResponse:
        """Answer with a file for a spreadsheet."""
        return spreadsheet(f"{name}-{self.practice.ods_code}-{first}-to-{last}.csv", rows)


# ---------------------------------------------------------------- tables and charts


def heat_map(found: Utilisation) -> dict[str, Any]:
    """Weekdays by hours, those in which anything was offered; a step of colour for each field."""
    uses = found.by(lambda cell: (cell.day.weekday(), cell.hour))
    shown = sorted({hour for _, hour in uses})
    return {
        "hours": [f"{hour:02}" for hour in shown],
        "rows": [
            (
                WEEKDAYS[weekday],
                [(use := uses.get((weekday, hour)), use and step(use)) for hour in shown],
            )
            for weekday in sorted({weekday for weekday, _ in uses})
        ],
    }


def step(use: Use) -> int:
    """How dark a field is: 0 for less than half booked, up to 3."""
    return sum(use.percent >= least for least in STEPS)


def days_chart(days: dict[date, Use]) -> str:
    """Booked, unused and still free slots of each day, one above the other."""
    parts = (
        ("Booked", "var(--color-primary-600)", [use.booked for use in days.values()]),
        ("Unused", "var(--figures-unused)", [use.unused for use in days.values()]),
        ("Still free", "var(--figures-free)", [use.free for use in days.values()]),
    )
    return json.dumps(
        {
            "labels": [f"{day:%a} {day.day} {day:%b}" for day in days],
            "datasets": [
                {"label": label, "backgroundColor": colour, "data": data}
                for label, colour, data in parts
            ],
        }
    )


def leads_chart(leads: list[tuple[str, int]]) -> str:
    """How many appointments were booked how early."""
    return json.dumps(
        {
            "labels": [name for name, _ in leads],
            "datasets": [
                {
                    "label": "Appointments",
                    "backgroundColor": "var(--color-primary-600)",
                    "data": [number for _, number in leads],
                }
            ],
        }
    )


# In a grey that can be read on white and on black; Unfold's own is too pale for text.
GREY = "#737b88"
AXIS: dict[str, Any] = {"ticks": {"color": GREY, "precision": 0}, "grid": {"tickWidth": 0}}
OPTIONS: dict[str, Any] = {
    "animation": False,
    "maintainAspectRatio": False,
    "responsive": True,
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {**AXIS, "grid": {"display": False}},
        "y": {**AXIS, "beginAtZero": True},
    },
}
STACKED: dict[str, Any] = {
    **OPTIONS,
    "plugins": {
        "legend": {"align": "start", "labels": {"boxHeight": 10, "boxWidth": 10, "color": GREY}}
    },
    "scales": {axis: {**settings, "stacked": True} for axis, settings in OPTIONS["scales"].items()},
}


# ---------------------------------------------------------------- files


def slot_rows(found: Utilisation) -> Iterator[tuple[Any, ...]]:
    yield (
        *("date", "hour", "session holder", "slot type", "channel", "GP Connect bookable"),
        *("offered", "booked", "did not attend", "unused"),
    )
    yield from rows_for_export(found.cells)


def booking_rows(found: Utilisation) -> Iterator[tuple[Any, ...]]:
    yield (
        *("booked through", "organisation", "ODS code"),
        *("booked", "did not attend", "cancelled", "median days before"),
    )
    for each in found.bookings:
        door = "GP Connect" if each.outside else "Practice staff"
        lead = "" if each.median_lead is None else each.median_lead
        yield door, each.name, each.ods_code, each.booked, each.missed, each.cancelled, lead


FILES = {"slots": slot_rows, "bookings": booking_rows}
