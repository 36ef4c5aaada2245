"""The visibility page says what the API does, and why, and leads to the fix."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Slot
from tests.practice.staff.diary_world import words_of
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)
from workbench.staff import MANAGER, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def mixed_diary(practice):
    """A diary with something of everything, for three days from today."""
    hub = make_access_profile(name="Hub", ods_codes=["X9X01"])
    urgent = make_access_profile(name="Urgent care", organisation_types=["urgent-care"])
    open_slots = make_slots(4)
    make_slots(2, make_schedule(access_profile=hub))
    make_slots(2, make_schedule(access_profile=urgent))
    make_slot(gp_connect_bookable=False)
    make_slot(embargo_minutes=5)
    make_slot(make_schedule(practitioner_role=""))
    make_appointment(slots=[open_slots[0]], patient=make_patient())
    make_slot(make_schedule(make_organisation()))
    return practice


def days() -> tuple:
    today = clock.today(timezone.now())
    return today, today + timedelta(days=3)


def test_each_reason_leads_to_where_it_is_changed(mixed_diary, client):
    client.force_login(make_staff(mixed_diary.organisation, role=MANAGER))
    no_role = mixed_diary.organisation.schedules.get(practitioner_role="")
    hub = mixed_diary.organisation.access_profiles.get(name="Hub")

    page = client.get(reverse("admin:visibility")).content.decode()

    for name, pk in (("practice_schedule", no_role.pk), ("practice_accessprofile", hub.pk)):
        assert f'href="{reverse(f"admin:{name}_change", args=[pk])}"' in page


def test_a_range_that_no_search_could_have_is_refused_in_words(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    first, _ = days()

    response = client.get(
        reverse("admin:visibility"), {"first": first, "last": first + timedelta(days=15)}
    )

    assert "two weeks at most" in response.content.decode()


def test_the_page_makes_as_many_queries_for_300_slots_as_for_10(
    practice, client, django_assert_max_num_queries
):
    client.force_login(make_staff(practice.organisation, role=MANAGER))

    def queries(count: int) -> int:
        make_slots(count, gp_connect_bookable=False)
        with django_assert_max_num_queries(60) as made:
            client.get(reverse("admin:visibility"))
        return len(made.captured_queries)

    assert queries(10) == queries(290)


def words_on(client, **asked):
    return words_of(client.get(reverse("admin:visibility"), asked).content.decode())


def test_one_holder_at_a_time(mixed_diary, client):
    client.force_login(make_staff(mixed_diary.organisation, role=MANAGER))
    other = make_practitioner(mixed_diary.organisation)
    make_slots(2, make_schedule(session_holder=other))
    first, last = days()
    asked = {"first": first, "last": last}

    assert "2 of 2 slots are offered" in words_on(client, **asked, holder=other.pk)
    assert "2 of 2 slots" not in words_on(client, **asked)
    elsewhere = make_practitioner(make_organisation())
    refused = client.get(reverse("admin:visibility"), {**asked, "holder": elsewhere.pk})
    assert refused.status_code == 422


def test_as_it_would_be_seen_at_another_moment(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    start = timezone.now() + timedelta(days=9)
    make_slot(make_schedule(start=start), booking_window_days=2)
    day = clock.local(start).date()
    asked = {"first": day, "last": day}

    assert "0 of 1 slots are offered" in words_on(client, **asked)
    the_day_before = {"at_day": day - timedelta(days=1), "at_time": "00:01"}
    said = words_on(client, **asked, **the_day_before)
    assert "1 of 1 slots is offered" in said
    assert "As it would be seen on" in said
    assert "Say on which day." in words_on(client, **asked, at_time="08:00")


def test_the_whole_answer_as_a_file(mixed_diary, client):
    client.force_login(make_staff(mixed_diary.organisation, role=MANAGER))
    first, last = days()

    answer = client.get(reverse("admin:visibility"), {"first": first, "last": last, "csv": 1})

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    here = Slot.objects.filter(organisation=mixed_diary.organisation)
    assert len(rows) == here.count()
    assert sum(row["Offered"] == "yes" for row in rows) == 3
    assert all(bool(row["Reasons"]) == (row["Offered"] == "no") for row in rows)


def test_organisations_that_are_known_are_suggested(mixed_diary, client):
    client.force_login(make_staff(mixed_diary.organisation, role=MANAGER))
    make_access_profile(make_organisation(), name="Elsewhere", ods_codes=["Z9Z99"])

    page = client.get(reverse("admin:visibility")).content.decode()

    assert '<option value="X9X01">' in page
    assert "Z9Z99" not in page
