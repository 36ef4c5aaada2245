"""Any two changes to the diary come one after the other, wherever the one interrupts the other.

A race finds by chance what this finds for certain: two statements of one transaction see the
database at two moments (READ COMMITTED), and something may have been stored between them. So each
change is interrupted by each other one before its first statement, its second, and so on, and what
is found afterwards must be what one of the two orders would have left. SQLite lets nobody in
between; this is about PostgreSQL.

The changes of many statements take half a minute each to be interrupted everywhere: `make chaos`.
As what interrupts, they are tried in every run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import time, timedelta
from functools import partial
from itertools import combinations, count
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from practice import clock
from practice.exceptions import PracticeError
from practice.models import Appointment, Closure, Schedule, Slot
from practice.reads import diary_check
from practice.services import sessions, slots
from practice.services.appointments import attendance, changing
from practice.services.appointments.rescheduling import move_appointment
from practice.services.closures import closing
from practice.services.generation.runs import generate
from workbench.factories import make_actor, make_appointment, make_practitioner, make_template
from workbench.servers import in_its_own_connection

pytestmark = [pytest.mark.race, pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


class Intruder:
    """Does something in a connection of its own just before the statement of that number.

    What has to wait for a lock is left waiting, and ends once the lock is gone.
    """

    def __init__(self, number: int, call: Callable[[], object]) -> None:
        self.left = number
        self.failures: list[Exception] = []
        self.call = in_its_own_connection(call)
        self.thread = Thread(target=self.run)

    def run(self) -> None:
        try:
            self.call()
        except Exception as failure:
            self.failures.append(failure)

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.thread.start()
            while self.thread.is_alive() and not somebody_waits():
                self.thread.join(timeout=0.005)
        return execute(sql, params, many, context)

    @contextmanager
    def between_statements(self) -> Iterator[None]:
        """Watch this thread's statements, and wait for the intruder in the end, if it came."""
        with connection.execute_wrapper(self):
            yield
        if self.came:
            self.thread.join()
        assert self.failures == []

    @property
    def came(self) -> bool:
        """Whether there were so many statements."""
        return self.thread.ident is not None


def somebody_waits() -> bool:
    """Whether a connection to this database waits for another's lock."""
    watcher = connection.copy()
    try:
        with watcher.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock')"
            )
            return cursor.fetchone()[0]
    finally:
        watcher.close()


SLOTS = ("held", "free", "next", "withdrawn", "blocked", "last")


class Morning:
    """A generated session of six slots at eight o'clock on its day, and what people do to it."""

    def __init__(self, practice: Any) -> None:
        organisation = practice.organisation
        self.practice, self.locum = practice, make_practitioner(organisation)
        self.day = clock.today(timezone.now()) + timedelta(days=7)
        self.now = clock.instant(self.day, time(8))
        actor = make_actor(door="staff", organisation=organisation.ods_code)
        self.who: dict[str, Any] = {"actor": actor, "now": self.now}
        self.given: dict[str, Any] = {"organisation": organisation, **self.who}
        self.template = make_template(
            effective_from=self.day,
            effective_to=self.day,
            weekdays=[self.day.weekday()],
            runs_on_bank_holidays=True,
            blocks=[{"end": time(10)}],
        )
        self.generate()
        self.schedule = Schedule.objects.get(template=self.template)
        found = self.schedule.slots.order_by("start").values_list("pk", flat=True)
        self.slots = dict(zip(SLOTS, found, strict=True))
        self.appointment = self.book("held")
        slots.withdraw_slots(**self.given, slot_ids=[self.slots["withdrawn"]])
        slots.block_slots(**self.given, slot_ids=[self.slots["blocked"]])

    def generate(self) -> None:
        day: dict[str, Any] = {
            "from_date": self.day,
            "to_date": self.day,
            "template_ids": [self.template.pk],
        }
        generate(**self.given, **day)

    def book(self, *names: str) -> Appointment:
        slots = list(Slot.objects.filter(pk__in=[self.slots[name] for name in names]))
        return make_appointment(slots, self.practice.patient, door="staff", now=self.now)

    def cancel(self) -> None:
        with transaction.atomic():
            held = self.locked()
            changing.cancel_appointment(appointment=held, reason="Not needed", **self.who)

    def amend(self) -> None:
        with transaction.atomic():
            held = self.locked()
            changing.amend_appointment(
                appointment=held, description="Another reason", comment="", **self.who
            )

    def locked(self) -> Appointment:
        return changing.appointment_for_change(**self.given, appointment_id=self.appointment.pk)

    def move(self) -> None:
        slots = [self.slots["free"]]
        move_appointment(**self.given, appointment_id=self.appointment.pk, slot_ids=slots)

    def arrive(self) -> None:
        attendance.mark(**self.given, appointment_id=self.appointment.pk, status="arrived")

    def change_holder(self) -> None:
        holder = self.locum.pk
        sessions.change_session_holder(
            **self.given, schedule_id=self.schedule.pk, practitioner_id=holder
        )

    def cut(self) -> None:
        """The new plan begins at half past, and keeps the last three slots."""
        self.template.blocks.update(start=time(9, 30))
        self.generate()

    def close(self, until: time) -> None:
        closure = Closure(
            organisation=self.practice.organisation,
            practitioner=self.template.session_holder,
            start_date=self.day,
            end_date=self.day,
            start_time=time(8),
            end_time=until,
        )
        closing.close(closure, **self.who)

    def to(self, act: Callable[..., object], name: str) -> None:
        """Do something to one slot."""
        act(**self.given, slot_ids=[self.slots[name]])

    def steps(self, change: str) -> Sequence[Callable[[], object]]:
        """The transactions that a change is made of."""
        return [partial(step, self) for step in CHANGES[change]]

    def do(self, *steps: Callable[[], object]) -> None:
        """Do one step after the other, or be told why not."""
        for step in steps:
            with suppress(PracticeError):
                step()

    def found(self) -> tuple[Any, ...]:
        """All that is so now, without ids."""
        self.schedule.refresh_from_db()
        names = {pk: name for name, pk in self.slots.items()}
        about_slot = ("status", "withdrawn", "withdrawn_by_plan", "changed_by_hand", "version")
        about_appointment = ("status", "description", "orphaned", "version")
        return (
            self.schedule.withdrawn,
            self.schedule.session_holder == self.locum,
            self.schedule.version,
            sorted(
                (names[pk], *rest)
                for pk, *rest in self.schedule.slots.values_list("pk", *about_slot)
            ),
            sorted(
                ([names[slot.pk] for slot in each.slots.order_by("start")],)
                + tuple(getattr(each, name) for name in about_appointment)
                for each in Appointment.objects.filter(schedule=self.schedule)
            ),
        )


CHANGES: dict[str, Sequence[Callable[[Morning], object]]] = {
    "book": [lambda m: m.book("free", "next")],
    "cancel": [Morning.cancel],
    "amend": [Morning.amend],
    "move": [Morning.move],
    "arrive": [Morning.arrive],
    "block": [lambda m: m.to(slots.block_slots, "free")],
    "unblock and book": [
        lambda m: m.to(slots.unblock_slots, "blocked"),
        lambda m: m.book("blocked"),
    ],
    "withdraw": [lambda m: m.to(slots.withdraw_slots, "free")],
    "restore": [lambda m: m.to(slots.restore_slots, "withdrawn")],
    "change holder": [Morning.change_holder],
    "cut": [Morning.cut],
    "close an hour": [lambda m: m.close(time(9, 20))],
    "close all": [lambda m: m.close(time(13))],
}


def orders(practice: Any, one: str, other: str) -> Iterator[tuple[Any, ...]]:
    """What is found when the steps of both are done one after the other, in each possible order."""
    morning = Morning(practice)
    number = len(morning.steps(one)), len(morning.steps(other))
    for places in combinations(range(sum(number)), number[0]):
        first, second = iter(morning.steps(one)), iter(morning.steps(other))
        for place in range(sum(number)):
            morning.do(next(first if place in places else second))
        yield morning.found()
        morning = Morning(practice)


OF_MANY_STATEMENTS = {
    *("move", "unblock and book", "change holder", "cut", "close an hour", "close all"),
}


@pytest.mark.req("BOOK-070", "CANC-031")
@pytest.mark.parametrize(
    "interrupted",
    [
        pytest.param(name, marks=[pytest.mark.chaos] if name in OF_MANY_STATEMENTS else [])
        for name in CHANGES
    ],
)
def test_what_interrupts_a_change_might_as_well_have_come_before_or_after_it(practice, interrupted):
    for other in CHANGES:
        possible = list(orders(practice, interrupted, other))
        for number in count(1):
            morning = Morning(practice)
            intruder = Intruder(number, partial(morning.do, *morning.steps(other)))
            with intruder.between_statements():
                morning.do(*morning.steps(interrupted))
            if not intruder.came:
                break
            assert morning.found() in possible, f"{other} before statement {number}"
        assert number > 3, "there was something to interrupt"

    assert diary_check.check(now=timezone.now()).faults == []
