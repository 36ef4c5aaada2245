"""Whole searches of 300 slots through the real server, and alternatives behind the same guards.

``python -m benchmarks.requests [--seconds N] [--rounds N]``, on PostgreSQL only, a server of its
own. Short rounds of all alternatives in a random order, so that what slows the machine slows all
alike; processor time for each request beside the throughput, since it hardly depends on what else
runs.

The first stage gives the web server's one process a core, and PostgreSQL and the generator the
other; the second lets two processes run where they may. Sealing stands still meanwhile: which
alternative's events it would seal during which round is chance. It catches up at the end.
"""

import argparse
import itertools
import random
import statistics
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson
from lxml import etree

from benchmarks import consumers, dates, driving, results, stack
from benchmarks.consumers import JSON, XML, Systems, service_root
from benchmarks.driving import Address, Ask, Taken

PRACTICES = 10
HOLDERS = 12  # each with 28 slots on offer a day
CLIENTS = 8
OURS, PASSED_THROUGH = "ours, JSON", "PostgreSQL json_build_object"
OURS_XML, PASSED_XML = "ours, XML", f"{PASSED_THROUGH}, XML"  # made into it by our generic writer
SERIALIZER = "DRF serializer"
ALTERNATIVES = {  # where each is, and what it is asked for
    OURS: ("", JSON),
    PASSED_THROUGH: ("/alternatives/postgresql", JSON),
    SERIALIZER: ("/alternatives/serializer", JSON),
    OURS_XML: ("", XML),
    PASSED_XML: ("/alternatives/postgresql", XML),
    "guards and audit, no search": ("/alternatives/guards", JSON),
    "empty view": ("/alternatives/empty", JSON),
}


def build() -> tuple[list[tuple[str, str]], date]:
    """Practices as (ODS code, ASID), and a day on which each offers 336 slots."""
    from benchmarks import world

    first = dates.first_day()
    made = world.build(practices=PRACTICES, holders=HOLDERS, first=first, days=28)
    return [(each.ods_code, each.asid) for each in made], first


def asking(alternative: str, practices: list[tuple[str, str]], day: date, host: str) -> Ask:
    """What makes the next request to an alternative: many systems, all practices in turn."""
    systems, turn = Systems(host), itertools.cycle(practices)
    place, accept = ALTERNATIVES[alternative]

    def ask() -> bytes:
        ods_code, asid = next(turn)
        path = consumers.search(ods_code, day, day)
        if alternative == "empty view":
            path = place
        elif place:
            path = path.replace(service_root(ods_code), f"{place}/{ods_code}")
        system = random.randrange(systems.number)
        return systems.request("search", path, asid=asid, system=system, accept=accept)

    return ask


def resources_of(body: bytes, accept: str) -> list[tuple[str, str]]:
    """Type and id of each resource in a Bundle."""
    if accept == XML:
        root = etree.fromstring(body)
        found = root.iterfind("{*}entry/{*}resource/*")
        return sorted((etree.QName(each).localname, each[0].get("value", "")) for each in found)
    resources = [each["resource"] for each in orjson.loads(body)["entry"]]
    return sorted((each["resourceType"], each["id"]) for each in resources)


def check_alike(address: Address, asks: Mapping[str, Ask]) -> int:
    """That the alternatives answer alike; how many resources each answer has."""
    found = {}
    for alternative in (OURS, PASSED_THROUGH, SERIALIZER, OURS_XML, PASSED_XML):
        status, body = driving.answer(address, asks[alternative]())
        assert status == 200, (alternative, status, body[:300])
        found[alternative] = resources_of(body, ALTERNATIVES[alternative][1])
    assert all(each == found[OURS] for each in found.values()), "they answer differently"
    return len(found[OURS])


def saturate(
    address: Address, asks: Mapping[str, Ask], pids: dict[str, int], *, rounds: int, seconds: float
) -> dict[str, Taken]:
    """A short round of each alternative in turn, in a random order, as often as told."""
    taken: dict[str, Taken] = defaultdict(Taken)
    meter = stack.Meter(pids)
    for ask in asks.values():
        driving.closed(address, ask, clients=CLIENTS, seconds=2)
    for _ in range(rounds):
        for alternative in random.sample(list(asks), len(asks)):
            meter.start()
            found = driving.closed(address, asks[alternative], clients=CLIENTS, seconds=seconds)
            assert set(found.statuses) == {200}, (alternative, found.statuses)
            taken[alternative].add(found, meter.milliseconds(len(found.answers)))
    return {alternative: taken[alternative] for alternative in asks}


def tell(taken: Mapping[str, Taken]) -> dict[str, Any]:
    """Print a table of the alternatives, each beside ours in its format; return it as figures."""
    ours = {
        name: taken[OURS_XML if accept == XML else OURS]
        for name, (_, accept) in ALTERNATIVES.items()
    }
    parts = list(taken[OURS].processor[0])
    words = "".join(f"{part:>11}" for part in [*parts, "all"])
    print(f"  {'':<34}{'a second':>15}{'ours is':>9}{words} ms of processor{'ours is':>9}")
    for alternative, each in taken.items():
        used = "".join(f"{each.milliseconds(part):11.2f}" for part in parts)
        print(
            f"  {alternative:<34}{each.throughput:7.0f} ± {each.spread:5.0f}"
            f"{ours[alternative].times_faster(each):7.2f} x{used}{each.all_milliseconds:11.2f}"
            f"{ours[alternative].times_cheaper(each):23.2f} x"
        )
    own = [round.own_share for each in taken.values() for round in each.rounds]
    print(f"  the generator used {statistics.median(own):.0%} of a core, at most {max(own):.0%}")
    return {
        alternative: {
            **each.figures(),
            "ours_is_faster": round(ours[alternative].times_faster(each), 3),
            "ours_is_cheaper": round(ours[alternative].times_cheaper(each), 3),
        }
        for alternative, each in taken.items()
    }


def measure(
    database: Any,
    practices: list[tuple[str, str]],
    day: date,
    options: argparse.Namespace,
    *words: str,
    cores: set[int] | None = None,
) -> dict[str, Any]:
    """All alternatives at saturation, then ours at half of its own."""
    settings = "benchmarks.alternative_settings"
    with stack.web(database.url, *words, settings=settings, cores=cores) as (address, pid):
        host = f"{address[0]}:{address[1]}"
        asks = {
            alternative: asking(alternative, practices, day, host) for alternative in ALTERNATIVES
        }
        number = check_alike(address, asks)
        print(f"\n{' '.join(words)}{' on one core' if cores else ''}: {number} resources")
        pids = {"web": pid, "PostgreSQL": database.process.pid}
        taken = saturate(address, asks, pids, rounds=options.rounds, seconds=options.seconds)
        figures = tell(taken)
        rate = taken[OURS].throughput / 2
        half = driving.opened(address, asks[OURS], rate=rate, seconds=options.seconds * 5)
    quantiles = {f"p{q}_ms": round(half.p(q / 100), 1) for q in (50, 95, 99)}
    print(
        f"  ours at half its saturation, {rate:.0f} a second, open arrivals:"
        f" p50 {quantiles['p50_ms']} ms, p95 {quantiles['p95_ms']} ms, p99 {quantiles['p99_ms']} ms"
        f" (the generator was late by p99 {half.late:.1f} ms)",
        flush=True,
    )
    refused = len(half.answers) - half.statuses[200]
    half_load = {"per_second": round(rate, 1), **quantiles, "refused": refused}
    return {"alternatives": figures, "half": half_load}


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    options = parser.parse_args()
    with stack.postgresql() as database:
        stack.use(database.url)
        stack.migrate(database.url)
        practices, day = build()
        stack.leave_database()
        arguments = (database, practices, day, options)
        web, others = stack.apart()
        with stack.on(others, database.process.pid):
            one = measure(*arguments, "--workers=1", cores=web)
        two = measure(*arguments, "--workers=2")
        print()
        figures = {"one": one, "two": two, "sound": stack.is_sound(database.url)}
    return results.leave(figures, options.json)


if __name__ == "__main__":
    main()
