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
    AppointmentSlot,
    Closure,
    Location,
    Organisation,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
)
from practice.reads.access_profiles import profiles as access_profiles
from practice.reads.bookability import embargo_ends
from practice.reads.closures import closures_between, still_to_ring
from practice.reads.directory import possible_holders
from practice.reads.kept_slots import NOBODY, kept

# How each state is called, and the class that colours it.
STATES = {
    "free": "Free",
    "booked": "Booked",
    "arrived": "Arrived",
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
class Choice:
    """What a reader wants to see of the diary; None: all of it."""

    location: int | None = None
    holder: int | None = None
    schedule: int | None = None
    show_hidden: bool = False

    def has(self, schedule: Schedule) -> bool:
        """Whether a session is among it."""
        return (
            self.location in (None, schedule.location_id)
            and self.holder in (None, schedule.session_holder_id)
            and self.schedule in (None, schedule.pk)
        )


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
) -> list[Day]:
    """Return the days from the first to the last, each with its columns by name: eight queries.

    ``schedules``: the sessions, as ``sessions_between`` gives them. A withdrawn session has
    a column only while something is left in it, or a closure says why nothing is.
    """
    every = list(closures_between(first, last, organisation=organisation))
    to_ring = still_to_ring(every)
    closed = {schedule.pk: closed_times(schedule, every, to_ring) for schedule in schedules}
    entries, hidden = entries_of(organisation, schedules, choice, now=now)
    roles = role_names(organisation, {s.session_holder_id for s in schedules})
    found = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        todays = [schedule for schedule in schedules if schedule.date == day]
        shown = [s for s in todays if not s.withdrawn or entries.get(s.pk) or closed[s.pk]]
        columns = columns_of(shown, entries, roles, hidden)
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


def sessions_between(
    organisation: Organisation, first: date, last: date, choice: Choice
) -> list[Schedule]:
    """Return the sessions of these days, withdrawn ones too, by time; one query."""
    found = Schedule.objects.filter(organisation=organisation, date__range=(first, last))
    for name, value in (
        ("location", choice.location),
        ("session_holder", choice.holder),
        ("pk", choice.schedule),
    ):
        if value is not None:
            found = found.filter(**{name: value})
    return list(found.select_related("session_holder", "location").order_by("start", "pk"))


# Hundreds of rows: as tuples, which bear the names of the models' fields. An instance costs ten
# times as much, and what an appointment keeps of its past is not needed here.


class SlotRow(NamedTuple):
    """What the diary and the rule ask of a slot."""

    pk: int
    schedule_id: int
    start: datetime
    end: datetime
    status: str
    slot_type: str
    delivery_channel: str
    gp_connect_bookable: bool
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None
    note: str
    withdrawn: bool
    schedule: Schedule


class PatientRow(NamedTuple):
    """What the diary says of a patient."""

    given_names: str
    family_name: str
    birth_date: date


class AppointmentRow(NamedTuple):
    """What the diary says of an appointment."""

    pk: int
    schedule_id: int
    patient_id: int
    start: datetime
    end: datetime
    status: str
    orphaned: bool
    slot_type: str
    delivery_channel: str
    booked_via: str
    booking_organisation_name: str
    patient: PatientRow


def entries_of(
    organisation: Organisation, schedules: list[Schedule], choice: Choice, *, now: datetime
) -> tuple[dict[int, list[Entry]], dict[int, int]]:
    """Return the entries of each session by start, and how many were left out of each."""
    appointments = (
        Appointment.objects.valid()
        .filter(organisation=organisation, schedule__in=schedules)
        .values_list(*AppointmentRow._fields[:-1], *(f"patient__{n}" for n in PatientRow._fields))
    )
    taken = set(
        AppointmentSlot.objects.held()
        .filter(appointment__schedule__in=schedules)
        .values_list("slot", flat=True)
    )
    by_session: dict[int, list[Entry]] = defaultdict(list)
    hidden: dict[int, int] = defaultdict(int)
    found: list[tuple[int, Entry]] = []
    width = len(AppointmentRow._fields) - 1
    for values in appointments:
        booked: Any = AppointmentRow._make((*values[:width], PatientRow._make(values[width:])))
        found.append((booked.schedule_id, entry_of_appointment(booked, now=now)))
    at_home = {schedule.pk: schedule for schedule in schedules}
    profiles = {profile.pk: profile for profile in access_profiles(organisation=organisation)}
    slots = Slot.objects.valid().filter(organisation=organisation, schedule__in=schedules)
    for row in slots.values_list(*SlotRow._fields[:-1]):
        if row[0] not in taken:
            slot: Any = SlotRow._make((*row, at_home[row[1]]))
            found.append(
                (slot.schedule_id, entry_of_slot(slot, organisation, now=now, profiles=profiles))
            )
    for schedule, entry in found:
        if entry.state in HIDDEN and not choice.show_hidden:
            hidden[schedule] += 1
        else:
            by_session[schedule].append(entry)
    for entries in by_session.values():
        entries.sort(key=lambda entry: (entry.start, entry.end, entry.what, entry.pk))
    return by_session, hidden


def entry_of_appointment(appointment: Appointment, *, now: datetime) -> Entry:
    """Return an appointment as the diary shows it: who, how old, and what became of it."""
    patient = appointment.patient
    state = OF_APPOINTMENT.get(appointment.status, "booked")
    if appointment.orphaned and state == "booked":
        state = "orphaned"
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


def entry_of_slot(
    slot: Slot,
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
) -> list[Column]:
    """Return a column for each holder, or place without one, by name."""
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
    return sorted(columns.values(), key=lambda column: (column.holder is None, column.name))


def role_names(organisation: Organisation, holders: Iterable[int | None]) -> dict[int, str]:
    """Return the role of each holder at the practice, in words; one query."""
    roles = PractitionerRole.objects.filter(organisation=organisation, practitioner__in=holders)
    return {role.practitioner_id: role.get_role_display() for role in roles.order_by("-active")}


def people_and_places(organisation: Organisation) -> tuple[list[Practitioner], list[Location]]:
    """Return whom and where the diary can be narrowed to; two queries."""
    people = possible_holders(organisation=organisation)
    return list(people), list(organisation.locations.filter(status="active"))


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
