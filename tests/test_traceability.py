"""The report of which requirements have tests can be believed."""

from dataclasses import dataclass

import pytest

from tests import traceability
from tests.shared import needs_shared


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
        {"id": "GEN-001", "group": "GEN", "strength": "SHALL", "text": "One"},
        {"id": "GEN-002", "group": "GEN", "strength": "MAY", "text": "Two"},
        {"id": "PERF-001", "group": "PERF", "strength": "SHALL", "text": "Three"},
    ]

    lines = [" ".join(line.split()) for line in traceability.report(requirements, ["GEN-001"])]

    assert lines[1:] == [
        "GEN 1/2 1/1",
        "PERF 0/1 0/1 (not required of this group)",
        "GEN: 1 without a test",
        "GEN-002 MAY Two",
        "PERF: 1 without a test",
        "PERF-001 SHALL Three",
    ]


@needs_shared
def test_every_mark_names_a_requirement_that_exists(request):
    """Every mark of this very run, which is the whole suite in continuous integration."""
    _, known = traceability.catalogue()
    found = traceability.places(request.session.items)

    assert {identifier: at for identifier, at in found.items() if identifier not in known} == {}
