"""Finding a free time: clinicians by days for four weeks, and the times of the half-day chosen.

Booking and moving ask the same question, each at its own address; here it is asked before it is
known for whom. What a reader looks for stands in the address and goes with every step.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from practice import clock, terminology
from practice.models import Appointment, Patient, Slot
from practice.reads.free_times import has_coming
from practice.reads.next_available import HALVES, Cell, Grid, Place, Row, next_available
from practice.reads.slot_types import hints
from practice.reads.slots import chosen_slots
from practice.site.addresses import number
from practice.staff import searches
from practice.staff.base import StaffPage

# What goes with every step of booking besides the patient and the slots.
CARRIED = (*searches.SlotSearch.base_fields, "cell", "back")
AWAY = {"leave": "leave", "sick": "sick", "training": "training", "closed": "shut"}
HOLIDAY = "holiday"
MANY, VERY_MANY = 3, 7  # free times in a half-day, told apart by the fill as well


class ChosenSlotsPage(StaffPage):
    """What booking and moving have in common: a search and slots chosen in the address."""

    def chosen_slots(self) -> list[Slot]:
        """The slots in the address that are this practice's, by start."""
        ids = [number(text) for text in self.sent.getlist("slot")]
        return chosen_slots(organisation=self.practice, ids=ids)

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What was looked for so far, to be sent with the next step."""
        return [
            (name, value)
            for name in CARRIED
            for value in self.sent.getlist(name)
            if value and (name != "back" or self.back(""))
        ]

    def step(self, *more: tuple[str, Any], without: Iterable[str] = ()) -> str:
        """The address of a step: what was looked for so far, but for this, and what is new."""
        kept = [(name, value) for name, value in self.carried if name not in without]
        return f"?{urlencode([*more, *kept])}"

    def elsewhen(self) -> str:
        """Where another time is chosen before it is known for whom."""
        return f"{reverse('admin:next_available')}{self.step()}"

    def nothing_suits(self, whom: tuple[str, Any]) -> str:
        """Where somebody is put on the cancellation list, with what was looked for."""
        if not self.request.user.has_perm("practice.add_cancellationlistentry"):
            return ""
        address = reverse("admin:practice_cancellationlistentry_add")
        return f"{address}{self.step(whom, without=['cell', 'first'])}"

    def instead(self, slots: list[Slot], first: date) -> list[Slot]:
        """The next free times of the same type from a day on, to be chosen on the same page."""
        asked = {"first": str(first)}
        if slots:
            asked["slot_type"] = slots[0].slot_type
        search = searches.SlotSearch(asked, organisation=self.practice, now=self.now)
        most = searches.MOST_INSTEAD
        return search.slots(most)[:most] if search.is_valid() else []

    def booked_address(self, booked: Appointment) -> str:
        """The page of what was booked, which leads back to where booking began."""
        address = reverse("admin:booked", args=[booked.pk])
        back = self.back("")
        return f"{address}?{urlencode({'back': back})}" if back else address

    def times(
        self,
        *,
        first: date | None = None,
        slot_type: str = "",
        patient: Patient | None = None,
        onward: str = "",
    ) -> dict[str, Any]:
        """What the search for a free time shows, from ``first`` or today on.

        ``slot_type`` is what is looked for unless the reader says otherwise, and if there is any.
        ``onward`` is the page that goes on with the time chosen; empty: the one that shows it.
        """
        asked = self.request.GET.copy()
        asked.setdefault("first", str(first or self.today))
        search = searches.SlotSearch(asked, organisation=self.practice, now=self.now)
        if slot_type and has_coming(slot_type, organisation=self.practice, now=self.now):
            asked.setdefault("slot_type", slot_type)
        place = Place.read(asked.get("cell", ""))
        return {
            "search": search,
            "place": place,
            "onward": onward,
            "patient": patient,
            "carried": self.carried,
            "back_to": self.back(""),
            "is_fullwidth": "1",
            "without_cell": [pair for pair in self.carried if pair[0] != "cell"],
            **(self.found(search, place, patient) if search.is_valid() else {"count": 0}),
        }

    def found(
        self, search: searches.SlotSearch, place: Place | None, patient: Patient | None
    ) -> dict[str, Any]:
        """The grid, and the next times or those of a place in it."""
        first = max(search.cleaned_data.get("first") or self.today, self.today)
        grid = next_available(search.wanted, organisation=self.practice, now=self.now, first=first)
        most = searches.MOST_SOONEST
        slots = search.slots_at(place) if place else search.slots(most)
        shown = slots if place else slots[:most]
        usual = patient.general_practitioner_id if patient else None
        return {
            "grid": Drawing(grid, place, usual, self.today, search.wanted.part),
            "days": searches.by_day(shown),
            "count": len(shown),
            "hints": hints((slot.slot_type for slot in shown), organisation=self.practice),
            "too_many": len(slots) > len(shown),
            "whose": next((r.name for r in grid.rows if place and r.holder == place.holder), ""),
            "usual": first_of_row(grid, usual),
            "weeks": self.weeks(grid, patient),
            "all_times": self.step(*self.patient_pair(patient), without=["cell"]),
        }

    def patient_pair(self, patient: Patient | None) -> list[tuple[str, Any]]:
        return [("patient", patient.pk)] if patient else []

    def weeks(self, grid: Grid, patient: Patient | None) -> dict[str, str]:
        """The addresses of the four weeks before, unless they are over, and after."""
        whose = self.patient_pair(patient)
        monday = grid.first - timedelta(days=grid.first.weekday())
        before, after = monday - timedelta(days=28), monday + timedelta(days=28)
        without = ["first", "cell"]
        found = {"later": self.step(*whose, ("first", after), without=without)}
        if grid.first > self.today:
            earlier = max(before, self.today)
            found["earlier"] = self.step(*whose, ("first", earlier), without=without)
        return found


class NextAvailable(ChosenSlotsPage):
    """The times, before it is known for whom: choosing one leads to booking it."""

    permission = "practice.add_appointment"
    template = "staff/next_available/page.html"
    title = "Next available"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(**self.times(onward=reverse("admin:practice_appointment_add")))


# ---------------------------------------------------------------- the grid, drawn


def first_of_row(grid: Grid, holder: int | None) -> tuple[Row, Cell] | None:
    """The first half-day in which a holder has a time that is kept for nobody."""
    row = next((row for row in grid.rows if holder and row.holder == holder), None)
    if row is None:
        return None
    for day in grid.days:
        for half in HALVES:
            cell = row.cells.get((day, half))
            if cell and cell.free:
                return row, cell
    return None


@lru_cache(maxsize=4096)
def wall(seconds: int) -> str:
    """Return 9:40: many clinicians begin at the same time."""
    local = clock.local(clock.moment(seconds))
    return f"{local.hour}:{local.minute:02}"


class Drawing:
    """A grid as rows of a table; made here, since a template would take longer than the rest."""

    def __init__(
        self, grid: Grid, chosen: Place | None, usual: int | None, today: date, part: str
    ) -> None:
        self.grid, self.chosen, self.usual, self.today = grid, chosen, usual, today
        self.halves = {"am": ("am",), "pm": ("pm",), "evening": ("pm",)}.get(part, HALVES)

    @property
    def weeks(self) -> list[tuple[str, list[date]]]:
        """The days by week, each week with its name."""
        weeks: dict[date, list[date]] = {}
        for day in self.grid.days:
            weeks.setdefault(day - timedelta(days=day.weekday()), []).append(day)
        this = self.today - timedelta(days=self.today.weekday())
        return [
            ("This week" if monday == this else f"Week of {monday.day} {monday:%B}", days)
            for monday, days in weeks.items()
        ]

    @property
    def rows(self) -> list[Row]:
        """The rows; the patient's usual clinician first."""
        return sorted(self.grid.rows, key=lambda row: row.holder != (self.usual or -1))

    @property
    def count(self) -> int:
        return len(self.grid.rows)

    def body(self) -> SafeString:
        return mark_safe("".join(self._lines()))  # noqa: S308 # nosec B308 B703 - escaped below, piece by piece

    def _lines(self) -> Iterator[str]:
        roles = dict(terminology.practitioner_roles())
        mondays = {days[0] for _, days in self.weeks}
        days = [
            (day, f"{day:%a} {day.day} {day:%b}", "week " if day in mondays else "")
            for day in self.grid.days
        ]
        for row in self.rows:
            name = escape(row.name)
            usual = " <span class=staff-tag>usual</span>" if row.holder == self.usual else ""
            heading = (
                f'<th scope="rowgroup" rowspan="{len(self.halves)}"><span>{name}</span>{usual}'
                f"<small>{escape(roles.get(row.role, ''))}</small></th>"
            )
            yield "<tbody>"
            for half in self.halves:
                yield f'<tr>{heading}<th scope="row">{half}</th>'
                heading = ""
                for day, words, week in days:
                    yield self._cell(row, name, day, words, week, half)
                yield "</tr>"
            yield "</tbody>"

    def _cell(self, row: Row, name: str, day: date, words: str, week: str, half: str) -> str:
        cell = row.cells.get((day, half))
        if cell is None:
            return f'<td class="{week}">' if week else "<td>"
        if cell.away:
            return f'<td class="{week}away">{AWAY.get(cell.away, HOLIDAY)}'
        if not cell.free and not cell.kept:
            return f'<td class="{week}none">none'
        if cell.free and cell.first:
            time = wall(cell.first)
            said, number = f"{time}, {cell.free} free", cell.free
            fill = "some" if number < MANY else "many" if number < VERY_MANY else "most"
        else:
            whom = escape(cell.kept_for) or "embargo"
            time, number, fill = whom, cell.kept, "kept"
            said = f"{number} kept for {whom}" if cell.kept_for else f"{number} under embargo"
        place = Place(row.holder, day, half)
        pressed = ' aria-current="true"' if place == self.chosen else ""
        return (
            f'<td class="{week}{fill}"><button name=cell value={place}{pressed} '
            f'aria-label="{name}, {words} {half}: {said}"><i>{time}</i> <b>{number}</b></button>'
        )
