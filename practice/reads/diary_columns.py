"""A stretch of the diary as staff see it: sessions by holder, and in each what fills its time.

A constant number of queries, however many holders and slots. An entry is a slot that nobody has,
or an appointment with all of its slots; both say their state in the words of reception.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from practice import clock
from practice.models import (
    AccessProfile,
    Appointment,
    CalledIn,
    Closure,
    Organisation,
    Practitioner,
    Schedule,
    Slot,
)
from practice.reads.bookability import embargo_ends
from practice.reads.diary_rows import AppointmentRow, Choice, Filling, filling_of
from practice.reads.kept_slots import NOBODY, kept

# How each state is called, and the class that colours it.
STATES = {
    "free": "Free",
    "booked": "Booked",
    "arrived": "Arrived",
    "in": "In",
    "seen": "Seen",
    "dna": "Did not attend",
    "blocked": "Blocked",
    "embargoed": "Embargoed",
    "reserved": "Reserved",
    "orphaned": "Orphaned",
    "withdrawn": "Withdrawn",
    "cancelled": "Cancelled",
}
OF_APPOINTMENT: dict[str, str] = {
    Appointment.Status.BOOKED: "booked",
    Appointment.Status.ARRIVED: "arrived",
    Appointment.Status.FULFILLED: "seen",
    Appointment.Status.NO_SHOW: "dna",
    Appointment.Status.CANCELLED: "cancelled",
}
CHANNELS = {"In-person": "", "Telephone": "Tel", "Video": "Video"}
HIDDEN = {"cancelled", "withdrawn"}
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Entry:
    """One block of a column. ``what`` and ``pk`` name it in addresses: appointment 9, slot 17."""

    what: str
    pk: int
    start: datetime
    end: datetime
    state: str
    heading: str
    detail: str
    gp_connect: bool
    until: datetime | None = None
    is_past: bool = False
    patient: int | None = None
    booked_by: str = ""  # the organisation that did, of what came from outside
    whom: str = ""  # whom a free slot is kept for

    @property
    def key(self) -> str:
        return f"{self.what}-{self.pk}"

    @property
    def state_in_words(self) -> str:
        if self.state == "free" and self.is_past:
            return "Not used"
        return STATES[self.state]

    @property
    def minutes(self) -> int:
        return (self.end - self.start) // MINUTE


@dataclass
class Session:
    """A session and what fills it, by time."""

    schedule: Schedule
    entries: list[Entry] = field(default_factory=list)


class ClosedTime(NamedTuple):
    """A time of a column in which nobody works; ``away``: its session holder is not there."""

    pk: int
    start: datetime
    end: datetime
    words: str
    away: bool
    to_ring: int  # people who do not know yet what it has done to their appointment


@dataclass
class Column:
    """A session holder's time, or the sessions at one location that name nobody.

    ``hidden`` counts what was left out: cancelled appointments and withdrawn slots.
    """

    holder: Practitioner | None
    role: str
    sessions: list[Session]
    free: int = 0
    waiting: int = 0
    hidden: int = 0
    closed: list[ClosedTime] = field(default_factory=list)

    @property
    def key(self) -> str:
        return key_of(self.sessions[0].schedule)

    @property
    def name(self) -> str:
        return str(self.holder) if self.holder else str(self.sessions[0].schedule.location)

    @property
    def places(self) -> str:
        """Every place of the column, once, in the order of the day."""
        return ", ".join(dict.fromkeys(str(s.schedule.location) for s in self.sessions))

    @property
    def names(self) -> str:
        """What the sessions of the column are called, once each."""
        names = dict.fromkeys(s.schedule.session_name for s in self.sessions)
        return ", ".join(filter(None, names))

    @property
    def entries(self) -> list[Entry]:
        return [entry for session in self.sessions for entry in session.entries]


def key_of(schedule: Schedule) -> str:
    """Name the column of a day in which a session stands."""
    holder = schedule.session_holder_id
    return f"holder-{holder}" if holder else f"location-{schedule.location_id}"


@dataclass(frozen=True)
class Day:
    """One London day of the diary; ``unseen`` counts what is hidden where nothing is left."""

    date: date
    columns: list[Column]
    unseen: dict[str, int]

    @property
    def hidden(self) -> int:
        """How much of the day is left out."""
        return sum(column.hidden for column in self.columns) + sum(self.unseen.values())


def days(
    organisation: Organisation,
    first: date,
    last: date,
    choice: Choice,
    *,
    now: datetime,
    schedules: list[Schedule],
    filling: "Filling | None" = None,
) -> list[Day]:
    """Return the days from the first to the last, each with its columns by name.

    ``schedules``: the sessions, as ``sessions_between`` gives them; ``filling``: what fills them,
    if that has been read. A withdrawn session has a column only while something is left in it, or a
    closure says why nothing is.
    """
    held = filling or filling_of(organisation, first, last, schedules)
    closed = {s.pk: closed_times(s, held.closures, held.to_ring) for s in schedules}
    entries, hidden = entries_of(organisation, held, choice, now=now)
    roles = held.roles
    found = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        todays = [schedule for schedule in schedules if schedule.date == day]
        shown = [s for s in todays if not s.withdrawn or entries.get(s.pk) or closed[s.pk]]
        columns = columns_of(shown, entries, roles, hidden, choice)
        for column in columns:
            column.closed = [each for s in column.sessions for each in closed[s.schedule.pk]]
        unseen: dict[str, int] = defaultdict(int)
        for schedule in todays:
            if schedule not in shown:
                unseen[key_of(schedule)] += hidden[schedule.pk]
        found.append(Day(day, columns, dict(unseen)))
    return found


def closed_times(
    schedule: Schedule, closures: Iterable[Closure], to_ring: dict[int, int]
) -> list[ClosedTime]:
    """Return what closures take from a session, with their reasons, if they take anything.

    A bank holiday does not close a session that takes place all the same.
    """
    found = []
    for closure in closures:
        if not closure.is_of(schedule.location_id, schedule.session_holder_id):
            continue
        if closure.kind == Closure.Kind.BANK_HOLIDAY and not schedule.withdrawn:
            continue
        first, last = closure.period
        start, end = max(first, schedule.start), min(last, schedule.end)
        if start < end:
            away = closure.practitioner_id is not None
            words = closed_in_words(closure)
            ring = to_ring.get(closure.pk, 0)
            found.append(ClosedTime(closure.pk, start, end, words, away, ring))
    return found


def closed_in_words(closure: Closure) -> str:
    """Return Off sick: clinician unwell, or what kind of closure it is."""
    kind = str(closure.get_kind_display())
    return f"{kind}: {closure.name}" if closure.name and closure.name != kind else kind


def entries_of(
    organisation: Organisation, filling: Filling, choice: Choice, *, now: datetime
) -> tuple[dict[int, list[Entry]], dict[int, int]]:
    """Return the entries of each session by start, and how many were left out of each."""
    by_session: dict[int, list[Entry]] = defaultdict(list)
    hidden: dict[int, int] = defaultdict(int)
    found: list[tuple[int, Entry]] = []
    for booked in filling.appointments:
        found.append((booked.schedule_id, entry_of_appointment(booked, now=now)))
    for slot in filling.slots:
        entry = entry_of_slot(slot, organisation, now=now, profiles=filling.profiles)
        found.append((slot.schedule_id, entry))
    for schedule, entry in found:
        if entry.state in HIDDEN and not choice.show_hidden:
            hidden[schedule] += 1
        else:
            by_session[schedule].append(entry)
    for entries in by_session.values():
        entries.sort(key=lambda entry: (entry.start, entry.end, entry.what, entry.pk))
    return by_session, hidden


def entry_of_appointment(appointment: "Appointment | AppointmentRow", *, now: datetime) -> Entry:
    """Return an appointment as the diary shows it: who, how old, and what became of it."""
    patient = appointment.patient
    state = OF_APPOINTMENT.get(appointment.status, "booked")
    if appointment.orphaned and state == "booked":
        state = "orphaned"
    if state == "arrived" and called_in_at(appointment):
        state = "in"
    return Entry(
        what="appointment",
        pk=appointment.pk,
        start=appointment.start,
        end=appointment.end,
        state=state,
        heading=f"{patient.given_names} {patient.family_name}, {age(patient.birth_date, now)}",
        detail=kind(appointment.slot_type, appointment.delivery_channel),
        gp_connect=appointment.booked_via == Appointment.Door.GP_CONNECT,
        patient=appointment.patient_id,
        booked_by=appointment.booking_organisation_name,
    )


def called_in_at(appointment: "Appointment | AppointmentRow") -> datetime | None:
    """Return since when a patient has been in, with the clinician; None: nobody has said so."""
    if isinstance(appointment, AppointmentRow):
        return appointment.called_in__at
    found: CalledIn | None = getattr(appointment, "called_in", None)
    return found.at if found else None


def entry_of_slot(
    slot: Any,  # a Slot, or its SlotRow
    organisation: Organisation,
    *,
    now: datetime,
    profiles: dict[int, AccessProfile] | None = None,
) -> Entry:
    """Return a slot that nobody has as the diary shows it."""
    state, until = slot_state(slot, organisation, now=now)
    is_kept = NOBODY
    if state in {"free", "embargoed"} and slot.end > now:
        is_kept = kept(slot, organisation=organisation, now=now, profiles=profiles)
        if is_kept.whom and state == "free":
            state, until = "reserved", is_kept.until
    return Entry(
        what="slot",
        pk=slot.pk,
        start=slot.start,
        end=slot.end,
        state=state,
        heading="",
        detail=slot.note or kind(slot.slot_type, slot.delivery_channel),
        gp_connect=slot.gp_connect_bookable and state in {"free", "embargoed", "reserved"},
        until=until,
        whom=is_kept.whom,
        is_past=slot.end <= now,  # staff may book a slot until then
    )


def slot_state(
    slot: Slot, organisation: Organisation, *, now: datetime
) -> tuple[str, datetime | None]:
    """Return the state of a slot that nobody has, and until when it is embargoed."""
    if slot.withdrawn or slot.schedule.withdrawn:
        return "withdrawn", None
    if slot.status != Slot.Status.FREE:
        return "blocked", None
    until = embargo_ends(slot, organisation)
    if slot.gp_connect_bookable and until is not None and now < until:
        return "embargoed", until
    return "free", None


def columns_of(
    schedules: Iterable[Schedule],
    entries: dict[int, list[Entry]],
    roles: dict[int, str],
    hidden: dict[int, int],
    choice: Choice,
) -> list[Column]:
    """Return a column for each holder, or place without one, in the order of the choice."""
    columns: dict[tuple[str, int | None], Column] = {}
    for schedule in schedules:
        holder = schedule.session_holder
        key = ("holder", holder.pk) if holder else ("location", schedule.location_id)
        role = roles.get(schedule.session_holder_id or 0, "")
        column = columns.setdefault(key, Column(holder, role, []))
        session = Session(schedule, entries.get(schedule.pk, []))
        column.sessions.append(session)
        column.free += sum(e.state == "free" and not e.is_past for e in session.entries)
        column.waiting += sum(e.state == "arrived" for e in session.entries)
        column.hidden += hidden[schedule.pk]
    return sorted(columns.values(), key=lambda each: choice.place_of(each.holder, each.name))


today_at = lru_cache(maxsize=8)(clock.today)  # asked again for everybody in the diary


def age(born: date, now: datetime) -> int:
    """Return how many years old somebody born on a day is today."""
    today = today_at(now)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@lru_cache(maxsize=512)
def kind(slot_type: str, channel: str) -> str:
    """Return a slot's type, and its channel unless people come in person or the type says it."""
    words = CHANNELS.get(channel, channel)
    said = words.lower() in slot_type.lower()
    return slot_type if said else " · ".join(filter(None, [slot_type, words]))
