"""Writing very many slots at once, past the ORM (practice.db.rows), for its speed.

A model instance costs more than the row it writes: for a year of slots 13 s instead of 3
(docs/techniques.md, "Writing very many slots"). Both databases get the same columns in the same
order, so that they cannot differ.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from practice.clock import moment
from practice.db.rows import insert_columns
from practice.models import Slot
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind

COLUMNS = (
    "schedule_id",
    "start",
    "end",
    *SlotKind._fields,
    "organisation_id",
    "version",
    "updated_at",
    "status",
    "overbooked",
    "note",
    "withdrawn",
    "withdrawn_by_plan",
    "changed_by_hand",
)


def insert_slots(
    slots: Iterable[tuple[int, PlannedSlot]],
    *,
    organisation_id: int,
    now: datetime,
    changed_by_hand: bool = False,
    note: str = "",
) -> None:
    """Store new free slots, given as (schedule id, planned slot). Call under the practice's lock.

    One statement for 10,000 of them. Raises IntegrityError on PostgreSQL for a slot that is
    there already; SQLite, where the whole database is locked and nobody can have put one there,
    passes over it.
    """
    free = Slot.Status.FREE.value
    updated_at = connection.ops.adapt_datetimefield_value(now)
    constants = (organisation_id, 1, updated_at, free, False, note, False, False, changed_by_hand)
    instants = Instants()
    rows = (
        (schedule, instants[slot.start], instants[slot.end], *slot.kind, *constants)
        for schedule, slot in slots
    )
    insert_columns(Slot, COLUMNS, rows, passing_over=True)


class Instants(dict[int, Any]):
    """Seconds since 1970 to what the database stores: made once, as many slots start alike."""

    def __missing__(self, epoch: int) -> Any:
        stored = self[epoch] = connection.ops.adapt_datetimefield_value(moment(epoch))
        return stored
