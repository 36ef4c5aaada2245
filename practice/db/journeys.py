"""Several statements on one journey to the database.

A statement that is sent alone is waited for; those asked inside ``one_journey`` travel together
when the block ends, and their answers are there after it. So nothing inside may need an answer of
the same journey, and only statements that are kept (practice.db.prepared) go along. A fault of any
of them is raised at its end; if the block itself fails, none is sent. SQLite has no journey to
save: each statement is done at once.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import connections

from practice.db import row_security
from practice.db.libpq import Answer, Line, Row, Statement

logger = logging.getLogger("django.db.backends")  # where Django shows its statements


class Done(Answer):
    """The answer of a database that has none on their way."""

    __slots__ = ("_changed", "_rows")

    def __init__(self, rows: list[Row], changed: int) -> None:
        self._rows, self._changed = rows, changed

    def rows(self) -> list[Row]:
        return self._rows

    def changed(self) -> int:
        return self._changed


@contextmanager
def one_journey(using: str = "default") -> Iterator[None]:
    """Send what is asked inside together, and wait once."""
    connection: Any = connections[using]
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    line = line_of(connection)
    if line.journey is not None:
        yield
        return
    asked = line.journey = []
    try:
        with row_security.journey(line.driver):
            yield
    finally:
        line.journey = None
    if asked:
        with connection.wrap_database_errors:
            line.together(asked)


def ask(connection: Any, statement: Statement, values: Sequence[object]) -> Answer:
    """Send a statement with its values, or lay it by for the journey that is prepared."""
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(statement.text, values)
            return Done(cursor.fetchall() if cursor.description else [], cursor.rowcount)
    connection.ensure_connection()
    if connection.execute_wrappers or connection.queries_logged:
        return _watched(connection, statement, values)
    return _send(connection, statement, values)


def line_of(connection: Any) -> Line:
    """The line of an open connection."""
    driver = connection.connection
    line: Line | None = driver.__dict__.get("line")
    if line is None:
        keeps = not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
        line = driver.line = Line(driver, keeps=keeps)
    return line


def _send(connection: Any, statement: Statement, values: Sequence[object]) -> Answer:
    connection.validate_no_broken_transaction()
    line = line_of(connection)
    answer = Answer(line)
    with connection.wrap_database_errors:
        asked = (answer, statement, [line.written(value) for value in values])
        first = row_security.to_say_first(line.driver)
        before = [(Answer(line), each, [line.written(v) for v in given]) for each, given in first]
        if line.journey is not None:
            line.journey += [*before, asked]
        elif before:
            line.together([*before, asked])
        else:
            line.alone(asked)
    return answer


def _watched(connection: Any, statement: Statement, values: Sequence[object]) -> Answer:
    """As Django's cursors let statements be wrapped, counted and shown."""

    def execute(*_: object) -> Answer:
        return _send(connection, statement, values)

    wrapped: Any = execute
    for wrapper in reversed(connection.execute_wrappers):
        wrapped = partial(wrapper, wrapped)
    begun = time.monotonic()
    try:
        answer: Answer = wrapped(
            statement.text, values, False, {"connection": connection, "cursor": None}
        )
    finally:
        if connection.queries_logged:
            took = time.monotonic() - begun
            sql = statement.numbered.decode()
            connection.queries_log.append({"sql": sql, "time": f"{took:.3f}"})
            logger.debug("(%.3f) %s; args=%s; alias=%s", took, sql, values, connection.alias)
    return answer
