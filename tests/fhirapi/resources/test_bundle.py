"""A Bundle of encoded entries is the Bundle of rendered ones."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from fhirapi.resources import bundle, slot
from fhirapi.resources.common import UKTimes
from tests.fhirapi.resources.rows import (
    ROWS,
    STABLE,
)


@STABLE
@given(st.lists(ROWS, max_size=3))
def test_a_bundle_of_encoded_slots_is_the_bundle_of_rendered_ones(rows):
    other = {"resourceType": "Organization", "id": "1"} if rows else None
    others = [other] if other else []
    as_json = [orjson.dumps(each) for each in others]
    entries = [slot.render(row, UKTimes()) for row in rows]

    encoded = bundle.encoded_searchset(slot.encode(rows, UKTimes()), as_json)

    assert encoded == orjson.dumps(bundle.searchset([*entries, *others]))
