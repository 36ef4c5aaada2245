"""Which clinician has time on which day: the first free time of each half-day, and how many.

A row for each session holder, a cell for each half of each day; counted by the database, so that
it costs the same whether a half-day has one free slot or thirty.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    DateField,
    DateTimeField,
    F,
    IntegerField,
    Max,
    Model,
    Q,
    QuerySet,
    Value,
    When,
)

from practice import clock
from practice.db.expressions import HowMany, Least
from practice.db.journeys import one_journey
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import AccessProfile, Closure, Organisation, Schedule, Slot
from practice.models.common import OFFER_LIMITS
from practice.models.templates import closure_period
from practice.reads.bookability import RULE_OF, Reason, with_limits
from practice.reads.free_times import Conditions, Wanted, fitting_slots, listed

SessionRows: TypeAlias = QuerySet[Schedule, Any]
SlotRows: TypeAlias = QuerySet[Slot, Any]
Answer: TypeAlias = tuple[Any, ...]  # a row of one of these

WEEKS = 4
NOON = 12  # by the clock on the wall
HALVES = ("am", "pm")
HALF_DAY = 43_200  # seconds, by the clock on the wall
FIRST_OF_ALL = date(1970, 1, 1)  # the day on which seconds and half-days are counted from
NOBODY = 0  # the row of the sessions that name no holder


class Place(NamedTuple):
    """Where a cell stands: whose (an id, or NOBODY), on which day, in which half of it."""

    holder: int
    day: date
    half: str

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """Read a place as it stands in an address: 12.2026-12-03.am."""
        holder, _, rest = text.partition(".")
        day, _, half = rest.partition(".")
        if not holder.isdecimal() or len(holder) > 18 or half not in HALVES:
            return None
        try:
            return cls(int(holder), clock.read_date(day), half)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.holder}.{self.day}.{self.half}"


@dataclass(frozen=True)
class Cell:
    """A half-day of one holder.

    ``first`` is the first time that anybody may have, in seconds since 1970 (there may be hundreds
    of cells), ``free`` how many there are; ``kept`` are
    free but kept for others, for ``kept_for`` where a profile says whom. ``away`` is the kind of
    the closure because of which there is no session; ``works``: there is one.
    """

    first: int | None = None
    free: int = 0
    kept: int = 0
    kept_for: str = ""
    away: str = ""
    works: bool = False

    @property
    def start(self) -> datetime | None:
        """The first time as an instant."""
        return None if self.first is None else clock.moment(self.first)


WORKS = Cell(works=True)


@dataclass
class Row:
    """A session holder with what they have, by day and half."""

    holder: int
    name: str
    role: str
    cells: dict[tuple[date, str], Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """The rows by name, and the days: those of the week, and of a weekend those with a session."""

    first: date
    last: date
    days: list[date]
    rows: list[Row]


def next_available(
    wanted: Wanted, *, organisation: Organisation, now: datetime, first: date
) -> Grid:
    """Return what fits in the four weeks that ``first`` is in the first of: four queries.

    One each for sessions, free slots, access profiles and closures, however many there are.
    """
    last = first - timedelta(days=first.weekday()) + timedelta(days=7 * WEEKS - 1)
    rows, closures = _ask(wanted, organisation, first, last, now=now)
    every = [first + timedelta(days=days) for days in range((last - first).days + 1)]
    worked = {day for row in rows.values() for day, _ in row.cells}
    days = [day for day in every if day.weekday() < 5 or day in worked]
    for (person, day, half), kind in _away(closures, first, last).items():
        for row in rows.values():
            if person in (None, row.holder) and day in days:
                row.cells.setdefault((day, half), Cell(away=kind))
    return Grid(first, last, days, list(rows.values()))


def _ask(
    wanted: Wanted, organisation: Organisation, first: date, last: date, *, now: datetime
) -> tuple[dict[int, Row], Iterable[Answer]]:
    """The rows with what is free in their half-days, and the closures of these days."""
    statements, values = _statements_for(wanted)
    values |= {"organisation": organisation.pk, "first": first, "last": last}
    with one_journey():
        asked = statements.sessions.later(**values)
        profiles = PROFILES.later(organisation=organisation.pk)
        closed = CLOSURES.later(organisation=organisation.pk, first=first, last=last)
    rows = _rows(asked.rows())
    restricting = {
        pk: name for pk, name, types, codes, group in profiles.rows() if types or codes or group
    }
    counted = statements.counts.rows(
        **values,
        **_offsets(first, last),
        now=now,
        floor=clock.seconds(now),
        profiles=list(restricting),
        **{name: getattr(organisation, name) for name in OFFER_LIMITS},
    )
    for holder, half_days, start, free, kept, whom in counted:
        if row := rows.get(holder or NOBODY):
            days, half = divmod(half_days, len(HALVES))
            place = FIRST_OF_ALL + timedelta(days=days), HALVES[half]
            whose = restricting.get(whom, "")
            row.cells[place] = Cell(start, free, kept, whose, works=True)
    return rows, closed.rows()


def times_at(
    place: Place, wanted: Wanted, *, organisation: Organisation, now: datetime
) -> list[Slot]:
    """Return every free time of a cell, by start, each with ``kept``: one query."""
    start, end = _halves(place.day)[place.half]
    holder = (
        {"schedule__session_holder": place.holder}
        if place.holder
        else {"schedule__session_holder__isnull": True}
    )
    within = wanted._replace(first=None, last=None)
    found = fitting_slots(within, organisation=organisation, now=now).filter(
        start__gte=start, start__lt=end, **holder
    )
    return listed(found, organisation=organisation, now=now)


# ---------------------------------------------------------------- what is asked, made once


class Statements(NamedTuple):
    """The two questions that depend on what is looked for."""

    sessions: Prepared[Schedule]
    counts: Prepared[Slot]


# What may be looked for, each with the parameter that stands for it in a statement.
WISHES: dict[str, QueryParameter] = {
    "holder": Number("holder"),
    "location": Number("location"),
    **{name: QueryParameter(name, CharField()) for name in ("slot_type", "role", "channel")},
    "gender": QueryParameter("gender", CharField()),
}


def _statements_for(wanted: Wanted) -> tuple[Statements, Conditions]:
    """The statements for what is looked for, and the values of its parameters."""
    said = {name: value for name in WISHES if (value := getattr(wanted, name))}
    values = {name: value.pk if isinstance(value, Model) else value for name, value in said.items()}
    return _statements(frozenset(said), wanted.part), values


@lru_cache(maxsize=64)
def _statements(names: frozenset[str], part: str) -> Statements:
    wishes: Any = {name: WISHES[name] for name in names}
    wanted = Wanted(part=part, **wishes)
    return Statements(Prepared(lambda: _sessions(wanted)), Prepared(lambda: _counts(wanted)))


PARAMETERS: dict[str, Any] = {
    "organisation": Number("organisation"),
    "floor": Number("floor"),
    **{name: QueryParameter(name, DateField()) for name in ("first", "last")},
    "now": QueryParameter("now", DateTimeField()),
    **{name: QueryParameter(name, DateTimeField()) for name in ("start", "change", "end")},
    **{name: Number(name) for name in ("before", "after", *OFFER_LIMITS)},
}
NAMES = [f"session_holder__{name}" for name in ("prefix", "given_names", "family_name")]


def _sessions(wanted: Wanted) -> SessionRows:
    """Who works on which day in which halves, by the holders' names."""
    morning = Q(start__hour__lt=NOON)
    after_noon = Q(end__hour__gt=NOON) | Q(end__hour=NOON, end__minute__gt=0)
    afternoon = ~morning | after_noon | Q(end__date__gt=F("date"))
    found: SessionRows = (
        Schedule.objects.taking_place()
        .filter(
            organisation=PARAMETERS["organisation"],
            date__gte=PARAMETERS["first"],
            date__lte=PARAMETERS["last"],
            **wanted.of_session(),
        )
        .values("session_holder", *NAMES, "practitioner_role", "date")
        .annotate(am=Max(_truth(morning)), pm=Max(_truth(afternoon)))
        .order_by(
            "session_holder__family_name", "session_holder__given_names", "session_holder", "date"
        )
        .values_list("session_holder", *NAMES, "practitioner_role", "date", "am", "pm")
    )
    return found


def _counts(wanted: Wanted) -> SlotRows:
    """What is free in each half-day: the first in seconds since 1970, how many, kept for others."""
    found = fitting_slots(wanted, organisation=PARAMETERS["organisation"], now=PARAMETERS["now"])
    in_time = found.filter(start__gte=PARAMETERS["start"], start__lt=PARAMETERS["end"])
    reserved = Q(gp_connect_bookable=True, profile__among=Numbers("profiles"))
    released = RULE_OF[Reason.EMBARGOED].clear(PARAMETERS)
    is_kept = _truth(reserved | Q(gp_connect_bookable=True) & ~released)
    return (
        with_limits(in_time, PARAMETERS)
        .alias(is_kept=is_kept)
        .annotate(half_days=(F("epoch") + _offset()) / HALF_DAY)
        .values("schedule__session_holder", "half_days")
        .annotate(
            first=Least(F("epoch"), filter=Q(is_kept=0)),
            free=HowMany("pk", filter=Q(is_kept=0)),
            kept=HowMany("pk", filter=Q(is_kept=1)),
            whom=Least("profile", filter=reserved),
        )
        .order_by()
        .values_list("schedule__session_holder", "half_days", "first", "free", "kept", "whom")
    )


def _offset() -> Case:
    """The offset from UTC in seconds at a slot's start; four weeks have one change at most."""
    before = When(start__lt=PARAMETERS["change"], then=PARAMETERS["before"])
    return Case(before, default=PARAMETERS["after"], output_field=BigIntegerField())


def _offsets(first: date, last: date) -> Conditions:
    """Where these days begin and end, and the offsets before and after what changes in them."""
    start, end = clock.day_start(first), clock.day_end(last)
    change, after = next(iter(clock.offset_changes(start, end)), (end, None))
    before = clock.local(start).utcoffset() or timedelta()
    return {
        "start": start,
        "change": change,
        "end": end,
        "before": int(before.total_seconds()),
        "after": int((before if after is None else after).total_seconds()),
    }


def _truth(condition: Q) -> Case:
    """1 or 0, never NULL: what is under no profile is not reserved."""
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


PROFILES = Prepared(
    lambda: AccessProfile.objects.filter(organisation=PARAMETERS["organisation"]).values_list(
        "pk", "name", "organisation_types", "ods_codes", "consumer_group"
    )
)
CLOSURES = Prepared(
    lambda: Closure.objects.filter(
        organisation=PARAMETERS["organisation"],
        location__isnull=True,
        start_date__lte=PARAMETERS["last"],
        end_date__gte=PARAMETERS["first"],
    ).values_list("practitioner", "kind", "start_date", "start_time", "end_date", "end_time")
)


# ---------------------------------------------------------------- what is made of the answers


def _rows(sessions: Iterable[Answer]) -> dict[int, Row]:
    """The rows in their order, with the half-days that have a session; of nobody comes last."""
    rows: dict[int, Row] = {}
    for holder, prefix, given_names, family_name, role, day, am, pm in sessions:
        row = rows.get(holder or NOBODY)
        if row is None:
            name = " ".join(filter(None, [prefix, given_names, family_name]))
            row = rows[holder or NOBODY] = Row(holder or NOBODY, name or "No named holder", role)
        if am:
            row.cells[day, "am"] = WORKS
        if pm:
            row.cells[day, "pm"] = WORKS
    if nobody := rows.pop(NOBODY, None):
        rows[NOBODY] = nobody
    return rows


def _away(
    closures: Iterable[Answer], first: date, last: date
) -> dict[tuple[int | None, date, str], str]:
    """The kind of what closes a half-day or a part of it, of one person or (None) of everybody.

    It is shown where there is no session: what a closure of an hour leaves, has one.
    """
    found: dict[tuple[int | None, date, str], str] = {}
    for person, kind, start_date, start_time, end_date, end_time in closures:
        start, end = closure_period(start_date, start_time, end_date, end_time)
        day = max(first, start_date)
        while day <= min(last, end_date):
            for half, (begins, ends) in _halves(day).items():
                if start < ends and end > begins:
                    found[person, day, half] = kind
            day += timedelta(days=1)
    return dict(sorted(found.items(), key=lambda each: each[0][0] is None))


def _halves(day: date) -> dict[str, tuple[datetime, datetime]]:
    """When each half of a day begins and ends."""
    noon = clock.instant(day, time(NOON))
    return {"am": (clock.day_start(day), noon), "pm": (noon, clock.day_end(day))}
