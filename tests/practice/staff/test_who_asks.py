"""The page that says who really asks, and what stands elsewhere of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Promise
from practice.services import asking
from practice.services.audit.sealing import seal_everything
from tests.fhirapi.test_walk import search_query
from tests.practice.staff.diary_world import words_of
from workbench.consumer import Consumer
from workbench.factories import make_organisation
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/who-asks/"


@pytest.fixture
def searched(practice):
    """One who is promised nothing has searched and found nothing; another never searched."""
    now = timezone.now()
    Promise.objects.create(
        organisation=practice.organisation,
        name="NHS 111",
        ods_code="X9X01",
        slots_a_day=2,
        made_at=now - timedelta(days=9),
    )
    consumer = Consumer(practice.organisation)
    consumer.search_slots(
        {**search_query(), "searchFilter": "https://fhir.nhs.uk/Id/ods-organization-code|A1001"}
    )
    consumer.search_slots({**search_query(), "status": "busy"})
    seal_everything(now=now)
    asking.watch_who_asks([practice.organisation], now=now + timedelta(days=3))
    return practice


def text(answer):
    return words_of(answer.content.decode())


def test_the_page_says_who_asked_what_they_were_shown_and_who_never_did(searched, manager):
    said = text(manager.get(PAGE))

    assert "Test Hospital (A1001)" in said
    assert "2 searches, 0 bookings" in said
    assert "1 time: The parameter status must be free." in said
    assert "Test Hospital (A1001) searches, and has been shown nothing since" in said
    assert "X9X01 promised: NHS 111" in said
    assert "X9X01 is promised slots (“NHS 111”), and never searched." in said


def test_it_leads_to_what_they_are_offered_and_to_their_events(searched, client):
    client.force_login(make_staff(searched.organisation, role="Auditor"))
    page = client.get(PAGE).content.decode()
    asked = page.partition('href="/admin/audit/?')[2].partition('"')[0].replace("&amp;", "&")

    events = text(client.get(f"/admin/audit/?{asked}"))

    assert "Test Hospital" in events
    assert "/admin/visibility/?ods_code=A1001" in page or "visibility" not in page


def test_the_visibility_page_is_asked_as_they_asked(searched, manager):
    page = manager.get(PAGE).content.decode()

    assert "/admin/visibility/?ods_code=A1001" in page


def test_it_stands_on_the_worklist_and_is_counted_on_the_front_page(searched, manager):
    assert "X9X01 is promised slots (“NHS 111”), and never searched." in text(
        manager.get("/admin/worklist/")
    )
    assert "shown nothing 2" in text(manager.get("/admin/"))


def test_a_receptionist_sees_it_without_the_ways_to_pages_that_are_not_theirs(searched, client):
    client.force_login(make_staff(searched.organisation, role=RECEPTIONIST))
    answer = client.get(PAGE)

    assert answer.status_code == 200
    assert "/admin/audit/" not in answer.content.decode()


def test_nobody_of_another_practice_sees_it(searched, client):
    client.force_login(make_staff(make_organisation(), role=RECEPTIONIST))

    assert "Test Hospital" not in text(client.get(PAGE))


def test_before_anything_is_counted_the_page_says_so(practice, manager):
    said = text(manager.get(PAGE))

    assert "Nothing has been counted yet" in said
    assert "Nobody has searched here yet" in said


def test_many_organisations_take_as_many_questions_as_one(
    searched, manager, django_assert_max_num_queries
):
    with django_assert_max_num_queries(16):
        manager.get(PAGE)
