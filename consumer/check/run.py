"""Doing the checks, and leaving the diary as it was found."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from consumer import interactions as gpc
from consumer.check import about
from consumer.check.checks import CHECKS, Check, NotSeen, Problem
from consumer.check.exchange import Exchange
from consumer.check.kit import Kit

assert about, "importing it makes the checks"

PASSED, FAILED, NOT_SEEN = "passed", "failed", "not seen"


@dataclass
class Result:
    """What came of a check; ``reason`` of what was not seen."""

    check: Check
    outcome: str
    problems: list[Problem] = field(default_factory=list)
    reason: str = ""


@dataclass
class Report:
    """What came of a visit. ``interrupted``: not all checks were done."""

    address: str
    began: datetime
    results: list[Result] = field(default_factory=list)
    exchanges: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def of(self, outcome: str) -> list[Result]:
        return [each for each in self.results if each.outcome == outcome]

    @property
    def faults(self) -> list[Result]:
        """What failed that must hold."""
        return [each for each in self.of(FAILED) if each.check.must]

    @property
    def ok(self) -> bool:
        return not self.faults and not self.interrupted


def chosen(names: Iterable[str]) -> list[Check]:
    """The checks of these ids, or of the subjects of that name; all if none is named."""
    names = list(names)
    found = [c for c in CHECKS.values() if not names or {c.id, c.subject} & set(names)]
    if unknown := [name for name in names if not any(name in (c.id, c.subject) for c in found)]:
        raise ValueError(f"There is no check {', '.join(unknown)}.")
    return found


def visit(
    kit: Kit, names: Iterable[str] = (), say: Callable[[Result], None] = lambda result: None
) -> Report:
    """Do checks at a provider, and cancel whatever was booked, however it ends."""
    report = Report(kit.wire.provider.address, kit.now)
    began = time.monotonic()

    def add(result: Result) -> None:
        report.results.append(result)
        say(result)

    try:
        for check in chosen(names):
            add(one(check, kit))
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        with undisturbed():
            add(result_of(RESTORED, list(tidy(kit))))
        report.exchanges, report.seconds = len(kit.wire.seen), time.monotonic() - began
    return report


def one(check: Check, kit: Kit) -> Result:
    """Do one check."""
    try:
        problems = list(check.run(kit))
    except NotSeen as reason:
        return Result(check, NOT_SEEN, reason=str(reason))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Answers may have any shape; one that a check cannot read is not GP Connect's.
        last = kit.wire.seen[-1] if kit.wire.seen else None
        words = f"an answer cannot be read: {type(error).__name__}: {error}"
        return Result(check, FAILED, [Problem(words, last)])
    return result_of(check, problems)


def result_of(check: Check, problems: list[Problem]) -> Result:
    return Result(check, FAILED if problems else PASSED, problems)


# ---------------------------------------------------------------- the diary


def tidy(kit: Kit) -> Iterator[Problem]:
    """Cancel everything that was booked and stands; what cannot be cancelled is a problem.

    Then look: a booking may stand whose answer was lost, or whose cancellation was not done. The
    mark in the description tells.
    """
    if not kit.has_booked:
        return
    for logical_id, booking in list(kit.standing.items()):
        yield from put_back(kit, logical_id, booking)
    left = still_there(kit)
    for each in left:
        kit.cancel(each)
    for each in still_there(kit) if left else []:
        words = f"Appointment/{each.get('id')} ({each.get('start')}, {kit.mark}) still stands"
        yield Problem(f"{words}: cancel it by hand", kit.wire.seen[-1])


def still_there(kit: Kit) -> list[dict[str, Any]]:
    """The patient's appointments that these checks have booked and that stand."""
    try:
        found = kit.retrieve().of_type("Appointment")
    except NotSeen:
        return []
    return [
        each
        for each in found
        if str(each.get("description", "")).startswith(kit.mark) and each.get("status") == "booked"
    ]


def put_back(kit: Kit, logical_id: str, booking: Exchange) -> Iterator[Problem]:
    """Cancel an appointment in its newest version."""
    current = kit.wire.ask(gpc.READ_APPOINTMENT, logical_id)
    appointment: dict[str, Any] = current.resource if current.status == 200 else booking.resource
    if appointment.get("status") == "cancelled":
        return
    exchange = kit.cancel({**appointment, "id": logical_id}, current.header("ETag"))
    if exchange.status != 200 or exchange.resource.get("status") != "cancelled":
        times = f"{appointment.get('start')}, {kit.mark}"
        words = f"Appointment/{logical_id} ({times}) still stands: cancel it by hand"
        yield Problem(words, exchange)


RESTORED = Check(
    "diary.restored",
    "Everything that was booked by these checks is cancelled",
    ("CANC-031", "ERR-013"),
    tidy,
)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C does not end what puts the diary back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
