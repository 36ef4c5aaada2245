"""Who is in a shared group on which day, and that all who ask of a slot go by it."""

from datetime import date, datetime, time, timedelta

import pytest

from practice import clock
from practice.models import Slot
from practice.reads import bookability, kept_slots, offered_slots, profile_limits
from practice.reads.bookability import Reason
from practice.reads.consumer_groups import (
    coming_changes,
    numbers_of_practices,
    practices_naming,
)
from practice.reads.profile_limits import BookingParty
from practice.reads.promises import PromisesOfPractice, shortfalls
from practice.reads.visibility import explain
from practice.services.appointments.booking import check_offered
from practice.services.locks import lock_slots
from tests.practice.promise_world import NOW, TODAY, causes, days, promise, session, watched
from workbench.factories import (
    make_access_profile,
    make_consumer_group,
    make_organisation,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db

CHANGE = date(2026, 11, 20)
BEFORE = CHANGE - timedelta(days=1)


def provider_changes(on: date = CHANGE):
    """NHS 111 passes from X9X01 to X9X07 as a day begins."""
    last = (on - timedelta(days=1)).isoformat()
    return make_consumer_group("NHS 111", X9X01=("", last), X9X07=(on.isoformat(), ""))


def asks(code: str) -> BookingParty:
    return BookingParty(frozenset({code}))


def number_offered(practice, code: str, now: datetime) -> int:
    return offered_slots.offered(
        organisation=practice.organisation, requester=asks(code), now=now
    ).count()


# ---------------------------------------------------------------- who is in it


def test_the_first_and_the_last_day_are_both_of_the_membership():
    group = make_consumer_group(X1=("2026-11-20", "2026-11-22"), X2=("", ""))

    found = [group.codes_on(date(2026, 11, day)) for day in (19, 20, 22, 23)]

    assert found == [["X2"], ["X1", "X2"], ["X1", "X2"], ["X2"]]


def test_a_change_is_of_the_day_after_the_last_and_none_where_somebody_stays():
    group = provider_changes()
    group.members += [
        {"ods_code": "X3", "name": "", "since": "", "until": BEFORE.isoformat()},
        {"ods_code": "X3", "name": "", "since": CHANGE.isoformat(), "until": ""},
    ]

    (change,) = group.changes(TODAY, CHANGE)

    assert change.day == CHANGE
    assert [each["ods_code"] for each in change.joins] == ["X9X07"]
    assert [each["ods_code"] for each in change.leaves] == ["X9X01"]
    assert group.changes(TODAY, BEFORE) == group.changes(CHANGE, CHANGE) == []


def test_a_group_without_members_admits_nobody(practice):
    """An emptied group must not open its slots to everybody."""
    profile = make_access_profile(consumer_group=make_consumer_group())
    session(practice, CHANGE, 2, access_profile=profile)

    assert number_offered(practice, "X9X01", NOW) == 0
    assert (
        offered_slots.offered(
            organisation=practice.organisation, requester=BookingParty(), now=NOW
        ).count()
        == 0
    )


def test_codes_of_the_profile_itself_count_besides_the_group(practice):
    profile = make_access_profile(ods_codes=["A20047"], consumer_group=provider_changes())
    session(practice, CHANGE, 2, access_profile=profile)

    found = [number_offered(practice, code, NOW) for code in ("A20047", "X9X01", "X9X07")]

    assert found == [2, 2, 0]


# ---------------------------------------------------------------- midnight


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2026, 11, 20), id="winter"),
        pytest.param(date(2026, 10, 25), id="clocks go back that night"),
        pytest.param(date(2027, 3, 28), id="clocks go forward that night"),
        pytest.param(date(2026, 7, 1), id="summer, midnight is at 23:00 UTC"),
    ],
)
def test_a_change_takes_effect_at_midnight_in_london_for_whoever_asks(practice, day):
    """The search, booking under lock, the explainer and the reasons: the second before, and at."""
    profile = make_access_profile(consumer_group=provider_changes(day))
    slots = make_slots(2, make_schedule(start=clock.instant(day, time(14)), access_profile=profile))
    here, midnight = practice.organisation, clock.day_start(day)
    for now, admitted, other in (
        (midnight - timedelta(seconds=1), "X9X01", "X9X07"),
        (midnight, "X9X07", "X9X01"),
    ):
        assert number_offered(practice, admitted, now) == 2
        assert number_offered(practice, other, now) == 0
        locked = lock_slots(here, [slots[0].pk])
        check_offered(locked, organisation=here, requester=asks(admitted), now=now)
        (refusal,) = bookability.refusals(
            locked[0],
            organisation=here,
            requester=asks(other),
            now=now,
            taken=profile_limits.usage([], now),
        )
        assert refusal.reason == Reason.OTHER_CODES
        for code, number in ((admitted, 2), (other, 0)):
            explained = explain(
                organisation=here, requester=asks(code), first=day, last=day, now=now
            )
            assert len(explained.offered) == number


def test_a_search_and_a_booking_under_lock_ask_no_more_for_a_group(
    practice, django_assert_num_queries
):
    make_access_profile(consumer_group=provider_changes())
    profile = make_access_profile(consumer_group=make_consumer_group(X1=("", "")))
    slots = session(practice, TODAY, 1, access_profile=profile)
    number_offered(practice, "X1", NOW)  # statements are made

    with django_assert_num_queries(2):
        assert number_offered(practice, "X1", NOW) == 1
    locked = lock_slots(practice.organisation, [slots[0].pk])
    with django_assert_num_queries(0):
        check_offered(locked, organisation=practice.organisation, requester=asks("X1"), now=NOW)


def test_a_slot_under_a_group_is_kept_for_others(practice):
    profile = make_access_profile(name="111", consumer_group=provider_changes())
    session(practice, CHANGE, 1, access_profile=profile)

    assert (
        kept_slots.kept(
            Slot.objects.select_related("schedule").get(),
            organisation=practice.organisation,
            now=NOW,
        ).whom
        == "111"
    )


# ---------------------------------------------------------------- what is about to change


def test_a_practice_sees_what_changes_in_the_groups_that_its_own_profiles_name(practice):
    group = provider_changes()
    profile = make_access_profile(consumer_group=group)
    make_consumer_group("Not named here", X5=(CHANGE.isoformat(), ""))

    (coming,) = coming_changes(organisation=practice.organisation, today=TODAY)

    assert (coming.group, coming.change.day, coming.profiles) == (group, CHANGE, [profile])
    assert coming.sentence == (
        "X9X07 (Organisation X9X07) joins, X9X01 (Organisation X9X01) leaves."
    )
    assert coming_changes(organisation=practice.organisation, today=CHANGE) == []
    assert (
        coming_changes(organisation=practice.organisation, today=CHANGE - timedelta(days=15)) == []
    )
    assert coming_changes(organisation=make_organisation(), today=TODAY) == []


def test_who_names_a_group(practice):
    group, other = provider_changes(), make_organisation()
    for at in (practice.organisation, other, other):
        make_access_profile(at, consumer_group=group)

    assert practices_naming(group) == sorted(
        [practice.organisation, other], key=lambda each: each.ods_code
    )
    assert numbers_of_practices() == {group.pk: 2}


# ---------------------------------------------------------------- the promise


def test_the_watch_asks_each_day_as_who_is_in_the_group_then(practice):
    """What is promised to a group is kept after the change: the new provider sees the slots."""
    profile = make_access_profile(consumer_group=provider_changes())
    promise(practice, ods_code="", access_profile=profile, days_ahead=4)
    for day in (BEFORE, CHANGE):
        session(practice, day, 3, access_profile=profile)

    found = days(practice)

    assert {day: found[day].there for day in (BEFORE, CHANGE)} == {BEFORE: 3, CHANGE: 3}


def test_a_profile_that_names_the_old_provider_itself_falls_short_from_the_change_on(practice):
    """The alarm is days before, and says the right cause, for the days after the change only."""
    old = make_access_profile(ods_codes=["X9X01"])
    group = make_access_profile(consumer_group=provider_changes())
    promise(practice, ods_code="", access_profile=group, days_ahead=4)
    for day in (TODAY, BEFORE, CHANGE):
        session(practice, day, 3, access_profile=old, slot_type="Routine")

    watched(practice)

    (short,) = shortfalls(organisation=practice.organisation)
    assert short.day == CHANGE
    assert short.causes == ["3 slots of “Routine”: Restricted to other ODS codes."]


def test_the_change_that_is_a_day_away_is_the_same_when_it_has_come(practice):
    """What the watch foretells of a day is what it finds on that day."""
    old = make_access_profile(ods_codes=["X9X01"])
    group = make_access_profile(consumer_group=provider_changes())
    promise(practice, ods_code="", access_profile=group, days_ahead=4)
    session(practice, CHANGE, 3, access_profile=old)
    session(practice, CHANGE, 1, hour=15, access_profile=group)

    foretold = days(practice)[CHANGE]

    assert days(practice, clock.day_start(CHANGE))[CHANGE] == foretold
    assert foretold.there == 1


def test_a_day_on_which_nobody_is_in_the_group_is_said(practice):
    group = make_consumer_group("NHS 111", X9X01=("", BEFORE.isoformat()))
    profile = make_access_profile(consumer_group=group)
    promise(practice, ods_code="", access_profile=profile, days_ahead=4)
    session(practice, CHANGE, 3, access_profile=profile)

    assert days(practice)[CHANGE].there == 0
    assert causes(practice, CHANGE) == ["Nobody is in the group “NHS 111” on this day."]


def test_stretches_begin_where_a_group_changes(practice):
    make_access_profile(consumer_group=provider_changes())
    promise(practice, days_ahead=4)
    standing = PromisesOfPractice.of(practice.organisation, now=NOW)

    assert standing.stretches == [(TODAY, BEFORE), (CHANGE, CHANGE)]
