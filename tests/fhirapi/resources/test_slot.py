"""The fast way to write slots and sessions says what the plain one says, whatever the words are."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fhirapi.resources import slot
from fhirapi.resources.common import UKTimes
from tests import profiles
from tests.fhirapi.resources.rows import CHANNELS, FIRST, ROWS, STABLE, STATUSES, TEXTS, rendered
from tests.shared import needs_shared


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


@needs_shared
@pytest.mark.req("SLOT-090", "SLOT-092", "SLOT-093", "SLOT-094", "SLOT-095", "SLOT-096")
@pytest.mark.parametrize("channel", ["In-person", "Telephone", "Video"])
def test_a_rendered_slot_keeps_to_its_profile_and_to_the_order_of_elements(channel):
    row = (1584, 3, channel, "General GP Appointment", 14, "free", 1792886400, 1792887000)

    resource = slot.render(row, UKTimes())

    assert profiles.check(resource, ordered=True) == []
    assert profiles.uk_times(resource) == []
