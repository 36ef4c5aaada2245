"""What several resources share: UK times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhirapi.resources.common import UKTimes, uk_time
from tests import profiles

# ---------------------------------------------------------------- times

EPOCHS = st.integers(63_072_000, 2**32)  # 1972, since when offsets are as written, to 2106
STABLE = settings(max_examples=100, derandomize=True, deadline=None, database=None)

CLOCK_CHANGES = [
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2027, 3, 28, 1, tzinfo=UTC),
]


@pytest.mark.req("SLOT-091", "SLOT-112", "GEN-130", "GEN-131")
@STABLE
@given(EPOCHS)
@example(int(CLOCK_CHANGES[0].timestamp()) - 1)
@example(int(CLOCK_CHANGES[0].timestamp()))
@example(int(CLOCK_CHANGES[1].timestamp()) - 1)
@example(int(CLOCK_CHANGES[1].timestamp()))
def test_seconds_since_1970_are_written_as_the_instant_they_are(epoch):
    written = UKTimes()[epoch]

    assert written == uk_time(datetime.fromtimestamp(epoch, UTC))
    assert datetime.fromisoformat(written).timestamp() == epoch
    assert profiles.is_uk_time(written)


@pytest.mark.req("SLOT-091", "GEN-130", "GEN-131", "GEN-132")
@pytest.mark.parametrize(
    ("instant", "written"),
    [
        ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00+01:00"),
        ("2026-10-25T00:59:59Z", "2026-10-25T01:59:59+01:00"),
        ("2026-10-25T01:00:00Z", "2026-10-25T01:00:00+00:00"),
        ("2026-10-25T01:30:00Z", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25T02:00:00Z", "2026-10-25T02:00:00+00:00"),
        ("2027-03-28T00:59:59Z", "2027-03-28T00:59:59+00:00"),
        ("2027-03-28T01:00:00Z", "2027-03-28T02:00:00+01:00"),
        ("2026-12-31T23:30:00Z", "2026-12-31T23:30:00+00:00"),
        ("2027-06-30T23:30:00Z", "2027-07-01T00:30:00+01:00"),
    ],
)
def test_the_offset_is_the_one_in_force_at_the_instant_itself(instant, written):
    moment = datetime.fromisoformat(instant)

    assert UKTimes()[int(moment.timestamp())] == uk_time(moment) == written


def test_a_time_is_worked_out_once_and_remembered():
    times = UKTimes()
    epoch = int(CLOCK_CHANGES[0].timestamp())

    first, second = times[epoch], times[epoch]

    assert first is second
    assert times == {epoch: first}


def test_remembered_times_have_an_end(monkeypatch):
    monkeypatch.setattr(UKTimes, "MOST_KEPT", 2)
    times = UKTimes()

    written = [times[minute * 60] for minute in range(3)]

    assert written == [UKTimes()[minute * 60] for minute in range(3)]
    assert len(times) == 1


def test_fractions_of_a_second_are_never_written():
    """A consumer's own times may have them; a slot's cannot."""
    moment = CLOCK_CHANGES[0] + timedelta(microseconds=999_999)

    assert uk_time(moment) == "2026-10-25T01:00:00+00:00"
