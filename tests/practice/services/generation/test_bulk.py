"""Slots of a whole week are stored at once, in every column."""

from practice.models import Slot
from practice.services.generation import bulk


def test_every_column_of_a_slot_is_written_in_bulk():
    """A column that is added to Slot has to be thought of in the bulk insert too."""
    columns = {field.column for field in Slot._meta.concrete_fields}
    assert set(bulk.COLUMNS) == columns - {"id", "rehearsal_id"}  # a template makes no test
