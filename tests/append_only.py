"""Switching off, for a moment, what keeps the audit trail append-only: for tests and nothing else.

Emptying the database after a test that committed is one use; the other is to do what an intruder
with the rights of the database's owner could do, and see it found.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def unprotected() -> Iterator[None]:
    """Without the triggers of the trail, the one that queues new events and foreign keys included.

    On SQLite foreign keys stay on inside a transaction.
    """
    if connection.vendor == "postgresql":
        _execute(["SET session_replication_role = replica"])
        try:
            yield
        finally:
            _execute(["SET session_replication_role = DEFAULT"])
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = [row for row in cursor.fetchall() if "audit" in row[0]]
    _execute(["PRAGMA foreign_keys = OFF", *(f"DROP TRIGGER {name}" for name, _ in triggers)])
    try:
        yield
    finally:
        _execute([*(sql for _, sql in triggers), "PRAGMA foreign_keys = ON"])


def _execute(statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
