"""What a search and a booking cost with 1, 20, 200 and 1,000 practices in the database.

``python -m benchmarks.growth [--practices N ...] [--rounds N]``. Each number of practices has a
database of its own, beside that of DATABASE_URL on the same server (SQLite: files in its folder).
They are asked in turn, so that what slows the machine slows all of them alike.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - Django must be set up first
from django.db import connection, connections  # noqa: E402
from django.http import QueryDict  # noqa: E402

from benchmarks import dates, results, world  # noqa: E402
from benchmarks.measuring import figures, table, take_turns  # noqa: E402
from benchmarks.search import query_for  # noqa: E402
from config.settings import database  # noqa: E402
from fhirapi.filters import SlotFilter  # noqa: E402
from fhirapi.slot_search import find_slots  # noqa: E402
from practice import clock  # noqa: E402
from practice.models import Organisation, Patient, Slot  # noqa: E402
from practice.services.appointments.booking import book_appointment  # noqa: E402
from workbench.factories import make_actor, make_booking_organisation  # noqa: E402

LADDER = {"postgresql": (1, 20, 200, 1000), "sqlite": (1, 20, 200)}
HOLDERS, DAYS, PATIENTS, BOOKED_EVERY = 6, 28, 200, 3
SLOTS = 300
RUN_UP = 2  # runs of each alternative that take_turns does not count


# ---------------------------------------------------------------- one database for each number


def make(practices: int, first: date) -> results.Figures:
    """Fill a new database in a process of its own; what it took and how large it has become."""
    name = f"practices_{practices}"
    url = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
    connections.settings[str(practices)] = {**connections.settings["default"], **database(url)}
    begun = perf_counter()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.growth",
            "--fill",
            str(practices),
            "--first",
            f"{first}",
        ],
        env={**os.environ, "DATABASE_URL": url},
        check=True,
    )
    seconds = perf_counter() - begun
    use(practices)
    made = {
        "seconds": round(seconds),
        "slots": Slot.objects.count(),
        "gigabytes": round(size() / 1e9, 2),
    }
    print(
        f"{practices:5} practices: {made['slots']:9,} slots, {made['gigabytes']:5.2f} GB"
        f" in {made['seconds']} s",
        flush=True,
    )
    return made


def fill(practices: int, first: date) -> None:
    """Migrate and fill the database of DATABASE_URL."""
    call_command("migrate", verbosity=0)
    world.build(practices=practices, holders=HOLDERS, first=first, days=DAYS, patients=PATIENTS)
    world.book(every=BOOKED_EVERY, now=datetime.now(UTC))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")


def use(practices: int) -> None:
    """Let everything that follows in this process be about that database."""
    connections["default"] = connections[str(practices)]


def size() -> int:
    """Bytes of the database in use."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        found: int = cursor.fetchone()[0]
    return found


# ---------------------------------------------------------------- what is asked


def searches(practices: int, query: str, now: datetime) -> Callable[[], object]:
    """A search of one of the practices, another one each time.

    Each is searched once before, so that its directory is kept, as in a process that has run for a
    while (fhirapi.rendered_directory).
    """
    use(practices)
    organisations = list(Organisation.objects.all())

    def search(organisation: Organisation) -> bytes:
        use(practices)
        found = find_slots(SlotFilter(QueryDict(query)), organisation=organisation, now=now)
        return found.body

    for organisation in organisations:
        search(organisation)

    def run() -> bytes:
        return search(random.choice(organisations))

    return run


def bookings(practices: int, now: datetime, number: int) -> Callable[[], object]:
    """A booking, committed, of another free slot each time, at a practice as chance has it."""
    use(practices)
    homes = {organisation.pk: organisation for organisation in Organisation.objects.all()}
    patients = dict(Patient.objects.order_by("-pk").values_list("organisation", "pk"))
    free = Slot.objects.filter(status="free", gp_connect_bookable=True)
    chosen = random.sample(list(free.values_list("pk", "organisation")), number)
    actor, booker = make_actor(), make_booking_organisation()

    def run() -> object:
        use(practices)
        slot, home = chosen.pop()
        return book_appointment(
            organisation=homes[home],
            patient_id=patients[home],
            slot_ids=[slot],
            description="Sore throat for a week",
            booking_organisation=booker,
            actor=actor,
            now=now,
        )

    return run


def compare(
    what: str, alternatives: dict[str, Callable[[], object]], rounds: int
) -> results.Figures:
    """Run the same thing on all databases in turn."""
    times = take_turns(alternatives, rounds=rounds)
    print(f"{what}, by the number of practices:")
    print("\n".join(table(times, against=next(iter(alternatives)))), flush=True)
    return figures(times, against=next(iter(alternatives)))


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--practices", type=int, nargs="+", default=LADDER[connection.vendor])
    parser.add_argument("--first", type=date.fromisoformat, help="the first day of the diary")
    parser.add_argument("--fill", type=int, help="only fill the database with so many practices")
    options = parser.parse_args()
    first = options.first or dates.first_day()
    if options.fill:
        fill(options.fill, first)
        return {}
    ladder, now = options.practices, clock.day_start(first)
    made = {str(practices): make(practices, first) for practices in ladder}
    use(ladder[0])
    query, entries = query_for(SLOTS, Organisation.objects.get(), now)
    search = {str(practices): searches(practices, query, now) for practices in ladder}
    print(f"A search finds {entries} entries")
    booking = {
        str(practices): bookings(practices, now, options.rounds + RUN_UP) for practices in ladder
    }
    found = {
        "databases": made,
        "search": compare("Search", search, options.rounds),
        "booking": compare("Booking", booking, options.rounds),
    }
    return results.leave(found, options.json)


if __name__ == "__main__":
    main()
