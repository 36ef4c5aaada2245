"""The report of which requirements have tests can be believed."""

from tests import traceability
from tests.shared import ROOT, needs_shared


def test_marks_are_found_wherever_pytest_reads_them():
    source = (
        'pytestmark = pytest.mark.req("GEN-001")\n'
        '@pytest.mark.req("GEN-002", "GEN-003")\n'
        "def test_a(): pass\n"
        'CASES = [pytest.param(1, marks=pytest.mark.req("GEN-004"))]\n'
        '@pytest.mark.req(*("GEN-005", "GEN-006"))\n'
        "@pytest.mark.req(*COMPUTED)\n"
        "def test_b(): pass\n"
    )

    assert sorted(traceability.marks(source)) == [
        ("*COMPUTED", 6),
        ("GEN-001", 1),
        ("GEN-002", 2),
        ("GEN-003", 2),
        ("GEN-004", 4),
        ("GEN-005", 5),
        ("GEN-006", 5),
    ]


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
def test_every_mark_names_a_requirement_that_exists():
    _, known = traceability.catalogue()

    assert set(traceability.collect(ROOT / "tests")) - known == set()
