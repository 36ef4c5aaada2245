"""Which clinician has time on which day: the first free time of each half-day, and how many.

A row for each session holder, a cell for each half of each day; counted by the database, so that
it costs the same whether a half-day has one free slot or thirty.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db.models import BooleanField, Case, Count, Min, Q, Value, When
from django.db.models.functions import TruncDate

from practice import clock
from practice.models import AccessProfile, Organisation, Schedule, Slot
from practice.models.common import OFFER_LIMITS
from practice.reads.bookability import RULE_OF, Reason, with_limits
from practice.reads.closures import closures_between
from practice.reads.free_times import Wanted, fitting_slots, listed

WEEKS = 4
NOON = time(12)
HALVES = ("am", "pm")
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

    ``first`` is the first time that anybody may have, ``free`` how many there are; ``kept`` are
    free but kept for others, for ``kept_for`` where a profile says whom. ``away`` is the kind of
    the closure because of which there is no session; ``works``: there is one.
    """

    first: datetime | None = None
    free: int = 0
    kept: int = 0
    kept_for: str = ""
    away: str = ""
    works: bool = False


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
    sessions = _sessions(wanted, organisation, first, last)
    found = _free(wanted._replace(first=first, last=last), organisation, now=now)
    away = _away(organisation, first, last)
    rows: dict[int, Row] = {}
    for session in sessions:
        row = rows.setdefault(session.holder, Row(session.holder, session.name, session.role))
        for half in session.halves():
            row.cells[session.date, half] = Cell(works=True)
    for place, cell in found.items():
        if place.holder in rows:
            rows[place.holder].cells[place.day, place.half] = cell
    every = [first + timedelta(days=days) for days in range((last - first).days + 1)]
    worked = {day for row in rows.values() for day, _ in row.cells}
    days = [day for day in every if day.weekday() < 5 or day in worked]
    for row in rows.values():
        for day in days:
            for half in HALVES:
                kind = away.get((row.holder, day, half)) or away.get((None, day, half))
                if kind and (day, half) not in row.cells:
                    row.cells[day, half] = Cell(away=kind)
    return Grid(first, last, days, list(rows.values()))


def times_at(
    place: Place, wanted: Wanted, *, organisation: Organisation, now: datetime
) -> list[Slot]:
    """Return every free time of a cell, by start, each with ``kept``: one query."""
    noon = clock.instant(place.day, NOON)
    halves = {"am": (clock.day_start(place.day), noon), "pm": (noon, clock.day_end(place.day))}
    start, end = halves[place.half]
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


class Session(NamedTuple):
    """A session, in what a row shows of it."""

    holder: int
    prefix: str
    given_names: str
    family_name: str
    role: str
    date: date
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        named = " ".join(filter(None, [self.prefix, self.given_names, self.family_name]))
        return named or "No named holder"

    def halves(self) -> Iterable[str]:
        start, end = clock.local(self.start), clock.local(self.end)
        if start.time() < NOON:
            yield "am"
        if start.time() >= NOON or end.time() > NOON or end.date() > start.date():
            yield "pm"


def _sessions(wanted: Wanted, organisation: Organisation, first: date, last: date) -> list[Session]:
    """The sessions of the holders in question, by the holders' names; those of nobody come last."""
    found = (
        Schedule.objects.taking_place()
        .filter(organisation=organisation, date__gte=first, date__lte=last)
        .filter(**wanted.of_session())
    )
    names = [f"session_holder__{name}" for name in ("prefix", "given_names", "family_name")]
    rows = found.order_by(
        "session_holder__family_name", "session_holder__given_names", "session_holder", "start"
    ).values_list("session_holder", *names, "practitioner_role", "date", "start", "end")
    sessions = [
        Session(holder or NOBODY, prefix or "", given_names or "", family_name or "", *rest)
        for holder, prefix, given_names, family_name, *rest in rows
    ]
    return sorted(sessions, key=lambda session: session.holder == NOBODY)


def _free(wanted: Wanted, organisation: Organisation, *, now: datetime) -> dict[Place, Cell]:
    """What is free in each half-day, kept for others or not."""
    restricting = {
        pk: name
        for pk, name, types, codes in AccessProfile.objects.filter(
            organisation=organisation
        ).values_list("pk", "name", "organisation_types", "ods_codes")
        if types or codes
    }
    found = fitting_slots(wanted, organisation=organisation, now=now)
    reserved = Q(gp_connect_bookable=True, profile__in=list(restricting))
    released = RULE_OF[Reason.EMBARGOED].clear({"floor": clock.seconds(now)})
    is_kept = _truth(reserved | Q(gp_connect_bookable=True) & ~released)
    counted = (
        with_limits(found, _limits(organisation))
        .alias(is_kept=is_kept)
        .annotate(
            day=TruncDate("start", tzinfo=clock.LONDON),
            afternoon=_truth(Q(start__hour__gte=NOON.hour)),
        )
        .values("schedule__session_holder", "day", "afternoon")
        .annotate(
            first=Min("start", filter=Q(is_kept=False)),
            free=Count("pk", filter=Q(is_kept=False)),
            kept=Count("pk", filter=Q(is_kept=True)),
            whom=Min("profile", filter=reserved),
        )
        .order_by()
        .values_list(
            "schedule__session_holder", "day", "afternoon", "first", "free", "kept", "whom"
        )
    )
    return {
        Place(holder or NOBODY, day, HALVES[afternoon]): Cell(
            first, free, kept, restricting.get(whom, ""), works=True
        )
        for holder, day, afternoon, first, free, kept, whom in counted
    }


def _limits(organisation: Organisation) -> dict[str, int | None]:
    return {name: getattr(organisation, name) for name in OFFER_LIMITS}


def _truth(condition: Q) -> Case:
    """A condition that is true or false, never NULL: what is under no profile is not reserved."""
    return Case(
        When(condition, then=Value(True)), default=Value(False), output_field=BooleanField()
    )


def _away(
    organisation: Organisation, first: date, last: date
) -> dict[tuple[int | None, date, str], str]:
    """The kind of what closes a half-day or a part of it, of one person or (None) of everybody.

    It is shown where there is no session: what a closure of an hour leaves, has one.
    """
    found: dict[tuple[int | None, date, str], str] = {}
    whole = closures_between(first, last, organisation=organisation).filter(location=None)
    for closure in whole:
        start, end = closure.period
        day = max(first, closure.start_date)
        while day <= min(last, closure.end_date):
            noon = clock.instant(day, NOON)
            for half, begins, ends in (
                ("am", clock.day_start(day), noon),
                ("pm", noon, clock.day_end(day)),
            ):
                if start < ends and end > begins:
                    found[closure.practitioner_id, day, half] = closure.kind
            day += timedelta(days=1)
    return found
