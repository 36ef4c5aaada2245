"""What it takes to watch a thousand practices that have promised two things each.

``python -m benchmarks.watch [--practices N]``. The practices have a diary of this week and the
next, of which a third is booked; in a few of them days fall short, and why is found out too. Then
what a pass between costs, which looks at those in which something has changed; then the same with
all of them short, as when 111 passes to a provider whom nobody has named.
"""

import os
from datetime import timedelta
from io import StringIO
from time import perf_counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - Django must be set up first
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import dates, results, world  # noqa: E402
from practice.management.commands.watch_promises import Command  # noqa: E402
from practice.models import Organisation, Promise, Shortfall  # noqa: E402
from practice.reads.promises import versions_of_promising  # noqa: E402
from practice.services.diary_changes import note_practices  # noqa: E402

HOLDERS, DAYS, PATIENTS, BOOKED_EVERY = 6, 14, 20, 3
SHORT = 30  # one practice in so many falls short


def promise(practices: list[Organisation]) -> None:
    """Two promises of each: to 111, and to hubs; of some more than is ever there."""
    Promise.objects.bulk_create(
        Promise(
            organisation=practice,
            name=name,
            ods_code=code,
            organisation_type=kind,
            slots_a_day=10_000 if number % SHORT == 0 else 4,
            weekdays=list(range(7)) if number % SHORT == 0 else list(range(5)),
        )
        for number, practice in enumerate(practices)
        for name, code, kind in (("NHS 111", "X9X01", "urgent-care"), ("Hubs", "", "gp-practice"))
    )


def watched(what: str) -> results.Figures:
    """Watch once: how long it took, and how many days are short."""
    begun = perf_counter()
    call_command("watch_promises", stdout=StringIO())
    seconds = round(perf_counter() - begun, 1)
    short = Shortfall.objects.filter(ended_at__isnull=True).count()
    print(f"{what:20}{seconds:8.1f} s{short:8,} days short", flush=True)
    return {"seconds": seconds, "short": short}


def watched_changed(what: str, practices: list[Organisation]) -> results.Figures:
    """What a pass between costs, when something has changed in these practices."""
    watcher, seen = Command(stdout=StringIO()), versions_of_promising()
    with transaction.atomic():
        note_practices(practices, now=timezone.now())
    begun = perf_counter()
    watcher.look_at_changed(seen, timezone.now())
    seconds = round(perf_counter() - begun, 2)
    print(f"{what:20}{seconds:8.2f} s{len(practices):8,} practices looked at", flush=True)
    return {"seconds": seconds, "practices": len(practices)}


def main() -> results.Figures:
    parser = results.parser(__doc__)
    parser.add_argument("--practices", type=int, default=1000)
    parser.add_argument("--no-all-short", action="store_true", help="only the usual day")
    options = parser.parse_args()
    begun = perf_counter()
    practices = world.build(
        practices=options.practices,
        holders=HOLDERS,
        first=dates.monday_after(dates.today() - timedelta(days=7)),
        days=DAYS,
        patients=PATIENTS,
    )
    world.book(every=BOOKED_EVERY, now=timezone.now())
    promise(practices)
    print(f"{len(practices)} practices made in {perf_counter() - begun:.0f} s", flush=True)
    found: results.Figures = {"practices": len(practices)}
    found["first"], found["again"] = watched("first"), watched("again")
    for what, some in (("nothing changed", []), ("every tenth changed", practices[::10])):
        found[what] = watched_changed(what, some)
    if not options.no_all_short:
        Promise.objects.update(slots_a_day=10_000, weekdays=list(range(5)))
        found["all short"] = watched("all short")
        found["all short, again"] = watched("all short, again")
    return results.leave(found, options.json)


if __name__ == "__main__":
    main()
