"""The pages of national categories: all types on one, several at once, nothing by itself."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import SlotType
from tests.practice.admin_world import words
from tests.practice.staff.template_page import NEW, sent
from workbench.factories import make_organisation, make_slot_type
from workbench.staff import RECEPTIONIST, signed_in

pytestmark = pytest.mark.django_db

PAGE = "/admin/practice/slottype/"
ACUTE = "General Consultation Acute"


def today():
    return clock.today(timezone.now())


def post(client, **values):
    usual = {"category": "", "setting": "", "mode": "", "first_day": today().isoformat()}
    return client.post(PAGE, {**usual, "do": "map", **values})


def counts_as(slot_type):
    found = slot_type.mappings.filter(last_day__isnull=True).first()
    return found and (found.category, found.setting, found.mode)


@pytest.fixture
def flu(practice):
    return make_slot_type(practice.organisation, "Flu jab", category=None)


def test_the_page_shows_suggestions_and_applies_none(manager, flu):
    page = words(manager.get(PAGE))

    assert "Not mapped: 1" in page
    assert "Because the name says “flu”" in page
    assert counts_as(flu) is None


def test_several_are_mapped_at_once_as_chosen_or_as_suggested(practice, manager, flu):
    other = make_slot_type(practice.organisation, "Something", category=None)
    visit = make_slot_type(practice.organisation, "Home visit", category=None)

    chosen = post(manager, type=[other.pk], category=ACUTE, mode="as-channel")
    suggested = post(manager, type=[flu.pk, visit.pk])

    assert (chosen.status_code, suggested.status_code) == (302, 302)
    assert counts_as(other) == (ACUTE, "General Practice", "")
    assert counts_as(flu) == ("Planned Clinics", "General Practice", "")
    assert counts_as(visit) == ("Home Visit", "General Practice", "Face to Face (Home Visit)")


def test_a_single_suggestion_is_taken_by_its_button(manager, flu):
    post(manager, do=f"take-{flu.pk}", category=ACUTE)

    assert counts_as(flu) == ("Planned Clinics", "General Practice", "")


def test_where_nothing_is_suggested_something_must_be_chosen(practice, manager, flu):
    other = make_slot_type(practice.organisation, "Something", category=None)

    answer = post(manager, type=[other.pk, flu.pk])

    assert answer.status_code == 422
    assert "Choose a category for Something" in words(answer)
    assert counts_as(flu) is None
    assert f'value="{flu.pk}" aria-label="Choose Flu jab" checked' in words(answer)


def test_past_days_cannot_be_changed(manager, flu):
    answer = post(manager, type=[flu.pk], first_day=(today() - timedelta(days=1)).isoformat())

    assert answer.status_code == 422
    assert "past days stay as they were" in words(answer)
    assert counts_as(flu) is None


def test_what_is_mapped_keeps_what_is_not_said(practice, manager):
    evening = make_slot_type(
        practice.organisation,
        "Evening",
        setting="Extended Access Provision",
        mode="Telephone/Audio",
    )

    post(manager, type=[evening.pk], category=ACUTE)

    assert counts_as(evening) == (ACUTE, "Extended Access Provision", "Telephone/Audio")


def test_a_warning_is_answered_with_it_is_right(practice, manager):
    urgent = make_slot_type(practice.organisation, "Urgent")
    assert "Its name says “urgent”" in words(manager.get(PAGE))

    manager.post(PAGE, {"do": f"accept-{urgent.pk}"})

    assert "Its name says “urgent”" not in words(manager.get(PAGE))


def test_reception_sees_and_does_not_map(practice, flu):
    rita = signed_in(practice.organisation, role=RECEPTIONIST)

    assert rita.get(PAGE).status_code == 200
    assert "Map the chosen types" not in words(rita.get(PAGE))
    assert post(rita, type=[flu.pk]).status_code == 403
    assert rita.get(reverse("admin:practice_slottype_add")).status_code == 403
    page = reverse("admin:practice_slottype_change", args=[flu.pk])
    assert rita.get(page).status_code == 200
    assert rita.post(page, {"hint": "x"}).status_code == 403


def test_types_of_another_practice_are_not_there(manager):
    theirs = make_slot_type(make_organisation(), "Theirs", category=None)

    assert "Theirs" not in words(manager.get(PAGE))
    assert post(manager, type=[theirs.pk], category=ACUTE).status_code == 422
    assert not theirs.mappings.exists()
    page = reverse("admin:practice_slottype_change", args=[theirs.pk])
    assert manager.get(page).status_code == 404


def test_a_type_is_added_with_what_it_counts_as(practice, manager):
    answer = manager.post(
        reverse("admin:practice_slottype_add"),
        {"name": "Minor illness", "category": ACUTE, "first_day": today().isoformat()},
    )

    assert answer.status_code == 302
    added = SlotType.objects.get(organisation=practice.organisation)
    assert counts_as(added) == (ACUTE, "General Practice", "")
    again = manager.post(
        reverse("admin:practice_slottype_add"),
        {"name": "Minor illness", "first_day": today().isoformat()},
    )
    assert "already" in words(again)


def test_the_page_of_a_type_tells_its_history_and_changes_its_hint(practice, manager):
    routine = make_slot_type(practice.organisation)
    post(manager, type=[routine.pk], category=ACUTE)
    page = reverse("admin:practice_slottype_change", args=[routine.pk])

    shown = words(manager.get(page))
    manager.post(page, {"hint": "Not for children", "default_minutes": "10"})

    assert shown.index(ACUTE) < shown.index("General Consultation Routine")
    routine.refresh_from_db()
    assert (routine.name, routine.hint, routine.default_minutes) == (
        "Routine",
        "Not for children",
        10,
    )


def test_a_template_with_an_unmapped_type_leads_to_the_page(practice, manager, flu):
    answer = manager.post(NEW, sent(practice, {"slot_type": "Flu jab"}))

    assert answer.status_code == 422
    assert f'href="{PAGE}?name=Flu+jab"' in words(answer)
    assert "1 slot type of this practice has no national category yet" in words(answer)
    assert "Add it, with what it counts as" in words(manager.get(PAGE, {"name": "Nothing yet"}))


def test_forms_suggest_the_types_that_are_mapped(practice, manager, flu):
    make_slot_type(practice.organisation, hint="Not for children", default_minutes=10)

    for name in ("sessiontemplate", "slot", "schedule"):
        page = words(manager.get(reverse(f"admin:practice_{name}_add")))
        assert '<option value="Routine">General Consultation Routine. 10 minutes.' in page
        assert "Flu jab" not in page


def test_who_plans_is_told_on_the_front_page(practice, manager, flu):
    rita = signed_in(practice.organisation, role=RECEPTIONIST)

    assert "Slot types without a national category" in words(manager.get("/admin/"))
    assert "Slot types without a national category" not in words(rita.get("/admin/"))


def test_the_page_makes_as_many_queries_for_many_types(
    practice, manager, django_assert_max_num_queries
):
    for n in range(12):
        make_slot_type(practice.organisation, f"Type {n}", category=None if n % 2 else ACUTE)
    manager.get(PAGE)
    with django_assert_max_num_queries(40) as many:
        manager.get(PAGE)
    SlotType.objects.filter(name__in=[f"Type {n}" for n in range(9)]).delete()
    with django_assert_max_num_queries(40) as few:
        manager.get(PAGE)

    assert len(many) == len(few)
