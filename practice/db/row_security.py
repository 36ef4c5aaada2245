"""A second wall between practices: PostgreSQL shows a request no rows but those of its own.

The first wall is the ``organisation=`` of every question. Should one forget it, the policies of the
tables (migration ``row_security``) still let through only what is in reach: of one practice, of the
practices where somebody works, or, where the code says so, of all of them. With nothing said, a
table that is guarded refuses every question, loudly.

What is in reach is said with ``bound_to`` and ``across_practices``, and travels in the same journey
as the first statement of a transaction, so that it costs no journey of its own and nothing stays in
a connection that PgBouncer gives to the next. It guards a role that neither owns the tables nor is
a superuser (deploy/postgresql). SQLite has no such thing: there the first wall stands alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

ALL_PRACTICES = "all"

# As an array of ids that PostgreSQL reads, or ALL_PRACTICES; None: nothing was said.
in_reach: ContextVar[str | None] = ContextVar("in_reach", default=None)

# One value each; a transaction forgets it at its end.
BIND = "SELECT set_config('appointments.practices', %s, true)"
UNBIND = "SELECT set_config('appointments.practices', '', true)"


@contextmanager
def bound_to(*practice_ids: int) -> Iterator[None]:
    """Let what runs inside reach these practices, and nothing of any other."""
    token = in_reach.set(f"{{{','.join(str(int(pk)) for pk in practice_ids)}}}")
    try:
        yield
    finally:
        in_reach.reset(token)


@contextmanager
def across_practices() -> Iterator[None]:
    """Let what runs inside reach all practices: for commands, and the few questions about all."""
    token = in_reach.set(ALL_PRACTICES)
    try:
        yield
    finally:
        in_reach.reset(token)


class BoundCursor(psycopg.Cursor[Any]):
    """Mixed into the cursors of PostgreSQL: a transaction first hears what is in reach.

    In autocommit mode both statements are one transaction, as nothing separates them.
    """

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        statement = _to_say_first(self.connection)
        if statement is None:
            return super().execute(*args, **kwargs)
        with self.connection.pipeline():
            _say(self.connection, *statement)
            super().execute(*args, **kwargs)
        return self

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        statement = _to_say_first(self.connection)
        if statement is None:
            super().executemany(*args, **kwargs)
            return
        with self.connection.pipeline():
            _say(self.connection, *statement)
            super().executemany(*args, **kwargs)


def forget(connection: Any) -> None:
    """Say it again before the next statement: a savepoint that was rolled back took it along."""
    connection.said_in_reach = None


def _to_say_first(connection: Any) -> tuple[str, list[str]] | None:
    """What a connection must hear before its next statement, if anything."""
    wanted = in_reach.get()
    status = connection.pgconn.transaction_status
    if status == TransactionStatus.IDLE:
        said = None
    elif status == TransactionStatus.INTRANS:
        said = getattr(connection, "said_in_reach", None)
    else:  # a transaction that failed can be told nothing
        return None
    if wanted == said:
        return None
    connection.said_in_reach = wanted
    return (UNBIND, []) if wanted is None else (BIND, [wanted])


def _say(connection: Any, sql: str, values: list[str]) -> None:
    psycopg.Cursor(connection).execute(sql, values)
