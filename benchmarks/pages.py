"""The server's time for the pages of practice staff, on a practice with a year of diary.

``python -m benchmarks.pages [--rounds N]``. Twenty session holders, a third of the slots booked,
half of the year behind us; a practice manager asks through Django's test client, middleware and
templates included. All pages are asked in turn.
"""

import logging
import os
import statistics
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.contrib.auth.models import Group  # noqa: E402 - Django must be set up before models
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402

from benchmarks import dates, results, world  # noqa: E402
from benchmarks.measuring import take_turns  # noqa: E402
from practice import clock  # noqa: E402
from practice.db.row_security import bound_to  # noqa: E402
from practice.models import (  # noqa: E402
    Appointment,
    CancellationListEntry,
    InSeries,
    Organisation,
    Patient,
    Schedule,
    Series,
    Slot,
)
from practice.staff.live import live  # noqa: E402
from workbench.staff import ADMINISTRATOR, CLINICIAN, StaffClient, signed_in  # noqa: E402

HOLDERS, YEAR, PATIENTS, BOOKED_EVERY = 20, 364, 500, 3
POLL = "poll of an open diary"
ON_LIST = 40  # who wait for an earlier time


def addresses(practice: Organisation, now: datetime) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every page to be asked for: its address, and what stands in its query."""
    day = dates.monday_after(clock.today(now))
    week = {"first": day, "last": day + timedelta(days=6)}
    session = Schedule.objects.filter(organisation=practice, date=day).earliest("pk")
    patient = Patient.objects.filter(organisation=practice).earliest("pk")
    free = Slot.objects.free().filter(organisation=practice, start__gt=clock.day_start(day))
    series = {"patient": patient.pk, "slot": free.earliest("start", "pk").pk, "every": 4}
    return {
        "front page": ("index", {}),
        "diary, a day": ("diary", {"date": day}),
        "diary, a week of one holder": (
            "diary",
            {"date": day, "view": "week", "holder": session.session_holder_id},
        ),
        "my list": ("own_list", {"date": day}),
        "clinic list": ("clinic_list", {"date": day, "schedule": session.pk}),
        "booking, find a time": (
            "practice_appointment_add",
            {"patient": patient.pk},
        ),
        "book together, six times": ("book_together", {**series, "times": 6}),
        "next available, four weeks": ("next_available", {"first": day}),
        "visibility, a day": ("visibility", {"first": day, "last": day}),
        "visibility, a week": ("visibility", week),
        "utilisation, four weeks": (
            "utilisation",
            {"first": day - timedelta(days=28), "last": day},
        ),
        "worklist": ("worklist", {}),
        "measures, this month": ("measures", {}),
        "promises": ("promises", {}),
        "who really asks": ("who_asks", {}),
        "cancellation list": ("cancellation_list", {}),
        "access": ("practice_accessprofile_changelist", {}),
        "list of appointments": ("practice_appointment_changelist", {}),
        "list of slots": ("practice_slot_changelist", {}),
        "list of sessions": ("practice_schedule_changelist", {}),
        "list of patients": ("practice_patient_changelist", {}),
    }


def one_series(practice: Organisation, now: datetime) -> str:
    """Let somebody's next appointments be a series; the address of its page."""
    coming = Appointment.objects.filter(organisation=practice, start__gt=now)
    patient = coming.earliest("start", "pk").patient
    series = Series.objects.create(
        organisation=practice, patient=patient, made_at=now, made_by_name="Rita Reception"
    )
    InSeries.objects.bulk_create(
        InSeries(series=series, appointment=each)
        for each in coming.filter(patient=patient).order_by("start", "pk")[:6]
    )
    return reverse("admin:series", args=[series.pk])


def first_holder(client: StaffClient, practice: Organisation, now: datetime) -> None:
    """Let whoever asks be a session holder too: they have a list of their own."""
    day = dates.monday_after(clock.today(now))
    session = Schedule.objects.filter(organisation=practice, date=day).earliest("pk")
    client.user.memberships.update(session_holder=session.session_holder_id)
    client.user.groups.add(Group.objects.get(name=CLINICIAN))


def wait_for_earlier_times(practice: Organisation, now: datetime) -> None:
    """Put as many people on the cancellation list as a large practice has there."""
    today = clock.today(now)
    people = Patient.objects.filter(organisation=practice).order_by("pk")[:ON_LIST]
    CancellationListEntry.objects.bulk_create(
        CancellationListEntry(
            organisation=practice,
            patient=patient,
            first_day=today,
            last_day=today + timedelta(days=28),
            noted_at=now,
            noted_by_name="Rita Reception",
        )
        for patient in people
    )


def asking(client: Client, address: str, query: dict[str, Any] | None = None) -> Callable[[], int]:
    """What asks for a page and returns its number of bytes."""

    def run() -> int:
        response = client.get(address, query, secure=True)
        assert response.status_code == 200, (address, response.status_code)
        return len(response.content)

    return run


def poll(practice: Organisation, now: datetime) -> tuple[str, str]:
    """Where an open diary asks every few seconds whether anything has changed, and what it knows.

    The second is what it sends as If-None-Match.
    """
    day = dates.monday_after(clock.today(now))
    given = live(practice, now, (day, day))
    return given["address"], f'"{given["version"]}"'


def polling(practice: Organisation, now: datetime) -> Callable[[], int]:
    """What asks so: nothing has changed."""
    address, known = poll(practice, now)
    browser = Client()

    def run() -> int:
        response = browser.get(address, headers={"if-none-match": known}, secure=True)
        assert response.status_code == 304, response.status_code
        return len(response.content)

    return run


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    now = datetime.now(UTC)
    first = clock.today(now) - timedelta(days=YEAR // 2)
    practice, *_ = world.build(
        practices=1, holders=HOLDERS, first=first, days=YEAR, patients=PATIENTS
    )
    world.book(every=BOOKED_EVERY, now=now)
    wait_for_earlier_times(practice, now)
    # A line for each request would drown what is told here.
    logging.getLogger("config.requests").setLevel(logging.WARNING)
    client = signed_in(practice, role="Practice manager")
    first_holder(client, practice, now)
    asks = {
        page: asking(client, reverse(f"admin:{name}"), query)
        for page, (name, query) in addresses(practice, now).items()
    }
    asks["a series"] = asking(client, one_series(practice, now))
    who_sets_up = signed_in(practice, role=ADMINISTRATOR)
    asks["setting up"] = asking(who_sets_up, reverse("admin:set_up"))
    with bound_to(practice.pk):
        asks[POLL] = polling(practice, now)
    counted = {}
    for page, ask in asks.items():
        with CaptureQueriesContext(connection) as queries:
            size = ask()
        counted[page] = (len(queries), size)
    times = take_turns(asks, rounds=options.rounds)
    found: results.Figures = {
        page: {
            "median_ms": round(each.median, 1),
            "spread_ms": round(each.spread, 1),
            "processor_ms": round(statistics.median(each.processor), 1),
            "queries": counted[page][0],
            "bytes": counted[page][1],
        }
        for page, each in times.items()
    }
    for page, each in found.items():
        print(
            f"  {page:<30}{each['median_ms']:8.1f} ms ± {each['spread_ms']:5.1f}"
            f" {each['processor_ms']:6.1f} ms of processor"
            f"{each['queries']:5} queries{each['bytes']:10,} bytes"
        )
    slowest = max(found, key=lambda page: found[page]["median_ms"])
    print(f"  slowest: {slowest}", flush=True)
    found["slowest_ms"] = found[slowest]["median_ms"]
    return results.leave(found, options.json)


if __name__ == "__main__":
    main()
