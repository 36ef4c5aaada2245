"""The database is out of reach: how one notices, and that not everybody waits for it.

Both doors ask here: a thread that waits in vain for a connection serves nobody, through whichever
door its request came.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

RETRY_AFTER_SECONDS = 2


class NoConnection(OperationalError):
    """The database could not be reached a moment ago, and this request did not try again."""


def is_away(exc: BaseException | None) -> bool:
    """Whether the fault is the database's, out of reach or read-only, and will pass."""
    return isinstance(exc, (OperationalError, InterfaceError)) or is_read_only(exc)


def is_read_only(exc: BaseException | None) -> bool:
    """Whether the database may only be read, as a replica that has not taken over yet."""
    return getattr(getattr(exc, "__cause__", None), "sqlstate", None) == "25006"


def is_unreachable(exc: BaseException | None) -> bool:
    """Whether there was no connection to the database, so that asking again means waiting again."""
    return isinstance(exc, NoConnection) or isinstance(getattr(exc, "__cause__", None), PoolTimeout)


class Outage:
    """While the database is out of reach, one request at a time finds out whether it still is.

    The others are refused at once: each thread of the server would otherwise wait for a connection
    that does not come. Known to this process only.
    """

    PAUSE_SECONDS = 1.0
    LONGEST_TRY_SECONDS = 10.0  # longer than the pool waits; a try that is never heard of again

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next_try: float | None = None

    def begin(self, *, at: float | None = None) -> None:
        self.next_try = (time.monotonic() if at is None else at) + self.PAUSE_SECONDS

    def end(self) -> None:
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
    """Let the others know of a fault, if it is that there was no connection."""
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
