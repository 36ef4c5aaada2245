"""What years of past diary cost: times with and without them, and how large the rows are.

``python -m benchmarks.history --years N`` fills the empty PostgreSQL database of DATABASE_URL with
eight weeks of diary to come and so many years of past one, four fifths of it booked, and prints
one JSON object: milliseconds of what is done all day, seconds of what is done at night, bytes a
row with indexes and all, and what archiving does to it. Run it with 0 years and with several.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402 - Django must be set up before models are imported
from django.http import QueryDict  # noqa: E402
from django.test import Client  # noqa: E402

from benchmarks import dates, world  # noqa: E402
from benchmarks.search import INCLUDES  # noqa: E402
from benchmarks.stack import processor_seconds  # noqa: E402
from fhirapi.filters import SlotFilter  # noqa: E402
from fhirapi.slot_search import find_slots  # noqa: E402
from practice import clock  # noqa: E402
from practice.models import Appointment, Organisation, Patient, Schedule, Slot  # noqa: E402
from practice.reads import diary_check  # noqa: E402
from practice.reads.utilisation import utilisation  # noqa: E402
from practice.services.archiving import NEAREST_DAYS  # noqa: E402
from practice.services.audit import sealing  # noqa: E402
from practice.services.generation import runs  # noqa: E402
from workbench.bodies import appointment_body  # noqa: E402
from workbench.consumer import Consumer  # noqa: E402
from workbench.factories import make_actor, make_practitioner, make_template  # noqa: E402
from workbench.staff import RECEPTIONIST, make_staff  # noqa: E402

AHEAD = 56  # days of diary to come
BOOKED_IN_TEN = 8
PATIENTS = 2000  # of a practice
ROUNDS = 200
ROWS = {
    "slot": ("practice_slot",),
    "appointment": ("practice_appointment", "practice_appointmentslot"),
    "session": ("practice_schedule",),
    "audit event": ("practice_auditevent", "practice_auditseal"),
}


@transaction.atomic
def book_the_past(example: Appointment, today: date) -> None:
    """Book four fifths of the slots before today, each as the example was booked."""
    copied: list[Any] = [
        field.column
        for field in Appointment._meta.concrete_fields
        if field.column
        not in {"id", "organisation_id", "patient_id", "schedule_id", "location_id", "start", "end"}
    ]
    listed = ", ".join(connection.ops.quote_name(name) for name in copied)
    values = ", ".join(f"e.{connection.ops.quote_name(name)}" for name in copied)
    past = "s.start < %s AND s.id %% 10 < %s"
    with connection.cursor() as cursor, world.unchecked(cursor):
        cursor.execute(
            f"UPDATE practice_slot s SET status = 'busy', version = 2 WHERE {past}",
            [clock.day_start(today), BOOKED_IN_TEN],
        )
        # The practices' patients have consecutive ids: take them in turn.
        cursor.execute(
            f"""
            INSERT INTO practice_appointment (organisation_id, patient_id, schedule_id, location_id,
                start, "end", {listed})
            SELECT s.organisation_id, p.first + s.id %% p.number, s.schedule_id, c.location_id,
                s.start, s."end", {values}
            FROM practice_slot s JOIN practice_schedule c ON c.id = s.schedule_id
                JOIN (SELECT organisation_id, min(id) AS first, count(*) AS number
                    FROM practice_patient GROUP BY 1) p ON p.organisation_id = s.organisation_id,
                (SELECT * FROM practice_appointment WHERE id = %s) e
            WHERE {past}
            """,
            [example.pk, clock.day_start(today), BOOKED_IN_TEN],
        )
        cursor.execute(
            """
            INSERT INTO practice_appointmentslot (appointment_id, slot_id, released)
            SELECT a.id, s.id, false FROM practice_appointment a
                JOIN practice_slot s ON s.schedule_id = a.schedule_id AND s.start = a.start
            WHERE s.start < %s AND s.id %% 10 < %s
            """,
            [clock.day_start(today), BOOKED_IN_TEN],
        )


Figures = dict[str, float]


def seconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return round(perf_counter() - begun, 3)


def milliseconds(works: Iterable[Callable[[], object]]) -> Figures:
    """What each of these takes: on the clock, and in processor time, which neighbours hardly alter.

    The first quarter is not counted: a new connection and a fresh table are slow at first. The pool
    has one connection, since one thread asks, so one process of PostgreSQL answers.
    """
    works = list(works)
    for work in works[: len(works) // 4]:
        work()
    ((backend,),) = run_sql("SELECT pg_backend_pid()")
    taken, web, database = [], process_time(), processor_seconds(backend)
    for work in works[len(works) // 4 :]:
        begun = perf_counter()
        work()
        taken.append((perf_counter() - begun) * 1000)
    taken.sort()
    each = 1000 / len(taken)
    return {
        "median": round(statistics.median(taken), 2),
        "p99": round(taken[int(len(taken) * 0.99)], 2),
        "web processor": round((process_time() - web) * each, 2),
        "PostgreSQL processor": round((processor_seconds(backend) - database) * each, 2),
    }


def search(organisation: Organisation, first: date, days: int, now: datetime) -> None:
    query = f"status=free&start=ge{first}&end=le{first + timedelta(days=days - 1)}&{INCLUDES}"
    find_slots(SlotFilter(QueryDict(query)), organisation=organisation, now=now)


def bookings(organisations: list[Organisation], first: date) -> list[Callable[[], object]]:
    """Many bookings through the API, of different slots, guards and audit included."""
    number = ROUNDS // len(organisations)
    wanted = []
    for organisation in organisations:
        consumer = Consumer(organisation, client=Client(SERVER_NAME="localhost"))
        patients = Patient.objects.filter(organisation=organisation).order_by("pk")[:number]
        free = Slot.objects.filter(
            organisation=organisation,
            status="free",
            gp_connect_bookable=True,
            start__gte=clock.day_start(first),
        )
        wanted += [
            (consumer, appointment_body(slots=[slot], patient=patient))
            for slot, patient in zip(free.order_by("start", "pk"), patients, strict=False)
        ]

    def book(consumer: Consumer, body: dict[str, Any]) -> None:
        response = consumer.book(body)
        assert response.status_code == 201, response.content

    return [partial(book, *each) for each in wanted]


def through_gp_connect(organisations: list[Organisation]) -> dict[str, Figures]:
    """What other organisations wait for."""
    now, first = datetime.now(UTC), dates.first_day()
    turns = [organisations[n % len(organisations)] for n in range(ROUNDS)]
    return {
        "booking": milliseconds(bookings(organisations, first)),
        "search of a day": milliseconds(partial(search, each, first, 1, now) for each in turns),
        "search of 14 days": milliseconds(partial(search, each, first, 14, now) for each in turns),
    }


def in_the_practice(organisations: list[Organisation], today: date) -> dict[str, Figures]:
    """What staff wait for."""
    now, first = datetime.now(UTC), dates.first_day()
    last_month = today - timedelta(days=28)
    receptionist = Client(SERVER_NAME="localhost")
    receptionist.force_login(make_staff(organisations[0], role=RECEPTIONIST))

    def page() -> None:
        response = receptionist.get("/admin/diary/", {"date": str(first)})
        assert response.status_code == 200

    page()
    return {
        "page of a day of the diary": milliseconds([page] * 40),
        "utilisation of 4 weeks": milliseconds(
            partial(utilisation, organisation=each, first=last_month, last=today, now=now)
            for each in organisations * (40 // len(organisations))
        ),
    }


def by_night(organisation: Organisation, today: date) -> dict[str, float]:
    """Seconds of what runs at night."""
    now, last = datetime.now(UTC), today + timedelta(days=AHEAD)
    make_template(organisation, session_holder=make_practitioner(organisation), weekdays=[0, 2, 4])

    def generate() -> None:
        runs.generate(
            organisation=organisation, from_date=today, to_date=last, actor=make_actor(), now=now
        )

    def vacuum() -> None:
        """After a hundredth of the slots to come were booked, as on a day."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE practice_slot SET version = version + 1"
                " WHERE start > now() AND id % 100 = 7"
            )
            cursor.execute("VACUUM practice_slot")

    work = {
        "generation of 8 weeks": generate,
        "generation again": generate,
        "vacuum of slots": vacuum,
        "analyse": lambda: run_sql("ANALYZE"),
        "check_diary": lambda: diary_check.check(now=now),
        "sealing": lambda: sealing.seal_everything(now=now),
    }
    return {name: seconds(each) for name, each in work.items()}


def run_sql(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def sizes() -> dict[str, dict[str, float]]:
    """Bytes a row of the tables themselves, and with all indexes and long texts."""
    found = {}
    for name, tables in ROWS.items():
        ((number,),) = run_sql(f"SELECT count(*) FROM {tables[0]}")
        parts = [
            run_sql(f"SELECT pg_relation_size('{each}'), pg_total_relation_size('{each}')")[0]
            for each in tables
        ]
        found[name] = {
            "rows": number,
            "bytes": round(sum(row for row, _ in parts) / max(number, 1)),
            "bytes with indexes": round(sum(total for _, total in parts) / max(number, 1)),
        }
    return found


def archive(organisations: list[Organisation], today: date) -> dict[str, Any]:
    """Archive all that may be, as an operator does, while bookings go on."""
    before, first = today - timedelta(days=NEAREST_DAYS), today + timedelta(days=14)
    with tempfile.TemporaryDirectory() as folder:
        command = ["manage.py", "archive_diary", "--before", str(before), "--to", folder, "--json"]
        begun = perf_counter()
        with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) as process:
            meanwhile = milliseconds(bookings(organisations, first))
            said, _ = process.communicate()
        taken = perf_counter() - begun
        files = [path.stat().st_size for path in Path(folder).rglob("*.gz")]
    practices = json.loads(said)["practices"]
    return {
        "seconds": round(taken, 1),
        "slots": sum(each["slots"] for each in practices),
        "sessions": sum(each["sessions"] for each in practices),
        "bytes of files": sum(files),
        "booking meanwhile": meanwhile,
        "table bytes after VACUUM": run_sql("VACUUM practice_slot")
        or run_sql("SELECT pg_total_relation_size('practice_slot')")[0][0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=float, default=0, help="of past diary")
    parser.add_argument("--practices", type=int, default=4)
    parser.add_argument("--holders", type=int, default=8)
    options = parser.parse_args()
    today = clock.today(datetime.now(UTC))
    past = int(options.years * 365)
    organisations = world.build(
        practices=options.practices,
        holders=options.holders,
        first=today - timedelta(days=past),
        days=past + AHEAD,
        patients=PATIENTS,
    )
    for book in bookings(organisations[:1], today + timedelta(days=28))[:20]:
        book()
    book_the_past(Appointment.objects.earliest("pk"), today)
    run_sql("VACUUM ANALYZE")
    report = {
        "years": options.years,
        "sessions": Schedule.objects.count(),
        "milliseconds": through_gp_connect(organisations) | in_the_practice(organisations, today),
        "seconds": by_night(organisations[0], today),
        "sizes": sizes(),
        "archiving": archive(organisations, today),
        "milliseconds after it": through_gp_connect(organisations),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
