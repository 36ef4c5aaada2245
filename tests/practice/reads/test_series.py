"""Times of a series: the same by the clock on the wall, and the nearest where it cannot be."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from practice import clock
from practice.reads.series import PartOfSet, repeated, set_of
from workbench.factories import (
    make_appointment,
    make_closure,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db
FIRST = date(2027, 3, 15)  # a Monday, two weeks before the clocks go forward
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def gp(practice):
    return make_practitioner(family_name="Specimen")


def session(gp, day, count=4, **slots):
    start = clock.instant(day, time(9))
    return make_slots(count, make_schedule(start=start, date=day, session_holder=gp), **slots)


def times(practice, first, **asked):
    asked = {"every_weeks": 1, "times": 4, "now": NOW, **asked}
    return repeated(organisation=practice.organisation, first=first, **asked)


def test_local_time_stays_the_same_when_the_clocks_change(practice, gp):
    weeks = [session(gp, FIRST + timedelta(weeks=n)) for n in range(4)]

    places = times(practice, weeks[0][1])

    found = [place.exact for place in places]
    assert found == [week[1] for week in weeks[1:]]
    assert {clock.local(slot.start).time() for slot in found} == {time(9, 10)}
    assert len({slot.start.time() for slot in found}) == 2  # UTC does not
    assert [place.offered for place in places] == [[], [], []]


def test_where_it_is_not_free_the_nearest_are_offered_and_why_is_said(practice, gp):
    first = session(gp, FIRST)[1]
    taken = session(gp, FIRST + timedelta(weeks=1))
    make_appointment(slots=[taken[1]], patient=make_patient())
    other = make_practitioner()
    session(other, FIRST + timedelta(weeks=2))
    thursday = session(gp, FIRST + timedelta(weeks=2, days=3), count=2)
    session(gp, FIRST + timedelta(weeks=3), slot_type="Urgent")
    make_closure(start_date=FIRST + timedelta(weeks=2), name="Easter Monday", kind="bank-holiday")

    places = times(practice, first)

    assert [place.exact for place in places] == [None] * 3
    assert [place.why for place in places] == [
        "This time is not free",
        "Bank holiday: Easter Monday",
        "This time is not free",
    ]
    assert [place.offered for place in places] == [
        [taken[0], taken[2], taken[3]],
        thursday,
        [],
    ]


def test_a_day_without_a_session_says_so(practice, gp):
    first = session(gp, FIRST)[0]

    assert {place.why for place in times(practice, first)} == {"No session on this day"}


def test_a_closure_of_somebody_else_is_no_reason(practice, gp):
    first = session(gp, FIRST)[0]
    make_closure(
        start_date=FIRST + timedelta(weeks=1), practitioner=make_practitioner(), kind="sick"
    )

    assert times(practice, first)[0].why == "No session on this day"


def test_a_set_is_offered_what_comes_after_the_gap(practice, gp):
    first, same_day, *_ = session(gp, FIRST)
    review = session(make_practitioner(), FIRST + timedelta(days=16), count=2, slot_type="Review")
    session(gp, FIRST + timedelta(days=13), slot_type="Review")

    injection, checked, nothing = set_of(
        organisation=practice.organisation,
        first=first,
        parts=[PartOfSet("Routine", 0), PartOfSet("Review", 14), PartOfSet("Smear", 7)],
        now=NOW,
    )

    assert injection.offered[0] == same_day
    assert checked.offered == review
    assert (checked.words, checked.why) == ("Review, from Mon 29 Mar 2027", "")
    assert nothing.why == "Nothing of this type is free in the four weeks after this day"


def test_as_many_queries_for_many_as_for_few(practice, gp, django_assert_num_queries):
    first = session(gp, FIRST)[0]
    for n in range(1, 12):
        session(gp, FIRST + timedelta(weeks=n))

    for number in (2, 12):
        with django_assert_num_queries(3):
            times(practice, first, times=number)
