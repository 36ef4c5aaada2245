"""The hazard log is about this product: a test that exists holds each control it claims."""

import ast
import re
from functools import cache

import pytest

from workbench.paths import ROOT

LOG = (ROOT / "docs" / "clinical-safety.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (H\d\d) (.*?)(?=^## |\Z)", LOG, flags=re.MULTILINE | re.DOTALL))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", LOG)))

pytestmark = pytest.mark.req("PERF-036")


@cache
def functions(path: str) -> set[str]:
    """The names of the test functions in a file; none if there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_holds_a_control_exists(path, name):
    assert name in functions(path), f"docs/clinical-safety.md names {path}::{name}"


def test_every_hazard_has_a_control_that_a_test_holds():
    without = [number for number, text in SECTIONS.items() if "::test_" not in text]

    assert SECTIONS
    assert without == []


def test_every_mention_of_a_test_is_understood():
    """Else a misspelt one would go unnoticed."""
    assert len(re.findall(r"::test_", LOG)) == len(re.findall(r"`tests/[\w/]+\.py::\w+`", LOG))


def test_table_and_sections_list_the_same_hazards_and_none_is_left_unacceptable():
    rows = re.findall(r"^\| (H\d\d) \| .+? \| \d × \d \| (\d) × (\d) \|$", LOG, flags=re.MULTILINE)

    assert [number for number, _, _ in rows] == list(SECTIONS)
    assert all(int(severity) * int(likelihood) <= 6 for _, severity, likelihood in rows)
