"""The page that says what a practice still needs."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from practice.models import Organisation
from practice.reads.set_up import set_up
from practice.staff.set_up import State, milestones
from tests.practice.staff.diary_world import words_of
from workbench.factories import (
    make_access_profile,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot_type,
    make_slots,
    make_template,
)
from workbench.staff import ADMINISTRATOR, AUDITOR, MANAGER, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/setting-up/"


def text(answer):
    """What a person reads on a page."""
    return words_of(answer.content.decode())


def steps_of(organisation, now=None):
    """How far each step is, by its name."""
    there = set_up(organisation, now=now or timezone.now())
    found = milestones(Organisation.objects.get(pk=organisation.pk), there)
    return {step.name: step for milestone in found for step in milestone.steps}


@pytest.fixture
def bare(db):
    """A practice of which there is only the name."""
    return Organisation.objects.create(ods_code="N00009", name="Newtown Practice")


def test_of_a_bare_practice_everything_is_missing_and_the_diary_waits(bare):
    found = {name: step.state for name, step in steps_of(bare).items()}

    assert found == {
        "The practice": State.BEGUN,
        "Places": State.OPEN,
        "People who hold sessions": State.OPEN,
        "Who may sign in": State.OPEN,
        "Slot types and national categories": State.OPEN,
        "A first template": State.OPEN,
        "Days when you are closed": State.DONE,
        "The first weeks of diary": State.WAITS,
        "Patients": State.OPEN,
        "Who may book, and what is promised": State.WAITS,
        "The door to outside": State.OPEN,
        "First search from outside": State.WAITS,
    }


def test_each_step_follows_what_there_is(practice, consumer):
    here = practice.organisation
    make_staff(here, role=MANAGER)
    make_staff(here, role=RECEPTIONIST)
    make_slot_type(here, "Routine")
    make_template(organisation=here)
    make_access_profile(here)
    for weeks in range(8):
        start = timezone.now() + timedelta(weeks=weeks, hours=2)
        make_slots(2, make_schedule(start=start), gp_connect_bookable=True)
    consumer.search_slots()

    found = steps_of(here)

    assert "16 slots to come marked for others. 1 access profile, 0 promises." in (
        found["Who may book, and what is promised"].said
    )
    assert "1 as Practice manager and 1 as Receptionist. 2 never signed in" in (
        found["Who may sign in"].said
    )
    assert [name for name, step in found.items() if not step.is_done] == [
        "First search from outside"  # it was refused, as it said no time
    ]


def test_a_search_that_was_answered_is_named(practice, consumer):
    first = timezone.now() + timedelta(days=1)
    last = first + timedelta(days=3)
    made = consumer.search_slots(
        {
            "status": "free",
            "start": f"ge{first:%Y-%m-%d}",
            "end": f"le{last:%Y-%m-%d}",
            "_include": "Slot:schedule",
        }
    )
    assert made.status_code == 200

    step = steps_of(practice.organisation)["First search from outside"]

    assert step.is_done
    assert "Test Hospital" in step.said
    later = timezone.now() + timedelta(weeks=5)
    assert not steps_of(practice.organisation, later)["First search from outside"].is_done


def test_what_is_not_complete_says_what_is_missing(practice):
    here = practice.organisation
    type(practice.location).objects.filter(pk=practice.location.pk).update(postal_code="")
    practice.practitioner.sds_user_id = None
    practice.practitioner.save()
    make_slot_type(here, "Catch-up", category=None)
    make_staff(here, role="")
    make_staff(here)

    found = steps_of(here)

    assert "1 without a full address" in found["Places"].said
    assert practice.practitioner.full_name in found["People who hold sessions"].said
    assert "1 of 1 without a national category" in found["Slot types and national categories"].said
    assert "1 without a role" in found["Who may sign in"].said
    assert {found[name].state for name in ("Places", "Who may sign in")} == {State.BEGUN}


@pytest.mark.parametrize(
    ("role", "status"), [(MANAGER, 200), (ADMINISTRATOR, 200), (RECEPTIONIST, 403), (AUDITOR, 403)]
)
def test_who_plans_may_open_it(practice, role, status):
    client = Client()
    client.force_login(make_staff(practice.organisation, role=role))

    assert client.get(PAGE).status_code == status
    assert (PAGE in client.get("/admin/").content.decode()) == (status == 200)


def test_ways_are_shown_to_whom_they_are_open(practice, manager):
    assert "Add a member of staff" not in text(manager.get(PAGE))

    manager.force_login(make_staff(practice.organisation, role=ADMINISTRATOR))

    said = text(manager.get(PAGE))
    assert "Add a member of staff" in said
    assert "Next: who may sign in" not in said


def test_it_asks_as_often_for_more(practice, manager, django_assert_max_num_queries):
    manager.get(PAGE)
    with django_assert_max_num_queries(200) as few:
        manager.get(PAGE)
    for _ in range(5):
        make_staff(practice.organisation, role=MANAGER)
        make_practitioner(practice.organisation)
        make_slots(3, make_schedule())

    with django_assert_max_num_queries(len(few)):
        manager.get(PAGE)


def test_another_practice_is_not_met(practice, manager):
    other = make_organisation(name="Elsewhere Surgery")

    assert other.name not in text(manager.get(PAGE))
