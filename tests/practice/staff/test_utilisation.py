"""The page of how time was used: figures in words, its form, and the files that leave it."""

import csv
from datetime import UTC, datetime, time, timedelta
from io import StringIO

import pytest
from django.utils import timezone

from practice import clock
from tests.practice.used_time import MONDAY, booked, session
from workbench.factories import (
    make_appointment,
    make_booking_organisation,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/utilisation/"


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    return client


def test_the_page_shows_the_figures_and_the_map_in_words(practice, receptionist):
    slots = make_slots(4, session(), minutes=15)
    booked(slots[0], door="staff")

    page = receptionist.get(PAGE, {"first": MONDAY, "last": MONDAY}).content.decode()

    assert '<td class="heat-0">25<span class="sr-only"> percent of 4 slots</span></td>' in page
    assert practice.organisation.name
    assert "Practice staff" in page
    assert 'data-type="bar"' in page


def test_four_weeks_until_today_are_shown_unless_asked_otherwise(practice, receptionist):
    form = receptionist.get(PAGE).context["form"]

    today = clock.today(timezone.now())
    assert (form.cleaned_data["first"], form.cleaned_data["last"]) == (
        today - timedelta(days=27),
        today,
    )


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-16", "2026-11-15", "before the first"),
        ("2024-11-16", "2026-11-15", "At most a year"),
        ("soon", "2026-11-15", "This is not a date"),
        ("0001-01-01", "0001-01-02", ""),
    ],
)
def test_odd_ranges_are_answered_in_words(receptionist, first, last, said):
    response = receptionist.get(PAGE, {"first": first, "last": last})

    assert response.status_code in {200, 422}
    assert said in response.content.decode()


def file(client, which):
    answer = client.get(PAGE, {"first": MONDAY, "last": MONDAY, "csv": which})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))


def test_slots_come_as_a_file_that_adds_up(practice, receptionist):
    slots = make_slots(8, session(session_holder=practice.practitioner), minutes=15)
    booked(slots[0])

    rows = file(receptionist, "slots")

    assert [(row["date"], row["hour"], row["offered"], row["booked"]) for row in rows] == [
        ("2026-11-16", "09:00", "4", "1"),
        ("2026-11-16", "10:00", "4", "0"),
    ]
    assert rows[0]["session holder"] == practice.practitioner.full_name


def test_no_name_from_outside_becomes_a_formula(practice, receptionist):
    (slot,) = make_slots(1, session())
    booked(slot, booking_organisation=make_booking_organisation("X9X01", "=1+1"))

    (row,) = file(receptionist, "bookings")

    assert row["organisation"] == "'=1+1"


def test_nothing_of_another_practice_is_shown(practice, receptionist):
    other = make_organisation()
    (slot,) = make_slots(1, make_schedule(other, start=clock.instant(MONDAY, time(9))))
    booked_there = make_appointment(
        slots=[slot], patient=make_patient(other), now=datetime(2026, 11, 1, tzinfo=UTC)
    )

    page = receptionist.get(PAGE, {"first": MONDAY, "last": MONDAY}).content.decode()

    assert booked_there.booking_organisation_name not in page
    assert "Nothing was offered on these days." in page


def test_the_page_makes_as_many_queries_for_200_slots_as_for_10(
    receptionist, django_assert_max_num_queries
):
    def queries(number):
        for slot in make_slots(number, session(), minutes=1)[:5]:
            booked(slot)
        with django_assert_max_num_queries(40) as made:
            receptionist.get(PAGE, {"first": MONDAY, "last": MONDAY})
        return len(made.captured_queries)

    assert queries(10) == queries(190)
