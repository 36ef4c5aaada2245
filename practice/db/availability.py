"""Whether the database can be reached, and who may wait for it while it cannot.

Both doors ask here. A thread that waits for a connection that does not come serves nobody, so while
there is no connection most requests are answered with 503 at once, without asking the database.

What begins such an outage: a query that got no connection (``note_failure``). What ends it: every
PAUSE_SECONDS one request is let through to try; as soon as one of them has its first query answered
(the end of ``database_within_reach``; for a page of staff, ``fail_fast_middleware`` of
practice.staff.error_pages), all requests are let through again. Nothing need be restarted. Each
process finds this out by itself.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

RETRY_AFTER_SECONDS = 2


class NoConnection(OperationalError):
    """The database could not be reached a moment ago, so this request did not ask it."""


def is_away(exc: BaseException | None) -> bool:
    """Whether the fault is one of the database that will pass: out of reach, or read-only."""
    return isinstance(exc, (OperationalError, InterfaceError)) or is_read_only(exc)


def is_read_only(exc: BaseException | None) -> bool:
    """Whether the database refused to write: a replica that is not yet the primary."""
    return getattr(getattr(exc, "__cause__", None), "sqlstate", None) == "25006"


def is_unreachable(exc: BaseException | None) -> bool:
    """Whether there was no connection to the database; asking again would mean waiting again."""
    return isinstance(exc, NoConnection) or isinstance(getattr(exc, "__cause__", None), PoolTimeout)


class Outage:
    """Whether the database is out of reach, and when the next request may try it.

    One request at a time tries; the others are refused at once. Known to this process only.
    """

    PAUSE_SECONDS = 1.0
    # After this the next request tries, though the one before has not said how it went. Longer than
    # the pool of connections waits.
    LONGEST_TRY_SECONDS = 10.0

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next_try: float | None = None

    def begin(self, *, at: float | None = None) -> None:
        """There was no connection: let nobody ask for PAUSE_SECONDS."""
        self.next_try = (time.monotonic() if at is None else at) + self.PAUSE_SECONDS

    def end(self) -> None:
        """The database has answered: let everybody ask."""
        self.next_try = None

    def may_ask(self, *, at: float | None = None) -> bool:
        """Whether to ask the database; ``at`` is a reading of a clock that only runs forward."""
        at = time.monotonic() if at is None else at
        with self.lock:
            if self.next_try is None:
                return True
            if at < self.next_try:
                return False
            self.next_try = at + self.LONGEST_TRY_SECONDS
            return True


outage = Outage()


def has_connection() -> bool:
    """Whether this thread has a connection to the database already."""
    return connection.connection is not None


def would_block() -> bool:
    """Whether a request would wait for a connection that does not come.

    Whoever has a connection does not wait for one, and may always ask.
    """
    return not has_connection() and not outage.may_ask()


def note_failure(fault: BaseException | None) -> None:
    """Begin an outage for all requests of this process, if the fault is a missing connection."""
    if is_unreachable(fault):
        outage.begin()


@contextmanager
def database_within_reach() -> Iterator[None]:
    """Around a first query: raises NoConnection, without waiting, where it would wait in vain."""
    if would_block():
        raise NoConnection
    try:
        yield
    except OperationalError as error:
        note_failure(error)
        raise
    outage.end()
