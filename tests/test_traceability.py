"""The report of which requirements have tests can be believed."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import traceability
from tests.shared import GPCONNECT, needs_shared
from workbench import results
from workbench.paths import ROOT


@dataclass
class Item:
    """As much of a collected test as is looked at; marks as pytest hands them on."""

    nodeid: str
    marks: list

    def iter_markers(self, name):
        return (mark for mark in self.marks if mark.name == name)


def test_tests_are_found_by_the_ids_in_their_marks():
    """Several ids in a mark, several marks on a test, one test with several parameters."""
    items = [
        Item("a.py::test_a[1]", [pytest.mark.req("X-1", "X-2").mark, pytest.mark.race.mark]),
        Item("a.py::test_a[2]", [pytest.mark.req("X-1").mark, pytest.mark.req("X-3").mark]),
        Item("b.py::test_b", [pytest.mark.req("X-1").mark]),
        Item("b.py::test_c", []),
    ]

    assert traceability.places(items) == {
        "X-1": ["a.py::test_a", "b.py::test_b"],
        "X-2": ["a.py::test_a"],
        "X-3": ["a.py::test_a"],
    }


def test_the_report_counts_by_group_and_lists_what_has_no_test():
    requirements = [
        traceability.Requirement("GEN-001", "SHALL", "One"),
        traceability.Requirement("GEN-002", "MAY", "Two"),
        traceability.Requirement("PERF-001", "SHALL", "Three"),
    ]

    lines = [" ".join(line.split()) for line in traceability.report(requirements, ["GEN-001"])]

    assert lines[1:] == [
        "GEN 1/2 1/1",
        "PERF 0/1 0/1",
        "GEN: 1 without a test",
        "GEN-002 MAY NO REASON Two",
        "PERF: 1 without a test",
        "PERF-001 SHALL measured Three",
    ]


def test_every_mark_names_a_requirement_that_exists(request):
    """Every mark of this very run, which is the whole suite in continuous integration."""
    known = traceability.catalogue().texts
    found = traceability.places(request.session.items)

    assert {identifier: at for identifier, at in found.items() if identifier not in known} == {}


def test_every_shall_has_a_test_or_a_reason_and_nothing_has_both(request):
    """Where the whole suite is collected, which is so in continuous integration."""
    asked = [Path(each).resolve() for each in request.config.args]
    if asked not in ([ROOT], [ROOT / "tests"]) or request.config.option.keyword:
        pytest.skip("a part of the tests only: make traceability asks the same of all")
    tested = traceability.places(request.session.items)

    assert traceability.unexplained(tested) == []
    assert sorted(traceability.reasons().keys() & tested.keys()) == []


def test_every_reason_is_one_that_the_page_explains_and_of_a_requirement_that_exists():
    explained = traceability.NOT_TESTED.read_text(encoding="utf-8").partition("\n| Id")[0]

    for identifier, why in traceability.reasons().items():
        assert identifier in traceability.catalogue().texts
        assert f"**{why.instead}**" in explained
        assert len(why.words) > 20
        if why.instead == "measured":
            assert why.run in results.TRIES


def test_what_has_neither_a_test_nor_a_reason_is_named():
    every = [each.id for each in traceability.catalogue().requirements]

    assert traceability.unexplained(every) == []
    assert traceability.unexplained(set(every) - {"BOOK-063", "GEN-166"}) == ["BOOK-063"]


def test_the_index_counts_what_the_tables_hold():
    """So that a row that the reader does not recognise is noticed."""
    index = (ROOT / "docs" / "requirements" / "README.md").read_text(encoding="utf-8")
    counted = {
        group: tuple(map(int, numbers.split("|")))
        for group, numbers in re.findall(
            r"^\| ([A-Z]+) \| \[\w+\.md\].+ \| (\d+ \| \d+ \| \d+ \| \d+) \|$", index, re.MULTILINE
        )
    }

    found: dict[str, Counter[str]] = defaultdict(Counter)
    for each in traceability.catalogue().requirements:
        found[each.group][each.strength] += 1

    assert counted == {
        group: (count.total(), count["SHALL"], count["SHOULD"], count["MAY"])
        for group, count in found.items()
    }


BEYOND = "DEC-070"  # from here on: service filtering, of 1.2.8


@needs_shared
def test_the_texts_are_those_of_the_published_catalogue():
    """docs/requirements and docs/decisions.md are a copy: what is mended is mended in both.

    Decisions that were made since, about what is built beyond 1.2.7, are ours alone.
    """
    index = json.loads((GPCONNECT / "requirements" / "index.json").read_text(encoding="utf-8"))
    ours = traceability.catalogue()

    assert [each._asdict() for each in ours.requirements] == [
        {"id": each["id"], "strength": each["strength"], "text": each["text"].replace("`../", "`")}
        for each in index["requirements"]
    ]
    published = {each["id"]: each["choice"] for each in index["decisions"]}
    decided = {name: text for name, text in ours.texts.items() if name.startswith("DEC-")}
    assert {name: text for name, text in decided.items() if name < BEYOND} == published
