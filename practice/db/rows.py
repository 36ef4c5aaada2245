"""Many whole rows at once, past the ORM: as they are given, ids and instants included.

A model instance costs more than the row it writes (docs/techniques.md, "Writing very many slots"),
and would get the time of now where the row says another.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

PER_STATEMENT = 5_000


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    return [model._meta.get_field(name) for name in names]


@cache
def _statement(model: type[models.Model], names: tuple[str, ...]) -> str:
    fields = _fields(model, names)
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    if connection.vendor != "postgresql":
        values = ", ".join(["%s"] * len(fields))
        return f"INSERT INTO {table} ({columns}) VALUES ({values})"  # noqa: S608
    types = ", ".join(f"%s::{field.rel_db_type(connection)}[]" for field in fields)
    return f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({types})"  # noqa: S608


def insert_rows(
    model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Store rows, each the values of these fields in Python's types. Raises IntegrityError."""
    fields = _fields(model, names)
    given = [
        [
            field.get_db_prep_save(value, connection)
            for field, value in zip(fields, row, strict=True)
        ]
        for row in rows
    ]
    statement = _statement(model, tuple(names))
    with connection.cursor() as cursor:
        for first in range(0, len(given), PER_STATEMENT):
            batch = given[first : first + PER_STATEMENT]
            if connection.vendor == "postgresql":
                # Columns as arrays: COPY knows no row-level security.
                cursor.execute(statement, [list(column) for column in zip(*batch, strict=True)])
            else:
                cursor.executemany(statement, batch)


def keep_ids_free(model: type[models.Model], highest: int) -> None:
    """Let the database give no new record of a model an id up to this one.

    To be called before rows with ids of their own are stored, so that nobody meanwhile gets one of
    these. It stays so when the transaction is undone: some ids are then never used. SQLite sees to
    it by itself.
    """
    if connection.vendor != "postgresql":
        return
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        (sequence,) = cursor.fetchone()
        cursor.execute(
            f"SELECT setval(%s, %s) FROM {sequence} WHERE last_value < %s",  # noqa: S608 # nosec B608
            [sequence, highest, highest],
        )
