"""Another organisation that does as a test says, in the place of ``wire.Line``."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from practice.models import RemoteService
from practice.services.elsewhere import wire
from practice.services.elsewhere.wire import RemoteBooking, RemoteTime
from workbench.factories import tomorrow

ASID = "200000000001"


def offered(minutes: int = 0, **values: Any) -> RemoteTime:
    """A time that the other end offers: tomorrow at 9, so many minutes later."""
    from datetime import time

    from practice import clock

    start = clock.instant(tomorrow(), time(9)) + timedelta(minutes=minutes)
    fields = {
        "slot": str(701 + minutes),
        "schedule": "6",
        "location": "5",
        "practitioner": "4",
        "start": start,
        "end": start + timedelta(minutes=10),
        "with_whom": "Dr Hilda Elsewhere",
        "at_place": "Hilltop House",
        "slot_type": "Routine",
        "delivery_channel": "In-person",
        **values,
    }
    return RemoteTime(**fields)


@dataclass
class OtherEnd:
    """What stands at the other end, and what it was asked, in order.

    ``fails`` holds what an interaction raises; with ``after`` it is done all the same, as when an
    answer is lost.
    """

    times: list[RemoteTime] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)  # NHS number: patient id
    bookings: dict[str, RemoteBooking] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    after: dict[str, Exception] = field(default_factory=dict)
    seen: list[Any] = field(default_factory=list)

    def ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self.fails:
            raise self.fails[what]

    def done(self, what: str) -> None:
        if what in self.after:
            raise self.after[what]


class FakeLine:
    """Stands for ``wire.Line``: answers from an OtherEnd."""

    ends: dict[str, OtherEnd]

    def __init__(self, service: RemoteService, end: OtherEnd) -> None:
        self.service, self.end = service, end

    def free_times(self, first, last):
        self.end.ask("free_times")
        return list(self.end.times)

    def find(self, patient):
        self.end.ask("find")
        return self.end.known.get(patient.nhs_number)

    def register(self, patient, reached):
        self.end.ask("register")
        self.end.known[patient.nhs_number] = "31"
        self.end.done("register")
        return "31"

    def book(self, time, *, patient_id, description):
        self.end.ask("book")
        made = RemoteBooking(str(91 + len(self.end.bookings)), (time.slot,), False)
        self.end.bookings[made.id] = made
        self.end.done("book")
        return made

    def appointments(self, patient_id, first, last):
        self.end.ask("appointments")
        return list(self.end.bookings.values())

    def read(self, remote_id):
        self.end.ask("read")
        return self.end.bookings[remote_id]

    def cancel(self, remote_id, *, reason):
        self.end.ask("cancel")
        held = self.end.bookings[remote_id]
        self.end.bookings[remote_id] = RemoteBooking(held.id, held.slots, True, reason)
        self.end.done("cancel")


def other_ends(monkeypatch, **by_name: OtherEnd) -> None:
    """Let the services of these names be answered by these; a service unknown fails the test."""

    def to(service, *, organisation, caller):
        return FakeLine(service, by_name[service.name])

    monkeypatch.setattr(wire.Line, "to", to)
