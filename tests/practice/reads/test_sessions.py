"""Sessions one by one, and what they can be given."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.reads import access_profiles, sessions
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_location,
    make_organisation,
    make_schedule,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db


def test_a_session_of_another_practice_is_none_of_ours(practice):
    theirs = make_schedule(make_organisation())

    found = sessions.session_in_detail(organisation=practice.organisation, schedule_id=theirs.pk)

    assert found is None


def test_extra_slots_are_for_sessions_soon_or_for_the_one_that_was_asked_for(practice):
    soon, later, asked = (
        make_schedule(date=tomorrow() + timedelta(days=days)) for days in (0, 30, 40)
    )
    withdrawn = make_schedule(withdrawn=True)
    theirs = make_schedule(make_organisation())
    here = {"organisation": practice.organisation, "now": timezone.now()}

    assert set(sessions.sessions_for_extra_slots(**here)) == {soon}
    assert set(sessions.sessions_for_extra_slots(also=asked.pk, **here)) == {soon, asked}
    for no_choice in (withdrawn, theirs):
        assert no_choice not in sessions.sessions_for_extra_slots(also=no_choice.pk, **here)
    assert later.pk


def test_cancelled_appointments_are_not_counted_as_booked(practice):
    session = make_schedule()
    first, second = make_slots(2, session)
    make_appointment(slots=[first])
    gone = make_appointment(slots=[second])
    type(gone).objects.filter(pk=gone.pk).update(status="cancelled")

    assert sessions.number_booked(session) == 1


def test_what_a_session_can_be_given_is_of_the_practice_and_in_use(practice):
    here, other = practice.organisation, make_organisation()
    closed = make_location(here, status="inactive")
    make_location(other)
    make_access_profile(other)
    profile = make_access_profile(here)

    assert set(sessions.possible_places(organisation=here)) == {practice.location}
    assert closed in sessions.possible_places(organisation=here, now_at=closed.pk)
    assert set(access_profiles.profiles(organisation=here)) == {profile}
