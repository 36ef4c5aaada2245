"""What the Bundle of a search costs, queries and rendering, against four ways to make the same.

``python -m benchmarks.search [--rounds N]`` on the database of DATABASE_URL, which it fills. The
baseline is PostgreSQL building the same JSON itself, passed through; on SQLite, our own JSON.
"""

import os
from datetime import datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import orjson  # noqa: E402 - Django must be set up before models are imported
from django.db import connection  # noqa: E402
from django.http import QueryDict  # noqa: E402

from benchmarks import dates, results, world  # noqa: E402
from benchmarks.alternatives import (  # noqa: E402
    Statement,
    by_fhir_resources,
    by_serializer,
    passing_through,
)
from benchmarks.measuring import figures, table, take_turns  # noqa: E402
from fhirapi.filters import SlotFilter  # noqa: E402
from fhirapi.formats import Format, to_xml  # noqa: E402
from fhirapi.slot_search import find_slots  # noqa: E402
from practice import clock  # noqa: E402
from practice.models import Organisation  # noqa: E402

SIZES = (100, 300, 1000, 3000)
HOLDERS = 14
INCLUDES = (
    "_include=Slot:schedule&_include:recurse=Schedule:actor:Practitioner"
    "&_include:recurse=Schedule:actor:Location&_include:recurse=Location:managingOrganization"
)


def query_for(size: int, organisation: Organisation, first: datetime) -> tuple[str, int]:
    """The parameters of the shortest search that finds at least ``size`` slots, and how many."""
    day = clock.local(first).date()
    for days in range(1, 15):
        query = f"status=free&start=ge{day}&end=le{day + timedelta(days=days - 1)}&{INCLUDES}"
        found = len(orjson.loads(ours(query, organisation, first))["entry"])
        if found >= size:
            return query, found
    return query, found


def ours(
    query: str, organisation: Organisation, now: datetime, as_format: Format = Format.JSON
) -> bytes:
    """What the search does."""
    search = SlotFilter(QueryDict(query))
    return find_slots(search, organisation=organisation, now=now, as_format=as_format).body


# ---------------------------------------------------------------- the run


def measure(size: int, organisation: Organisation, now: datetime, rounds: int) -> results.Figures:
    """All alternatives on one search of about ``size`` slots."""
    query, found = query_for(size, organisation, now)
    arguments = (query, organisation, now)
    alternatives = {
        "ours, JSON": lambda: ours(*arguments),
        "ours, XML": lambda: ours(*arguments, Format.XML),
        "DRF serializer": lambda: by_serializer(*arguments),
        "fhir.resources": lambda: by_fhir_resources(*arguments),
    }
    against = "ours, JSON"
    if connection.vendor == "postgresql":
        statement, using = Statement.of(*arguments), passing_through()
        alternatives = {
            "PostgreSQL json_build_object": lambda: statement.bundle(using),
            "the same made into XML": lambda: to_xml(orjson.loads(statement.bundle(using))),
            **alternatives,
        }
        against = "PostgreSQL json_build_object"
        mine = orjson.loads(ours(*arguments))["entry"]
        theirs = orjson.loads(alternatives[against]())["entry"]
        assert len(mine) == len(theirs), (len(mine), len(theirs))
        assert mine[:size] == theirs[:size], "the baseline builds something else"
    print(f"{found} entries ({connection.vendor}):")
    times = take_turns(alternatives, rounds=rounds, few={"fhir.resources": 3, "DRF serializer": 15})
    print("\n".join(table(times, against=against)), flush=True)
    return figures(times, against=against)


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    options = parser.parse_args()
    first = dates.first_day()
    organisation, *_ = world.build(practices=1, holders=HOLDERS, first=first, days=28)
    found = {
        str(size): measure(size, organisation, clock.day_start(first), options.rounds)
        for size in options.sizes
    }
    return results.leave(found, options.json)


if __name__ == "__main__":
    main()
