"""What happens between any two statements of a change to the diary, tried at each of them in turn.

A race finds by chance what these find for certain: two statements of one transaction see the
database at two moments (READ COMMITTED), and something may have been stored between them. SQLite
lets nobody in between, so this is about PostgreSQL.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import time, timedelta
from functools import partial
from itertools import count, product
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from practice import clock
from practice.exceptions import PracticeError
from practice.models import Appointment, Closure, Slot
from practice.services import invariants
from practice.services.booking import appointment_for_change, cancel_appointment
from practice.services.closures import close
from practice.services.diary import block_slots, unblock_slots
from practice.services.generation import generate
from tests.factories import make_actor, make_appointment, make_template
from tests.servers import in_its_own_connection

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
            self.thread.join(timeout=0.2)
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


@pytest.mark.req("BOOK-070", "CANC-031")
@pytest.mark.parametrize("interrupted", ["the plan", "people"])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        *product(
            ["template", "last hour closed", "all of it closed"],
            ["cancelled", "booked", "changes hands"],
        ),
        ("all of it closed", "unblocked and booked"),
    ],
)
def test_what_people_do_and_what_the_plan_does_come_one_after_the_other(
    practice, change, what, interrupted
):
    """A slot that is no longer planned is given back, booked or both, at whichever moment.

    Whichever comes first: it is not on offer afterwards, and whoever has it is an orphan.
    """
    taken, was_blocked = what in ("cancelled", "changes hands"), what == "unblocked and booked"
    now = timezone.now()
    actor = make_actor(door="command")
    given = {"organisation": practice.organisation, "actor": actor, "now": now}
    day = clock.today(now) + timedelta(days=7)
    at_noon = clock.instant(day, time(12))
    book_by_staff = partial(make_appointment, patient=practice.patient, door="staff")
    for number in count(1):
        template = make_template(
            effective_from=day,
            effective_to=day,
            weekdays=[day.weekday()],
            runs_on_bank_holidays=True,
            blocks=[{"end": time(13)}],
        )
        the_day = {**given, "from_date": day, "to_date": day, "template_ids": [template.pk]}
        generate(**the_day)
        slots = Slot.objects.filter(schedule__template=template)
        gone, other = slots.filter(start__gte=at_noon).order_by("start")[:2]
        of_slot = {**given, "slot_ids": [gone.pk]}
        held = book_by_staff([gone]) if taken else None
        if was_blocked:
            block_slots(**of_slot)
        closure = Closure(
            organisation=practice.organisation,
            practitioner=template.session_holder,
            start_date=day,
            end_date=day,
            start_time=time(12 if change == "last hour closed" else 9),
            end_time=time(13),
        )

        def people(held=held, slot=gone, of_slot=of_slot) -> None:
            if held:
                cancel_by_staff(held)
            if was_blocked:
                unblock_slots(**of_slot)
            if what != "cancelled":
                with suppress(PracticeError):  # too late, like anybody else
                    book_by_staff([slot])

        def the_plan(template=template, the_day=the_day, closure=closure) -> None:
            if change == "template":
                template.blocks.update(end=time(12))
                generate(**the_day)
            else:
                close(closure, actor=actor, now=now)

        first, second = (the_plan, people) if interrupted == "the plan" else (people, the_plan)
        intruder = Intruder(number, second)
        with intruder.between_statements():
            first()
        if not intruder.came:
            second()

        slots_that_went = slots.filter(start__gte=at_noon)
        assert not slots_that_went.filter(status="free", withdrawn=False).exists(), number
        live = Appointment.objects.filter(slots__in=slots_that_went, status="booked")
        assert all(live.values_list("orphaned", flat=True)), number
        assert slots_that_went.get(pk=other.pk).withdrawn
        if not intruder.came:
            break

    assert number > 6, "there was something to interrupt"
    assert invariants.check(now=timezone.now()).faults == []


def cancel_by_staff(appointment: Appointment) -> None:
    given = {"actor": make_actor(door="staff"), "now": timezone.now()}
    with transaction.atomic():
        held = appointment_for_change(
            organisation=appointment.organisation, appointment_id=appointment.pk, **given
        )
        cancel_appointment(appointment=held, reason="Not needed", **given)
