"""``python -m consumer check URL``: the kit from a command line."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from consumer import VERSION, command_line, transport
from consumer.check import page, report
from consumer.check.checks import CHECKS
from consumer.check.kit import Kit
from consumer.check.run import NOT_SEEN, Result, chosen, visit
from consumer.check.wire import Wire, over
from consumer.identity import Device, Identity, Organisation, Provider, User


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("url", metavar="URL", help="service root: https://provider/A00001/STU3/1/gpconnect")
    add("--nhs-number", required=True, help="of a patient made for tests")
    add("--asid", required=True, help="of the provider's system (Ssp-To)")
    add("--practice", default="", metavar="ODS", help="ODS code of the practice, if not in URL")
    command_line.add_organisation(parser, name="Conformance kit")
    add("--days", type=int, default=14, choices=range(1, 15), metavar="1-14", help="to search")
    add("--seconds", type=float, default=10, help="to wait for an answer (default: 10)")
    command_line.add_tls(parser)
    add("--only", action="append", default=[], metavar="CHECK", help="id or subject; repeatable")
    add("--strict", action="store_true", help="what was not seen counts as failed")
    add("--quiet", action="store_true", help="show only what failed")
    add("--json", type=Path, metavar="FILE", help="write the report as JSON")
    add("--html", type=Path, metavar="FILE", help="write the report as a page")
    add("--list", action="store_true", help="list the checks, and ask nothing")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 if no check failed, else 1."""
    if "--list" in (sys.argv[1:] if argv is None else argv):
        for check in CHECKS.values():
            print(f"{check.id:34} {check.sentence} ({', '.join(check.requirements)})")
        return 0
    return run(parsed(argv))


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says; ends the program if that is no order."""
    parser = argparse.ArgumentParser(prog="python -m consumer check", description=__doc__)
    arguments(parser)
    given = parser.parse_args(argv)
    try:
        chosen(given.only)
    except ValueError as error:
        parser.error(str(error))
    return given


def run(given: argparse.Namespace) -> int:
    """Visit the provider that the command line names."""
    signal.signal(signal.SIGTERM, interrupt)
    limits = transport.Limits(total=given.seconds, attempts=1)

    def say(result: Result) -> None:
        if result.problems or not given.quiet:
            print("\n".join(report.lines_of(result)), flush=True)

    with transport.Transport(limits, tls=command_line.tls_of(given)) as way:
        wire = Wire(provider_of(given), identity_of(given), over(way))
        found = visit(Kit(wire, given.nhs_number, days=given.days), given.only, say)
    print(report.summary(found))
    if given.json:
        given.json.write_text(page.as_json(report.as_data(found)), encoding="utf-8")
    if given.html:
        given.html.write_text(page.as_page(found), encoding="utf-8")
    return 0 if found.ok and not (given.strict and found.of(NOT_SEEN)) else 1


def interrupt(number: int, frame: FrameType | None) -> None:
    """An order to end is like Ctrl-C: what was booked is cancelled first."""
    raise KeyboardInterrupt


def provider_of(given: argparse.Namespace) -> Provider:
    root = given.url.rstrip("/")
    parts = root.split("/")
    in_root = parts[-4] if len(parts) > 6 and parts[-3] == "STU3" else ""
    return Provider(root, given.asid, given.practice or in_root)


def identity_of(given: argparse.Namespace) -> Identity:
    """The kit says openly that it is one, and nobody's smartcard is used."""
    return Identity(
        given.from_asid,
        Organisation(given.ods, given.organisation, given.type, "0113 496 0000"),
        User("conformance-kit", "Kit", "Conformance"),
        Device("conformance-kit", "GP Connect conformance kit", VERSION),
    )


if __name__ == "__main__":
    sys.exit(main())
