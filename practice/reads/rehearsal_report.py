"""How far a rehearsal has come, and what went wrong in it: as the audit trail has it.

Nothing is asked of the other side. What it did is in the trail (practice.services.audit), whatever
became of it; here each event is a step done, a step done too early, something wrong, or neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from django.db.models import Q

from practice import clock
from practice.models import Appointment, AuditEvent, Patient, Rehearsal, Slot
from practice.reads import rehearsals

MOST_EVENTS = 2_000
LONGEST_SEARCH = timedelta(days=14)
MOST_WRONG = 30  # the latest; a loop of a program says the same a thousand times

SEARCH, OFFERED, FIND, BOOK, SEEN = "search", "offered", "find", "book", "seen"
AMEND, CANCEL, RESTRICTED, NOT_REGISTERED = "amend", "cancel", "restricted", "not-registered"
TITLES = {
    SEARCH: "It searches for free slots",
    OFFERED: "It is offered the test slots",
    FIND: "It finds the test patient",
    BOOK: "It books a test slot",
    SEEN: "The practice sees the booking",
    AMEND: "It amends the booking",
    CANCEL: "It cancels the booking",
    RESTRICTED: "It is refused the restricted slot",
    NOT_REGISTERED: "It is told that a patient is not registered",
}
# What must have been done before a step, so that it is done in its order.
AFTER = {OFFERED: (SEARCH,), BOOK: (OFFERED, FIND), AMEND: (BOOK,), CANCEL: (AMEND,)}
TOO_EARLY = {
    BOOK: "It booked before it had searched, was offered the test slots and found the test patient."
    " Let it begin again with the search.",
    AMEND: "It amended what it had booked out of order. Let it begin again with the search.",
    CANCEL: "It cancelled before it had amended a booking made in its order."
    " Let it book again, then amend, then cancel.",
}
# The ends of the ids of interactions, which other versions of the interface share.
SEARCHES, FINDS = ":search:slot-1", ":search:patient-1"
READS, BOOKS = ":read:patient-1", ":create:appointment-1"
AMENDS, CANCELS = ":update:appointment-1", ":cancel:appointment-1"


class Event(NamedTuple):
    """A request of the other side, as the trail has it."""

    recorded_at: datetime
    event: str
    outcome: str
    diagnostics: str
    patient_id: int | None
    resource: str
    detail: dict[str, Any]

    @property
    def succeeded(self) -> bool:
        return self.outcome.startswith("2")

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(str(self.detail.get("url", ""))).query)

    def sent(self, name: str) -> list[str]:
        """What a parameter of the address was."""
        return [value for found, value in self.query if found == name]

    @property
    def named(self) -> list[str]:
        """The codes of what a token parameter named: after the system."""
        names = ("searchFilter", "identifier")
        return [value.partition("|")[2] for name in names for value in self.sent(name)]

    @property
    def slots(self) -> set[int]:
        found = self.detail.get("slots")
        return (
            {each for each in found if isinstance(each, int)} if isinstance(found, list) else set()
        )


class Wrong(NamedTuple):
    """Something that was not as it is to be, in words for both sides, and when."""

    at: datetime
    words: str


class Step(NamedTuple):
    """A step of the rehearsal: when it was done, if it was; ``early``: only out of its order."""

    key: str
    title: str
    done_at: datetime | None
    early: bool


@dataclass
class Report:
    """What a rehearsal has come to."""

    rehearsal: Rehearsal
    done: dict[str, datetime] = field(default_factory=dict)
    early: dict[str, datetime] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    last_heard: datetime | None = None

    @classmethod
    def of(cls, rehearsal: Rehearsal) -> Self:
        """Read the trail; of one that has ended, what was kept of it then."""
        if rehearsal.ended_at is not None:
            return cls._kept(rehearsal)
        report = cls(rehearsal)
        for event in report.events():
            report.last_heard = event.recorded_at
            report.read(event)
        if rehearsal.seen_at:
            report.done[SEEN] = rehearsal.seen_at
        return report

    @property
    def steps(self) -> list[Step]:
        """All steps, in the order in which they are to be done."""
        return [
            Step(key, title, self.done.get(key), key in self.early and key not in self.done)
            for key, title in TITLES.items()
        ]

    @property
    def is_complete(self) -> bool:
        """Whether every step was done, in its order."""
        return TITLES.keys() <= self.done.keys()

    @property
    def latest_wrong(self) -> list[Wrong]:
        """What went wrong, the latest first, each time in a row once."""
        found: list[Wrong] = []
        for each in self.wrong:
            if not found or found[-1].words != each.words:
                found.append(each)
            else:
                found[-1] = each
        return found[::-1][:MOST_WRONG]

    # ------------------------------------------------------------ kept when it ends

    def record(self) -> dict[str, Any]:
        """What is kept of it."""
        heard = self.last_heard
        return {
            "done": {key: at.isoformat() for key, at in self.done.items()},
            "early": {key: at.isoformat() for key, at in self.early.items()},
            "wrong": [[each.at.isoformat(), each.words] for each in self.latest_wrong[::-1]],
            "last_heard": heard.isoformat() if heard else "",
        }

    @classmethod
    def _kept(cls, rehearsal: Rehearsal) -> Self:
        kept, read = rehearsal.record, datetime.fromisoformat
        return cls(
            rehearsal,
            done={key: read(at) for key, at in kept["done"].items()},
            early={key: read(at) for key, at in kept["early"].items()},
            wrong=[Wrong(read(at), words) for at, words in kept["wrong"]],
            last_heard=read(kept["last_heard"]) if kept["last_heard"] else None,
        )

    # ------------------------------------------------------------ what the trail has

    def events(self) -> Iterator[Event]:
        """What the other side asked, and what nobody can be named for; in their order."""
        theirs = Q(detail__organisation_ods_code=self.rehearsal.ods_code)
        nobodys = Q(detail__organisation_ods_code__isnull=True)
        found = AuditEvent.objects.filter(
            theirs | nobodys,
            organisation=self.rehearsal.organisation_id,
            door=AuditEvent.Door.GP_CONNECT,
            recorded_at__gte=self.rehearsal.begun_at,
            recorded_at__lte=self.rehearsal.ends_at,
        )
        rows = found.order_by("recorded_at", "pk").values_list(*Event._fields)
        for row in rows[:MOST_EVENTS]:
            yield Event._make(row)

    @cached_property
    def patients(self) -> tuple[Patient, Patient]:
        return rehearsals.test_patients(self.rehearsal)

    @cached_property
    def slots(self) -> list[Slot]:
        """Those that are offered, and the restricted one as the last."""
        return rehearsals.test_slots(self.rehearsal)

    @cached_property
    def offered(self) -> list[Slot]:
        return self.slots[:-1]

    @property
    def restricted(self) -> Slot:
        return self.slots[-1]

    @property
    def day(self) -> date:
        """The day of the test slots."""
        return self.slots[0].schedule.date

    @cached_property
    def booked(self) -> Appointment | None:
        """What it has booked and not cancelled."""
        return rehearsals.booked(self.rehearsal)

    # ------------------------------------------------------------ reading an event

    def read(self, event: Event) -> None:
        if not event.detail.get("organisation_ods_code"):
            self.say(event, f"A request did not say who asks, and was refused: {event.diagnostics}")
            return
        reading = {
            SEARCHES: self.read_search,
            FINDS: self.read_find,
            READS: self.read_find,
            BOOKS: self.read_booking,
            AMENDS: self.read_change,
            CANCELS: self.read_change,
        }
        for end, read in reading.items():
            if event.event.endswith(end):
                return read(event)
        if not event.succeeded:
            self.say(event, f"A request was refused: {event.diagnostics}")
        return None

    def say(self, event: Event, words: str) -> None:
        self.wrong.append(Wrong(event.recorded_at, words))

    def tick(self, step: str, event: Event) -> None:
        """A step was done: the first time in its order counts."""
        if all(each in self.done for each in AFTER.get(step, ())):
            self.done.setdefault(step, event.recorded_at)
            self.early.pop(step, None)
        elif step not in self.done:
            self.early[step] = event.recorded_at
            self.say(event, TOO_EARLY[step])

    def read_search(self, event: Event) -> None:
        span = searched(event)
        if not event.succeeded:
            apart = searched(event, last=False)  # from date to date, as the interface counts
            if apart and apart[1] - apart[0] > LONGEST_SEARCH:
                days = -((apart[0] - apart[1]) // timedelta(days=1))
                self.say(event, f"It searched for {days} days: at most 14 are allowed.")
            else:
                self.say(event, f"Its search was refused: {event.diagnostics}")
            return
        self.tick(SEARCH, event)
        if self.rehearsal.ods_code not in event.named:
            self.say(
                event,
                f"It searched without its own ODS code, {self.rehearsal.ods_code}, as searchFilter:"
                " so it is not offered what is only for it.",
            )
        elif span and any(span[0] <= each.start and each.end <= span[1] for each in self.offered):
            if event.detail.get("slots_shown"):
                self.tick(OFFERED, event)
        else:
            self.say(
                event,
                f"It searched other times: the test slots are on {self.day:%A %-d %B}, from"
                f" {clock.local(self.offered[0].start):%H:%M}.",
            )

    def read_find(self, event: Event) -> None:
        test, not_registered = self.patients
        if event.succeeded and event.patient_id == test.pk:
            self.tick(FIND, event)
        elif event.patient_id == not_registered.pk or not_registered.nhs_number in event.named:
            self.tick(NOT_REGISTERED, event)
        elif event.succeeded and event.patient_id:
            self.say(event, "It looked up a real patient of the practice, not the test patient.")
        elif event.succeeded:
            self.say(event, "It looked for an NHS number that is not the test patient’s.")
        else:
            self.say(event, f"Its search for the patient was refused: {event.diagnostics}")

    def read_booking(self, event: Event) -> None:
        test, not_registered = self.patients
        tests = {each.pk for each in self.slots}
        if event.patient_id == not_registered.pk and not event.succeeded:
            self.tick(NOT_REGISTERED, event)
        elif event.succeeded and event.patient_id == test.pk:
            self.tick(BOOK, event)
        elif event.succeeded:
            self.say(
                event,
                f"It made a real booking, {event.resource}, which is no part of the rehearsal:"
                " it stays in the diary until somebody cancels it.",
            )
        elif event.patient_id == test.pk and self.restricted.pk in event.slots:
            self.tick(RESTRICTED, event)
        elif event.slots & tests and event.patient_id != test.pk:
            self.say(
                event,
                "It tried to book a test slot for another patient, and was refused."
                " Test slots are for the test patient only.",
            )
        elif event.patient_id == test.pk and event.slots and not event.slots & tests:
            self.say(
                event,
                "It tried to book a real slot for the test patient, and was refused."
                " The test patient has test slots only.",
            )
        else:
            self.say(event, f"Its booking was refused: {event.diagnostics}")

    def read_change(self, event: Event) -> None:
        is_amended = event.event.endswith(AMENDS)
        what, step = ("amend", AMEND) if is_amended else ("cancel", CANCEL)
        if event.succeeded and event.patient_id == self.patients[0].pk:
            self.tick(step, event)
        elif event.succeeded:
            self.say(event, f"It did {what} a real booking, {event.resource}.")
        else:
            self.say(event, f"It tried to {what}, and was refused: {event.diagnostics}")


def searched(event: Event, *, last: bool = True) -> tuple[datetime, datetime] | None:
    """From when to when a search was, if that can be read; the last day included, or not."""
    start = [edge(value[2:], last=False) for value in event.sent("start")]
    end = [edge(value[2:], last=last) for value in event.sent("end")]
    return (start[0], end[0]) if start and end and start[0] and end[0] else None


def edge(text: str, *, last: bool) -> datetime | None:
    """A date, of which the whole day is meant, or a date and time."""
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return clock.day_end(day) if last else clock.day_start(day)
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else None
