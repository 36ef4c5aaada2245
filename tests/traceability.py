"""Which requirements have tests: ``python -m tests.traceability``.

Collects the tests, without running them, and reads the ids in their marks, such as
``@pytest.mark.req("BOOK-063")``, those of modules, classes and single parameters included. An id
that the published catalogue lacks is an error: exit code 1. A skipped test counts; the test report
says what was skipped.
"""

import contextlib
import io
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.shared import GPCONNECT, MISSING
from workbench.paths import ROOT

# The groups whose every SHALL has a test, as far as a test can hold it.
ALL_SHALL = {
    *("GEN", "ERR", "JWT", "SSP", "ENA", "SLOT", "AVAIL", "BOOK", "RETR", "READ", "AMEND", "CANC"),
    *("PAT", "PRAC", "ORG", "LOC", "META", "REG"),
}


def places(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """The tests that name each id, as pytest calls them, without their parameters."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for mark in item.iter_markers("req"):
            for identifier in mark.args:
                found[str(identifier)].add(item.nodeid.partition("[")[0])
    return {identifier: sorted(tests) for identifier, tests in found.items()}


class Collector:
    """A plugin of pytest that keeps what was collected."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.places = places(session.items)


def collect() -> dict[str, list[str]]:
    """The tests of the whole suite that name each id."""
    collector, said = Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-qq", str(ROOT / "tests")], plugins=[collector])
    if code != pytest.ExitCode.OK:
        words = said.getvalue()
        raise SystemExit(f"The tests cannot be collected:\n{words[words.find('= ERRORS =') :]}")
    return collector.places


def catalogue() -> tuple[list[dict[str, str]], set[str]]:
    """The requirements, and all ids that a mark may name: those, decisions and staff stories."""
    folder = GPCONNECT / "requirements"
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    stories = re.findall(r"STAFF-\d+", (folder / "staff_user_stories.md").read_text("utf-8"))
    return index["requirements"], {
        *(each["id"] for each in index["requirements"] + index["decisions"]),
        *stories,
    }


def report(requirements: list[dict[str, str]], tested: Iterable[str]) -> Iterator[str]:
    """The lines of the report: a table of groups, then the ids without a test."""
    tested = set(tested)
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for requirement in requirements:
        groups[requirement["group"]].append(requirement)
    yield f"{'group':6} {'ids':>9} {'SHALL':>9}  of which with tests"
    for group, members in groups.items():
        shall = [each["id"] for each in members if each["strength"] == "SHALL"]
        with_test = sum(each["id"] in tested for each in members)
        shall_with_test = sum(identifier in tested for identifier in shall)
        wanted = "" if group in ALL_SHALL else "  (not required of this group)"
        yield (
            f"{group:6} {f'{with_test}/{len(members)}':>9} "
            f"{f'{shall_with_test}/{len(shall)}':>9}{wanted}"
        )
    for group, members in groups.items():
        missing = [each for each in members if each["id"] not in tested]
        if missing:
            yield f"\n{group}: {len(missing)} without a test"
        for each in missing:
            yield f"  {each['id']:10} {each['strength']:6} {shortened(each['text'])}"


def shortened(text: str, width: int = 110) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def main() -> int:
    if not GPCONNECT.is_dir():
        print(MISSING)
        return 0
    requirements, known = catalogue()
    found = collect()
    print("\n".join(report(requirements, found)))
    unknown = {identifier: tests for identifier, tests in found.items() if identifier not in known}
    for identifier, tests in unknown.items():
        print(f"\nERROR: {identifier} is not in the catalogue: {', '.join(tests)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
