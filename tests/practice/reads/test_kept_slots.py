"""For whom a free slot is kept, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from practice.reads.kept_slots import NOBODY, kept
from workbench.factories import make_access_profile, make_schedule, make_slot

NOW = datetime(2027, 2, 1, 8, tzinfo=UTC)
STARTS = NOW + timedelta(hours=2)

pytestmark = pytest.mark.django_db


def kept_at(slot, practice, now=NOW):
    return kept(slot, organisation=practice.organisation, now=now)


@pytest.fixture
def slot(practice):
    profile = make_access_profile(name="NHS 111", ods_codes=["B1"])
    schedule = make_schedule(start=STARTS, access_profile=profile)
    return make_slot(schedule, start=STARTS, minimum_notice_minutes=30, embargo_minutes=60)


def test_it_is_kept_for_those_whom_its_profile_names_until_the_notice(practice, slot):
    found = kept_at(slot, practice)

    assert (found.whom, found.until) == ("NHS 111", STARTS - timedelta(minutes=30))
    assert found.embargo_until == STARTS - timedelta(minutes=60)
    assert found.words == (
        "Reserved for others: NHS 111 until Mon 1 Feb 09:30. Under embargo until Mon 1 Feb 09:00"
    )
    assert kept_at(slot, practice, STARTS - timedelta(minutes=30)) == NOBODY


def test_an_open_profile_and_a_slot_that_is_not_offered_keep_nothing(practice, slot):
    slot.access_profile = make_access_profile()
    slot.embargo_minutes = 0
    assert kept_at(slot, practice).words == ""
    slot.access_profile, slot.gp_connect_bookable = None, False
    assert kept_at(slot, practice) == NOBODY
