"""PostgreSQL, told which practices are in reach: ``ENGINE = "config.postgresql"``.

What that is for, and how it is said, stands in practice.db.row_security.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db.backends.postgresql import base
from psycopg.adapt import AdaptersMap, Buffer, Loader

from practice.db import row_security

django_base: Any = base  # its stubs know little of what psycopg 3 gives it


class Cursor(row_security.BoundCursor, base.Cursor):
    """The cursor of everyday statements."""


class ServerSideCursor(django_base.ServerSideCursor):
    """The cursor of ``iterator()``, whose statement may stand outside a transaction."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        connection = self.connection
        if not self.withhold:
            Cursor(connection).execute("SELECT 1")  # begins, and says what is in reach
            return super().execute(*args, **kwargs)
        with connection.transaction():  # the rows outlive it: the cursor is held
            row_security.forget(connection)
            Cursor(connection).execute("SELECT 1")
            return super().execute(*args, **kwargs)


class InstantLoader(Loader):
    """An instant, which PostgreSQL tells in UTC: Python itself reads it ten times as fast."""

    timezone = UTC  # what Django asks a loader for

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(bytes(data).decode())


@lru_cache(maxsize=1)
def with_instants(adapters: AdaptersMap) -> AdaptersMap:
    """Django's adapters, and this loader."""
    ours = AdaptersMap(adapters)
    ours.register_loader("timestamptz", InstantLoader)
    return ours


class DatabaseWrapper(django_base.DatabaseWrapper):
    """Django's own, with these cursors."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        if self.timezone == UTC:
            params["context"] = with_instants(params["context"])
        return {**params, "cursor_factory": Cursor}

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None:
            return super().create_cursor()
        cursor = ServerSideCursor(
            self.connection, name=name, scrollable=False, withhold=self.autocommit
        )
        django_base.register_tzloader(self.timezone, cursor)
        return cursor

    # The driver stays in autocommit mode, so that BEGIN can travel with the first statement.

    def _set_autocommit(self, autocommit: bool) -> None:
        with self.wrap_database_errors:
            if not self.connection.autocommit:
                self.connection.autocommit = True
        if autocommit:
            row_security.begun(self.connection)
        else:
            row_security.begin(self.connection)

    def _commit(self) -> None:
        if self.connection is not None and row_security.begun(self.connection):
            super()._commit()

    def _rollback(self) -> None:
        if self.connection is not None and row_security.begun(self.connection):
            super()._rollback()

    def _close(self) -> None:
        if self.connection is not None:
            row_security.begun(self.connection)
        super()._close()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)
        row_security.forget(self.connection)
