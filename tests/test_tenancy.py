"""Nothing of one practice is ever visible or changed through another (SEC-027, GEN-008).

Two practices with a record of each kind; the neighbour's ids are like no others. Every address of
the API and of the site is found by walking the URLs, so that new ones are held to this as well, and
is asked with every id of the neighbour. The answer must be the one for an id that nothing has.

They are as entangled as practices can be: a clinician works at both, and holds the neighbour's
session and template; a surgery of each has the same name; a member of staff works at both.
"""

import copy
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.forms import BaseForm, ModelChoiceField
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from fhirapi import ssp, urls
from fhirapi.resources.common import NHS_NUMBER, ODS_CODE, SDS_USER_ID
from practice.models import CalendarFeed, Organisation, Practitioner, PractitionerRole
from practice.services.calendar_feeds import make_feed
from practice.services.generation.planner import plan
from practice.site.people import PATHS, only_own
from practice.staff.urls import urlpatterns as staff_pages
from tests.practice.admin_world import STAFF, form_data, make_one_of_each
from workbench.bodies import appointment_body, cancelled, registration_body
from workbench.consumer import Consumer, as_dict
from workbench.factories import (
    make_healthcare_service,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot,
    make_template,
    new_nhs_number,
    tomorrow,
)
from workbench.paths import ROOT
from workbench.staff import StaffClient, make_staff, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.req("SEC-027", "GEN-008", "SEC-024")]

OUR_FIRST, THEIR_FIRST = 10_000_001, 40_000_001
UNUSED = 77_000_077

# The kinds of records that a path or a reference of the API can name, by our models.
KINDS = {
    "service_id": "practice_healthcareservice",
    "patient_id": "practice_patient",
    "practitioner_id": "practice_practitioner",
    "organisation_id": "practice_organisation",
    "location_id": "practice_location",
    "appointment_id": "practice_appointment",
}
REFERENCES = {
    "Patient": "practice_patient",
    "Practitioner": "practice_practitioner",
    "Organization": "practice_organisation",
    "Location": "practice_location",
    "Appointment": "practice_appointment",
    "Slot": "practice_slot",
    "Schedule": "practice_schedule",
}


@dataclass
class World:
    """Our practice and the neighbour's, a record of each kind in each, by the names of LISTS.

    ``shared``: the clinician of both. ``both``: the member of staff of both.
    """

    own: dict[str, Any]
    theirs: dict[str, Any]
    shared: Practitioner
    both: Any
    before: dict[str, list[Any]]

    @property
    def ids(self) -> dict[str, int]:
        return {name: record.pk for name, record in self.theirs.items()}

    def words(self) -> list[str]:
        """What would show on a page if something of the neighbour did."""
        patient, practice = self.theirs["practice_patient"], self.theirs["practice_organisation"]
        named = [practice.name, practice.ods_code, patient.nhs_number, patient.family_name]
        named += [self.theirs["practice_practitioner"].family_name]
        named += [self.theirs["auth_user"].username]
        return named + [f'"{pk}"' for pk in self.ids.values()]


def number_from(first: int) -> None:
    """Let every table go on with ids of its own, far from those of all others."""
    with connection.cursor() as cursor:
        for place, model in enumerate(apps.get_models()):
            table, start = model._meta.db_table, first + place * 10_000
            if getattr(model._meta.pk, "db_returning", False) is False:
                continue  # its ids are those of another table
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence VALUES (%s, %s)", [table, start])
            else:
                column = model._meta.pk.column
                cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table}"', column])
                cursor.execute("SELECT setval(%s, %s)", [cursor.fetchone()[0], start])


def stored(organisation: Organisation) -> dict[str, list[Any]]:
    """Every row of a practice, table by table."""
    found = {}
    for model in [*apps.get_app_config("practice").get_models(), get_user_model()]:
        path = PATHS.get(model, "organisation")
        if path == "organisation" and not hasattr(model, "organisation"):
            continue
        rows = model._base_manager.filter(**{path: organisation.pk}).order_by("pk").distinct()
        found[model.__name__] = list(rows.values())
        for row in found[model.__name__]:
            row.pop("last_login", None)  # whoever is of two practices may sign in
    return found


@pytest.fixture
def world(db) -> World:
    number_from(OUR_FIRST)  # PostgreSQL does not take numbers back with a transaction
    own_practice = make_organisation()
    own = make_one_of_each(own_practice)
    number_from(THEIR_FIRST)
    neighbour = make_organisation(name="Neighbouring Surgery")
    theirs = make_one_of_each(neighbour)
    shared, both = entangle(own_practice, neighbour, theirs)
    return World(own=own, theirs=theirs, shared=shared, both=both, before=stored(neighbour))


def entangle(own: Organisation, neighbour: Organisation, theirs: dict[str, Any]) -> tuple[Any, Any]:
    """Let the practices have in common what practices can: return a clinician, and one of staff."""
    shared = make_practitioner(own, also_at=[neighbour], family_name="Bothering")
    for place in (own, neighbour):
        make_location(place, name="Health Centre")
    for record in (theirs["practice_schedule"], theirs["practice_sessiontemplate"]):
        type(record).objects.filter(pk=record.pk).update(session_holder=shared)
        record.refresh_from_db()
    make_slot(make_schedule(own, session_holder=shared, date=tomorrow() + timedelta(days=1)))
    make_template(own, session_holder=shared, effective_from=tomorrow() + timedelta(days=60))
    for place in (own, neighbour):
        make_feed(organisation=place, practitioner_id=shared.pk, actor=STAFF, now=timezone.now())
    both = make_staff(own, neighbour, role="Practice administrator", last_name="Everywhere")
    return shared, both


@pytest.fixture(autouse=True)
def nothing_of_the_neighbour_changes(world):
    """Whatever a test asked for: afterwards the neighbour has what it had, row by row."""
    yield
    assert stored(world.theirs["practice_organisation"]) == world.before


TRIED: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def say_how_many():
    yield
    told = ", ".join(f"{count} {what}" for what, count in TRIED.items())
    print(f"\ntenancy: {sum(TRIED.values())} combinations tried: {told}", file=sys.__stdout__)


# ---------------------------------------------------------------- the API


def plainly(response: Any, *ids: Any) -> tuple[int, str, str]:
    """What an answer says, apart from the id that was asked for."""
    text = response.content.decode()
    for pk in ids:
        text = text.replace(str(pk), "ID")
    return response.status_code, response.get("Content-Type", ""), text


def api_addresses() -> Iterator[tuple[str, str, ssp.Interaction]]:
    """Every path of an interaction that holds an id: path, the name of the id, the interaction."""
    for pattern in urls.interactions:
        names = pattern.pattern.regex.groupindex
        of_version = "/_history/[version]" if "version" in names else ""
        view: Any = pattern.callback
        offered = view.view_initkwargs.get("interactions", view.view_class.interactions)
        for name in names.keys() - {"version"}:
            for served in offered.values():
                for interaction in served if isinstance(served, tuple) else (served,):
                    yield interaction.path + of_version, name, interaction


def body_for(interaction: ssp.Interaction, world: World, consumer: Consumer, pk: Any) -> Any:
    """A body that would be accepted if the id in the address were of ours."""
    if interaction not in {ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT}:
        return None
    body = as_dict(consumer.read_appointment(world.own["practice_appointment"].pk))
    body["id"] = str(pk)
    return cancelled(body) if interaction == ssp.CANCEL_APPOINTMENT else body


def test_every_address_of_the_api_with_every_id_of_the_neighbour(world):
    practice = world.own["practice_organisation"]
    # Services have addresses once they are filtered by, here and not at the neighbour.
    on = {"service_filtering_open": "here", "service_filtering_enabled": True}
    type(practice).objects.filter(pk=practice.pk).update(**on)
    world.own["practice_healthcareservice"] = make_healthcare_service(practice)
    consumer = Consumer(practice)
    query = {"start": ["ge2099-01-01", "le2099-01-02"]}
    served = set()

    for path, name, interaction in api_addresses():
        if "[version]" in path:
            own = interaction.path.replace("[id]", str(world.own[KINDS[name]].pk))
            version = as_dict(consumer.send(interaction, own))["meta"]["versionId"]
            path = path.replace("[version]", version)  # which the neighbour's may have too

        def ask(pk, path=path, interaction=interaction):
            return consumer.send(
                interaction,
                path.replace("[id]", str(pk)),
                query=query if interaction == ssp.RETRIEVE_APPOINTMENTS else "",
                body=body_for(interaction, world, consumer, pk),
            )

        unused = ask(UNUSED)
        assert unused.status_code == 404, interaction
        for kind, pk in world.ids.items():
            TRIED["API addresses"] += 1
            assert plainly(ask(pk), pk) == plainly(unused, UNUSED), (interaction.name, kind)
        assert ask(world.own[KINDS[name]].pk).status_code == 200, interaction
        served.add(name)

    assert served == set(KINDS)


def test_every_identifier_of_the_neighbour_finds_nothing(world):
    consumer = Consumer(world.own["practice_organisation"])
    theirs = world.theirs
    tries = [
        (ssp.FIND_PATIENT, NHS_NUMBER, theirs["practice_patient"].nhs_number, new_nhs_number()),
        (ssp.FIND_PRACTITIONER, SDS_USER_ID, theirs["practice_practitioner"].sds_user_id, "G1"),
        (ssp.FIND_ORGANISATION, ODS_CODE, theirs["practice_organisation"].ods_code, "Z9Z9Z"),
    ]

    for interaction, system, known, unknown in tries:
        assert known
        answers = [
            plainly(consumer.send(interaction, query={"identifier": f"{system}|{value}"}))
            for value in (known, unknown)
        ]
        TRIED["API identifiers"] += 1
        assert answers[0] == answers[1], interaction.name


def test_a_search_returns_nothing_of_the_neighbour(world):
    consumer = Consumer(world.own["practice_organisation"])
    start = world.theirs["practice_slot"].start.date()
    includes = ["Slot:schedule"]
    recursive = [f"Schedule:actor:{kind}" for kind in ("Practitioner", "Location")]
    query = {
        "status": "free",
        "start": f"ge{start}",
        "end": f"le{start}",
        "_include": includes,
        "_include:recurse": [*recursive, "Location:managingOrganization"],
    }

    answer = consumer.search_slots(query)

    found = {entry["resource"]["id"] for entry in as_dict(answer)["entry"]}
    TRIED["API searches"] += 1
    assert str(world.own["practice_slot"].pk) in found
    assert not found & {str(pk) for pk in world.ids.values()}


def test_the_neighbours_asid_opens_no_other_door(world):
    own, neighbour = (side["practice_organisation"] for side in (world.own, world.theirs))
    consumer = Consumer(own, headers={"Ssp-To": neighbour.asid})

    for interaction in ssp.INTERACTIONS:
        answer = consumer.send(interaction, interaction.path.replace("[id]", "1"), body=b"{}")
        TRIED["API addresses with the neighbour's ASID"] += 1
        assert answer.status_code == 400


def places(body: Any, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """Where a body refers to other records: the path of each reference, and what it refers to."""
    if isinstance(body, dict):
        reference = body.get("reference", "")
        if isinstance(reference, str) and reference.partition("/")[0] in REFERENCES:
            yield (*path, "reference"), reference.partition("/")[0]
        for name, value in body.items():
            yield from places(value, (*path, name))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from places(value, (*path, index))


def put(body: Any, path: tuple, value: str) -> Any:
    changed = copy.deepcopy(body)
    here = changed
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return changed


@pytest.mark.req("GEN-026", "BOOK-063")
def test_every_reference_in_a_body_with_every_id_of_the_neighbour(world):
    """A reference to the neighbour's record is as one to nothing, and nothing is stored."""
    own = world.own
    consumer = Consumer(own["practice_organisation"])
    slot = make_slot(own["practice_schedule"])
    appointment = own["practice_appointment"]
    kept = as_dict(consumer.read_appointment(appointment.pk))
    booking = appointment_body(slots=[slot], patient=own["practice_patient"])
    practitioner = own["practice_practitioner"]
    booking["participant"].append(
        {"actor": {"reference": f"Practitioner/{practitioner.pk}"}, "status": "accepted"}
    )
    registration = registration_body(
        new_nhs_number(),
        generalPractitioner=[{"reference": f"Practitioner/{practitioner.pk}"}],
        managingOrganization={"reference": f"Organization/{own['practice_organisation'].pk}"},
    )
    bodies = [
        (consumer.book, (), booking),
        (consumer.amend, (appointment.pk,), {**kept, "description": "Another reason"}),
        (consumer.cancel, (appointment.pk,), cancelled(kept)),
        (consumer.register, (), registration),
    ]
    before = stored(own["practice_organisation"])

    for send, arguments, body in bodies:
        found = list(places(body))
        assert found
        for path, kind in found:
            unused = send(*arguments, put(body, path, f"{kind}/{UNUSED}"))
            if unused.status_code < 300:
                continue  # this interaction does not read that element, whatever it holds
            for name, pk in world.ids.items():
                answer = send(*arguments, put(body, path, f"{kind}/{pk}"))
                TRIED["API references in bodies"] += 1
                assert plainly(answer, pk) == plainly(unused, UNUSED), (path, name)

    after = stored(own["practice_organisation"])
    for table in ("Appointment", "AppointmentSlot", "Slot", "Patient"):
        assert after[table] == before[table]


# ---------------------------------------------------------------- the site

# What differs from one answer to the next, whatever was asked.
PASSING = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]*"|nonce="[^"]*"|"X-CSRFToken": "[^"]*"'
)


@pytest.fixture
def browser(world):
    """Somebody who may do everything that a member of staff may, at our practice."""
    client = signed_in(world.own["practice_organisation"])
    client.user.groups.set(Group.objects.all())
    client.raise_request_exception = False
    return client


def page(response: Any, pk: Any) -> tuple[int, str, str]:
    """What a page says and where it leads, apart from the id that was asked for."""
    text = PASSING.sub("", response.content.decode(errors="replace"))
    location = response.get("Location", "")
    return response.status_code, location.replace(str(pk), "ID"), text.replace(str(pk), "ID")


def same_as_unused(ask: Any, pk: Any, unused: Any, label: Any) -> None:
    answer = page(ask(pk), pk)
    assert answer[0] != 500, label
    if answer != unused:  # a minute may have passed since the other was asked
        unused = page(ask(UNUSED), UNUSED)
    assert answer == unused, label


def site_addresses(resolver: Any = None, before: str = "/") -> Iterator[tuple[str, list[str]]]:
    """Every address of the site with ids in it, and their names; the ids as ``{name}``."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            if str(entry.pattern) in {"admin/", ""} or before != "/":
                yield from site_addresses(entry, before + str(entry.pattern))
            continue
        converters = getattr(entry.pattern, "converters", {})
        if converters and before.startswith("/admin/"):
            route = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", before + str(entry.pattern))
            yield route, list(converters)


@pytest.mark.parametrize("verb", ["get", "post"])
def test_every_address_of_the_site_with_every_id_of_the_neighbour(world, browser, verb):
    addresses = list(dict(site_addresses()).items())
    assert len(addresses) > 50

    for route, names in addresses:

        def ask(pk, route=route, names=names):
            return getattr(browser, verb)(route.format(**dict.fromkeys(names, pk)))

        unused = page(ask(UNUSED), UNUSED)
        assert unused[0] in {301, 302, 403, 404, 405}, route
        for kind, pk in world.ids.items():
            TRIED[f"addresses of the site, {verb.upper()}"] += 1
            same_as_unused(ask, pk, unused, (route, kind))


def shows_nothing(world: World, response: Any, label: Any) -> None:
    text = response.content.decode(errors="replace")
    for word in world.words():
        assert word not in text, (label, word)


def lists() -> Iterator[tuple[Any, str]]:
    for model, model_admin in admin.site._registry.items():
        yield model_admin, f"{model._meta.app_label}_{model._meta.model_name}"


def test_lists_and_their_filters_show_nothing_of_the_neighbour(world, browser):
    """Without and with each relation as a filter, and searched for what the neighbour has."""
    for model_admin, name in lists():
        address = reverse(f"admin:{name}_changelist")
        shows_nothing(world, browser.get(address), name)
        relations = [f for f in model_admin.opts.get_fields() if f.is_relation and f.related_model]
        for relation in relations:
            for suffix in ("", "__id__exact", "__pk", "__in"):
                parameter = f"{relation.name}{suffix}"

                def ask(pk, address=address, parameter=parameter):
                    return browser.get(address, {parameter: pk})

                for pk in world.ids.values():
                    if f"_{relation.related_model._meta.model_name}" not in kind_of(world, pk):
                        continue
                    TRIED["filters of lists"] += 1
                    answer = ask(pk)
                    assert answer.status_code in {200, 302, 400, 403}, (name, parameter)
                    shows_nothing_but(world, answer, pk, (name, parameter))
        for words in world.words()[:4]:
            TRIED["searches of lists"] += 1
            answer = browser.get(address, {"q": words})
            others = [word for word in world.words() if word != words]
            text = answer.content.decode(errors="replace")
            assert not [word for word in others if word in text], (name, words)


def kind_of(world: World, pk: int) -> str:
    return next(name for name, known in world.ids.items() if known == pk)


def shows_nothing_but(world: World, response: Any, pk: int, label: Any) -> None:
    """The page may repeat the id that it was asked with, and nothing else of the neighbour."""
    text = response.content.decode(errors="replace")
    found = [word for word in world.words() if word in text and word != f'"{pk}"']
    assert found == [], label


def test_suggestions_hold_nothing_of_the_neighbour(world, browser):
    """Every field that is filled by typing, asked for everything and for what the neighbour has."""
    asked = 0
    for model in apps.get_app_config("practice").get_models():
        for field in model._meta.fields:
            target = field.related_model
            if target is None or target not in admin.site._registry:
                continue
            for term in ("", *world.words()[:6]):
                parameters = {
                    "app_label": model._meta.app_label,
                    "model_name": model._meta.model_name,
                    "field_name": field.name,
                    "term": term,
                }
                answer = browser.get(reverse("admin:autocomplete"), parameters)
                asked += 1
                assert answer.status_code in {200, 403}, parameters
                shows_nothing(world, answer, parameters)
    TRIED["suggestions"] += asked
    assert asked > 50


def forms(world: World) -> Iterator[str]:
    for _, name in lists():
        yield reverse(f"admin:{name}_add")
        if name in world.own:
            yield reverse(f"admin:{name}_change", args=[world.own[name].pk])
    yield reverse("admin:practice_practitioner_change", args=[world.shared.pk])
    yield reverse("admin:auth_user_change", args=[world.both.pk])
    for name, step in (("slot", "change"), ("schedule", "change"), ("schedule", "holder")):
        pk = world.own[f"practice_{name}"].pk
        yield f"{reverse(f'admin:practice_{name}_change', args=[pk])}?ask={step}"


def parts_of(shown: Any) -> tuple[list[Any], dict[str, Any]]:
    """The forms of a page, and what a browser would send if nothing in them were changed."""
    context = shown.context or {}
    if "adminform" in context:
        parts = [context["adminform"].form]
        for inline in context["inline_admin_formsets"]:
            parts += [*inline.formset.forms, inline.formset.empty_form]
        return parts, form_data(shown)
    form = context.get("form")
    if not isinstance(form, BaseForm):
        return [], {}
    values = {each.html_name: each.value() for each in form}
    sent = {name: value for name, value in values.items() if value not in (None, False)}
    asked = {"do": context.get("ask", ""), "expected_version": "1"}
    return [form], {**asked, **sent}


def relations(world, parts):
    """What a form may be told of another's records: the field's name as sent, the field, theirs."""
    for part in parts:
        for name, field in part.fields.items():
            if isinstance(field, ModelChoiceField):
                target = field.queryset.model._meta
                theirs = world.ids.get(f"{target.app_label}_{target.model_name}")
                if theirs is not None:
                    yield part.add_prefix(name).replace("__prefix__", "0"), field, theirs


def test_forms_offer_and_accept_nothing_of_the_neighbour(world, browser):
    """Every relation of every form, inlines included, posted with the neighbour's record."""
    for address in forms(world):
        shown = browser.get(address)
        if shown.status_code != 200:
            assert shown.status_code in {302, 403}, address
            continue
        shows_nothing(world, shown, address)
        parts, data = parts_of(shown)
        for name, field, theirs in relations(world, parts):
            if not field.widget.is_hidden:  # the number of a row that is already there
                assert not field.queryset.filter(pk=theirs).exists(), (address, name)
            answer = browser.post(address, {**data, name: theirs})
            TRIED["relations of forms"] += 1
            assert answer.status_code in {200, 302, 403, 404, 422}, (address, name)
    refers_to_nothing_of_theirs(world)


def refers_to_nothing_of_theirs(world):
    """No record of ours does, in any of its fields."""
    for model in apps.get_app_config("practice").get_models():
        for field in model._meta.fields:
            target = field.related_model
            kind = target and f"{target._meta.app_label}_{target._meta.model_name}"
            if kind in world.ids and hasattr(model, "organisation"):
                mine = model._base_manager.filter(organisation=world.own["practice_organisation"])
                assert not mine.filter(**{field.name: world.ids[kind]}).exists(), (model, field)


def test_actions_on_the_neighbours_records_do_nothing(world, browser):
    """Every action of every list, for the neighbour's ids and for "all of them"."""
    for model_admin, name in lists():
        address = reverse(f"admin:{name}_changelist")
        request = browser.get(address).wsgi_request
        for action in model_admin.get_actions(request):
            for across in ("0", "1"):
                posted = {
                    "action": action,
                    "_selected_action": [world.theirs.get(name, world.theirs["auth_user"]).pk],
                    "select_across": across,
                    "index": "0",
                    "post": "yes",
                    "_do": "1",
                    "reason": "x",
                }
                answer = browser.post(address, posted, follow=True)
                TRIED["actions of lists"] += 1
                assert answer.status_code in {200, 403}, (name, action)
                shows_nothing_but(world, answer, posted["_selected_action"][0], (name, action))


# ---------------------------------------------------------------- the day-to-day pages

NAMES_IN_SOURCE = re.compile(r"""(?:GET|POST)\.get(?:list)?\(\s*["'](\w+)["']""")
NAMES_IN_TEMPLATES = re.compile(r'\sname="(\w+)"')


def parameters(view: Any) -> set[str]:
    """What a page may be asked with: the names that its module and its templates mention."""
    module = sys.modules[view.__module__]
    found = set(NAMES_IN_SOURCE.findall(inspect.getsource(module)))
    for value in vars(module).values():
        found |= set(getattr(value, "base_fields", {}))
    folder = ROOT / "templates" / "staff" / module.__name__.rpartition(".")[2]
    for template in folder.rglob("*.html"):
        found |= set(NAMES_IN_TEMPLATES.findall(template.read_text(encoding="utf-8")))
    return found - {"csrfmiddlewaretoken", "code", "next"}


def own_arguments(world: World, entry: Any) -> dict[str, Any]:
    """Ids of ours for a page that needs one: by the name of the id, else by that of the page."""
    found = {}
    for name in entry.pattern.converters:
        kind = f"practice_{name}"
        if kind not in world.own:
            named = (each for each in world.own if entry.name.startswith(each))
            kind = next(named, "practice_appointment")
        found[name] = world.own[kind].pk
    return found


# Parameters that hold a text, a date, a number or a choice. A new one is taken for an id.
NOT_IDS = (
    "for_practice first_minutes show_hidden "
    "archived ask at back booking_window_days category comment csv date default_minutes "
    "delivery_channel description digest do first_day hint list method mode period reasons "
    "setting source "
    "effective_from effective_to embargo_minutes end end_date end_time every_n_weeks "
    "expected_version first from go gp_connect_bookable kind last minimum_notice_minutes minutes "
    "name note nth_of_month ods_code offered organisation_type other_week page position "
    "practitioner_role q reached reason runs_on_bank_holidays seen session_name shown_at "
    "last_date last_day outcome part slot_count slot_minutes slot_type start start_date "
    "start_time to version view weekdays"
)
KINDS_ON_PAGES = (
    "accessprofile appointment closure location organisation patient practitioner schedule "
    "sessiontemplate slot"
)


@pytest.mark.once
@pytest.mark.parametrize("verb", ["get", "post"])
def test_every_parameter_of_the_day_to_day_pages_with_every_id_of_the_neighbour(
    world, browser, verb
):
    """Each parameter that may be an id by itself, and all of a page together."""
    for entry in staff_pages:
        view = entry.callback.view_class
        if not hasattr(view, verb) or not entry.name:  # a short address only leads to a page
            continue
        address = reverse(f"admin:{entry.name}", kwargs=own_arguments(world, entry))
        names = parameters(view)
        for kind, pk in world.ids.items():
            asked = [dict.fromkeys(names, pk)]
            if kind.removeprefix("practice_") in KINDS_ON_PAGES.split():
                asked += [{name: pk} for name in sorted(names - set(NOT_IDS.split()))]
            for given in asked:
                answer = getattr(browser, verb)(address, given)
                TRIED[f"parameters of pages, {verb.upper()}"] += 1
                assert answer.status_code < 500, (entry.name, given)
                shows_nothing_but(world, answer, pk, (entry.name, given))


def test_working_in_the_neighbours_practice_is_refused(world, browser):
    address = reverse("admin:choose_practice")

    answer = browser.post(address, {"practice": world.ids["practice_organisation"]})

    assert answer.status_code == 404
    assert browser.get("/admin/clinic-list/").status_code == 200


# ---------------------------------------------------------------- whom both practices have


def answers_of(practice: Organisation, world: World) -> list[Any]:
    """What a practice tells of the shared clinician: other organisations, a calendar program."""
    consumer = Consumer(practice)
    day = world.theirs["practice_slot"].start.date()
    query = {
        "status": "free",
        "start": f"ge{day}",
        "end": f"le{day + timedelta(days=3)}",
        "_include": ["Slot:schedule"],
        "_include:recurse": ["Schedule:actor:Practitioner"],
    }
    feed = CalendarFeed.objects.get(organisation=practice, practitioner=world.shared)
    answers: list[Any] = [
        consumer.read_practitioner(world.shared.pk),
        consumer.find_practitioner(world.shared.sds_user_id or ""),
        consumer.search_slots(query),
        Client().get(reverse("calendar_feed", args=[feed.secret])),
    ]
    return [(answer.status_code, answer.content) for answer in answers]


def plan_of(practice: Organisation) -> Any:
    """What generating would do in the next month."""
    first, now = tomorrow(), timezone.now()
    last = first + timedelta(days=30)
    return plan(organisation=practice, from_date=first, to_date=last, now=now).weeks


def test_whatever_we_do_to_a_shared_clinician_the_neighbour_has_them_as_before(world, browser):
    """Renamed, given another number and another role, and told to work here no longer."""
    own, neighbour = (side["practice_organisation"] for side in (world.own, world.theirs))
    told, planned = answers_of(neighbour, world), plan_of(neighbour)
    world.before = stored(neighbour)  # with what its trail says of these questions
    address = reverse("admin:practice_practitioner_change", args=[world.shared.pk])
    data = form_data(browser.get(address))

    browser.post(address, {**data, "family_name": "Renamed", "sds_user_id": "G0", "gender": "male"})
    data = form_data(browser.get(address))
    ended = {name: value for name, value in data.items() if not name.endswith("-active")}
    browser.post(address, {**ended, "roles-0-role": "R0600"})

    assert stored(neighbour) == world.before
    ours = PractitionerRole.objects.get(organisation=own, practitioner=world.shared)
    assert (ours.active, ours.role) == (False, "R0600")
    assert [status for status, _ in answers_of(own, world)] == [200, 200, 200, 404]
    assert [status for status, _ in told] == [200, 200, 200, 200]
    assert answers_of(neighbour, world) == told
    assert plan_of(neighbour) == planned
    world.before = stored(neighbour)


def test_a_refusal_tells_of_a_shared_clinician_only_that_they_are_elsewhere(world, browser):
    """Neither the hand-made session nor the plan says when the neighbour's session is, or what."""
    theirs = world.theirs["practice_schedule"]
    form = {
        "session_holder": world.shared.pk,
        "location": world.own["practice_location"].pk,
        "date": theirs.date.isoformat(),
        "start": "10:20",
        "end": "10:40",
        "slot_minutes": "10",
        "slot_type": "Routine",
    }

    answer = browser.post(reverse("admin:practice_schedule_add"), form)

    text = answer.content.decode()
    assert answer.status_code == 422
    assert f"{world.shared} is at another practice at that time." in text
    assert not re.search(r"09:00|12:00", text)
    shows_nothing(world, answer, "refusal")


def test_a_member_of_staff_of_both_meets_one_practice_at_a_time_once_it_is_chosen(world):
    client = StaffClient(world.both)
    own = world.own["practice_organisation"]

    client.post(reverse("admin:choose_practice"), {"practice": own.pk})

    for _, name in lists():
        answer = client.get(reverse(f"admin:{name}_changelist"))
        assert answer.status_code in {200, 403}, name
        text = answer.content.decode()
        listed = [pk for pk in world.ids.values() if f"/{pk}/" in text]
        assert listed == [], name


def test_the_account_of_somebody_of_both_cannot_be_changed_by_one(world, browser):
    address = reverse("admin:auth_user_change", args=[world.both.pk])
    shown = browser.get(address)

    browser.post(address, {**form_data(shown), "last_name": "Renamed", "is_active": ""})
    browser.post(
        reverse("admin:auth_user_password_change", args=[world.both.pk]),
        {"password1": "a-long-enough-secret", "password2": "a-long-enough-secret"},
    )

    assert world.theirs["practice_organisation"].name not in shown.content.decode()
    before = {name: getattr(world.both, name) for name in ("last_name", "is_active", "password")}
    world.both.refresh_from_db()
    assert {name: getattr(world.both, name) for name in before} == before


def test_nobody_meets_a_practice_without_a_membership(world):
    """A new account sees nothing at all, not everything."""
    client = signed_in()
    client.user.groups.set(Group.objects.all())

    for model_admin, name in lists():
        answer = client.get(reverse(f"admin:{name}_changelist"))
        shows_nothing(world, answer, name)
        if answer.status_code == 200 and name != "auth_group":
            request = answer.wsgi_request
            assert only_own(model_admin.model._default_manager.all(), request).count() == 0
