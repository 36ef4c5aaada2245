"""Who is admitted by an access profile, and how much is left of its limits.

The matching table and the limits, cell by cell, are asked through the rule in test_bookability.
"""

from datetime import UTC, datetime, timedelta

import pytest

from practice.reads import profile_limits
from practice.reads.profile_limits import BookingParty
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)  # a Wednesday, noon in London


def test_the_profiles_that_admit_somebody_are_those_of_the_practice(practice):
    ours = make_access_profile(ods_codes=["B11111"], organisation_types=["urgent-care"])
    make_access_profile(ods_codes=["C22222"])
    make_access_profile(make_organisation(), ods_codes=["B11111"])
    requester = BookingParty(frozenset({"B11111"}), frozenset({"urgent-care", "gp-practice"}))

    asked = profile_limits.profiles_later(ods_code=practice.organisation.ods_code)
    found = asked.admitting(requester, NOW.date())

    assert found == [ours]


def test_type_and_code_are_two_questions():
    profile = make_access_profile(ods_codes=["B11111"], organisation_types=["urgent-care"])
    requester = BookingParty(ods_codes=frozenset({"B11111"}))

    assert profile_limits.admits_code(profile, requester, NOW.date())
    assert not profile_limits.admits_type(profile, requester)
    assert profile_limits.admits_type(None, requester)


def test_only_limited_profiles_are_counted(django_assert_num_queries):
    unlimited = make_access_profile()

    with django_assert_num_queries(0):
        assert not profile_limits.usage([unlimited], NOW).by_day
        assert not profile_limits.has_room([unlimited], NOW)


def test_what_is_taken_is_counted_by_session_day_and_week():
    profile = make_access_profile(slots_per_session=3)
    schedule = make_schedule(start=NOW + timedelta(days=4), access_profile=profile)
    make_appointment(make_slots(2, schedule), now=NOW)

    taken = profile_limits.usage([profile], NOW)

    day = schedule.date
    assert taken.by_session == {(profile.pk, schedule.pk): 2}
    assert taken.by_day == {(profile.pk, day): 2}
    assert taken.by_week == {(profile.pk, profile_limits.week_of(day)): 2}
    asked = {"schedule_id": schedule.pk, "day": day}
    assert profile_limits.exhausted(profile, taken, **asked) == ""
    assert profile_limits.exhausted(profile, taken, **asked, wanted=2) == "2 of 3 in this session"


@pytest.mark.parametrize(
    ("day", "monday"),
    [("2026-06-08", "2026-06-08"), ("2026-06-14", "2026-06-08"), ("2026-06-15", "2026-06-15")],
)
def test_a_week_begins_on_monday(day, monday):
    assert f"{profile_limits.week_of(datetime.fromisoformat(day).date())}" == monday
