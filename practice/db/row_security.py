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

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    with with_reach(f"{{{','.join(str(int(pk)) for pk in practice_ids)}}}"):
        yield


@contextmanager
def across_practices() -> Iterator[None]:
    """Let what runs inside reach all practices: for commands, and the few questions about all."""
    with with_reach(ALL_PRACTICES):
        yield


@contextmanager
def nothing_said() -> Iterator[None]:
    """For migrations, which the owner of the tables runs: leave out what binds others."""
    with with_reach(None):
        yield


@contextmanager
def with_reach(value: str | None) -> Iterator[None]:
    """Let this be in reach of what runs inside."""
    token = in_reach.set(value)
    try:
        yield
    finally:
        in_reach.reset(token)


class BoundCursor(psycopg.Cursor[Any]):
    """Mixed into the cursors of PostgreSQL: a transaction first hears what is in reach.

    Outside a transaction both statements are one, as nothing separates them. A transaction that
    was announced (``begin``) begins on the same journey.
    """

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        self._send(super().execute, *args, **kwargs)
        return self

    def executemany(self, *args: Any, **kwargs: Any) -> None:
        self._send(super().executemany, *args, **kwargs)

    def _send(self, send: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        first = _to_say_first(self.connection)
        if not first:
            send(*args, **kwargs)
            return
        with _together(self.connection):
            _say(self.connection, first)
            send(*args, **kwargs)

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        if first := _to_say_first(self.connection):
            with self.connection.pipeline():
                _say(self.connection, first)
        return super().copy(*args, **kwargs)


def begin(connection: Any) -> None:
    """Let the next statement begin a transaction."""
    connection.is_to_begin = True


def begun(connection: Any) -> bool:
    """Whether a transaction that was announced has begun; if not, it no longer will."""
    is_still_to_begin = getattr(connection, "is_to_begin", False)
    connection.is_to_begin = False
    return not is_still_to_begin


def forget(connection: Any) -> None:
    """Say it again before the next statement: a savepoint that was rolled back took it along."""
    connection.said_in_reach = None


@contextmanager
def journey(connection: Any) -> Iterator[None]:
    """Send what is executed inside together; see practice.db.journeys."""
    if is_on_journey(connection):
        yield
        return
    if connection.pgconn.transaction_status == TransactionStatus.IDLE:
        forget(connection)
    connection.is_on_journey = True
    try:
        with connection.pipeline():
            yield
    finally:
        connection.is_on_journey = False


def is_on_journey(connection: Any) -> bool:
    """Whether a journey is being prepared: what is executed now is answered at its end."""
    return bool(getattr(connection, "is_on_journey", False))


def _together(connection: Any) -> AbstractContextManager[Any]:
    return nullcontext() if is_on_journey(connection) else connection.pipeline()


def _to_say_first(connection: Any) -> list[tuple[str, list[str]]]:
    """What a connection must hear before its next statement, if anything."""
    wanted = in_reach.get()
    first: list[tuple[str, list[str]]] = []
    status = connection.pgconn.transaction_status
    if status == TransactionStatus.INERROR:  # it can be told nothing
        return first
    if getattr(connection, "is_to_begin", False):
        connection.is_to_begin = False
        said = None
        if wanted is None and not is_on_journey(connection):
            _say(connection, [("BEGIN", [])])  # a migration may send several statements as one
        else:
            first.append(("BEGIN", []))
    elif status == TransactionStatus.IDLE and not is_on_journey(connection):
        said = None
    else:
        said = getattr(connection, "said_in_reach", None)
    if wanted != said:
        first.append((UNBIND, []) if wanted is None else (BIND, [wanted]))
    connection.said_in_reach = wanted
    return first


def _say(connection: Any, statements: list[tuple[str, list[str]]]) -> None:
    for sql, values in statements:
        psycopg.Cursor(connection).execute(sql, values)
