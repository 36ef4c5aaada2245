"""Which requirements have tests: ``python -m tests.traceability``.

Collects the tests, without running them, and reads the ids in their marks, such as
``@pytest.mark.req("BOOK-063")``, those of modules, classes and single parameters included. An id
that docs/requirements lacks is an error: exit code 1; so is a SHALL that has neither a test nor a
reason in docs/requirements/not_tested.md. A skipped test counts; the test report says what was
skipped.
"""

import contextlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from workbench.paths import ROOT

NOT_TESTED = ROOT / "docs" / "requirements" / "not_tested.md"


def without_case(nodeid: str) -> str:
    """A test as pytest calls it, for all its cases."""
    return nodeid.partition("[")[0]


def places(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """The tests that name each id, as pytest calls them, without their parameters."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for mark in item.iter_markers("req"):
            for identifier in mark.args:
                found[str(identifier)].add(without_case(item.nodeid))
    return {identifier: sorted(tests) for identifier, tests in found.items()}


class Collector:
    """A plugin of pytest that keeps what was collected."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.places = places(session.items)


def collect(*options: str) -> dict[str, list[str]]:
    """The tests of the whole suite that name each id; ``options``: of pytest."""
    collector, said = Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(
            ["--collect-only", "-qq", *options, str(ROOT / "tests")], plugins=[collector]
        )
    if code != pytest.ExitCode.OK:
        words = said.getvalue()
        raise SystemExit(f"The tests cannot be collected:\n{words[words.find('= ERRORS =') :]}")
    return collector.places


class Requirement(NamedTuple):
    """A row of the catalogue: what must, should or may be done."""

    id: str
    strength: str
    text: str

    @property
    def group(self) -> str:
        return self.id.partition("-")[0]


class Reason(NamedTuple):
    """Why a requirement has no test, and what stands in its place."""

    id: str
    instead: str
    words: str

    @property
    def run(self) -> str:
        """The run whose result measures it, if one does."""
        named = re.search(r"`(\w+)`", self.words) if self.instead == "measured" else None
        return named[1] if named else ""


class Catalogue(NamedTuple):
    """What docs/requirements and docs/decisions.md say."""

    requirements: list[Requirement]
    # The first words of every id that may be cited: requirements, decisions, stories of staff.
    texts: dict[str, str]


def rows(path: Path) -> Iterator[list[str]]:
    """The rows of a document's tables that begin with an id, as cells."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| [A-Z]+-\d+ \|", line):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            yield [cell.strip().replace("\\|", "|") for cell in cells]


def catalogue() -> Catalogue:
    """The requirements, in the order of their index, and the text of every id."""
    folder = ROOT / "docs" / "requirements"
    index = (folder / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| [A-Z]+ \| \[\w+\.md\]\((\w+\.md)\)", index, re.MULTILINE)
    requirements = [
        Requirement(identifier, strength, words)
        for name in files
        for identifier, strength, words, *_ in rows(folder / name)
    ]
    stories = [folder / "staff_user_stories.md", folder / "beyond_1_2_7.md"]
    texts = {each.id: each.text for each in requirements}
    texts |= {cells[0]: cells[2] for path in stories for cells in rows(path)}
    texts |= {cells[0]: cells[3] for cells in rows(ROOT / "docs" / "decisions.md")}
    return Catalogue(requirements, texts)


def reasons(path: Path = NOT_TESTED) -> dict[str, Reason]:
    """Why what has no test has none, by id."""
    return {cells[0]: Reason(*cells[:3]) for cells in rows(path)}


def unexplained(tested: Iterable[str]) -> list[str]:
    """The SHALLs that have neither a test nor a reason."""
    held = {*tested, *reasons()}
    known = catalogue().requirements
    return [each.id for each in known if each.strength == "SHALL" and each.id not in held]


def report(requirements: Iterable[Requirement], tested: Iterable[str]) -> Iterator[str]:
    """The lines of the report: a table of groups, then the ids without a test."""
    tested, explained = set(tested), reasons()
    groups: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in requirements:
        groups[requirement.group].append(requirement)
    yield f"{'group':6} {'ids':>9} {'SHALL':>9}  of which with tests"
    for group, members in groups.items():
        shall = [each.id for each in members if each.strength == "SHALL"]
        with_test = sum(each.id in tested for each in members)
        shall_with_test = sum(identifier in tested for identifier in shall)
        yield (
            f"{group:6} {f'{with_test}/{len(members)}':>9} {f'{shall_with_test}/{len(shall)}':>9}"
        )
    for group, members in groups.items():
        missing = [each for each in members if each.id not in tested]
        if missing:
            yield f"\n{group}: {len(missing)} without a test"
        for each in missing:
            why = explained[each.id].instead if each.id in explained else "NO REASON"
            yield f"  {each.id:10} {each.strength:6} {why:13} {shortened(each.text, 96)}"


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def main() -> int:
    requirements, known = catalogue()
    found = collect()
    print("\n".join(report(requirements, found)))
    unknown = {identifier: tests for identifier, tests in found.items() if identifier not in known}
    for identifier, tests in unknown.items():
        print(
            f"\nERROR: {identifier} is not in docs/requirements: {', '.join(tests)}",
            file=sys.stderr,
        )
    open_ones = unexplained(found)
    for identifier in open_ones:
        print(f"\nERROR: {identifier} has neither a test nor a reason", file=sys.stderr)
    return 1 if unknown or open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
