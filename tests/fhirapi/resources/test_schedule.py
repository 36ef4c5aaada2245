"""Sessions are written fast as they are rendered one by one."""

from hypothesis import example, given
from hypothesis import strategies as st

from fhirapi.resources import schedule
from fhirapi.resources.common import UKTimes
from tests.fhirapi.resources.rows import FORMATS, SESSIONS, STABLE, rendered


@FORMATS
@STABLE
@given(rows=st.lists(SESSIONS, max_size=6))
@example(rows=[(1, 1, "R0260", "", 1, None, 1792886400, 1792887000)])
@example(rows=[(1, 1, "R0260", "~", 1, 2, 1792886400, 1792887000)])
@example(rows=[(1, 1, "R0260", '"Ear", ~~nose', 1, 2, 1792886400, 1792887000)])
@example(rows=[(1, 1, "R0260", "<Ear> & \x0b'nose'", 1, 2, 1792886400, 1792887000)])
def test_any_sessions_are_encoded_as_they_are_rendered(rows, as_format):
    assert schedule.encode(rows, UKTimes(), as_format) == rendered(rows, as_format, schedule)
