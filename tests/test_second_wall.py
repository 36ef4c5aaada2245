"""Without any one of its ``organisation=`` filters, a request still meets nothing of a neighbour.

The first wall between practices is a filter in every question. Here each of these filters is taken
out in turn, at the line where it stands, and the requests that go past that line are made again:
row-level security must hold by itself (SEC-027). So that the test can fail, the same is done with
row-level security out of the way: some of the filters must then turn out to be what held.
"""

import gc
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from fhirapi import rendered_directory, ssp
from practice.db import row_security
from practice.db.libpq import Statement
from practice.db.prepared import Prepared, PreparedUpdate
from practice.staff.urls import urlpatterns as staff_pages
from tests import test_tenancy
from tests.test_tenancy import World, own_arguments
from workbench.consumer import Consumer
from workbench.factories import filter_by_service, make_healthcare_service
from workbench.paths import ROOT
from workbench.staff import signed_in

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
    pytest.mark.req("SEC-027", "GEN-008", "SEC-024"),
]

world = test_tenancy.world

Site = tuple[str, int, str]  # file and line, and of which model something is asked
Asked = Callable[[], Any]
QUERYSET: Any = QuerySet

OF_PRACTICE = re.compile(r"(.*__)?organisation(_id)?(__pk|__in|__exact)?")
OURS = (str(ROOT / "practice"), str(ROOT / "fhirapi"))
PER_SITE = 3  # requests that are made again
# Accounts are found before anything is in reach, so no policy guards them (docs/security.md).
UNGUARDED = {"User"}


def site(model: str) -> Site:
    """The line of ours that asked: the first outside of Django and of this test."""
    frame: Any = sys._getframe(2)
    while frame and not frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    if frame is None:
        return ("", 0, model)
    return (str(Path(frame.f_code.co_filename).relative_to(ROOT)), frame.f_lineno, model)


class Filters:
    """Sees every filter of a practice, and can leave those of one line out."""

    def __init__(self) -> None:
        self.met: set[Site] = set()
        self.left_out: Site | None = None
        self.original = QUERYSET._filter_or_exclude

    def __call__(self, queryset: QuerySet, negate: bool, args: Any, kwargs: Any) -> Any:
        named = [key for key in kwargs if OF_PRACTICE.fullmatch(key)]
        if named or any(names_practice(each) for each in args):
            here = site(queryset.model.__name__)
            self.met.add(here)
            if here == self.left_out and not negate:
                kwargs = {key: value for key, value in kwargs.items() if key not in named}
                args = tuple(without_practice(each) for each in args)
        return self.original(queryset, negate, args, kwargs)


def names_practice(condition: Any) -> bool:
    return isinstance(condition, Q) and any(
        OF_PRACTICE.fullmatch(child[0]) if isinstance(child, tuple) else names_practice(child)
        for child in condition.children
    )


def without_practice(condition: Any) -> Any:
    if not names_practice(condition):
        return condition
    left = Q(_connector=condition.connector, _negated=condition.negated)
    for child in condition.children:
        if isinstance(child, tuple):
            if not OF_PRACTICE.fullmatch(child[0]):
                left.children.append(child)
        else:
            left.children.append(without_practice(child))
    return left


@contextmanager
def watched() -> Iterator[Filters]:
    """Put the eyes in. Statements that were made once are made again for each request."""
    filters = Filters()
    QUERYSET._filter_or_exclude = lambda *args: filters(*args)
    try:
        yield filters
    finally:
        QUERYSET._filter_or_exclude = filters.original
        made_anew(prepared())


def prepared() -> list[Any]:
    return [each for each in gc.get_objects() if type(each) in (Prepared, PreparedUpdate)]


def made_anew(statements: list[Any]) -> None:
    for each in statements:
        each.made.clear()
    for kept in (
        rendered_directory.PRACTITIONERS,
        rendered_directory.LOCATIONS,
        rendered_directory.PRACTICES,
    ):
        kept.kept.clear()


# ---------------------------------------------------------------- what is asked


def requests(world: World) -> Iterator[tuple[str, Asked]]:
    """What a consumer and a member of staff can read, with our ids and with the neighbour's."""
    for side in (world.own, world.theirs):  # services have addresses once there is a filter by them
        practice = filter_by_service(side["practice_organisation"])
        side["practice_healthcareservice"] = make_healthcare_service(practice)
    consumer = Consumer(world.own["practice_organisation"])
    start = world.theirs["practice_slot"].start.date()
    searched = {
        "status": "free",
        "start": f"ge{start}",
        "end": f"le{start + timedelta(days=1)}",
        "_include": ["Slot:schedule"],
        "_include:recurse": ["Schedule:actor:Practitioner", "Schedule:actor:Location"],
    }
    yield "search", lambda: consumer.search_slots(searched)
    for path, name, interaction in test_tenancy.api_addresses():
        if interaction.is_command:
            continue
        query: Any = ""
        if interaction == ssp.RETRIEVE_APPOINTMENTS:
            query = {"start": [f"ge{start}", f"le{start + timedelta(days=30)}"]}
        for side in (world.own, world.theirs):
            pk = side[test_tenancy.KINDS[name]].pk

            def read(interaction=interaction, path=path, pk=pk, query=query):
                return consumer.send(interaction, path.replace("[id]", str(pk)), query=query)

            yield f"{interaction.name} {pk}", read

    browser = signed_in(world.own["practice_organisation"])
    browser.user.groups.set(Group.objects.all())
    browser.raise_request_exception = False
    addresses = [reverse(f"admin:{name}_changelist") for _, name in test_tenancy.lists()]
    addresses += test_tenancy.forms(world)
    theirs = replace(world, own=world.theirs, theirs=world.own)
    for entry in staff_pages:
        view: Any = entry.callback
        if hasattr(view.view_class, "get"):
            addresses += [
                reverse(f"admin:{entry.name}", kwargs=own_arguments(ids, entry))
                for ids in (world, theirs)
            ]
    for address in dict.fromkeys(addresses):
        yield address, partial(browser.get, address)


def shown_of_neighbour(world: World, answer: Any) -> list[str]:
    text = answer.content.decode(errors="replace")
    return [word for word in world.words() if word in text]


def asked_alone(ask: Asked) -> Any:
    """Ask, and undo whatever that did to the database."""
    with transaction.atomic():
        answer = ask()
        transaction.set_rollback(True)
    return answer


def left_out(world: World) -> Iterator[tuple[Site, str]]:
    """Leave each filter out; gives its line, and what then shows of the neighbour, if anything."""
    statements = prepared()
    reached: dict[Site, list[tuple[str, Asked]]] = defaultdict(list)
    with watched() as filters:
        for label, ask in requests(world):
            made_anew(statements)
            filters.met = set()
            answer = asked_alone(ask)
            assert shown_of_neighbour(world, answer) == [], label
            for each in filters.met:
                reached[each].append((label, ask))
        for line, asked in reached.items():
            if line[2] in UNGUARDED:
                continue
            filters.left_out = line
            shown = ""
            for label, ask in asked[:PER_SITE]:
                made_anew(statements)
                if words := shown_of_neighbour(world, asked_alone(ask)):
                    shown = f"{label}: {words}"
            yield line, shown


def test_no_filter_of_a_practice_is_all_that_keeps_its_neighbour_out(world):
    found = dict(left_out(world))

    assert len(found) > 50
    assert {line: shown for line, shown in found.items() if shown} == {}


def test_without_row_level_security_the_filters_are_what_keeps_it_out(world, monkeypatch):
    """What the test above relies on: leaving a filter out is seen."""
    sql = row_security.BIND.text.replace("WHEN 'all' THEN 'none' ELSE", "WHEN '' THEN")
    monkeypatch.setattr(row_security, "BIND", Statement(sql))

    needed = (line for line, shown in left_out(world) if shown)

    assert len(list(islice(needed, 5))) == 5
