"""A rota as a spreadsheet: a row for each session of one date, made as by hand.

A file adds sessions and changes none: what is in the diary already is left, and people change it
there. What repeats belongs in a template.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, NamedTuple

from django.db.models import Model, OuterRef, Subquery

from practice import clock, terminology
from practice.db.row_security import across_practices
from practice.exceptions import PracticeError, SheetRefused
from practice.models import (
    AccessProfile,
    Location,
    Organisation,
    Practitioner,
    Schedule,
    Slot,
)
from practice.reads.directory import possible_holders
from practice.reads.sessions import possible_places
from practice.services.audit.recording import Actor
from practice.services.by_hand import check_new_slots, check_times
from practice.services.generation.planned_sessions import SlotKind
from practice.services.sessions import create_session
from practice.services.sheets.columns import (
    Change,
    Column,
    SheetRow,
    Values,
    choice,
    clock_time,
    date_column,
    number_column,
    truth_column,
)
from practice.services.sheets.planning import Kind, PlannedRow, differing

COLUMNS = (
    date_column("Date", "date", needed=True),
    Column("From", "start", clock_time, "{:%H:%M}".format, needed=True),
    Column("To", "end", clock_time, "{:%H:%M}".format, needed=True),
    Column("Session holder", "session_holder", hint="SDS user ID or full name. Empty: nobody yet."),
    Column("Location", "location", hint="Empty: the main surgery."),
    Column("Session name", "session_name"),
    choice("Role", "practitioner_role", terminology.practitioner_roles),
    number_column("Slot length (minutes)", "slot_minutes", needed=True),
    Column("Slot type", "slot_type", needed=True),
    choice("Delivery channel", "delivery_channel", terminology.delivery_channels),
    truth_column("GP Connect bookable", "gp_connect_bookable"),
    Column("Access profile", "access_profile", hint="Its name. Empty: everybody."),
)
NEEDED = ("date", "start", "end", "slot_minutes", "slot_type")
NOBODY = {
    "session_holder": "nobody of that name or SDS user ID works at this practice",
    "location": "this practice has no open location of that name",
    "access_profile": "this practice has no access profile of that name",
}


class Time(NamedTuple):
    """When somebody is busy: at which practice, or in which row of the file."""

    start: datetime
    end: datetime
    practice_id: int | None = None
    row: int = 0


class Rota(Kind):
    """A session is there already where somebody has one from and to these times."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    most_rows: ClassVar[int] = 25  # each is made by itself, under the lock of the practice

    def __init__(self, organisation: Organisation, *, now: datetime) -> None:
        super().__init__(organisation, now=now)
        self.planned_times: dict[int, list[Time]] = defaultdict(list)

    def plan(self, rows: Sequence[SheetRow], *, lock: bool = False) -> list[PlannedRow]:
        known = KnownPlaces(self.organisation, rows)
        return [self._plan_row(row, known) for row in rows]

    def _plan_row(self, row: SheetRow, known: "KnownPlaces") -> PlannedRow:
        values, problems = dict(row.values), list(row.problems)
        unreadable = {said.partition(":")[0] for said in problems}
        for name in NEEDED:
            heading = self.by_field[name].heading
            if values.get(name) is None and heading not in unreadable:
                problems.append(f"{heading}: this is missing.")
        problems += known.refer(values, self.by_field)
        planned = PlannedRow(row.number, _who(values), is_new=True, problems=problems)
        if problems:
            return planned
        session, minutes, kind = self._session(values)
        if known.has(session):
            planned.is_new = False
            return planned
        planned.problems += self._faults(session, minutes, kind)
        planned.problems += self._clashes(session, known, row.number)
        said = {**values, "start": clock.local(session.start), "end": clock.local(session.end)}
        planned.changes = [
            Change(column.heading, "", column.text(said.get(column.field)))
            for column in self.columns
            if said.get(column.field)
        ]
        planned.parts = [_arguments(session, minutes, kind)]
        return planned

    def _session(self, values: Values) -> tuple[Schedule, int, SlotKind]:
        session = Schedule(
            organisation=self.organisation,
            date=values["date"],
            start=clock.instant(values["date"], values["start"]),
            end=clock.instant(values["date"], values["end"]),
            session_name=values.get("session_name") or "",
            session_holder=values.get("session_holder"),
            location=values["location"],
            practitioner_role=values.get("practitioner_role") or "",
            access_profile=values.get("access_profile"),
        )
        kind = SlotKind(
            values["slot_type"],
            values.get("delivery_channel") or "",
            bool(values.get("gp_connect_bookable")),
            None,
            None,
            None,
            None,
        )
        return session, values["slot_minutes"], kind

    def _faults(self, session: Schedule, minutes: int, kind: SlotKind) -> list[str]:
        """What the form for such a session would refuse."""
        try:
            check_times(session.start, session.end, now=self.now)
            check_new_slots(session, minutes, kind)
        except PracticeError as refusal:
            return [str(refusal)]
        if minutes < 1 or clock.seconds(session.start) + minutes * 60 > clock.seconds(session.end):
            return ["No slot of that length fits into the session."]
        texts = {"session_name": session.session_name, "slot_type": kind.slot_type}
        return [
            f"{self.by_field[name].heading}: 100 characters at most."
            for name, text in texts.items()
            if len(text) > 100
        ]

    def _clashes(self, session: Schedule, known: "KnownPlaces", number: int) -> list[str]:
        """Say where the holder is at that time."""
        if session.session_holder_id is None:
            return []
        own = self.planned_times[session.session_holder_id]
        busy = [*known.busy[session.session_holder_id], *own]
        own.append(Time(session.start, session.end, row=number))
        for time in busy:
            if time.start < session.end and session.start < time.end:
                if time.row:
                    return [f"{session.session_holder} has another session in row {time.row} then."]
                if time.practice_id == self.organisation.pk:
                    first, last = clock.local(time.start), clock.local(time.end)
                    when = f"from {first:%H:%M} to {last:%H:%M}"
                    return [f"{session.session_holder} already has a session {when} that day."]
                return [f"{session.session_holder} is at another practice at that time."]
        return []

    def apply(self, planned: Sequence[PlannedRow], *, actor: Actor, source: Values) -> None:
        for row in differing(planned):
            detail = {**actor.detail, **source, "row": row.number}
            try:
                create_session(
                    organisation=self.organisation,
                    actor=replace(actor, detail=detail),
                    now=self.now,
                    **row.parts[0],
                )
            except PracticeError as refusal:
                raise SheetRefused(f"Row {row.number}: {refusal}") from refusal

    def rows(self) -> Iterator[list[str]]:
        first = Slot.objects.filter(schedule=OuterRef("pk"), withdrawn=False).order_by("start")
        sessions = (
            Schedule.objects.taking_place()
            .filter(organisation=self.organisation, date__gte=clock.today(self.now))
            .select_related("session_holder", "location", "access_profile")
            .annotate(first_slot=Subquery(first.values("pk")[:1]))
            .order_by("start", "pk")
        )
        found = list(sessions)
        slots = Slot.objects.in_bulk([each.first_slot for each in found if each.first_slot])
        for session in found:
            slot = slots.get(session.first_slot)
            yield self.row_of(_described(session, slot))


def _who(values: Values) -> str:
    day, holder = values.get("date"), values.get("session_holder")
    return ", ".join(filter(None, [f"{day:%a %d %b %Y}" if day else "", str(holder or "")]))


def _arguments(session: Schedule, minutes: int, kind: SlotKind) -> Values:
    """What making the session by hand is told."""
    return {
        "location_id": session.location_id,
        "start": session.start,
        "end": session.end,
        "slot_minutes": minutes,
        "slot_type": kind.slot_type,
        "session_holder_id": session.session_holder_id,
        "session_name": session.session_name,
        "practitioner_role": session.practitioner_role,
        "delivery_channel": kind.delivery_channel,
        "gp_connect_bookable": kind.gp_connect_bookable,
        "access_profile_id": session.access_profile_id,
    }


def _described(session: Schedule, slot: Slot | None) -> Values:
    """A session by fields, its slots by the first of them."""
    holder = session.session_holder
    said: Values = {
        "date": session.date,
        "start": clock.local(session.start),
        "end": clock.local(session.end),
        "session_holder": (holder.sds_user_id or str(holder)) if holder else "",
        "location": session.location.name,
        "session_name": session.session_name,
        "practitioner_role": session.practitioner_role,
        "access_profile": session.access_profile and session.access_profile.name,
    }
    if slot:
        said |= {
            "slot_minutes": (clock.seconds(slot.end) - clock.seconds(slot.start)) // 60,
            "slot_type": slot.slot_type,
            "delivery_channel": slot.delivery_channel,
            "gp_connect_bookable": slot.gp_connect_bookable,
        }
    return said


class KnownPlaces:
    """Who, where and under which profile a session of the practice may be, and who is busy when."""

    def __init__(self, organisation: Organisation, rows: Sequence[SheetRow]) -> None:
        holders = list(possible_holders(organisation=organisation))
        self.places = list(possible_places(organisation=organisation))
        self.records: dict[str, list[Model]] = {
            "session_holder": [*holders],
            "location": [*self.places],
            "access_profile": [*AccessProfile.objects.filter(organisation=organisation)],
        }
        self.busy: dict[int | None, list[Time]] = defaultdict(list)
        self.sessions: set[tuple[object, ...]] = set()
        days = [row.values["date"] for row in rows if row.values.get("date")]
        if not days:
            return
        span = {"start__lt": clock.day_end(max(days)), "end__gt": clock.day_start(min(days))}
        own = Schedule.objects.taking_place().filter(organisation=organisation, **span)
        for session in own:
            self.sessions.add(_key(session))
        with across_practices():  # nobody is in two places at once
            times = Schedule.objects.taking_place().filter(session_holder__in=holders, **span)
            for session in times:
                time = Time(session.start, session.end, session.organisation_id)
                self.busy[session.session_holder_id].append(time)

    def has(self, session: Schedule) -> bool:
        return _key(session) in self.sessions

    def refer(self, values: Values, columns: dict[str, Column]) -> list[str]:
        """Put records in place of the words for them; return what is wrong with these."""
        problems = []
        for name, said in NOBODY.items():
            words = values.get(name)
            if not words:
                continue
            found = [each for each in self.records[name] if words.casefold() in _words_for(each)]
            if len(found) == 1:
                values[name] = found[0]
            else:
                why = f"several are called “{words}”; write the SDS user ID" if found else said
                problems.append(f"{columns[name].heading}: {why}.")
        if not values.get("location"):
            main = next((place for place in self.places if place.is_main), None)
            values["location"] = main
            if main is None:
                problems.append("Location: this is missing, and there is no main surgery.")
        return problems


def _key(session: Schedule) -> tuple[object, ...]:
    """By which a session is found again: whose and when; of nobody's also where and its name."""
    when = (session.start, session.end)
    if session.session_holder_id:
        return (session.session_holder_id, *when)
    return (None, *when, session.location_id, session.session_name)


def _words_for(record: Model) -> Iterable[str]:
    if isinstance(record, Practitioner) and record.sds_user_id:
        return {str(record).casefold(), record.sds_user_id.casefold()}
    return {record.name.casefold() if isinstance(record, Location) else str(record).casefold()}
