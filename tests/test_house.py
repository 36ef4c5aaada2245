"""The promises of the house, kept for code that is not yet written.

Which way the doors open, what no room may hold. tests/test_documents.py holds the documents.
"""

import ast
import re
from functools import cache

import pytest
from django.urls import URLResolver

from fhirapi import errors, ssp, urls
from fhirapi.views import GPConnectView
from practice import exceptions
from workbench.paths import ROOT

PACKAGES = ("config", "practice", "fhirapi")


def sources():
    """Every module of ours but the migrations, by dotted name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


SOURCES = dict(sources())


@cache
def tree(name):
    return ast.parse(SOURCES[name].read_text(encoding="utf-8"))


@cache
def imports(name):
    """Every module that a module imports, also inside functions: ``a`` and ``a.b`` of a.b."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively: spell the module out"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            # "from a import b" is about the module a.b, or about something in a.
            found |= named if named <= set(SOURCES) else named | {node.module}
    return found


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


# ---------------------------------------------------------------- which way the doors open

# Constants and formats that every room of fhirapi speaks in.
VOCABULARY = "fhirapi.resources.common"
CLOSED_DOORS = [
    # (who, may not import)
    ("practice", "fhirapi", "config", "rest_framework", "fhir", "django_filters"),
    ("fhirapi", "config", "practice.admin", "practice.staff", "practice.management"),
    (
        "practice.models",
        "practice.services",
        "practice.reads.directory",
        "practice.reads.bookability",
    ),
    ("practice.reads.bookability", "practice.services", "practice.reads.directory"),
    ("practice.reads.directory", "practice.services"),
    ("practice.services", "practice.admin", "practice.staff", "practice.management"),
    ("practice.exceptions", "practice.models", "django"),
    # Inside fhirapi the rooms know the errors and not each other; the views know them all.
    ("fhirapi.errors", "fhirapi.ssp", "fhirapi.jwt", "fhirapi.filters", "fhirapi.resources"),
    ("fhirapi.ssp", "fhirapi.jwt", "fhirapi.filters", "fhirapi.resources", "fhirapi.views"),
    ("fhirapi.jwt", "fhirapi.filters", "fhirapi.resources", "fhirapi.views"),
    ("fhirapi.filters", "fhirapi.ssp", "fhirapi.jwt", "fhirapi.resources", "fhirapi.views"),
    ("fhirapi.resources", "fhirapi.ssp", "fhirapi.jwt", "fhirapi.filters", "fhirapi.views"),
    ("fhirapi.renderers", "fhirapi.views", "fhirapi.resources", "practice"),
    ("fhirapi.parsers", "fhirapi.views", "fhirapi.resources", "practice.services"),
]


@pytest.mark.parametrize(("who", "closed"), [(who, closed) for who, *closed in CLOSED_DOORS])
def test_doors_open_one_way(who, closed):
    through = {
        f"{name} imports {imported}"
        for name in SOURCES
        if within(name, who)
        for imported in imports(name)
        if within(imported, *closed) and not within(imported, VOCABULARY)
    }

    assert through == set()


# ---------------------------------------------------------------- what no room may hold


def test_no_room_without_a_name():
    """utils.py and helpers.py: give the function to its subject."""
    last = {name.rsplit(".", 1)[-1] for name in SOURCES}

    assert not last & {"utils", "util", "helpers", "helper", "misc"}


def test_no_signals_and_no_save_overrides():
    """Bulk writes skip both, and a reader cannot see them coming."""
    listening = {
        f"{name} imports {imported}"
        for name in SOURCES
        for imported in imports(name)
        if within(imported, "django.db.models.signals", "django.dispatch")
    }
    overriding = {
        f"{name}: {node.name}"
        for name in SOURCES
        if within(name, "practice.models")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef) and node.name in {"save", "delete"}
    }

    assert listening | overriding == set()


def test_the_clock_is_read_in_one_way():
    """``timezone.now`` and ``time.time``: those that tests/chaos sets across the clock changes."""
    read = {
        f"{name}: {ast.unparse(node)}"
        for name in SOURCES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node).endswith(
            (
                "datetime.now",
                "datetime.today",
                "date.today",
                "utcnow",
                "time.time_ns",
                "time.localtime",
            )
        )
    } | {
        f"{name}: Now"
        for name in SOURCES
        if any(within(each, "django.db.models.functions.Now") for each in imports(name))
    }

    assert read == set()


def test_public_functions_are_annotated():
    bare = set()
    for name in SOURCES:
        for node in tree(name).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = node.args
                named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                if node.returns is None or any(each.annotation is None for each in named):
                    bare.add(f"{name}.{node.name}")

    assert bare == set()


def test_migrations_say_what_they_change():
    names = [path.stem for path in (ROOT / "practice" / "migrations").glob("0*.py")]

    assert [name for name in names if "_auto_" in name] == []


# ---------------------------------------------------------------- no way around the guards


def routes():
    """The view class behind every URL of the FHIR door."""
    waiting = list(urls.urlpatterns)
    while waiting:
        route = waiting.pop()
        if isinstance(route, URLResolver):
            waiting += route.url_patterns
        else:
            yield route.callback.view_class


def test_every_route_is_guarded_audited_and_in_the_table():
    """A view that is no GPConnectView, or that answers for itself, would leave steps out."""
    classes = set(routes())
    served = set()
    for view in classes:
        assert issubclass(view, GPConnectView)
        assert view.dispatch is GPConnectView.dispatch
        for interactions in view.interactions.values():
            served |= set(interactions if isinstance(interactions, tuple) else (interactions,))

    assert served == set(ssp.INTERACTIONS)


def refusals(kind=exceptions.PracticeError):
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


@pytest.mark.parametrize("refusal", list(refusals()), ids=lambda each: each.__name__)
def test_every_refusal_of_the_practice_has_a_spine_code(refusal):
    """Found along its ancestors, so that a new one is never a surprise 500; and it says why."""
    raised = Exception.__new__(refusal) if "__init__" in vars(refusal) else refusal()

    found = errors.from_exception(raised, trace_id="t")

    assert found.error.status < 500 or refusal is exceptions.DemographicsUnavailable
    assert refusal.__doc__
    assert "__init__" in vars(refusal) or str(raised) == refusal.__doc__.strip()


# ---------------------------------------------------------------- one way to serve


def test_make_serve_and_production_start_the_server_with_the_same_words():
    """All but the address stands in gunicorn.conf.py, so that what was tried is what serves."""
    sources = (ROOT / "Makefile", ROOT / "deploy" / "systemd" / "appointments-web.service")
    commands = [
        re.findall(r"python (-m gunicorn .*) --bind \S+(.*)", path.read_text(encoding="utf-8"))
        for path in sources
    ]

    assert commands == [[("-m gunicorn config.wsgi", "")]] * 2
