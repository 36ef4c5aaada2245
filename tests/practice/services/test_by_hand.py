"""What is asked of every change by hand: sound times, and what it refers to."""

from datetime import timedelta

import pytest

from practice import clock
from practice.exceptions import DiaryRefused, NotFound, ReferenceNotFound
from practice.services import by_hand
from workbench.factories import (
    make_access_profile,
    make_organisation,
    make_schedule,
    tomorrow,
)

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("first", "last", "now", "words"),
    [
        pytest.param(timedelta(seconds=1), DAY, -DAY, "full minutes", id="seconds"),
        pytest.param(MINUTE, MINUTE, -DAY, "before the start", id="no length"),
        pytest.param(MINUTE, DAY + 2 * MINUTE, -DAY, "a day at most", id="longer than a day"),
        pytest.param(MINUTE, DAY, DAY, "is over", id="over"),
    ],
)
def test_times_that_make_no_sense_are_refused_in_words(first, last, now, words):
    midnight = clock.day_start(tomorrow())

    with pytest.raises(DiaryRefused, match=words):
        by_hand.check_times(midnight + first, midnight + last, now=midnight + now)

    by_hand.check_times(midnight, midnight + DAY, now=midnight)


def test_what_belongs_to_another_practice_is_not_there(practice):
    other = make_organisation()
    session, profile = make_schedule(other), make_access_profile(other)

    with pytest.raises(NotFound):
        by_hand.own_session(practice.organisation, session.pk)
    with pytest.raises(ReferenceNotFound):
        by_hand.own_profile(practice.organisation, profile.pk)

    assert by_hand.own_session(other, session.pk) == session
    assert by_hand.own_profile(other, profile.pk) == profile


def test_a_channel_is_one_of_the_national_list_or_none(practice):
    assert by_hand.known_channel("In-person") == "In-person"
    assert by_hand.known_channel("") == ""
    with pytest.raises(DiaryRefused):
        by_hand.known_channel("Pigeon")
