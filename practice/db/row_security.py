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
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from practice.db.libpq import Statement

ALL_PRACTICES = "all"
# All of them, for who may also write what is kept once for the installation: groups of
# organisations. -1 stands for all practices, -2 for that.
ABOVE_PRACTICES = "{-1,-2}"

# As an array of ids that PostgreSQL reads, or ALL_PRACTICES; None: nothing was said.
in_reach: ContextVar[str | None] = ContextVar("in_reach", default=None)

OF_ODS_CODE = "of "  # and its ODS code: one practice, of which the id is not known yet

# A transaction forgets it at its end.
BIND = Statement("SELECT set_config('appointments.practices', %s, true)")
BIND_BY_ODS_CODE = Statement(
    "SELECT set_config('appointments.practices', coalesce((SELECT format('{%%s}', id)"
    " FROM practice_organisation WHERE ods_code = %s), '{}'), true)"
)
UNBIND = Statement("SELECT set_config('appointments.practices', '', true)")
BEGIN = Statement("BEGIN")


@contextmanager
def bound_to(*practice_ids: int) -> Iterator[None]:
    """Let what runs inside reach these practices, and nothing of any other."""
    with with_reach(f"{{{','.join(str(int(pk)) for pk in practice_ids)}}}"):
        yield


@contextmanager
def bound_to_ods_code(ods_code: str) -> Iterator[None]:
    """The same of the practice with this code, if there is one, for who has not yet found it."""
    with with_reach(OF_ODS_CODE + ods_code):
        yield


@contextmanager
def across_practices() -> Iterator[None]:
    """Let what runs inside reach all practices: for commands, and the few questions about all."""
    with with_reach(ALL_PRACTICES):
        yield


@contextmanager
def above_practices() -> Iterator[None]:
    """Let what runs inside write what is kept for all practices, and reach all that it touches."""
    with with_reach(ABOVE_PRACTICES):
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


@dataclass
class Told:
    """What a connection of the driver has been told, and what it will be with the next statement.

    ``to_begin``: a transaction was announced. ``said``: what is in reach of the one that has begun.
    ``on_journey``: what is asked now will be sent later, and may follow upon what is not sent yet.
    """

    to_begin: bool = False
    said: str | None = None
    on_journey: bool = False


def told(driver: Any) -> Told:
    """What this connection has been told."""
    known: Told | None = driver.__dict__.get("told")
    if known is None:
        known = driver.told = Told()
    return known


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
        first = self._to_say_first()
        if not first:
            send(*args, **kwargs)
        elif first == [(BEGIN, [])]:  # a migration may send several statements as one
            self._say(first)
            send(*args, **kwargs)
        else:
            with self.connection.pipeline():
                self._say(first)
                send(*args, **kwargs)

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        if first := self._to_say_first():
            with self.connection.pipeline():
                self._say(first)
        return super().copy(*args, **kwargs)

    def _to_say_first(self) -> list[tuple[Statement, list[str]]]:
        if told(self.connection).on_journey:
            raise RuntimeError("Only statements that are kept go along on a journey.")
        return to_say_first(self.connection)

    def _say(self, first: list[tuple[Statement, list[str]]]) -> None:
        for statement, values in first:
            psycopg.Cursor(self.connection).execute(statement.text, values)


def begin(driver: Any) -> None:
    """Let the next statement begin a transaction."""
    told(driver).to_begin = True


def begun(driver: Any) -> bool:
    """Whether a transaction that was announced has begun; if not, it no longer will."""
    known = told(driver)
    is_still_to_begin, known.to_begin = known.to_begin, False
    return not is_still_to_begin


def forget(driver: Any) -> None:
    """Say it again before the next statement: a savepoint that was rolled back took it along."""
    told(driver).said = None


@contextmanager
def journey(driver: Any) -> Iterator[None]:
    """While a journey is prepared; if that fails, nothing of it will be sent or was said."""
    if driver.pgconn.transaction_status == TransactionStatus.IDLE:
        forget(driver)
    known = told(driver)
    before = replace(known)
    known.on_journey = True
    try:
        yield
    except BaseException:
        known.to_begin, known.said = before.to_begin, before.said
        raise
    finally:
        known.on_journey = False


def to_say_first(driver: Any) -> list[tuple[Statement, list[str]]]:
    """What a connection must hear before its next statement, if anything; it counts as said."""
    wanted = in_reach.get()
    known = told(driver)
    first: list[tuple[Statement, list[str]]] = []
    status = driver.pgconn.transaction_status
    if status == TransactionStatus.INERROR:  # it can be told nothing
        return first
    said = known.said
    if known.to_begin:
        known.to_begin, said = False, None
        first.append((BEGIN, []))
    elif status == TransactionStatus.IDLE and not known.on_journey:
        said = None
    if wanted != said:
        first.append(_saying(wanted))
    known.said = wanted
    return first


def _saying(wanted: str | None) -> tuple[Statement, list[str]]:
    if wanted is None:
        return UNBIND, []
    if wanted.startswith(OF_ODS_CODE):
        return BIND_BY_ODS_CODE, [wanted.removeprefix(OF_ODS_CODE)]
    return BIND, [wanted]
