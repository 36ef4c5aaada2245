"""An area: its practices by the coming days, as the watch saw them last; nothing of any patient.

All of it is read from what the watch keeps (PromisedDay, Shortfall): neither patients, nor
appointments, nor slots are asked for.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User

from practice.models import Area, Organisation, PromisedDay, Shortfall

DAYS = 7


@dataclass(frozen=True)
class Cell:
    """A day of a promise, and why it is short if it is."""

    found: PromisedDay
    causes: list[str]


@dataclass(frozen=True)
class Row:
    """A practice and one of its promises, "" if it has none; a cell for each day, or None."""

    practice: Organisation
    promise: str
    days: list[date]
    cells: list[Cell | None]

    @property
    def by_day(self) -> list[tuple[date, Cell | None]]:
        return list(zip(self.days, self.cells, strict=True))

    @property
    def short(self) -> list[Cell]:
        return [each for each in self.cells if each and each.found.missing]

    @property
    def short_by_cause(self) -> list[tuple[list[date], list[str]]]:
        """The short days that have the same causes, and these; in the order of the first ones."""
        found: dict[tuple[str, ...], list[date]] = {}
        for each in self.short:
            found.setdefault(tuple(each.causes), []).append(each.found.day)
        return [(days, list(causes)) for causes, days in found.items()]


@dataclass(frozen=True)
class AreaBook:
    """The rows of an area, by practice; ``looked_at``: when the watch was last there, if ever."""

    area: Area
    days: list[date]
    rows: list[Row]
    looked_at: datetime | None

    @property
    def short(self) -> list[Row]:
        return [row for row in self.rows if row.short]


def areas_of(user: User) -> list[Area]:
    """The areas that somebody looks after, with their practices; two queries."""
    found = Area.objects.all() if user.is_superuser else Area.objects.filter(managers=user)
    return list(found.prefetch_related("practices"))


def area_books(areas: list[Area], today: date) -> list[AreaBook]:
    """What is promised, offered and taken in areas; as many queries for many practices as for one.

    Their practices must be in reach.
    """
    days = [today + timedelta(days=number) for number in range(DAYS)]
    practices = {practice.pk for area in areas for practice in area.practices.all()}
    which = {"organisation__in": practices, "day__range": (days[0], days[-1])}
    causes = {
        (each.promise_id, each.day): each.causes
        for each in Shortfall.objects.filter(ended_at__isnull=True, **which)
    }
    promised: dict[int, dict[str, dict[date, Cell]]] = defaultdict(lambda: defaultdict(dict))
    looked_at: dict[int, datetime] = {}
    for each in PromisedDay.objects.filter(**which).select_related("promise"):
        cell = Cell(each, causes.get((each.promise_id, each.day), []))
        promised[each.organisation_id][each.promise.name][each.day] = cell
        looked_at[each.organisation_id] = each.looked_at
    return [
        AreaBook(
            area,
            days,
            [
                Row(practice, promise, days, [cells.get(day) for day in days])
                for practice in sorted(area.practices.all(), key=lambda one: one.name)
                for promise, cells in sorted((promised.get(practice.pk) or {"": {}}).items())
            ],
            min(
                (looked_at[one.pk] for one in area.practices.all() if one.pk in looked_at),
                default=None,
            ),
        )
        for area in areas
    ]
