"""What the weekly return of a practice takes: its time, its files, and how much memory at most.

``python -m benchmarks.returns [--holders N ...]``. A practice of the usual size, a large one, and
one ten times as large, which nobody has: memory must not grow with it. Every other slot is booked.
Memory is the most that the process ever held, so the sizes come in order.
"""

import os
import resource
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.utils import timezone  # noqa: E402 - Django must be set up first

from benchmarks import dates, results, world  # noqa: E402
from practice.management.operator import operator  # noqa: E402
from practice.models import Organisation  # noqa: E402
from practice.reads.weekly_return import monday_of  # noqa: E402
from practice.services.weekly_return import make_return  # noqa: E402
from workbench.factories import make_slot_type  # noqa: E402

BOOKED_EVERY, PATIENTS = 2, 200


def most_megabytes() -> int:
    """The most memory that this process has held so far, what it shares with others included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def made(practice: Organisation, folder: Path) -> results.Figures:
    """Make the return of the last week: how long it took, and what it left."""
    last_week = dates.today() - timedelta(days=7)
    begun = perf_counter()
    done = make_return(
        organisation=practice,
        day=last_week,
        folder=folder,
        actor=operator("weekly_return"),
        now=timezone.now(),
    )
    seconds = round(perf_counter() - begun, 2)
    size = sum(each.stat().st_size for each in done.folder.iterdir())
    return {
        "rows": done.record.rows,
        "appointments": done.record.appointments,
        "seconds": seconds,
        "megabytes_of_files": round(size / 1e6, 1),
        "most_megabytes": most_megabytes(),
    }


def main() -> results.Figures:
    parser = results.parser(__doc__)
    parser.add_argument("--holders", type=int, nargs="+", default=[6, 20, 200])
    options = parser.parse_args()
    monday = monday_of(dates.today() - timedelta(days=7))
    practices = []
    for number, holders in enumerate(options.holders):
        sizes = {"holders": holders, "first": monday, "days": 7, "patients": PATIENTS}
        practices += world.build(practices=1, prefix=chr(ord("B") + number), **sizes)
        for name in world.SLOT_TYPES:
            make_slot_type(practices[-1], name=name)
    world.book(every=BOOKED_EVERY, now=timezone.now())
    found: results.Figures = {}
    for holders, practice in zip(options.holders, practices, strict=True):
        before = most_megabytes()
        with tempfile.TemporaryDirectory(prefix="returns-") as folder:
            each = found[str(holders)] = {**made(practice, Path(folder)), "before": before}
        print(
            f"  {holders:4} holders{each['rows']:8,} rows{each['appointments']:8,} appointments"
            f"{each['seconds']:8.2f} s{each['megabytes_of_files']:8.1f} MB of files,"
            f" at most {each['most_megabytes']} MB of memory ({before} before)",
            flush=True,
        )
    return results.leave(found, options.json)


if __name__ == "__main__":
    main()
