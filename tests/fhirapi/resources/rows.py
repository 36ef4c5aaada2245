"""Rows of slots and sessions, whatever they hold, and how they are rendered one by one."""

import re
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from fhirapi.formats import NAMESPACE, Format, to_xml
from fhirapi.resources import slot
from fhirapi.resources.common import UKTimes
from practice import terminology
from practice.models import Slot

STABLE = settings(max_examples=100, derandomize=True, deadline=None, database=None)

FORMATS = pytest.mark.parametrize("as_format", list(Format), ids=lambda each: each.name)

IDS = st.integers(1, 2**63 - 1)
VERSIONS = st.integers(1, 2**31 - 1)
CHANNELS = st.sampled_from([code for code, _ in terminology.delivery_channels()])
STATUSES = st.sampled_from(Slot.Status.values)
# What breaks a text that is pasted into JSON or XML, among everything else that Unicode has.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("\"~\\{}%\n\r\t\x00\x1f\x7f\ufffe&<>'")
)
# From 1972, since when the offset of London is one of the two that are written, to 2106.
FIRST, LAST = 63_072_000, 2**32
EPOCHS = st.integers(FIRST, LAST)
ROWS = st.tuples(IDS, VERSIONS, CHANNELS, TEXTS, IDS, STATUSES, EPOCHS, EPOCHS)


ROLES = st.sampled_from([code for code, _ in terminology.practitioner_roles()])
SESSIONS = st.tuples(IDS, VERSIONS, ROLES, TEXTS, IDS, IDS | st.none(), EPOCHS, EPOCHS)


def rendered(rows: Iterable[Any], as_format: Format, kind: Any = slot) -> list[str]:
    """The definition: each row as a dict, and each dict as JSON or by the writer of all XML."""
    entries = [{"resource": kind.render(row, UKTimes())} for row in rows]
    if as_format is Format.JSON:
        return [orjson.dumps(entry).decode() for entry in entries]
    before, after = f'<Bundle xmlns="{NAMESPACE}">', "</Bundle>"
    bundles = [to_xml({"resourceType": "Bundle", "entry": [entry]}).decode() for entry in entries]
    return [each.partition(before)[2].removesuffix(after) for each in bundles]


def readable(text: str) -> str:
    """A text as XML can hold it: of control characters only tab and line breaks."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)
