"""A promise to others is kept or not as a search would find it, and the causes are the rule's."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import IntegrityError, transaction

from practice import clock
from practice.models import Closure
from practice.reads.promises import PromisesOfPractice
from tests.fhirapi.test_walk import search_query
from tests.practice.promise_world import (
    NOW,
    PROVIDER,
    TODAY,
    TOMORROW,
    causes,
    days,
    promise,
    session,
)
from workbench.consumer import Consumer, as_dict
from workbench.factories import make_access_profile, make_appointment

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- what is there


def test_a_day_with_enough_slots_is_as_promised_and_one_with_fewer_is_short(practice):
    promise(practice)
    session(practice, TODAY, 3)
    session(practice, TOMORROW, 2)

    found = days(practice)

    assert (found[TODAY].there, found[TODAY].is_short) == (3, False)
    assert (found[TOMORROW].there, found[TOMORROW].is_short) == (2, True)


def test_it_agrees_with_the_search_of_the_same_consumer(practice):
    """What the page calls offered is what the API's own search returns on that day."""
    ours = make_access_profile(ods_codes=[PROVIDER])
    theirs = make_access_profile(ods_codes=["C22222"])
    day = clock.today(datetime.now(UTC)) + timedelta(days=1)
    session(practice, day, 2, access_profile=ours)
    session(practice, day, 4, hour=13, access_profile=theirs)
    session(practice, day, 1, hour=17)
    promise(practice, weekdays=list(range(7)))
    code = f"https://fhir.nhs.uk/Id/ods-organization-code|{PROVIDER}"
    answer = Consumer(practice.organisation).search_slots(
        {**search_query(), "start": f"ge{day}", "end": f"le{day}", "searchFilter": code}
    )
    entries = as_dict(answer).get("entry", [])
    slots = [each for each in entries if each["resource"]["resourceType"] == "Slot"]

    assert days(practice, datetime.now(UTC))[day].offered == len(slots) == 3


def test_what_they_took_was_offered_and_what_others_took_was_not(practice):
    promise(practice)
    first, second, third = session(practice, TOMORROW, 3)
    make_appointment([first], now=NOW)
    make_appointment([second], now=NOW, door="staff")

    found = days(practice)[TOMORROW]

    assert (found.offered, found.taken, found.is_short) == (1, 1, True)
    assert third.status == "free"


def test_what_of_today_is_over_and_was_wanted_by_nobody_was_there(practice):
    promise(practice)
    session(practice, TODAY, 3)

    assert days(practice, NOW + timedelta(hours=8))[TODAY].there == 3


def test_only_the_hours_of_the_promise_count_by_the_clock_on_the_wall(practice):
    sunday = date(2026, 10, 25)  # at two in the morning clocks go back
    promise(practice, start_time=time(9), end_time=time(12), weekdays=list(range(7)))
    session(practice, sunday, 3, hour=9)
    session(practice, sunday, 3, hour=12)

    assert days(practice, clock.instant(sunday, time(0, 30)))[sunday].there == 3


def test_a_part_of_a_slot_for_so_many_patients_is_a_whole_one(practice):
    one = promise(practice, slots_a_day=None, patients_for_each_slot=3000)

    assert [one.slots_promised(number) for number in (0, 1, 3000, 3001)] == [0, 1, 1, 2]


def test_neither_a_weekday_without_a_promise_nor_a_closed_day_is_watched(practice):
    promise(practice, days_ahead=7)
    Closure.objects.create(
        organisation=practice.organisation, start_date=TOMORROW, end_date=TOMORROW
    )

    assert [day.weekday() for day in days(practice)] == [2, 4, 0, 1]


def test_of_several_organisations_the_one_that_is_offered_least_counts(practice):
    both = make_access_profile(ods_codes=["C22222", PROVIDER])
    one = make_access_profile(ods_codes=[PROVIDER])
    promise(practice, ods_code="", access_profile=both)
    session(practice, TOMORROW, 2, access_profile=both)
    session(practice, TOMORROW, 2, hour=14, access_profile=one)

    assert days(practice)[TOMORROW].offered == 2


def test_a_promise_says_to_whom_and_how_many(practice):
    for wrong in ({"ods_code": ""}, {"slots_a_day": None}, {"patients_for_each_slot": 3000}):
        with pytest.raises(IntegrityError), transaction.atomic():
            promise(practice, **wrong)


# ---------------------------------------------------------------- why it is less


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"embargo_minutes": 60}, "2 slots of “Routine”: Still under embargo."),
        ({"gp_connect_bookable": False}, "2 slots of “Routine”: Not marked GP Connect bookable."),
        ({"booking_window_days": 0}, "2 slots of “Routine”: Not yet in its booking window."),
    ],
)
def test_the_cause_is_what_keeps_slots_from_being_offered(practice, spoil, said):
    promise(practice)
    session(practice, TOMORROW, 2, slot_type="Routine", **spoil)

    assert causes(practice, TOMORROW) == [said]


def test_an_organisation_that_no_longer_asks_is_a_cause(practice):
    before = make_access_profile(ods_codes=["C22222"])
    promise(practice)
    session(practice, TOMORROW, 2, slot_type="Routine", access_profile=before)

    assert causes(practice, TOMORROW) == ["2 slots of “Routine”: Restricted to other ODS codes."]


def test_a_limit_that_is_used_up_is_a_cause(practice):
    limited = make_access_profile(ods_codes=[PROVIDER], slots_per_day=1)
    promise(practice)
    first, *_ = session(practice, TOMORROW, 3, slot_type="Routine", access_profile=limited)
    make_appointment([first], now=NOW)

    assert causes(practice, TOMORROW) == [
        "2 slots of “Routine”: The access profile's limit is used up."
    ]


def test_no_slots_at_all_and_a_closed_door_are_causes(practice):
    promise(practice)
    assert causes(practice, TOMORROW) == ["There are no slots on this day."]

    practice.organisation.gp_connect_enabled = False
    practice.organisation.save()
    assert causes(practice, TOMORROW)[0].startswith("GP Connect is switched off")


def test_many_slots_take_as_many_questions_as_few(practice, django_assert_max_num_queries):
    promise(practice, days_ahead=7)
    session(practice, TODAY, 3)
    session(practice, TOMORROW, 3)
    standing = PromisesOfPractice.of(practice.organisation, now=NOW)

    with django_assert_max_num_queries(7):
        standing.days(standing.promises[0])
