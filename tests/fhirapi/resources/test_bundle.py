"""A Bundle of encoded entries is the Bundle of rendered ones."""

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from fhirapi import parsers
from fhirapi.formats import Format, to_xml
from fhirapi.resources import bundle, schedule, slot
from fhirapi.resources.common import UKTimes
from tests.fhirapi.resources.rows import FORMATS, ROWS, SESSIONS, STABLE, TEXTS, readable


def encoded(rows, sessions, others, as_format):
    """A Bundle as the search makes it."""
    times = UKTimes()
    entries = slot.encode(rows, times, as_format) + schedule.encode(sessions, times, as_format)
    written = [as_format.entry(each).encode() for each in others]
    return bundle.encoded_searchset(entries, written, as_format)


def rendered(rows, sessions, others):
    """The same Bundle, by the definitions of its resources."""
    times = UKTimes()
    slots = [slot.render(row, times) for row in rows]
    return bundle.searchset(slots + [schedule.render(row, times) for row in sessions] + others)


@FORMATS
@STABLE
@given(rows=st.lists(ROWS, max_size=3), sessions=st.lists(SESSIONS, max_size=2), name=TEXTS)
@example(rows=[], sessions=[], name="")
def test_a_bundle_of_encoded_slots_is_the_bundle_of_rendered_ones(rows, sessions, name, as_format):
    found = bool(rows or sessions)
    others = [{"resourceType": "Organization", "id": "1", "name": name}] if found else []
    write = orjson.dumps if as_format is Format.JSON else to_xml

    assert encoded(rows, sessions, others, as_format) == write(rendered(rows, sessions, others))


@STABLE
@given(rows=st.lists(ROWS, min_size=1, max_size=3), sessions=st.lists(SESSIONS, max_size=2))
def test_a_bundle_says_the_same_in_both_formats(rows, sessions):
    """But for what XML cannot hold, whatever the slots and sessions are called."""
    as_json = orjson.loads(encoded(rows, sessions, [], Format.JSON))
    as_xml = parsers.from_xml(encoded(rows, sessions, [], Format.XML))

    for entry in as_json["entry"]:
        for named in entry["resource"].get("serviceType", []):
            named["text"] = readable(named["text"])
        if named := entry["resource"].get("serviceCategory"):
            named["text"] = readable(named["text"])
    assert as_xml == as_json
