"""Wall-clock times and instants, on every day and above all on the two when the clocks change."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice import clock

AUTUMN, SPRING = date(2026, 10, 25), date(2027, 3, 28)
FIRST, LAST = date(2000, 1, 1), date(2037, 12, 31)
days = st.dates(FIRST, LAST) | st.sampled_from([AUTUMN, SPRING])
minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
night = st.builds(time, st.integers(0, 3), st.integers(0, 59))


def utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "wall", "expected"),
    [
        pytest.param(date(2026, 1, 5), time(9), utc(date(2026, 1, 5), 9), id="winter"),
        pytest.param(date(2026, 7, 6), time(9), utc(date(2026, 7, 6), 8), id="summer"),
        pytest.param(AUTUMN, time(0, 59), utc(date(2026, 10, 24), 23, 59), id="before it repeats"),
        pytest.param(AUTUMN, time(1, 30), utc(AUTUMN, 0, 30), id="twice: the first time"),
        pytest.param(AUTUMN, time(2), utc(AUTUMN, 2), id="after it repeated"),
        pytest.param(SPRING, time(0, 59), utc(SPRING, 0, 59), id="before the missing hour"),
        pytest.param(SPRING, time(1), utc(SPRING, 1), id="the missing hour begins"),
        pytest.param(SPRING, time(1, 30), utc(SPRING, 1), id="missing: the moment of the change"),
        pytest.param(SPRING, time(2), utc(SPRING, 1), id="the missing hour is over"),
    ],
)
def test_a_time_of_day_is_one_instant(day, wall, expected):
    assert clock.instant(day, wall) == expected


@given(days, minutes)
def test_an_instant_shows_the_wall_time_it_was_made_of_or_the_end_of_the_missing_hour(day, wall):
    shown = clock.local(clock.instant(day, wall)).replace(tzinfo=None)

    naive = datetime.combine(day, wall)
    missing = shown != naive
    assert not missing or naive < shown <= naive + timedelta(hours=1)
    assert not missing or (day.month == 3 and day.weekday() == 6 and wall.hour == 1)


@given(days, night | minutes, night | minutes)
def test_the_order_of_wall_times_is_the_order_of_instants(day, one, other):
    first, second = sorted([one, other])

    assert clock.instant(day, first) <= clock.instant(day, second)


@given(days)
def test_days_touch_and_last_23_to_25_hours(day):
    length = clock.day_end(day) - clock.day_start(day)

    assert length in {timedelta(hours=23), timedelta(hours=24), timedelta(hours=25)}
    assert clock.day_end(day) == clock.day_start(day + timedelta(days=1))
    assert clock.today(clock.day_start(day)) == day
    assert clock.today(clock.day_end(day) - timedelta(microseconds=1)) == day


@given(days, st.integers(0, 800))
def test_offset_changes_are_those_that_a_walk_hour_by_hour_meets(day, length):
    start = clock.day_start(day)
    end = start + timedelta(days=min(length, 400))

    changes = clock.offset_changes(start, end)

    for change, offset in changes:
        assert start < change <= end
        assert clock.local(change).utcoffset() == offset
        assert clock.local(change - timedelta(minutes=1)).utcoffset() != offset
    offsets = [clock.local(start).utcoffset(), *(offset for _, offset in changes)]
    assert offsets[-1] == clock.local(end).utcoffset()
    assert len(changes) <= 3


# ---------------------------------------------------------------- dates as people write them


@pytest.mark.parametrize(
    "text",
    [
        *("4/7/61", "04.07.1961", "4 Jul 1961", "4-7-1961", "4 7 61", "1961-07-04", "04071961"),
        *("4 July 1961", "4th July 61", "04Jul1961", "4. 7. 1961", "4 jul, 1961", " 4/07/61 "),
    ],
)
def test_a_date_is_read_however_it_is_usually_written(text):
    assert clock.read_typed_date(text, latest=date(2026, 11, 28)) == date(1961, 7, 4)


@pytest.mark.parametrize(
    "text",
    ["", "4/7", "31/2/1961", "4/13/1961", "4 Foo 1961", "Fauxley", "999 012 3456", "4/7/196", "4"],
)
def test_what_is_no_date_is_none(text):
    assert clock.read_typed_date(text) is None


def test_a_year_of_two_digits_is_the_last_that_can_be_meant():
    latest = date(2026, 11, 28)

    assert clock.read_typed_date("28/11/26", latest=latest) == latest
    assert clock.read_typed_date("29/11/26", latest=latest) == date(1926, 11, 29)
    assert clock.read_typed_date("29/11/26") == date(2026, 11, 29)


def test_a_time_that_an_autumn_night_has_twice_is_two_instants_and_one_it_leaves_out_is_one():
    half_past_one = time(1, 30)

    assert clock.times_of_day(AUTUMN, half_past_one) == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]
    assert clock.times_of_day(SPRING, half_past_one) == [clock.instant(SPRING, half_past_one)]


def test_the_next_time_that_the_clock_shows_may_be_the_second_of_that_night_or_tomorrow():
    first, second = clock.times_of_day(AUTUMN, time(1, 30))

    assert clock.next_time(first, time(1, 30)) == second
    assert clock.next_time(second, time(1, 45)) == second + timedelta(minutes=15)
    assert clock.next_time(second, time(1, 15)) == datetime(2026, 10, 26, 1, 15, tzinfo=UTC)
