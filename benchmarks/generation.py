"""What generating costs: a month and a year of diary for twelve holders, and the year once more.

``python -m benchmarks.generation [--rounds N]``. Each run is a process of its own, for a practice
of its own, so that its peak of memory is nobody else's; the unchanged year is generated again by
another process. The clock runs around the service only, without the start of the process.
"""

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from time import perf_counter, process_time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import orjson  # noqa: E402 - Django must be set up before models are imported
from django.db import connection  # noqa: E402

from benchmarks import results, stack  # noqa: E402
from practice import clock  # noqa: E402
from practice.models import Organisation, Slot  # noqa: E402
from practice.services.generation.runs import generate  # noqa: E402
from workbench.factories import make_actor, make_practitioner, make_template  # noqa: E402

HOLDERS = 12
SESSIONS = (("Morning", time(8, 30), time(12, 30)), ("Afternoon", time(13, 30), time(17, 30)))
DAYS = {"month": 28, "year": 364, "unchanged year": 364}
HUNDRED_THOUSAND = 100_000


def make_practice(ods_code: str) -> Organisation:
    """A practice whose templates fill eight hours of every weekday with ten-minute slots."""
    practice = Organisation.objects.create(
        ods_code=ods_code, name=ods_code, asid=f"2{ods_code[1:]:0>11}"
    )
    for _ in range(HOLDERS):
        holder = make_practitioner(practice)
        for name, start, end in SESSIONS:
            make_template(
                practice,
                session_name=name,
                session_holder=holder,
                blocks=[{"start": start, "end": end}],
            )
    return practice


def run(ods_code: str, days: int) -> results.Figures:
    """Generate so many days from tomorrow in this process; seconds, slots and peak megabytes."""
    practice = Organisation.objects.get(ods_code=ods_code)
    now = datetime.now(UTC)
    first = clock.today(now) + timedelta(days=1)
    begun, used = perf_counter(), processor_seconds()
    generate(
        organisation=practice,
        from_date=first,
        to_date=first + timedelta(days=days - 1),
        actor=make_actor(door="command"),
        now=now,
    )
    seconds = perf_counter() - begun
    return {
        "seconds": seconds,
        "processor_seconds": processor_seconds() - used,
        "slots": Slot.objects.filter(organisation=practice).count(),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def processor_seconds() -> float:
    """What this process has used, and the one of PostgreSQL that serves it."""
    used = process_time()
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        used += stack.processor_seconds(connection.connection.info.backend_pid)
    return used


def run_apart(ods_code: str, days: int) -> results.Figures:
    """The same in a new process."""
    command = [sys.executable, "-m", "benchmarks.generation", "--run", ods_code, str(days)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: results.Figures = orjson.loads(done.stdout)
    return found


def summary(runs: Iterable[results.Figures]) -> results.Figures:
    """Medians of the runs of one kind, and between which times they lay."""
    runs = list(runs)
    seconds = statistics.median(run["seconds"] for run in runs)
    slots = runs[0]["slots"]
    return {
        "slots": slots,
        "seconds": round(seconds, 2),
        "fastest_seconds": round(min(run["seconds"] for run in runs), 2),
        "slowest_seconds": round(max(run["seconds"] for run in runs), 2),
        "processor_seconds": round(statistics.median(run["processor_seconds"] for run in runs), 2),
        "slots_per_second": round(slots / seconds),
        "seconds_per_100000": round(seconds * HUNDRED_THOUSAND / slots, 2),
        "peak_megabytes": round(statistics.median(run["peak_megabytes"] for run in runs), 1),
    }


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2, metavar=("ODS", "DAYS"), help="one run, in this process")
    options = parser.parse_args()
    if options.run:
        ods_code, days = options.run
        print(orjson.dumps(run(ods_code, int(days))).decode())
        return {}
    runs: dict[str, list[results.Figures]] = {kind: [] for kind in DAYS}
    for turn in range(options.rounds):
        practices = {kind: f"G{turn}{number:04}" for number, kind in enumerate(("month", "year"))}
        for ods_code in practices.values():
            make_practice(ods_code)
        practices["unchanged year"] = practices["year"]
        for kind, days in DAYS.items():
            runs[kind].append(run_apart(practices[kind], days))
    found: results.Figures = {kind: summary(each) for kind, each in runs.items()}
    found["growth_megabytes"] = round(
        found["year"]["peak_megabytes"] - found["month"]["peak_megabytes"], 1
    )
    tell(found)
    return results.leave(found, options.json)


def tell(found: results.Figures) -> None:
    for kind in DAYS:
        each = found[kind]
        print(
            f"  {kind:<15} {each['slots']:8,} slots in {each['seconds']:6.2f} s"
            f" ({each['fastest_seconds']:.2f} to {each['slowest_seconds']:.2f}),"
            f" {each['processor_seconds']:.2f} s of processor,"
            f" {each['slots_per_second']:7,} a second, {each['seconds_per_100000']:5.2f} s for"
            f" 100,000; peak {each['peak_megabytes']:.0f} MB"
        )
    print(f"  memory grows by {found['growth_megabytes']} MB from a month to a year", flush=True)


if __name__ == "__main__":
    main()
