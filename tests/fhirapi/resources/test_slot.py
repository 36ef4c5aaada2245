"""The fast way to write slots and sessions says what the plain one says, whatever the words are."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fhirapi.resources import slot
from fhirapi.resources.common import UKTimes
from tests import profiles
from tests.fhirapi.resources.rows import (
    CHANNELS,
    FIRST,
    FORMATS,
    ROWS,
    STABLE,
    STATUSES,
    rendered,
)
from tests.shared import needs_shared


@FORMATS
@STABLE
@given(rows=st.lists(ROWS, max_size=5))
@example(rows=[(1, 1, "Video", 'Ear "wax"', 1, "free", 1792886400, 1792887000)])
@example(rows=[(1, 1, "Video", "C:\\new\\{0}%s", 1, "free", 1792886400, 1792887000)])
@example(rows=[(1, 1, "Video", "Plât\u2028\u0007 \U0001f9b7", 1, "free", 1792886400, 1792887000)])
@example(rows=[(1, 1, "Video", "~ 5 min~~ Dr ~", 1, "free", 1792886400, 1792887000)])
@example(rows=[(1, 1, "Video", "", 1, "free", 1792886400, 1792887000)])
@example(rows=[(1, 1, "Video", "<b a='1'>&amp;]]>", 1, "free", 1792886400, 1792887000)])
@example(rows=[(1, 1, "Video", " \r\n\t\x0b\ufffe ", 1, "free", 1792886400, 1792887000)])
@example(rows=[])
def test_any_rows_are_encoded_as_they_are_rendered(rows, as_format):
    assert slot.encode(rows, UKTimes(), as_format) == rendered(rows, as_format)


@FORMATS
@STABLE
@given(
    kinds=st.lists(
        st.tuples(st.integers(1, 2), CHANNELS, st.sampled_from("AB"), st.integers(1, 2), STATUSES),
        min_size=2,
        max_size=20,
    )
)
def test_rows_of_several_kinds_in_turn_do_not_borrow_from_each_other(kinds, as_format):
    """What is put together once is used again for those only that share all of it."""
    rows = [
        (number, *kind, FIRST + number * 600, FIRST + number * 600 + 9)
        for number, kind in enumerate(kinds, start=1)
    ]

    assert slot.encode(rows, UKTimes(), as_format) == rendered(rows, as_format)


@needs_shared
@pytest.mark.req("SLOT-090", "SLOT-092", "SLOT-093", "SLOT-094", "SLOT-095", "SLOT-096")
@pytest.mark.parametrize("channel", ["In-person", "Telephone", "Video"])
def test_a_rendered_slot_keeps_to_its_profile_and_to_the_order_of_elements(channel):
    row = (1584, 3, channel, "General GP Appointment", 14, "free", 1792886400, 1792887000)

    resource = slot.render(row, UKTimes())

    assert profiles.check(resource, ordered=True) == []
    assert profiles.uk_times(resource) == []
