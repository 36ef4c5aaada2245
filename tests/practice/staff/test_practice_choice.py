"""Whoever works at several practices chooses one, and then meets nothing of the others."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import DiaryView, Promise, Series, SheetImport, WeeklyReturn
from practice.services.rehearsals import begin as begin_rehearsal
from practice.staff.urls import urlpatterns as staff_pages
from tests.practice.admin_world import LISTS, form_data, make_one_of_each, words
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import (
    filter_by_service,
    make_actor,
    make_cancellation_list_entry,
    make_healthcare_service,
    make_location,
    make_organisation,
    make_patient,
)
from workbench.staff import make_staff, signed_in, superuser

pytestmark = pytest.mark.django_db

CHOOSE = "/admin/practice/choose/"
MANAGER = "Practice manager"


@pytest.fixture
def first():
    return make_organisation(name="Alder Surgery")


@pytest.fixture
def second():
    return make_organisation(name="Birch Surgery")


@pytest.fixture
def manager(first, second):
    """Somebody of both, who chose the second."""
    client = signed_in(first, second, role=MANAGER)
    client.post(CHOOSE, {"practice": second.pk})
    return client


def listed(client, name):
    context = client.get(reverse(f"admin:{name}_changelist")).context
    if "cl" in context:
        return set(context["cl"].result_list)
    return {row.profile for row in context["profiles"]}  # access profiles: a staff page


def test_every_page_says_where_one_works_and_offers_the_others(manager, first, second):
    for address in ("/admin/", "/admin/worklist/", "/admin/practice/location/"):
        page = words(manager.get(address))
        assert f'<span class="chooser-name">{second.name}</span>' in page
        assert f'name="practice" value="{first.pk}"' in page


def test_nothing_is_offered_to_those_who_have_one_practice(first):
    page = words(signed_in(first, role=MANAGER).get("/admin/"))

    assert "practice-chooser" not in page


@pytest.mark.parametrize("name", [name for name in LISTS if name != "auth_group"])
def test_lists_hold_only_records_of_the_chosen_one(first, second, name):
    ours, theirs = make_one_of_each(second), make_one_of_each(first)
    client = signed_in(first, second, role="Practice administrator")
    client.post(CHOOSE, {"practice": second.pk})

    found = {row.pk for row in listed(client, name)} if "slot" not in name else None

    if found is None:
        page = client.get(reverse(f"admin:{name}_changelist"), {"when": "all"})
        found = {row.pk for row in page.context["cl"].result_list}
    assert ours[name].pk in found
    assert theirs[name].pk not in found


@pytest.mark.parametrize("name", [name for name in LISTS if name != "auth_group"])
def test_forms_of_the_other_one_are_not_to_be_had(manager, first, name):
    theirs = make_one_of_each(first)

    answer = manager.get(reverse(f"admin:{name}_change", args=[theirs[name].pk]))

    assert answer.status_code in {302, 403, 404}


def test_forms_ask_for_no_practice_and_offer_records_of_the_chosen_one(manager, first, second):
    ours, theirs = make_location(second), make_location(first)

    form = manager.get(reverse("admin:practice_sessiontemplate_add")).context["form"]

    assert "organisation" not in form.fields
    assert ours in form.fields["location"].queryset
    assert theirs not in form.fields["location"].queryset


def test_what_is_added_belongs_to_the_chosen_one(manager, second):
    address = reverse("admin:practice_accessprofile_add")
    form = manager.get(address)

    manager.post(address, {**form_data(form), "name": "Hub"})

    assert second.access_profiles.get().name == "Hub"


def test_suggestions_come_from_the_chosen_one(manager, first, second):
    ours, theirs = make_one_of_each(second), make_one_of_each(first)

    answer = manager.get(
        "/admin/autocomplete/",
        {
            "app_label": "practice",
            "model_name": "appointment",
            "field_name": "patient",
            "term": "Patient",
        },
    )

    found = {result["id"] for result in answer.json()["results"]}
    assert str(ours["practice_patient"].pk) in found
    assert str(theirs["practice_patient"].pk) not in found


def test_actions_do_nothing_to_records_of_the_other_one(manager, first):
    slot = make_one_of_each(first)["practice_slot"]

    manager.post(
        reverse("admin:practice_slot_changelist"),
        {"action": "block", "_selected_action": [slot.pk], "reason": "x", "_do": "1"},
    )

    slot.refresh_from_db()
    assert slot.status == "free"


def rest_of(organisation):
    """A record of each kind that has a page and no list."""
    now = timezone.now()
    return {
        "practice_promise": Promise.objects.create(
            organisation=organisation, name="NHS 111", ods_code="Y00123", slots_a_day=1
        ),
        "practice_diaryview": DiaryView.objects.create(organisation=organisation, name="Upstairs"),
        "practice_sheetimport": SheetImport.objects.create(
            organisation=organisation, uploaded_at=now, seen_at=now
        ),
        "practice_healthcareservice": make_healthcare_service(filter_by_service(organisation)),
        "practice_series": Series.objects.create(
            organisation=organisation, patient=make_patient(organisation), made_at=now
        ),
        "practice_rehearsal": begin_rehearsal(
            organisation=organisation,
            name="Test call centre",
            ods_code="A1001",
            actor=make_actor(),
            now=now,
        ),
        "practice_weeklyreturn": WeeklyReturn.objects.create(
            organisation=organisation,
            first_day=clock.today(now) - timedelta(days=clock.today(now).weekday() + 7),
            rows=0,
            appointments=0,
            made_at=now,
        ),
        "practice_remoteappointment": make_remote_appointment(make_remote_service(organisation)),
        "practice_cancellationlistentry": make_cancellation_list_entry(
            organisation, patient=make_patient(organisation)
        ),
    }


@pytest.mark.parametrize("verb", ["get", "post"])
def test_no_day_to_day_page_knows_the_ids_of_the_other_one(manager, first, second, verb):
    """As for a stranger's: what has an id in its address is not there, and one's own is."""
    theirs, ours = ({**make_one_of_each(each), **rest_of(each)} for each in (first, second))
    for page in staff_pages:
        view = page.callback.view_class
        if not page.pattern.converters or not hasattr(view, verb):
            continue
        if page.name == "diary_menu":  # of a column that the day has: test_diary_menu
            continue
        model = getattr(view, "model", None)
        kind = f"practice_{model._meta.model_name}" if model else ""
        if not kind:
            by_name = {
                "slot": "practice_slot",
                "feed": "practice_practitioner",
                "promise": "practice_promise",
                "service": "practice_healthcareservice",
                "diary_view": "practice_diaryview",
            }
            found = (k for word, k in by_name.items() if word in page.name)
            kind = next(found, "practice_appointment")

        def ask(records, page=page, kind=kind):
            pks = dict.fromkeys(page.pattern.converters, records[kind].pk)
            pks |= {word: "csv" for word in ("kind", "format") if word in pks}
            return getattr(manager, verb)(reverse(f"admin:{page.name}", kwargs=pks)).status_code

        assert ask(theirs) in {403, 404}, page.name
        may = manager.user.has_perm(view.permission)
        assert verb == "post" or not may or ask(ours) in {200, 302}, page.name


def test_a_practice_where_one_does_not_work_cannot_be_chosen(manager, second):
    stranger = make_organisation()

    answer = manager.post(CHOOSE, {"practice": stranger.pk})

    assert answer.status_code == 404
    assert stranger.name not in words(manager.get(CHOOSE))
    assert f"{second.name}</span>" in words(manager.get("/admin/"))


@pytest.mark.parametrize("nonsense", ["", "x", "²", "9" * 30, "-1"])
def test_what_is_no_practice_cannot_be_chosen(manager, nonsense):
    assert manager.post(CHOOSE, {"practice": nonsense}).status_code == 404


def test_a_choice_ends_with_the_membership(manager, first, second):
    ours, theirs = make_location(first), make_location(second)
    manager.user.memberships.get(organisation=second).delete()

    assert listed(manager, "practice_location") == {ours}
    assert theirs not in listed(manager, "practice_location")


def test_all_of_ones_own_can_be_seen_again(manager, first, second):
    ours, theirs = make_location(first), make_location(second)

    manager.post(CHOOSE, {"practice": "all"})

    assert listed(manager, "practice_location") == {ours, theirs}


def test_superusers_see_everything_until_they_choose(first, second):
    ours, theirs = make_location(first), make_location(second)
    client = superuser()

    everything = listed(client, "practice_location")
    client.post(CHOOSE, {"practice": first.pk})

    assert everything == {ours, theirs}
    assert listed(client, "practice_location") == {ours}


def test_a_colleague_of_both_practices_can_still_be_managed(first, second):
    """Working in one of them, an administrator of both has not lost the right over the other."""
    client = signed_in(first, second, role="Practice administrator")
    client.post(CHOOSE, {"practice": first.pk})
    colleague = make_staff(first, second, role="")

    answer = client.get(reverse("admin:auth_user_change", args=[colleague.pk]))

    assert answer.context["has_change_permission"]


def test_of_many_practices_the_page_finds_one_by_name_or_code():
    for number in range(60):
        make_organisation(name=f"Number {number} Surgery")
    client = superuser()

    page, found = client.get(CHOOSE), client.get(CHOOSE, {"q": "number 47"})

    assert len(page.context["found"]) == 50
    assert [practice.name for practice in found.context["found"]] == ["Number 47 Surgery"]
    assert "Find another" in words(client.get("/admin/"))
