"""What can be shown of this revision: requirements, their tests, the last results, the gaps."""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tests import traceability
from workbench import results
from workbench.paths import ROOT

HAZARD_LOG = ROOT / "docs" / "clinical-safety.md"
PICTURES = ROOT / "docs" / "pictures"
PICTURED = Path(__file__).with_name("pictures.toml")

# Whose outcomes of single tests are shown, and which of them must be there.
OF_TESTS = (
    *("test-sqlite", "test-postgresql", "marked-json", "chaos", "interruptions", "pages"),
    *("clients", "installs"),
)
LONG = ("fuzz", "described", "load")
RACES, MUTANTS = "tests/test_races.py", "tests/consumer/check/test_mutants.py"
ADVISORIES_LIVE = timedelta(days=1)


# ---------------------------------------------------------------- tests and their outcomes


class Outcome(NamedTuple):
    """What became of a test in one run."""

    run: str
    passed: int
    failed: int
    skipped: int
    why: str  # it was skipped
    revision: str
    date: str
    fault: str  # why this run may not be shown as that of this revision


@dataclass(frozen=True)
class Test:
    """A test, as pytest calls it without its cases, and its last results."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def current(self) -> list[Outcome]:
        return [each for each in self.outcomes if not each.fault]

    @property
    def verdict(self) -> str:
        """``passed``, ``failed``, ``skipped``, ``older`` or ``unknown``."""
        if any(each.failed for each in self.current):
            return "failed"
        if any(each.passed for each in self.current):
            return "passed"
        if self.current:
            return "skipped"
        return "older" if any(each.passed for each in self.outcomes) else "unknown"

    @property
    def file(self) -> str:
        return self.name.partition("::")[0]

    @property
    def words(self) -> str:
        """The name as a sentence."""
        return self.name.rpartition("::")[2].removeprefix("test_").replace("_", " ")


class Runs:
    """The results of the words, by name."""

    def __init__(self, folder: Path) -> None:
        names = [*OF_TESTS, *LONG, "advisories"]
        self.results = {name: results.read(name, folder) for name in dict.fromkeys(names)}
        self.faults = {name: self.fault(name) for name in self.results}

    def fault(self, name: str) -> str:
        result = self.results[name]
        if result and name in {"test-sqlite", "test-postgresql", "marked-json"}:
            # That a test failed is told of that test; whether it is of this tree, of the run.
            return results.outdated(name, result)
        if result and name == "advisories":
            age = datetime.now(UTC) - datetime.fromisoformat(result["date"])
            if age > ADVISORIES_LIVE:
                return f"advisories: asked {age.days} days ago"
        return results.fault(name, result)

    def test(self, name: str) -> Test:
        return Test(name, tuple(self._outcomes(name)))

    def _outcomes(self, name: str) -> Iterator[Outcome]:
        for run in OF_TESTS:
            result = self.results[run]
            counted = (result or {}).get("tests", {}).get(name)
            if result and counted:
                yield Outcome(
                    run,
                    counted.get("passed", 0),
                    counted.get("failed", 0),
                    counted.get("skipped", 0),
                    counted.get("why", ""),
                    result["revision"],
                    result["date"],
                    self.faults[run],
                )


# ---------------------------------------------------------------- requirements


@dataclass(frozen=True)
class Requirement:
    id: str
    strength: str
    text: str
    tests: tuple[Test, ...]
    reason: traceability.Reason | None = None
    # Of a staff story: the requirements on which it rests.
    rests_on: str = ""
    pictures: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return self.id.partition("-")[0]

    @property
    def state(self) -> str:
        """``held``, ``not held`` (a test does not pass), ``explained``, ``rests`` or ``open``."""
        if self.tests:
            return "held" if self.faulty == [] else "not held"
        return "explained" if self.reason else "rests" if self.rests_on else "open"

    @property
    def faulty(self) -> list[Test]:
        """Tests that failed, and all of them when none has passed."""
        failed = [test for test in self.tests if test.verdict == "failed"]
        passed = any(test.verdict == "passed" for test in self.tests)
        return failed if passed else list(self.tests)


class Group(NamedTuple):
    name: str
    title: str
    requirements: list[Requirement]

    def count(self, *states: str, strength: str = "SHALL") -> int:
        return sum(
            each.strength == strength and (not states or each.state in states)
            for each in self.requirements
        )


def titles() -> dict[str, str]:
    """What each group is about, in the order of the catalogue's index, then what is beyond it."""
    index = (ROOT / "docs" / "requirements" / "README.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^\| ([A-Z]+) \| \[\w+\.md\]\(\w+\.md\) \| (.+?) \|", index, re.M))
    return found | {"SF": "Service filtering, of version 1.2.8", "STAFF": "Stories of staff"}


def wanted() -> Iterator[tuple[str, str, str, str]]:
    """Id, strength, text and what it rests on, of everything that is to be shown."""
    for each in traceability.catalogue().requirements:
        yield each.id, each.strength, each.text, ""
    folder = ROOT / "docs" / "requirements"
    for cells in traceability.rows(folder / "beyond_1_2_7.md"):
        if cells[0].startswith("SF-"):  # what is built of it
            yield cells[0], cells[1], cells[2], ""
    for cells in traceability.rows(folder / "staff_user_stories.md"):
        yield cells[0], cells[1], cells[2], cells[3]


def pictured() -> dict[str, list[str]]:
    """The pictures of each requirement and story: ``pictures.toml``, read the other way round."""
    found: dict[str, list[str]] = defaultdict(list)
    for picture, identifiers in tomllib.loads(PICTURED.read_text(encoding="utf-8")).items():
        for identifier in identifiers:
            found[identifier].append(picture)
    return found


# ---------------------------------------------------------------- hazards


class Control(NamedTuple):
    """A paragraph of the hazard log, in pieces of text and tests."""

    pieces: list[str | Test]

    @property
    def tests(self) -> list[Test]:
        return [each for each in self.pieces if isinstance(each, Test)]


class Hazard(NamedTuple):
    number: str
    title: str
    before: str
    after: str
    cause: str
    controls: list[Control]


NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")


def hazards(runs: Runs, log: str) -> list[Hazard]:
    """The hazard log as docs/clinical-safety.md keeps it, each control with its tests."""
    risks = {
        number: (before, after)
        for number, before, after in re.findall(
            r"^\| (H\d\d) \| .+? \| (\d × \d) \| (\d × \d) \|$", log, re.MULTILINE
        )
    }
    found = []
    for number, title, body in re.findall(
        r"^## (H\d\d) (.+?)\n(.*?)(?=^## |\Z)", log, re.MULTILINE | re.DOTALL
    ):
        cause, *points = re.split(r"^- ", body, flags=re.MULTILINE)
        controls = [
            Control([runs.test(piece) if "::" in piece else piece for piece in split(point)])
            for point in points
        ]
        found.append(Hazard(number, title, *risks[number], " ".join(cause.split()), controls))
    return found


def split(point: str) -> list[str]:
    """The text of a point and the tests in it, in turn."""
    pieces = NAMED_TEST.split(" ".join(point.split()))
    return [piece for piece in pieces if piece.strip(" ,.")]


# ---------------------------------------------------------------- everything


@dataclass
class Facts:
    """Everything that the pages show."""

    tested: dict[str, list[str]]
    exchanges_folder: Path
    results_folder: Path = results.FOLDER
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    missing: list[str] = field(default_factory=list)  # what pages found not to be there

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.results_folder)

    @cached_property
    def state(self) -> results.State:
        return results.State.now()

    @cached_property
    def requirements(self) -> list[Requirement]:
        why, pictures = traceability.reasons(), pictured()
        return [
            Requirement(
                identifier,
                strength,
                text,
                tuple(self.runs.test(name) for name in self.tested.get(identifier, ())),
                why.get(identifier),
                rests_on,
                tuple(pictures.get(identifier, ())),
            )
            for identifier, strength, text, rests_on in wanted()
        ]

    @cached_property
    def groups(self) -> list[Group]:
        members: dict[str, list[Requirement]] = defaultdict(list)
        for each in self.requirements:
            members[each.group].append(each)
        return [Group(name, title, members[name]) for name, title in titles().items()]

    @cached_property
    def hazards(self) -> list[Hazard]:
        return hazards(self.runs, HAZARD_LOG.read_text(encoding="utf-8"))

    @cached_property
    def exchanges(self) -> dict[str, list[dict[str, Any]]]:
        """What each test exchanged, case by case, JSON before XML."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for path in sorted(self.exchanges_folder.glob("*.json")):
            told = json.loads(path.read_text(encoding="utf-8"))
            found[traceability.without_case(told["case"])].append(told)
        return {
            test: sorted(cases, key=lambda each: (each["case"], each["format"]))
            for test, cases in sorted(found.items())
        }

    @cached_property
    def gaps(self) -> list[str]:
        """What is missing, or older than the code: all of it."""
        return [
            *self._of_the_tree(),
            *self._of_requirements(),
            *self._of_tests(),
            *self.missing,
        ]

    def _of_the_tree(self) -> Iterator[str]:
        if not self.state.clean:
            yield "The working tree is not clean: what is shown is of no revision"
        yield from filter(None, self.runs.faults.values())
        said = "\n".join((self.runs.results["load"] or {}).get("said", []))
        if said and not re.search(
            r"^Load:(?:.+\n)+?  SHALL limits at p99: kept$", said, re.MULTILINE
        ):
            yield "load: no stage Load that kept the SHALL limits (PERF-013)"

    def _of_requirements(self) -> Iterator[str]:
        for each in self.requirements:
            if each.state == "open" and each.strength == "SHALL":
                yield f"{each.id}: neither a test nor a reason"
            for picture in each.pictures:
                if not (PICTURES / picture).is_file():
                    yield f"{each.id}: docs/pictures/{picture} is missing"

    def _of_tests(self) -> Iterator[str]:
        """Each test that fails or was not run. While none are of this revision: how many."""
        shown: dict[str, list[str]] = defaultdict(list)
        tests: dict[str, Test] = {}
        for each in self.requirements:
            for test in each.faulty:
                shown[test.name].append(each.id)
                tests[test.name] = test
        for hazard in self.hazards:
            for test in (test for control in hazard.controls for test in control.tests):
                if test.verdict != "passed" and hazard.number not in shown[test.name]:
                    shown[test.name].append(hazard.number)
                    tests[test.name] = test
        none_ran = any(self.runs.faults[name] for name in ("test-sqlite", "test-postgresql"))
        unrun = [name for name, test in tests.items() if test.verdict in {"unknown", "older"}]
        if none_ran and unrun:
            yield f"{len(unrun)} tests of requirements or controls have no result of this tree"
        for name, test in tests.items():
            if not (none_ran and name in unrun):
                yield f"{', '.join(shown[name])}: {name} {said_of(test)}"


def said_of(test: Test) -> str:
    return {
        "failed": "failed",
        "skipped": "was skipped in every run",
        "older": "has passed, but not at this revision",
        "unknown": "has no result",
        "passed": "passed",
    }[test.verdict]
