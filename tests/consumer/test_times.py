"""Times in UK local form, through both clock changes."""

from datetime import UTC, datetime, timedelta

import pytest

from consumer import times


@pytest.mark.req("GEN-130", "GEN-131")
@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "2026-03-29T00:59:59+00:00"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "2026-03-29T02:00:00+01:00"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T01:30:00+01:00"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25T01:30:00+00:00"),
        (datetime(2026, 7, 1, 8, 0, 0, 999, tzinfo=UTC), "2026-07-01T09:00:00+01:00"),
    ],
)
def test_an_instant_is_written_and_read_with_the_offset_of_its_moment(instant, written):
    assert times.write(instant) == written
    assert times.parse(written) == (instant.replace(microsecond=0), "")
    assert times.parse(written)[0].isoformat() == written


def test_the_hour_that_happens_twice_is_two_hours_and_in_order():
    first, _ = times.parse("2026-10-25T01:30:00+01:00")
    second, _ = times.parse("2026-10-25T01:30:00+00:00")

    assert first < second
    assert second - first == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-07-01T08:00:00Z", "not in UK local form"),
        ("2026-07-01T09:00:00.000+01:00", "not in UK local form"),
        ("2026-07-01T08:00:00+00:00", "has not the UK's offset"),
        ("2026-07-01T10:00:00+02:00", "not in UK local form"),
    ],
)
def test_another_form_is_understood_and_named(text, problem):
    moment, wrong = times.parse(text)

    assert moment.isoformat() == "2026-07-01T09:00:00+01:00"
    assert problem in wrong


@pytest.mark.parametrize(
    "text", ["2026-07-01", "2026-07-01T09:00:00", "2026-02-30T09:00:00+00:00", "", None, 7]
)
def test_what_says_no_instant_is_not_guessed(text):
    with pytest.raises(ValueError, match="."):
        times.parse(text)


def test_a_time_without_an_offset_is_not_sent():
    with pytest.raises(ValueError, match="no instant"):
        times.write(datetime(2026, 7, 1, 9, 0))  # noqa: DTZ001
