"""Writing very many slots at once: the one place that passes the ORM by, for its speed.

A model instance costs more than the row it writes: for a year of slots 13 s instead of 3
(docs/techniques.md, "Writing very many slots"). Both databases get the same columns in the same
order, so that they cannot differ.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection

from practice.clock import moment
from practice.models import Slot
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind

T = TypeVar("T")

PER_STATEMENT = 10_000
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
) -> None:
    """Store new free slots, given as (schedule id, planned slot). Call under the practice's lock.

    One statement, whatever their number. Raises IntegrityError on PostgreSQL for a slot that is
    there already; SQLite, where the whole database is locked and nobody can have put one there,
    passes over it.
    """
    free = Slot.Status.FREE.value
    updated_at = connection.ops.adapt_datetimefield_value(now)
    constants = (organisation_id, 1, updated_at, free, False, "", False, False, changed_by_hand)
    instants = Instants()
    rows = (
        (schedule, instants[slot.start], instants[slot.end], *slot.kind, *constants)
        for schedule, slot in slots
    )
    table = connection.ops.quote_name(Slot._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(name) for name in COLUMNS)
    if connection.vendor == "postgresql":
        _copy(f"COPY {table} ({columns}) FROM STDIN", rows)
    else:
        values = ", ".join(["%s"] * len(COLUMNS))
        _insert(f"INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING", rows)


class Instants(dict[int, Any]):
    """Seconds since 1970 to what the database stores: made once, as many slots start alike."""

    def __missing__(self, epoch: int) -> Any:
        stored = self[epoch] = connection.ops.adapt_datetimefield_value(moment(epoch))
        return stored


def _copy(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    errors = connection.wrap_database_errors
    with connection.cursor() as cursor, errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _insert(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


def batches(items: Iterable[T], most: int = PER_STATEMENT) -> Iterator[list[T]]:
    """Split into lists; without ``most``, of as many ids as fit into one statement anywhere."""
    remaining = iter(items)
    while batch := list(islice(remaining, most)):
        yield batch
