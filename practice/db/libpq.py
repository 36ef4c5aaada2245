"""Prepared statements, sent to PostgreSQL by the calls of libpq itself.

A cursor of the driver takes three times as long as these around a statement that is always the
same: it looks for gaps, types, what it has prepared, and what to do with each result. Here a
statement is written once, and a ``Line`` sends it by its name: alone, or several on one journey
(libpq's pipeline). Measured in docs/performance.md. Which of them, and what goes before, is decided
by practice.db.journeys; nothing else speaks to a Line.
"""

import itertools
import re
import select
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeAlias

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

Row: TypeAlias = tuple[Any, ...]  # as the driver gives it, its values in the order of the columns
Written: TypeAlias = "bytes | bytearray | memoryview | None"  # a value as text of PostgreSQL


class Statement:
    """SQL with ``%s`` for each value, as Django writes it; a connection keeps it by its name.

    The name comes of the SQL, so that no other can be taken for it whoever uses the connection.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.name = b"kept_" + sha256(text.encode()).hexdigest()[:32].encode()

    @cached_property
    def numbered(self) -> bytes:
        """The SQL with ``$1``, ``$2`` ... for the values, as PostgreSQL reads it."""
        places = itertools.count(1)
        return re.sub(
            "%[s%]", lambda gap: f"${next(places)}" if gap[0] == "%s" else "%", self.text
        ).encode()


class Answer:
    """What came of a statement; from PostgreSQL it is there when the journey has ended."""

    __slots__ = ("line", "result")

    def __init__(self, line: "Line") -> None:
        self.line = line
        self.result: PGresult | None = None

    def rows(self) -> list[Row]:
        """The rows that were found."""
        result = self._arrived()
        transformer = self.line.transformer
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    def changed(self) -> int:
        """How many rows were found or changed."""
        return self._arrived().command_tuples or 0

    def _arrived(self) -> PGresult:
        if self.result is None:
            raise RuntimeError("An answer of a journey was read before the journey had ended.")
        return self.result


Asked: TypeAlias = tuple[Answer, Statement, Sequence[Written]]


class Line:
    """A connection of the driver, for statements that are sent again and again.

    ``keeps``: whether the server at the other end is always the same (it is not, behind PgBouncer),
    so that it can keep them. What it keeps outlives a transaction that was undone.
    """

    def __init__(self, driver: "psycopg.Connection[Any]", *, keeps: bool) -> None:
        self.driver, self.keeps = driver, keeps
        self.pgconn = driver.pgconn
        self.transformer = Transformer(driver)
        self.kept: set[bytes] = set()  # the names of statements that the server knows
        self.journey: list[Asked] | None = None  # what is asked on the one that is prepared

    def written(self, value: Any) -> Written:
        """A value as PostgreSQL reads it, whatever type it needs there."""
        write = _WRITERS.get(type(value))
        if write is not None:
            return write(value)
        if isinstance(value, str):  # of a choice
            return _text(value)
        written: Written = self.transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return written

    def alone(self, asked: Asked) -> None:
        """Send one statement and wait for its answer."""
        answer, statement, values = asked
        if statement.name not in self.kept:
            self.together([asked])
            return
        answer.result = self._checked(self.pgconn.exec_prepared(statement.name, values))  # type: ignore[arg-type]

    def together(self, several: Sequence[Asked]) -> None:
        """Send several statements, and wait once; the first fault of any is raised.

        Outside a transaction they are one: all of them are stored, or none.
        """
        expected: list[tuple[Answer | None, bytes]] = []
        pgconn = self.pgconn
        pgconn.enter_pipeline_mode()
        try:
            for answer, statement, values in several:
                name = statement.name
                if not self.keeps:
                    pgconn.send_query_params(statement.numbered, values)
                else:
                    if name not in self.kept and (None, name) not in expected:
                        pgconn.send_prepare(name, statement.numbered)
                        expected.append((None, name))
                    pgconn.send_query_prepared(name, values)
                expected.append((answer, name))
            pgconn.pipeline_sync()
            results = self._received(len(expected))
            pgconn.exit_pipeline_mode()
        except BaseException:
            self.driver.close()  # nobody knows what is still on its way
            raise
        fault = None
        for (whose, name), result in zip(expected, results, strict=True):
            if result.status not in _GOOD:
                fault = fault or result
            elif whose is None:
                self.kept.add(name)
            else:
                whose.result = result
        if fault is not None:
            self._checked(fault)

    def _received(self, number: int) -> list[PGresult]:
        """So many results, in order, when the server has answered everything."""
        waiting = select.poll()
        pgconn = self.pgconn
        while pgconn.flush():  # more than fits: read meanwhile, or each side waits for the other
            waiting.register(pgconn.socket, select.POLLIN | select.POLLOUT)
            waiting.poll()
            pgconn.consume_input()
        waiting.register(pgconn.socket, select.POLLIN)
        results: list[PGresult] = []
        while True:
            while pgconn.is_busy():  # get_result would wait, too, but hold up all other threads
                waiting.poll()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                continue  # between two statements
            if result.status == ExecStatus.PIPELINE_SYNC:
                break
            results.append(result)
            if pgconn.status == ConnStatus.BAD:
                self._checked(result)
        if len(results) != number:
            raise psycopg.InternalError(f"{number} results were expected, {len(results)} came")
        return results

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in _GOOD:
            return result
        if self.pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError(result.get_error_message())
        error = error_from_result(result)
        if isinstance(error, psycopg.errors.InvalidSqlStatementName):
            self.kept.clear()  # somebody told the server to forget them all
        raise error


_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def _text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()


def _instant(value: date) -> bytes:
    return value.isoformat().encode()


_WRITERS: dict[type, Callable[[Any], Written]] = {
    type(None): lambda _: None,
    str: _text,
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
    datetime: _instant,
    date: _instant,
}
