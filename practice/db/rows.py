"""Many whole rows at once, past the ORM: as they are given, ids and instants included.

A model instance costs more than the row it writes (docs/techniques.md, "Writing very many slots"),
and would get the time of now where the row says another.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models

T = TypeVar("T")

PER_STATEMENT = 10_000


def insert_rows(
    model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Store rows, each the values of these fields in Python's types. Raises IntegrityError."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    given = (
        [
            field.get_db_prep_save(value, connection)
            for field, value in zip(fields, row, strict=True)
        ]
        for row in rows
    )
    insert_columns(model, tuple(field.column for field in fields), given)


def insert_columns(
    model: type[models.Model],
    columns: tuple[str, ...],
    rows: Iterable[Sequence[Any]],
    *,
    passing_over: bool = False,
) -> None:
    """Store rows, each the values of these columns as the database driver wants them.

    A statement for 10,000 of them. Raises IntegrityError; ``passing_over`` lets SQLite leave out
    what is there already.
    """
    statement = _statement(model, columns)
    if passing_over and connection.vendor != "postgresql":
        statement += " ON CONFLICT DO NOTHING"
    with connection.cursor() as cursor:
        for batch in batches(rows):
            if connection.vendor == "postgresql":
                # Columns as arrays: COPY, a little faster, knows no row-level security.
                cursor.execute(statement, [list(column) for column in zip(*batch, strict=True)])
            else:
                cursor.executemany(statement, batch)


@cache
def _statement(model: type[models.Model], columns: tuple[str, ...]) -> str:
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(map(quote, columns))
    if connection.vendor != "postgresql":
        values = ", ".join(["%s"] * len(columns))
        return f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608
    fields = {field.column: field for field in model._meta.concrete_fields}
    types = ", ".join(f"%s::{fields[name].rel_db_type(connection)}[]" for name in columns)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({types})"  # noqa: S608


def batches(items: Iterable[T], most: int = PER_STATEMENT) -> Iterator[list[T]]:
    """Split into lists; without ``most``, of as many as one statement takes anywhere."""
    remaining = iter(items)
    while batch := list(islice(remaining, most)):
        yield batch


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


def new_ids(model: type[models.Model], number: int) -> list[int]:
    """Ids for so many new rows, which nobody else gets. On SQLite: as long as the transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [table, number],
            )
            return [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            "SELECT max(coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = %s), 0),"
            f" coalesce((SELECT max(id) FROM {connection.ops.quote_name(table)}), 0))",  # noqa: S608 # nosec B608
            [table],
        )
        (last,) = cursor.fetchone()
        return list(range(last + 1, last + 1 + number))
