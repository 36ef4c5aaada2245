"""Rivals for the same slots, through the whole HTTP stack: one wins, nobody gets a 500.

Each race is run against one process with a thread for every rival, and against two gunicorn
workers, on whichever database the tests run on. The start is a barrier, so that all requests are
on their way at once. Afterwards the diary is asked for everything that must always be true of it.

That the races can be lost is shown by ``test_the_race_is_lost_without_lock_and_constraint``, on
PostgreSQL. On SQLite the lock is the whole transaction's: with ``BEGIN`` in place of ``BEGIN
IMMEDIATE`` and without the queue in front of it (config.sqlite), some rivals of a round are told
503 "database is locked"; with IMMEDIATE alone none are, but the unlucky ones wait for seconds.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AppointmentSlot, AuditEvent, Organisation, Slot
from practice.reads import diary_check
from practice.services import locks
from practice.services.generation.runs import generate
from workbench import servers
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import Consumer, as_dict
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_schedule,
    make_slot,
    make_slots,
    make_template,
)

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

RIVALS, ROUNDS = 50, 20
SOME = 12  # rivals where fifty would only take longer


@pytest.fixture(scope="module")
def two_workers(django_db_setup) -> Iterator[servers.Address]:
    """gunicorn with two processes, started once for all races."""
    with servers.gunicorn(workers=2) as running:
        yield running.address
        served = running.served
        # Another process of the test run may have taken all but a test that sends a request or two.
        assert len(served) == 2 or served.total() < 50, f"both workers were to serve: {served}"


@pytest.fixture(params=["threads", "processes"])
def rivals(request, practice) -> Iterator[list[Consumer]]:
    """Consumers' systems, each with a connection of its own, and a server that they talk to.

    The server is one process with a thread for each connection, or two workers of gunicorn.
    """
    one_process = request.param == "threads"
    if one_process:
        live = request.getfixturevalue("live_server")
        live.thread.httpd.socket.listen(RIVALS)  # its own queue is ten long
        address = live.thread.host, live.thread.port
    else:
        address = request.getfixturevalue("two_workers")
    clients = [servers.NetworkClient(address, ready=one_process) for _ in range(RIVALS)]
    yield [Consumer(practice.organisation, client=client) for client in clients]
    for client in clients:
        client.close()


def book(rival: Consumer, slots: Sequence[Slot], patient: Any) -> Callable[[], HttpResponse]:
    body = appointment_body(slots=sorted(slots, key=lambda slot: slot.start), patient=patient)
    body["slot"] = [{"reference": f"Slot/{slot.pk}"} for slot in slots]
    return lambda: rival.book(body)


def tally(answers: Sequence[HttpResponse]) -> dict[int, int]:
    """How many answers there are of each status; the words of a fault are shown at once."""
    faults = [each.content.decode() for each in answers if each.status_code >= 500]
    assert faults == []
    return dict(Counter(each.status_code for each in answers))


def assert_sound(*, requests: int) -> None:
    """No slot is busy without an appointment or the reverse; every request left its record."""
    assert diary_check.check(now=timezone.now()).faults == []
    assert AuditEvent.objects.filter(door="gp-connect").count() == requests


def deadlocks() -> int:
    """How many the server has resolved in this database so far; SQLite has none."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        version: Any = connection
        if version.pg_version >= 150_000:  # before, they are told within half a second anyway
            cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


# ---------------------------------------------------------------- one slot


@pytest.mark.req("BOOK-061", "BOOK-070", "BOOK-073")
def test_one_of_fifty_rivals_gets_the_slot(practice, rivals):
    for _ in range(ROUNDS):
        slot = make_slot()

        answers = servers.at_once([book(rival, [slot], practice.patient) for rival in rivals])

        assert tally(answers) == {201: 1, 409: RIVALS - 1}

    assert Appointment.objects.count() == ROUNDS
    assert_sound(requests=ROUNDS * RIVALS)


# ---------------------------------------------------------------- several slots


@pytest.mark.req("BOOK-068", "BOOK-070", "BOOK-073")
def test_overlapping_bookings_in_any_order_are_whole_or_not_at_all(practice, rivals):
    """Each wants one to three adjacent slots out of six, named in an order of its own."""
    chance = random.Random(20261125)
    before = deadlocks()
    for _ in range(ROUNDS // 2):
        slots = make_slots(6)
        wanted = []
        for _ in range(SOME):
            first = chance.randrange(6)
            wanted.append(slots[first : first + chance.randint(1, 3)])
            chance.shuffle(wanted[-1])

        answers = servers.at_once(
            [
                book(rival, some, practice.patient)
                for rival, some in zip(rivals, wanted, strict=False)
            ]
        )

        counted = tally(answers)
        assert set(counted) == {201, 409}
        held = [
            {f"Slot/{slot.pk}" for slot in some}
            for some, each in zip(wanted, answers, strict=True)
            if each.status_code == 201
        ]
        assert sum(map(len, held)) == len(set().union(*held)), "no slot was given twice"
        busy = {
            f"Slot/{pk}"
            for pk in Slot.objects.filter(schedule=slots[0].schedule, status="busy").values_list(
                "pk", flat=True
            )
        }
        assert busy == set().union(*held)

    assert_sound(requests=ROUNDS // 2 * SOME)
    assert deadlocks() == before


# ---------------------------------------------------------------- the last place of a limit


@pytest.mark.req("AVAIL-074", "BOOK-071")
@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_is_never_overshot(practice, rivals, limit):
    """Every rival wants a slot of its own, but only so many may be taken."""
    for _ in range(ROUNDS // 4):
        schedule = make_schedule(access_profile=make_access_profile(slots_per_session=limit))
        slots = make_slots(SOME, schedule)

        answers = servers.at_once(
            [
                book(rival, [slot], practice.patient)
                for rival, slot in zip(rivals, slots, strict=False)
            ]
        )

        assert tally(answers) == {201: limit, 422: SOME - limit}

    assert_sound(requests=ROUNDS // 4 * SOME)


# ---------------------------------------------------------------- one version


def booked_by(rival: Consumer, patient: Any) -> dict[str, Any]:
    """A new appointment, as its consumer received it."""
    return as_dict(rival.book(appointment_body(slots=[make_slot()], patient=patient)))


@pytest.mark.req("AMEND-013", "GEN-093", "GEN-102")
@pytest.mark.parametrize("number", [2, SOME])
def test_one_of_several_amendments_of_one_version_is_accepted(practice, rivals, number):
    def amend(rival: Consumer, held: dict[str, Any], words: str) -> Callable[[], HttpResponse]:
        body = {**held, "description": words}
        return lambda: rival.amend(held["id"], body, if_match='W/"1"')

    for _ in range(ROUNDS // 2):
        held = booked_by(rivals[0], practice.patient)

        answers = servers.at_once(
            [amend(rival, held, f"By rival {n}") for n, rival in enumerate(rivals[:number])]
        )

        assert tally(answers) == {200: 1, 409: number - 1}
        (winner,) = [as_dict(each) for each in answers if each.status_code == 200]
        stored = Appointment.objects.get(pk=held["id"])
        assert (stored.version, stored.description) == (2, winner["description"])

    assert_sound(requests=ROUNDS // 2 * (1 + number))


def cancel(rival: Consumer, held: dict[str, Any]) -> Callable[[], HttpResponse]:
    return lambda: rival.cancel(held["id"], cancelled(held), if_match='W/"1"')


@pytest.mark.req("CANC-012", "CANC-015", "CANC-031", "GEN-102")
def test_a_slot_changes_hands_once_when_all_cancel_and_book_at_once(practice, rivals):
    """Some cancel the appointment that has the slot, the others want it."""
    for _ in range(ROUNDS // 4):
        held = booked_by(rivals[0], practice.patient)
        slot = Slot.objects.get(appointments=held["id"])

        answers = servers.at_once(
            [
                *(cancel(rival, held) for rival in rivals[:3]),
                *(book(rival, [slot], practice.patient) for rival in rivals[3:SOME]),
            ]
        )

        assert tally(answers[:3]) == {200: 1, 409: 2}
        assert tally(answers[3:]) in ({409: SOME - 3}, {201: 1, 409: SOME - 4})

    assert_sound(requests=ROUNDS // 4 * (1 + SOME))


# ---------------------------------------------------------------- and the plan changes


@pytest.mark.req("BOOK-070", "CANC-031")
def test_booking_and_cancelling_while_the_plan_changes_loses_nobody(practice, rivals):
    """A session is cut short while its slots are booked and given back.

    A booking comes first, and is then kept as an orphan, or too late. What is given back after the
    change is no longer on offer.
    """
    now = timezone.now()
    monday = clock.today(now) + timedelta(days=14 - clock.today(now).weekday())
    template = make_template(effective_from=monday, runs_on_bank_holidays=True)
    given = {"organisation": practice.organisation, "actor": make_actor(door="command"), "now": now}
    generate(**given, from_date=monday, to_date=monday + timedelta(days=4))
    requests = 0
    for day in (monday + timedelta(days=n) for n in range(5)):
        slots = list(Slot.objects.filter(schedule__date=day, withdrawn=False).order_by("start"))
        kept, cut = slots[: len(slots) // 2], slots[len(slots) // 2 :]
        held = [as_dict(book(rivals[0], [slot], practice.patient)()) for slot in cut[:3]]
        block = template.blocks.get()
        block.end = clock.local(kept[-1].end).time()
        block.save()
        generate_the_day = partial(generate, **given, from_date=day, to_date=day)

        run, *answers = servers.at_once(
            [
                servers.in_its_own_connection(generate_the_day),
                *(cancel(rival, each) for rival, each in zip(rivals, held, strict=False)),
                *(
                    book(rival, [slot], practice.patient)
                    for rival, slot in zip(rivals[3:], [*cut, *kept[:4]], strict=False)
                ),
            ]
        )

        requests += len(held) + len(answers)
        assert run.status == "done"
        assert tally(answers[:3]) == {200: 3}
        assert set(tally(answers[3:-4])) <= {201, 409, 422}
        assert tally(answers[-4:]) == {201: 4}, "those that the new plan keeps"
        offered = Slot.objects.filter(schedule__date=day, status="free", withdrawn=False)
        assert set(offered) <= set(kept), "a slot outlived the plan"

    assert_sound(requests=requests)


# ---------------------------------------------------------------- what the races are worth


@pytest.fixture
def without_the_constraint() -> Iterator[None]:
    (constraint,) = (c for c in AppointmentSlot._meta.constraints if c.name == "slot_booked_once")
    with connection.schema_editor() as editor:
        editor.remove_constraint(AppointmentSlot, constraint)
    yield
    AppointmentSlot.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.add_constraint(AppointmentSlot, constraint)


@pytest.fixture
def without_the_lock(monkeypatch) -> None:
    """All rivals of a round of four have seen the slot free before the first of them books."""
    seen = Barrier(4)

    def not_locked(slots: Any) -> list[Slot]:
        found = list(slots)
        try:
            seen.wait(timeout=10)
        except BrokenBarrierError as broken:
            raise AssertionError("not everybody came") from broken
        return found

    def later(organisation: Organisation, ids: Any) -> Any:
        related = ("schedule", "access_profile", "schedule__access_profile")
        slots = Slot.objects.filter(organisation=organisation, pk__in=list(ids))
        asked = slots.select_related(*related).order_by("start")
        return SimpleNamespace(objects=lambda: not_locked(asked))

    monkeypatch.setattr(locks, "lock_slots_later", later)


def four_at_once(practice, live_server) -> tuple[dict[int, int], Slot]:
    slot = make_slot()
    address = (live_server.thread.host, live_server.thread.port)
    clients = [servers.NetworkClient(address) for _ in range(4)]
    rivals = [Consumer(practice.organisation, client=client) for client in clients]
    answers = servers.at_once([book(rival, [slot], practice.patient) for rival in rivals])
    for client in clients:
        client.close()
    return tally(answers), slot


@pytest.mark.postgresql
@pytest.mark.usefixtures("without_the_lock", "without_the_constraint")
def test_the_race_is_lost_without_lock_and_constraint(practice, live_server):
    """The negative control: the same race, the slot sold four times, and it is noticed."""
    counted, _ = four_at_once(practice, live_server)

    assert counted == {201: 4}
    assert "held_twice" in {each.check for each in diary_check.check(now=timezone.now()).faults}


@pytest.mark.postgresql
@pytest.mark.req("BOOK-073")
@pytest.mark.usefixtures("without_the_lock")
def test_the_constraint_alone_would_be_enough(practice, live_server):
    """Nothing that forgets the lock can book a slot twice: it is refused like any other rival."""
    counted, slot = four_at_once(practice, live_server)

    assert counted == {201: 1, 409: 3}
    assert AppointmentSlot.objects.filter(slot=slot).count() == 1
    assert_sound(requests=4)


@pytest.mark.postgresql
@pytest.mark.req("GEN-165")
def test_reading_waits_for_nobody(practice, rivals):
    """What staff have locked is read as it was last stored."""
    booked = make_appointment(patient=practice.patient)
    with transaction.atomic():
        Appointment.objects.select_for_update().get(pk=booked.pk)
        locks.lock_slots(practice.organisation, [slot.pk for slot in booked.slots.all()])
        Appointment.objects.filter(pk=booked.pk).update(description="Not yet stored", version=2)

        read = rivals[0].read_appointment(booked.pk)

    assert (read.status_code, read["ETag"]) == (200, 'W/"1"')
