"""``python -m consumer search``: free slots of several practices, from a command line."""

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from consumer import command_line, times
from consumer.client import Client, SearchResult
from consumer.identity import Provider
from consumer.transport import Transport


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("practice", nargs="+", metavar="ASID@URL", help="a practice: its ASID and service root")
    add("--start", type=date.fromisoformat, metavar="DATE", help="first day (default: today)")
    add("--days", type=int, default=14, choices=range(1, 15), metavar="1-14", help="how many")
    add("--format", choices=("json", "xml"), default="json", help="what is spoken")
    add("--json", action="store_true", help="write JSON, for programs")
    command_line.add_identity(parser)
    command_line.add_transport(parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Search; 0 if every practice answered, 1 if one did not, 2 if none did."""
    parser = argparse.ArgumentParser(prog="python -m consumer search", description=__doc__)
    arguments(parser)
    given = parser.parse_args(argv)
    providers = []
    for practice in given.practice:
        asid, at, root = practice.partition("@")
        if not at or "://" not in root:
            parser.error(f"{practice} is not ASID@URL")
        providers.append(Provider(root, asid, through=given.through))
    start = given.start or times.today()
    transport = Transport(command_line.limits_of(given), tls=command_line.tls_of(given))
    with Client(
        command_line.identity_of(given), transport=transport, format=given.format
    ) as client:
        results = client.search_many(providers, start, start + timedelta(days=given.days - 1))
    if given.json:
        print(json.dumps([as_data(each) for each in results], indent=2))
    else:
        for result in results:
            print("\n".join(lines(result)))
    failed = sum(result.error is not None for result in results)
    return 0 if not failed else 2 if failed == len(results) else 1


def lines(result: SearchResult) -> Iterator[str]:
    """A practice's answer for people."""
    if result.found is None:
        yield f"{result.provider}: {result.error and result.error.why}"
        return
    found = result.found
    yield f"{result.provider}: {len(found.slots)} free, in {result.seconds:.2f} s"
    for slot in found.slots:
        person = slot.schedule.practitioner
        about = (
            *(slot.service_type, slot.delivery_channel, slot.schedule.location.name),
            *((str(person.name),) if person else ()),
        )
        yield f"  {slot.start:%a %d %b %H:%M} to {slot.end:%H:%M %z}  {', '.join(about)}"
    for problem in found.problems:
        yield f"  wrong: {problem}"


def as_data(result: SearchResult) -> dict[str, Any]:
    """A practice's answer for programs."""
    found = result.found
    return {
        "practice": result.provider.audience,
        "error": str(result.error) if result.error else None,
        "slots": [
            {
                "id": slot.id,
                "start": times.write(slot.start),
                "end": times.write(slot.end),
                "service_type": slot.service_type,
                "delivery_channel": slot.delivery_channel,
                "location": slot.schedule.location.name,
                "practitioner": str(slot.schedule.practitioner.name)
                if slot.schedule.practitioner
                else None,
            }
            for slot in (found.slots if found else ())
        ],
        "problems": list(found.problems) if found else [],
    }
