"""PostgreSQL, told which practices are in reach: ``ENGINE = "config.postgresql"``.

What that is for, and how it is said, stands in practice.db.row_security.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from practice.db import row_security

django_base: Any = base  # its stubs know little of what psycopg 3 gives it


class Cursor(row_security.BoundCursor, base.Cursor):
    """The cursor of everyday statements."""


class ServerSideCursor(django_base.ServerSideCursor):
    """The cursor of ``iterator()``, whose statement may stand outside a transaction."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        connection = self.connection
        if connection.pgconn.transaction_status == TransactionStatus.INTRANS:
            Cursor(connection).execute("SELECT 1")  # says what is in reach, if that is not yet said
            return super().execute(*args, **kwargs)
        with connection.transaction():  # the rows outlive it: the cursor is held
            Cursor(connection).execute("SELECT 1")
            return super().execute(*args, **kwargs)


class DatabaseWrapper(django_base.DatabaseWrapper):
    """Django's own, with these cursors."""

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursor_factory": Cursor}

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None:
            return super().create_cursor()
        is_held = self.connection.autocommit
        cursor = ServerSideCursor(self.connection, name=name, scrollable=False, withhold=is_held)
        django_base.register_tzloader(self.timezone, cursor)
        return cursor

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)
        row_security.forget(self.connection)
