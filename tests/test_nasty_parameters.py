"""Whatever stands in an address or a form, nobody meets an HTTP 500.

The pages are found by walking the site, and the parameters by noting which ones a page asks for, so
that new ones are held to this as well. Each is then given what no form of ours sends.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.forms import BaseForm, DateField
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from practice.site.fields import DayField
from practice.staff.urls import urlpatterns as staff_pages
from tests.practice.admin_world import form_data, make_one_of_each
from workbench.factories import make_organisation
from workbench.staff import superuser

pytestmark = pytest.mark.django_db

NASTY = ["(", "9999-12-31", "0001-01-01", "9" * 18, "9" * 30]
TRIED: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def say_how_many():
    yield
    told = ", ".join(f"{count} {what}" for what, count in TRIED.items())
    print(f"\nnasty parameters: {told}", file=sys.__stdout__)


@pytest.fixture
def world(db) -> dict[str, Any]:
    return make_one_of_each(make_organisation())


@pytest.fixture
def browser(world) -> Client:
    """Somebody who may do everything. A fault is an answer, and not the end of the test."""
    client = superuser()
    client.raise_request_exception = False
    return client


@pytest.fixture
def asked_for(monkeypatch) -> set[str]:
    """The names of the parameters that pages have asked for so far."""
    names: set[str] = set()
    for method in ("get", "getlist", "__getitem__", "__contains__"):
        original = getattr(QueryDict, method)

        def noting(self, name, *rest, original=original):
            names.add(name)
            return original(self, name, *rest)

        monkeypatch.setattr(QueryDict, method, noting)
    return names


Queries = Iterator[dict[str, str]]


def sweep(browser: Client, address: str, queries: Queries, verb: str = "get") -> None:
    for query in queries:
        answer = getattr(browser, verb)(address, query)
        TRIED[f"{verb.upper()}s"] += 1
        if answer.streaming:
            answer.getvalue()  # a file is closed once it has been read
        assert answer.status_code < 500, (address, query)


def together(names: list[str]) -> Queries:
    yield from (dict.fromkeys(names, value) for value in NASTY)


def alone(names: list[str]) -> Queries:
    """As one that is refused hides the others; but not each of equal rows."""
    some = [name for name in names if not re.search(r"-[1-9]-", name)]
    yield from ({name: value} for name in some for value in ("9999-12-31", "9" * 18))


# ---------------------------------------------------------------- lists

LISTS = sorted(f"{m._meta.app_label}_{m._meta.model_name}" for m in admin.site._registry)


def lookups(model_admin: Any, filters: list[Any]) -> Queries:
    """What an address of a list may name: its filters, its columns, and Django's own words."""
    names = [name for each in filters for name in each.expected_parameters()]
    yield from (*together(names), *alone(names))
    columns = [field.name for field in model_admin.opts.fields]
    yield from ({f"{name}__regex": "("} for name in ("id", columns[-1]))
    yield from ({f"{columns[1]}__{how}": "9" * 30} for how in ("exact", "gte", "in"))
    days = model_admin.date_hierarchy or "id"
    yield from ({f"{days}__year": year} for year in ("9" * 11, "9999", "1", "0", "x"))
    yield from ({f"{days}__{part}": "9" * 11} for part in ("month", "day", "gte"))
    yield from ({name: "9" * 30} for name in ("q", "p", "o", "all", "e", "_to_field"))
    yield from ({"q": "("}, {"p": "-1"}, {"o": "99.-1.x"})


@pytest.mark.parametrize("name", LISTS)
def test_every_list_with_whatever_its_address_says(browser, name):
    address = reverse(f"admin:{name}_changelist")
    shown = getattr(browser.get(address), "context_data", {}).get("cl")
    [model_admin] = [
        each
        for model, each in admin.site._registry.items()
        if f"{model._meta.app_label}_{model._meta.model_name}" == name
    ]

    sweep(browser, address, lookups(model_admin, shown.filter_specs if shown else []))


@pytest.mark.parametrize("page", staff_pages, ids=lambda page: page.name)
def test_every_page_with_whatever_its_address_says(browser, world, asked_for, page):
    pk = world.get(page.name.rpartition("_")[0], world["practice_appointment"]).pk
    address = "/admin/" + re.sub(r"<int:pk>", str(pk), str(page.pattern))
    for verb in ("get", "post"):
        asked_for.clear()
        sweep(browser, address, iter([{}]), verb)
        names = sorted(name for name in asked_for if not name.startswith(("csrf", "_")))
        sweep(browser, address, together(names), verb)
        if verb == "get":
            sweep(browser, address, alone(names), verb)


# ---------------------------------------------------------------- forms

NAMES = [str(page.name) for page in staff_pages]
PAGES = {name.removesuffix("_change") for name in NAMES if name.endswith("_change")}
ADMIN_FORMS = sorted({*LISTS} - PAGES - {"auth_group", "practice_auditevent"})


@pytest.mark.parametrize("name", ADMIN_FORMS)
def test_every_form_with_whatever_is_typed(browser, world, name):
    """All fields at once, as each says what is wrong with it whatever the others say."""
    address = reverse(f"admin:{name}_change", args=[world[name].pk])
    data = form_data(browser.get(address))
    typed = [field for field in data if not field.endswith(("_FORMS", "-id", "seen_version"))]
    for value in NASTY:
        answer = browser.post(address, {**data, **dict.fromkeys(typed, value)})
        TRIED["forms"] += 1
        assert answer.status_code < 500, (name, value)


def all_forms(kind: Any) -> Iterator[type]:
    for form in kind.__subclasses__():
        yield form
        yield from all_forms(form)


def test_every_date_that_is_typed_is_one_that_can_be_reckoned_with():
    fields = [
        (form.__name__, name, field)
        for form in all_forms(BaseForm)
        if form.__module__.startswith("practice.")
        for name, field in getattr(form, "base_fields", {}).items()
        if isinstance(field, DateField)
    ]

    assert len(fields) > 10
    assert [where for *where, field in fields if not isinstance(field, DayField)] == []


# ---------------------------------------------------------------- what no database stores


@pytest.mark.parametrize(
    "send",
    [
        lambda browser: browser.get("/admin/practice/patient/", {"q": "Fauxley\0"}),
        lambda browser: browser.get("/admin/practice/slot/", {"status__exact": "\0"}),
        lambda browser: browser.get("/admin/practice/slot/", {"\0": "free"}),
        lambda browser: browser.get("/admin/practice/patient/%00/change/"),
        lambda browser: browser.get("/calendar/%00.ics"),
        lambda browser: browser.post("/admin/practice/closure/add/", {"name": "\0"}),
        lambda browser: browser.post("/admin/login/", {"username": "\0", "password": "x"}),
        lambda browser: Client(headers={"Cookie": 'sessionid="\\000"'}).get("/admin/"),
    ],
    ids=["search", "choice", "name", "path", "calendar", "form", "signing in", "cookie"],
)
def test_a_nul_is_refused_in_words_wherever_it_stands(browser, send):
    answer = send(browser)

    assert answer.status_code == 400
    assert "could not be understood" in answer.content.decode()
