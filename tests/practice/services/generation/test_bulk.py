"""Slots of a whole week are stored at once, in every column."""

from practice.models import Slot
from practice.services.generation import bulk


def test_every_column_of_a_slot_is_written_in_bulk():
    """A column that is added to Slot has to be thought of in the bulk insert too."""
    assert set(bulk.COLUMNS) == {field.column for field in Slot._meta.concrete_fields} - {"id"}
