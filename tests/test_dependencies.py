"""What we import is declared, and what is declared is pinned: a fresh clone is what was tested."""

import ast
import sys
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from workbench.packages import OURSELVES, PROJECT, pins
from workbench.paths import ROOT

RUNTIME = [Requirement(each) for each in PROJECT["project"]["dependencies"]]
DEVELOPERS = [Requirement(each) for each in PROJECT["dependency-groups"]["dev"]]

# What an extra brings along, and we import by a name of its own.
EXTRAS = {("psycopg", "pool"): "psycopg-pool"}

PRODUCT = ("config", "deploy", "demo", "fhirapi", "practice", "gunicorn.conf.py", "manage.py")
BESIDE = ("benchmarks", "tests", "workbench")


def declared(requirements: list[Requirement]) -> set[str]:
    named = {canonicalize_name(each.name) for each in requirements}
    brought = {
        EXTRAS[each.name, extra]
        for each in requirements
        for extra in each.extras
        if (each.name, extra) in EXTRAS
    }
    return named | brought


def imported(*places: str) -> set[str]:
    """The top names of every module that these folders and files import from elsewhere."""
    names = set()
    for place in places:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.partition(".")[0])
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()}
    return names - ours - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("places", "requirements"),
    [
        pytest.param(PRODUCT, RUNTIME, id="product"),
        pytest.param(BESIDE, RUNTIME + DEVELOPERS, id="beside it"),
    ],
)
def test_every_import_is_declared(places, requirements):
    """Not merely there because another package happens to need it."""
    packages = packages_distributions()
    known = declared(requirements)

    undeclared = {
        name
        for name in imported(*places)
        if not {canonicalize_name(each) for each in packages.get(name, [])} & known
    }

    assert undeclared == set()


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        pytest.param("requirements.txt", RUNTIME, id="product"),
        pytest.param("requirements-dev.txt", DEVELOPERS, id="developers"),
    ],
)
def test_what_is_declared_is_pinned_with_hashes(name, requirements):
    """``make lock`` was run after the last change of pyproject.toml."""
    pinned = pins(name)

    for each in requirements:
        pin = pinned[canonicalize_name(each.name)]
        assert each.specifier.contains(Version(pin.version)), f"{each}: {pin.version} is pinned"
        assert OURSELVES in pin.wanted_by
    assert [pin.name for pin in pinned.values() if not pin.hashes] == []


def test_both_files_pin_the_same_versions():
    product, developers = pins("requirements.txt"), pins("requirements-dev.txt")

    both = set(product) & set(developers)

    assert both
    assert [each for each in both if product[each].version != developers[each].version] == []


def test_no_file_names_a_package_index():
    """Where packages come from is the machine's to say."""
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")
