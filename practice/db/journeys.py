"""Several statements on one journey to PostgreSQL.

A statement that is sent alone is waited for; those sent inside ``one_journey`` travel together, and
their answers are there when the block ends. So nothing inside may need an answer of the same
journey: ``Prepared.later`` asks, and its rows are read after the block. A fault of any of them is
raised at its end. SQLite has no journey to save: each statement is done at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from practice.db import row_security


@contextmanager
def one_journey(using: str = "default") -> Iterator[None]:
    """Send what is done inside together, and wait once."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, row_security.journey(connection.connection):
        yield
