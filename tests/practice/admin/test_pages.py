"""Every page of the admin site answers, finds, stays fast, and keeps to one's own practice."""

import re
from importlib import import_module
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.staticfiles import finders
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse

from practice import nhs_number
from tests.practice.admin_world import LISTS, form_data, make_one_of_each, words
from workbench import factories
from workbench.staff import signed_in, superuser

pytestmark = pytest.mark.django_db

# Where a search finds the one record that the world has: what to type.
SEARCHES = {
    "practice_appointment": lambda o: o.patient.nhs_number,
    "practice_auditevent": lambda o: o.event,
    "practice_closure": lambda o: o.kind,
    "practice_location": lambda o: o.name,
    "practice_organisation": lambda o: o.ods_code,
    "practice_patient": lambda o: o.family_name,
    "practice_practitioner": lambda o: o.family_name,
    "practice_remoteservice": lambda o: o.name,
    "practice_schedule": lambda o: o.session_name,
    "practice_sessiontemplate": lambda o: o.session_name,
    "practice_slot": lambda o: o.slot_type,
    "auth_user": lambda o: o.username,
}


# What comes about otherwise than by an empty form: recorded.
NOT_ADDED = {"practice_auditevent"}
ROLES = ["Receptionist", "Practice manager", "Practice administrator", "Auditor"]


def rows_of(response: Any) -> set[int]:
    """Return the ids of the records in a list."""
    context = response.context
    if "cl" in context:
        return {row.pk for row in context["cl"].result_list}
    return {row.profile.pk for row in context["profiles"]}  # access profiles: a staff page


def url(name: str, page: str, *args: object) -> str:
    return reverse(f"admin:{name}_{page}", args=args)


def test_no_list_of_the_site_is_missing_here():
    """A ModelAdmin registered later is held to the same promises, by being named in LISTS."""
    registered = {f"{m._meta.app_label}_{m._meta.model_name}" for m in admin.site._registry}
    assert registered == set(LISTS)


def test_the_front_page_shows_what_a_receptionist_may_use():
    client = signed_in(factories.make_organisation(), role="Receptionist")

    page = words(client.get(reverse("admin:index")))

    assert "Appointments" in page
    assert "Audit trail" not in page
    assert "Users" not in page


def test_the_front_page_is_in_the_name_of_the_practice():
    organisation = factories.make_organisation(name="Samplebrook Surgery")
    client = signed_in(organisation, role="Receptionist")

    assert "Samplebrook Surgery" in words(client.get(reverse("admin:index")))


def test_somebody_without_a_practice_is_told_so_and_sees_nobody():
    factories.make_patient(factories.make_organisation())
    client = signed_in(role="Receptionist")

    answer = client.get(url("practice_patient", "changelist"))

    assert "No practice" in words(answer)
    assert answer.context["cl"].result_count == 0


@pytest.mark.parametrize("name", LISTS)
def test_a_superuser_can_open_every_list_and_every_record(name):
    client, records = superuser(), make_one_of_each(factories.make_organisation())

    assert client.get(url(name, "changelist")).status_code == 200
    if name in records:
        assert client.get(url(name, "change", records[name].pk)).status_code == 200
    assert client.get(url(name, "add")).status_code == (403 if name in NOT_ADDED else 200)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", LISTS)
def test_each_role_opens_what_it_may_and_nothing_else(name, role):
    organisation = factories.make_organisation()
    records = make_one_of_each(organisation)
    client = signed_in(organisation, role=role)
    app, model = name.split("_")
    may_view = client.user.has_perm(f"{app}.view_{model}")

    assert client.get(url(name, "changelist")).status_code == (200 if may_view else 403)
    if name in records:
        change = client.get(url(name, "change", records[name].pk))
        assert change.status_code == (200 if may_view else 403)
    add = client.get(url(name, "add")).status_code
    may_add = client.user.has_perm(f"{app}.add_{model}") or (
        name == "practice_closure" and client.user.has_perm("practice.report_sick")
    )
    assert add in ({200, 403} if may_add else {403})


@pytest.mark.parametrize("name", SEARCHES)
def test_the_search_box_of_every_list_finds_a_record(name):
    organisation = factories.make_organisation()
    record = make_one_of_each(organisation)[name]
    client = superuser()

    found = client.get(url(name, "changelist"), {"q": SEARCHES[name](record)}).context["cl"]
    nothing = client.get(url(name, "changelist"), {"q": "no such thing"}).context["cl"]

    assert record.pk in {row.pk for row in found.result_list}
    assert nothing.result_count == 0


@pytest.mark.parametrize("name", LISTS)
def test_a_list_makes_as_many_queries_for_thirty_rows_as_for_three(
    name, django_assert_max_num_queries
):
    organisation = factories.make_organisation()
    client = superuser()
    for _ in range(3):
        make_one_of_each(organisation)
    counts = []
    for more in (0, 27):
        for _ in range(more):
            make_one_of_each(organisation)
            if name == "practice_organisation":
                factories.make_organisation()
        client.get(url(name, "changelist"))
        with django_assert_max_num_queries(100) as queries:
            assert client.get(url(name, "changelist")).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_each_role_has_every_permission_that_its_migration_names():
    """A misspelt name would grant nothing, and nobody would be told."""
    module = import_module("practice.migrations.0004_roles_of_staff")

    for name, codenames in module.ROLES.items():
        granted = Group.objects.get(name=name).permissions.values_list("codename", flat=True)
        assert set(granted) == set(codenames), name


# ---------------------------------------------------------------- one's own practice


@pytest.mark.parametrize("name", [name for name in LISTS if name != "auth_group"])
def test_the_records_of_another_practice_are_not_there(name):
    ours, theirs = factories.make_organisation(), factories.make_organisation()
    make_one_of_each(ours)
    other = make_one_of_each(theirs)[name]
    client = signed_in(ours, role="Practice administrator")

    assert other.pk not in rows_of(client.get(url(name, "changelist")))
    app, model = name.split("_")
    for page in ("change", "history", "delete"):
        answer = client.get("/admin/" + f"{app}/{model}/{other.pk}/{page}/")
        assert answer.status_code in {302, 403, 404}
        assert str(other) not in words(answer)


AUTOCOMPLETES = [
    ("sessiontemplate", "session_holder"),
    ("patient", "preferred_branch"),
    ("patient", "general_practitioner"),
    ("closure", "practitioner"),
    ("appointment", "patient"),
    ("schedule", "session_holder"),
    ("appointment", "schedule"),
    ("slot", "access_profile"),
    ("appointment", "organisation"),
]


@pytest.mark.parametrize(("model", "field"), AUTOCOMPLETES)
def test_suggestions_name_records_of_the_own_practice_only(model, field):
    ours, theirs = factories.make_organisation(), factories.make_organisation()
    mine, others = make_one_of_each(ours), make_one_of_each(theirs)
    client = signed_in(ours, role="Practice administrator")
    asked = {"app_label": "practice", "model_name": model, "field_name": field, "term": ""}

    suggested = client.get(reverse("admin:autocomplete"), asked).json()["results"]

    model_of = {
        "session_holder": "practitioner",
        "preferred_branch": "location",
        "general_practitioner": "practitioner",
        "schedule": "schedule",
        "access_profile": "accessprofile",
    }
    key = f"practice_{model_of.get(field, field)}"
    ids = {int(entry["id"]) for entry in suggested}
    assert mine[key].pk in ids
    assert others[key].pk not in ids


def test_suggested_patients_can_be_told_apart(practice):
    client = signed_in(practice.organisation, role="Receptionist")
    asked = {"app_label": "practice", "model_name": "appointment", "field_name": "patient"}
    spaced = nhs_number.spaced(practice.patient.nhs_number)

    suggested = client.get(reverse("admin:autocomplete"), {**asked, "term": spaced}).json()

    [entry] = suggested["results"]
    assert "born 29 Feb 1980" in entry["text"]
    assert f"NHS number {spaced}" in entry["text"]


def test_filters_offer_and_follow_only_what_is_the_own_practices():
    ours, theirs = factories.make_organisation(), factories.make_organisation()
    mine, others = make_one_of_each(ours), make_one_of_each(theirs)
    client = signed_in(ours, role="Practice manager")
    address = url("practice_slot", "changelist")

    page = words(client.get(address))
    stranger = others["practice_practitioner"]
    forced = client.get(address, {"schedule__session_holder__id__exact": stranger.pk})

    assert str(others["practice_practitioner"]) not in page
    assert str(others["practice_location"]) not in page
    assert str(stranger) not in words(forced)
    assert str(mine["practice_location"]) in page


def test_a_form_offers_the_choices_of_the_own_practice_only():
    ours, theirs = factories.make_organisation(), factories.make_organisation()
    make_one_of_each(ours)
    others = make_one_of_each(theirs)
    client = signed_in(ours, role="Practice manager")

    page = words(client.get(url("practice_sessiontemplate", "add")))

    assert others["practice_location"].name not in page
    assert others["practice_accessprofile"].name not in page


def test_somebody_at_two_practices_sees_both_and_is_asked_which():
    first, second = factories.make_organisation(), factories.make_organisation()
    one, two = factories.make_location(first), factories.make_location(second)
    client = signed_in(first, second, role="Practice manager")

    listed = client.get(url("practice_location", "changelist")).context["cl"]
    form = client.get(url("practice_location", "add")).context["adminform"].form

    assert {row.pk for row in listed.result_list} == {one.pk, two.pk}
    assert set(form.fields["organisation"].queryset) == {first, second}


def test_relations_are_checked_to_be_of_the_same_practice():
    first, second = factories.make_organisation(), factories.make_organisation()
    elsewhere = factories.make_practitioner(second)
    patient = factories.make_patient(first)
    client = signed_in(first, second, role="Practice manager")
    address = url("practice_patient", "change", patient.pk)
    data = form_data(client.get(address))

    answer = client.post(address, {**data, "general_practitioner": elsewhere.pk})

    assert "has no role at" in words(answer)
    patient.refresh_from_db()
    assert patient.general_practitioner is None


@pytest.mark.parametrize("name", LISTS)
def test_no_page_fetches_anything_from_elsewhere(name):
    make_one_of_each(factories.make_organisation())

    page = words(superuser().get(url(name, "changelist")))

    for attribute in ('src="http', 'href="http', "url(http", 'src="//'):
        assert attribute not in page


@pytest.mark.parametrize(
    "name",
    [
        "appointment",
        "slot",
        "schedule",
        "practitioner",
        "location",
        "patient",
        "auditevent",
        "organisation",
        "generationrun",
    ],
)
def test_history_is_never_deleted_not_even_by_a_superuser(name):
    record = make_one_of_each(factories.make_organisation())[f"practice_{name}"]
    client = superuser()

    answer = client.post("/admin/" + f"practice/{name}/{record.pk}/delete/", {"post": "yes"})
    client.post(
        url(f"practice_{name}", "changelist"),
        {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"},
    )

    assert answer.status_code in {403, 404}
    assert type(record).objects.filter(pk=record.pk).exists()


def test_every_menu_entry_leads_somewhere():
    from config.menu import NAVIGATION

    for group in NAVIGATION:
        for item in group["items"]:
            try:
                assert str(item["link"]).startswith("/admin/")
            except NoReverseMatch as error:
                raise AssertionError(item["title"]) from error


@pytest.mark.parametrize("role", ROLES)
def test_the_menu_shows_each_role_what_it_may_open_and_nothing_else(practice, role):
    from config.menu import NAVIGATION

    client = signed_in(practice.organisation, role=role)
    request = RequestFactory().get("/admin/")
    request.user = client.user
    entries = [item for group in NAVIGATION for item in group["items"] if "permission" in item]

    wrong = {
        item["title"]: answer.status_code
        for item in entries
        if (answer := client.get(str(item["link"]))).status_code
        != (200 if item["permission"](request) else 403)
    }

    assert wrong == {}


@pytest.mark.parametrize("name", ["login", "index", "diary"])
def test_every_page_names_its_icon_so_that_no_browser_asks_in_vain(practice, name):
    client = signed_in(practice.organisation, role="Receptionist")
    if name == "login":
        client.logout()

    page = client.get(reverse(f"admin:{name}")).content.decode()

    [href] = re.findall(r'<link rel="icon" href="([^"]+)"', page)
    assert finders.find(href.removeprefix("/static/"))
