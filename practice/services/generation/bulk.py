"""Writing very many slots at once: the one place that passes the ORM by, for its speed.

A model instance costs more than the row it writes: for a year of slots 13 s instead of 3
(docs/techniques.md, "Writing very many slots"). Both databases get the same columns in the same
order, so that they cannot differ.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
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

    One statement for 10,000 of them. Raises IntegrityError on PostgreSQL for a slot that is
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
        types = ", ".join(f"%s::{name}[]" for name in _types())
        given = f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({types})"  # noqa: S608
        _insert_columns(given, rows)
    else:
        values = ", ".join(["%s"] * len(COLUMNS))
        _insert(f"INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING", rows)


class Instants(dict[int, Any]):
    """Seconds since 1970 to what the database stores: made once, as many slots start alike."""

    def __missing__(self, epoch: int) -> Any:
        stored = self[epoch] = connection.ops.adapt_datetimefield_value(moment(epoch))
        return stored


@cache
def _types() -> list[str]:
    """PostgreSQL's types of the columns, in their order."""
    fields = {field.column: field for field in Slot._meta.concrete_fields}
    return [str(fields[name].rel_db_type(connection)) for name in COLUMNS]


def _insert_columns(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Send the columns as arrays: COPY, a little faster, knows no row-level security."""
    with connection.cursor() as cursor:
        for batch in batches(rows):
            cursor.execute(statement, [list(column) for column in zip(*batch, strict=True)])


def _insert(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


def batches(items: Iterable[T], most: int = PER_STATEMENT) -> Iterator[list[T]]:
    """Split into lists; without ``most``, of as many ids as fit into one statement anywhere."""
    remaining = iter(items)
    while batch := list(islice(remaining, most)):
        yield batch
