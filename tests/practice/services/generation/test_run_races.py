"""Several runs at once, each in a process of its own, against one database."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from practice.exceptions import NotOffered
from practice.models import Appointment, Schedule, Slot, TemplateBlock
from practice.services import slots
from practice.services.audit.recording import Actor
from practice.services.generation import runs
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_template,
)
from workbench.paths import ROOT
from workbench.servers import database_url

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

MONDAY = date(2027, 2, 1)
LAST = MONDAY + timedelta(days=55)
RUN = f"""
import django, json, sys
django.setup()
from datetime import date, datetime
from practice.models import Organisation
from practice.services.audit.recording import Actor
from practice.services.generation.runs import generate
organisation = Organisation.objects.get(pk=int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
run = generate(
    organisation=organisation, actor=Actor(door="command"),
    from_date=date.fromisoformat("{MONDAY}"), to_date=date.fromisoformat("{LAST}"),
    now=datetime.fromisoformat("2027-01-30T12:00+00:00"),
)
print(json.dumps([run.status, run.sessions_created, run.slots_created, run.slots_left]))
"""


def generate_at_once(organisations) -> list[list]:
    """Start a process for each, let them go together, and return the numbers of their runs."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(organisation.pk)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for organisation in organisations
    ]
    for process in processes:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), ended
    return [json.loads(output) for output, _ in ended]


def test_three_runs_at_once_make_one_diary():
    organisation = make_organisation()
    for _ in range(4):
        make_template(organisation, effective_from=MONDAY, runs_on_bank_holidays=True)

    results = generate_at_once([organisation] * 3)

    assert {status for status, *_ in results} == {"done"}
    assert sum(sessions for _, sessions, _, _ in results) == Schedule.objects.count() == 4 * 40
    assert sum(made for _, _, made, _ in results) == Slot.objects.count() == 4 * 40 * 18
    assert {made + left for _, _, made, left in results} == {4 * 40 * 18}


def test_two_practices_at_once_do_not_have_one_holder_at_one_time():
    """Each locks its own practice only; the database's own constraint decides between them."""
    practices = [make_organisation(), make_organisation()]
    holder = make_practitioner(practices[0], also_at=practices[1:])
    for organisation in practices:
        make_template(
            organisation, session_holder=holder, effective_from=MONDAY, runs_on_bank_holidays=True
        )

    results = generate_at_once(practices)

    assert {status for status, *_ in results} == {"done"}
    assert Schedule.objects.count() == 40
    assert Schedule.objects.values("date").distinct().count() == 40


@pytest.fixture
def run() -> dict[str, Any]:
    """What a second run is told; the first has made a morning from 09:00 to 12:00."""
    organisation = make_organisation()
    make_template(organisation, effective_from=MONDAY, weekdays=[0])
    run: dict[str, Any] = {
        "organisation": organisation,
        "from_date": MONDAY,
        "to_date": MONDAY,
        "actor": Actor(door="command"),
        "now": datetime(2027, 1, 30, 12, tzinfo=UTC),
    }
    runs.generate(**run)
    return run


@pytest.mark.postgresql
@pytest.mark.parametrize("act", ["booked", "blocked"])
def test_what_people_do_between_plan_and_lock_is_planned_again(monkeypatch, run, act):
    """The plan is read without locks on slots, so that nobody waits for it to book one.

    On SQLite a run holds the one write lock from before it reads.
    """
    organisation, patient = run["organisation"], make_patient(run["organisation"])
    TemplateBlock.objects.update(end=time(11, 30))
    slot = Slot.objects.order_by("-start").first()
    attempts = []

    def meanwhile():
        own = {"organisation": organisation, "actor": run["actor"], "now": run["now"]}
        if act == "booked":
            make_appointment([slot], patient, now=run["now"])
        else:
            slots.block_slots(slot_ids=[slot.pk], **own)
        connection.close()

    def apply_week(week, **options):
        attempts.append(week.counts["slots_withdrawn"])
        if len(attempts) == 1:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(meanwhile).result(timeout=20)
        original(week, **options)

    original = runs.apply_week
    monkeypatch.setattr(runs, "apply_week", apply_week)

    done = runs.generate(**run)

    slot.refresh_from_db()
    assert attempts == [3, 2]
    assert not slot.withdrawn
    assert done.slots_withdrawn == 2
    if act == "booked":
        assert slot.status == "busy"
        assert Appointment.objects.get().orphaned
        assert done.appointments_orphaned == 1
    else:
        assert slot.status == "busy-unavailable"


@pytest.mark.postgresql
def test_a_run_is_not_put_off_by_ever_more_bookings(monkeypatch, run):
    """Whoever books between plan and lock a second time has to wait, and is then too late."""
    patient = make_patient(run["organisation"])
    TemplateBlock.objects.update(end=time(11))
    slots = list(Slot.objects.order_by("-start")[:6])
    attempts = []

    def book(slot):
        try:
            make_appointment([slot], patient, now=run["now"])
        finally:
            connection.close()

    def apply_week(week, **options):
        attempts.append(pool.submit(book, slots[len(attempts)]))
        wait(attempts, timeout=0.5)
        original(week, **options)

    original = runs.apply_week
    monkeypatch.setattr(runs, "apply_week", apply_week)
    with ThreadPoolExecutor(6) as pool:
        done = runs.generate(**run)

    assert (done.slots_withdrawn, done.appointments_orphaned) == (5, 1)
    in_time, too_late = attempts
    assert in_time.exception() is None
    assert isinstance(too_late.exception(), NotOffered)
