"""What a plan is made of: what would happen to sessions, slots and bookings, and what would not.

Plain values without a database. planner makes them, runs applies them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from practice.clock import moment
from practice.models import Organisation, Slot
from practice.services.generation.planned_sessions import PlannedSlot


class SessionValues(NamedTuple):
    """A session's own columns, by the names of Schedule; start and end in seconds since 1970."""

    start: int
    end: int
    session_name: str
    session_holder_id: int | None
    location_id: int
    practitioner_role: str
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None
    healthcare_service_id: int | None = None
    no_healthcare_service: bool = False


class SlotRow(NamedTuple):
    """A slot as it was read; ``kind`` compares with a SlotKind."""

    id: int
    version: int
    start: int
    end: int
    status: str
    withdrawn: bool
    withdrawn_by_plan: bool
    changed_by_hand: bool
    overbooked: bool
    kind: tuple[object, ...]

    @property
    def is_free(self) -> bool:
        return self.status == Slot.Status.FREE

    @property
    def is_booked(self) -> bool:
        return self.status == Slot.Status.BUSY

    @property
    def is_fixed(self) -> bool:
        """In its place for good: booked, held, blocked, or as a person wanted it."""
        if self.withdrawn or self.overbooked or self.status == Slot.Status.ENTERED_IN_ERROR:
            return False
        return self.changed_by_hand or not self.is_free


class HeldAppointment(NamedTuple):
    """A live appointment of a session; ``extra``: in slots beside the session's own only.

    ``settled``: it is known already what became of it, as of somebody seen before their time.
    """

    id: int
    patient_id: int
    start: int
    end: int
    orphaned: bool
    extra: bool
    settled: bool = False

    @property
    def may_become_orphan(self) -> bool:
        return not self.orphaned and not self.settled


class SlotChange(NamedTuple):
    """A slot and what it becomes; nothing: it stays as it is, but is no longer withdrawn."""

    row: SlotRow
    to: PlannedSlot | None


class Action(StrEnum):
    """What happens to a session itself."""

    CREATE = "create"
    CHANGE = "change"
    RESTORE = "restore"
    WITHDRAW = "withdraw"
    LEAVE = "leave"


@dataclass(frozen=True)
class Skipped:
    """What was not done, and why, in words."""

    date: date
    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.date:%a %d %b %Y}, {self.what}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        """As a GenerationRun and the command's output keep it."""
        return {"date": self.date.isoformat(), "session": self.what, "reason": self.reason}


@dataclass(frozen=True)
class SessionPlan:
    """What happens to one session of one date, and to the slots and appointments in it."""

    title: str
    date: date
    action: Action
    template_id: int | None
    schedule_id: int | None
    values: SessionValues
    was: SessionValues | None = None
    create: tuple[PlannedSlot, ...] = ()
    change: tuple[SlotChange, ...] = ()
    restore: tuple[SlotChange, ...] = ()
    withdraw: tuple[SlotRow, ...] = ()
    slots_left: int = 0
    orphan: tuple[HeldAppointment, ...] = ()
    unorphan: tuple[HeldAppointment, ...] = ()

    @property
    def changes_something(self) -> bool:
        return self.action != Action.LEAVE or any(
            (self.create, self.change, self.restore, self.withdraw, self.orphan, self.unorphan)
        )

    @property
    def has_new_holder(self) -> bool:
        return self.was is not None and self.was.session_holder_id != self.values.session_holder_id

    @property
    def has_new_service(self) -> bool:
        was = self.was
        return was is not None and was.healthcare_service_id != self.values.healthcare_service_id

    @property
    def start(self) -> datetime:
        return moment(self.values.start)

    @property
    def end(self) -> datetime:
        return moment(self.values.end)

    @property
    def _what_happens(self) -> tuple[object, ...]:
        """Everything but what is left as it is: two plans alike in this do the same."""
        return (
            (self.schedule_id, self.template_id, self.date, self.action, self.values),
            [tuple(slot) for slot in self.create],
            [(change.row.id, change.to) for change in (*self.change, *self.restore)],
            [row.id for row in self.withdraw],
            [held.id for held in (*self.orphan, *self.unorphan)],
        )


@dataclass(frozen=True)
class WeekPlan:
    """At most seven days: what one transaction applies. Sessions left as they are stay unnamed."""

    from_date: date
    to_date: date
    sessions: tuple[SessionPlan, ...]
    skipped: tuple[Skipped, ...]
    slots_left: int

    @property
    def counts(self) -> Counter[str]:
        """The numbers of a run, by the names of GenerationRun where it has them."""
        counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        counts["slots_left"] = self.slots_left
        for session in self.sessions:
            if session.action in COUNTED_ACTIONS:
                counts[COUNTED_ACTIONS[session.action]] += 1
            counts["slots_created"] += len(session.create)
            counts["slots_changed"] += len(session.change)
            counts["slots_restored"] += len(session.restore)
            counts["slots_withdrawn"] += len(session.withdraw)
            counts["appointments_orphaned"] += len(session.orphan)
            counts["appointments_unorphaned"] += len(session.unorphan)
        return counts

    @property
    def digest(self) -> str:
        """A short text that differs when anything that would be done, or skipped, differs."""
        doings = [session._what_happens for session in self.sessions]
        reasons = [(item.date, item.what, item.reason) for item in self.skipped]
        return hashlib.sha256(repr((doings, reasons)).encode()).hexdigest()


COUNTED_ACTIONS = {
    Action.CREATE: "sessions_created",
    Action.CHANGE: "sessions_changed",
    Action.RESTORE: "sessions_restored",
    Action.WITHDRAW: "sessions_withdrawn",
}
COUNTED = (
    *COUNTED_ACTIONS.values(),
    "slots_created",
    "slots_changed",
    "slots_restored",
    "slots_withdrawn",
    "slots_left",
    "appointments_orphaned",
    "appointments_unorphaned",
)


@dataclass(frozen=True)
class Scope:
    """For which dates and templates (all, when None) something is planned, and at which moment.

    ``without_closure`` is the id of a closure that is planned to go: it closes nothing.
    """

    organisation: Organisation
    from_date: date
    to_date: date
    now: datetime
    template_ids: frozenset[int] | None = None
    without_closure: int | None = None

    def weeks(self) -> Iterator[tuple[date, date]]:
        """The dates in stretches of at most seven days, first and last of each."""
        first = self.from_date
        while first <= self.to_date:
            yield first, min(first + timedelta(days=6), self.to_date)
            first += timedelta(days=7)


@dataclass(frozen=True)
class Plan:
    """What generating would do in a range of dates. ``digest`` names exactly these doings."""

    scope: Scope
    weeks: tuple[WeekPlan, ...]

    @property
    def sessions(self) -> Iterator[SessionPlan]:
        return chain.from_iterable(week.sessions for week in self.weeks)

    @property
    def skipped(self) -> Iterator[Skipped]:
        return chain.from_iterable(week.skipped for week in self.weeks)

    @property
    def orphaned_ids(self) -> list[int]:
        """The ids of the appointments that would be left without their session."""
        return [held.id for session in self.sessions for held in session.orphan]

    @cached_property
    def counts(self) -> Counter[str]:
        counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        for week in self.weeks:
            counts.update(week.counts)
        return counts

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256("".join(week.digest for week in self.weeks).encode()).hexdigest()
