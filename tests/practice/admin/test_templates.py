"""The lists of templates, closures and generation runs; what leads from them to the pages."""

from datetime import timedelta

import pytest
from django.urls import reverse

from practice.models import Closure, SessionTemplate
from tests.practice.admin_world import words
from workbench import factories
from workbench.staff import signed_in

pytestmark = pytest.mark.django_db

LISTS = ["sessiontemplate", "closure", "generationrun"]


@pytest.fixture
def manager(practice):
    return signed_in(practice.organisation, role="Practice manager")


def test_a_template_shows_when_it_runs_and_how_many_slots_it_makes(practice, manager):
    factories.make_template(
        every_n_weeks=2, weekdays=[2], blocks=[{}, {"gp_connect_bookable": False}]
    )

    page = words(manager.get(reverse("admin:practice_sessiontemplate_changelist")))

    for shown in ("Wed, every 2 weeks", "09:00 to 12:00", "36 (18 outside)"):
        assert shown in page


@pytest.mark.parametrize(
    ("first", "last", "found_by"),
    [(-30, None, "now"), (30, None, "later"), (-30, -1, "ended")],
    ids=["running", "not yet", "ended"],
)
def test_templates_are_filtered_by_whether_they_run(practice, manager, first, last, found_by):
    day = factories.tomorrow()
    factories.make_template(
        effective_from=day + timedelta(days=first),
        effective_to=None if last is None else day + timedelta(days=last - 1),
    )
    address = reverse("admin:practice_sessiontemplate_changelist")

    found = {
        value: manager.get(address, {"running": value}).context["cl"].result_count
        for value in ("now", "later", "ended")
    }

    assert found == {"now": 0, "later": 0, "ended": 0} | {found_by: 1}


def test_templates_ticked_in_the_list_are_previewed_together(practice, manager):
    one, two = factories.make_template(), factories.make_template()
    factories.make_template()
    address = reverse("admin:practice_sessiontemplate_changelist")

    answer = manager.post(address, {"action": "see_plan", "_selected_action": [one.pk, two.pk]})

    page = manager.get(answer.url)
    assert answer.url.startswith(reverse("admin:practice_generationrun_add"))
    assert {template.pk for template in page.context["chosen"]} == {one.pk, two.pk}


def test_templates_of_two_practices_are_not_previewed_together():
    first, second = factories.make_organisation(), factories.make_organisation()
    client = signed_in(first, second, role="Practice manager")
    ids = [factories.make_template(each).pk for each in (first, second)]
    address = reverse("admin:practice_sessiontemplate_changelist")

    answer = client.post(address, {"action": "see_plan", "_selected_action": ids}, follow=True)

    assert "Choose templates of one practice at a time" in words(answer)


def test_a_receptionist_is_not_offered_to_apply_templates(practice):
    factories.make_template()
    client = signed_in(practice.organisation, role="Receptionist")

    page = client.get(reverse("admin:practice_sessiontemplate_changelist"))

    assert "see_plan" not in words(page)


@pytest.mark.parametrize("name", LISTS)
def test_the_add_button_and_each_row_lead_to_the_page_of_the_job(practice, manager, name):
    record = {
        "sessiontemplate": factories.make_template,
        "closure": factories.make_closure,
        "generationrun": factories.make_generation_run,
    }[name]()

    page = words(manager.get(reverse(f"admin:practice_{name}_changelist")))

    change = "/admin/" + f"practice/{name}/{record.pk}/change/"
    assert reverse(f"admin:practice_{name}_change", args=[record.pk]) == change
    assert "/admin/" + f"practice/{name}/add/" in page
    assert change in page
    assert manager.get(change).status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_nothing_is_removed_from_a_list(practice, manager, name):
    template, closure = factories.make_template(), factories.make_closure()
    ids = [template.pk, closure.pk]

    manager.post(
        reverse(f"admin:practice_{name}_changelist"),
        {"action": "delete_selected", "_selected_action": ids, "post": "yes"},
    )

    assert SessionTemplate.objects.filter(pk=template.pk).exists()
    assert Closure.objects.filter(pk=closure.pk).exists()


def test_a_record_of_the_other_practice_opens_from_the_list_of_both():
    """Somebody at two practices who has chosen neither: the page works in the record's."""
    first, second = factories.make_organisation(), factories.make_organisation()
    client = signed_in(first, second, role="Practice manager")
    records = [make(each) for each in (first, second) for make in (factories.make_closure,)]

    answers = [
        client.get(reverse("admin:practice_closure_change", args=[record.pk])) for record in records
    ]

    assert [answer.context["practice"] for answer in answers] == [first, second]
