"""The fast way to write slots and sessions says what the plain one says, whatever the words are."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhirapi.resources import bundle, schedule, slot
from fhirapi.resources.common import UKTimes, uk_time
from practice import terminology
from practice.models import Slot
from tests import profiles
from tests.shared import needs_shared

STABLE = settings(max_examples=100, derandomize=True, deadline=None, database=None)

IDS = st.integers(1, 2**63 - 1)
VERSIONS = st.integers(1, 2**31 - 1)
CHANNELS = st.sampled_from([code for code, _ in terminology.delivery_channels()])
STATUSES = st.sampled_from(Slot.Status.values)
# What breaks a text that is pasted into JSON, among everything else that Unicode has.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"~\\{}%\n\t\x00\x1f\x7f')
)
# From 1972, since when the offset of London is one of the two that are written, to 2106.
FIRST, LAST = 63_072_000, 2**32
EPOCHS = st.integers(FIRST, LAST)
ROWS = st.tuples(IDS, VERSIONS, CHANNELS, TEXTS, IDS, STATUSES, EPOCHS, EPOCHS)


ROLES = st.sampled_from([code for code, _ in terminology.practitioner_roles()])
SESSIONS = st.tuples(IDS, VERSIONS, ROLES, TEXTS, IDS, IDS | st.none(), EPOCHS, EPOCHS)


def rendered(rows, kind=slot) -> list[str]:
    """The definition: each row as a dict, and each dict as JSON."""
    entries = ({"resource": kind.render(row, UKTimes())} for row in rows)
    return [orjson.dumps(entry).decode() for entry in entries]


@STABLE
@given(st.lists(ROWS, max_size=5))
@example([(1, 1, "Video", 'Ear "wax"', 1, "free", 1792886400, 1792887000)])
@example([(1, 1, "Video", "C:\\new\\{0}%s", 1, "free", 1792886400, 1792887000)])
@example([(1, 1, "Video", "Plât\u2028\u0007 \U0001f9b7", 1, "free", 1792886400, 1792887000)])
@example([(1, 1, "Video", "~ 5 min~~ Dr ~", 1, "free", 1792886400, 1792887000)])
@example([(1, 1, "Video", "", 1, "free", 1792886400, 1792887000)])
@example([])
def test_any_rows_are_encoded_as_they_are_rendered(rows):
    assert slot.encode(rows, UKTimes()) == rendered(rows)


@STABLE
@given(
    kinds=st.lists(st.tuples(CHANNELS, TEXTS, st.integers(1, 3), STATUSES), min_size=2, max_size=3),
    places=st.lists(st.integers(0, 2), min_size=2, max_size=12),
)
def test_rows_of_several_kinds_in_turn_do_not_borrow_from_each_other(kinds, places):
    """What is encoded once for a kind is used again for that kind only."""
    rows = [
        (number, number, *kinds[place % len(kinds)], FIRST + number * 600, FIRST + number * 600 + 9)
        for number, place in enumerate(places, start=1)
    ]

    assert slot.encode(rows, UKTimes()) == rendered(rows)


@STABLE
@given(st.lists(SESSIONS, max_size=6))
@example([(1, 1, "R0260", "", 1, None, 1792886400, 1792887000)])
@example([(1, 1, "R0260", "~", 1, 2, 1792886400, 1792887000)])
@example([(1, 1, "R0260", '"Ear", ~~nose', 1, 2, 1792886400, 1792887000)])
def test_any_sessions_are_encoded_as_they_are_rendered(rows):
    assert schedule.encode(rows, UKTimes()) == rendered(rows, schedule)


@STABLE
@given(st.lists(ROWS, max_size=3))
def test_a_bundle_of_encoded_slots_is_the_bundle_of_rendered_ones(rows):
    other = {"resourceType": "Organization", "id": "1"} if rows else None
    others = [other] if other else []
    as_json = [orjson.dumps(each) for each in others]
    entries = [slot.render(row, UKTimes()) for row in rows]

    encoded = bundle.encoded_searchset(slot.encode(rows, UKTimes()), as_json)

    assert encoded == orjson.dumps(bundle.searchset([*entries, *others]))


@needs_shared
@pytest.mark.req("SLOT-090", "SLOT-092", "SLOT-093", "SLOT-094", "SLOT-095", "SLOT-096")
@pytest.mark.parametrize("channel", ["In-person", "Telephone", "Video"])
def test_a_rendered_slot_keeps_to_its_profile_and_to_the_order_of_elements(channel):
    row = (1584, 3, channel, "General GP Appointment", 14, "free", 1792886400, 1792887000)

    resource = slot.render(row, UKTimes())

    assert profiles.check(resource, ordered=True) == []
    assert profiles.uk_times(resource) == []


# ---------------------------------------------------------------- times

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


def test_fractions_of_a_second_are_never_written():
    """A consumer's own times may have them; a slot's cannot."""
    moment = CLOCK_CHANGES[0] + timedelta(microseconds=999_999)

    assert uk_time(moment) == "2026-10-25T01:00:00+00:00"
