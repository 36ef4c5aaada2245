"""Whether the database can be reached, and who may wait for it while it cannot.

Both doors ask here. A thread that waits for a connection that does not come serves nobody, so while
there is no connection every request is answered with 503 at once, without asking the database.

What begins such an outage: a query that got no connection (``note_failure``). What ends it: a
thread of its own, the prober, which asks the database every PAUSE_SECONDS until it answers. No
request is spent on finding out, so none can be spent in vain, and none ends an outage without
having asked. Nothing need be restarted. Each process finds this out by itself.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg_pool import PoolTimeout

logger = logging.getLogger(__name__)

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


def ask_database() -> None:
    """Have a query answered, and see that the next request finds a connection; raises if it cannot.

    Through a connection of its own: that is refused at once where the pool would wait. Then the
    pool, rid of what it kept from before, must have one too. A server that has no room for one more
    still answers those that the pool has.
    """
    pooled = connections[DEFAULT_DB_ALIAS]
    own = pooled.copy()
    own.settings_dict["OPTIONS"].pop("pool", None)
    pool = getattr(pooled, "pool", None)
    try:
        try:
            _ask(own)
        except OperationalError:
            if pool is None or not pool.get_stats()["pool_available"]:
                raise
        else:
            if pool is not None:
                pool.drain()
        _ask(pooled)
    finally:
        own.close()
        pooled.close()


def _ask(database: BaseDatabaseWrapper) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")


class Outage:
    """Whether the database is out of reach, and the thread that finds out when it no longer is.

    Known to this process only. ``ask`` is what the thread does to find out: it raises until the
    database answers.
    """

    PAUSE_SECONDS = 1.0

    def __init__(self, ask: Callable[[], None] = ask_database) -> None:
        self.ask = ask
        self.lock = threading.Lock()
        self.since: float | None = None  # a reading of ``monotonic``; None while there is no outage
        self.prober: threading.Thread | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the database is known to be out of reach."""
        return self.since is not None

    def seconds(self) -> float:
        """For how long it has been out of reach."""
        since = self.since
        return 0.0 if since is None else time.monotonic() - since

    def begin(self) -> None:
        """There was no connection: let nobody ask until the database has answered."""
        self._find_out(is_certain=True)

    def suspect(self) -> None:
        """A connection broke: let the pool have new ones as soon as may be. Nobody is refused."""
        self._find_out(is_certain=False)

    def _find_out(self, *, is_certain: bool) -> None:
        with self.lock:
            if is_certain and self.since is None:
                self.since = time.monotonic()
                logger.warning("the database cannot be reached: requests are refused until it can")
            if self.prober is None:
                self.prober = threading.Thread(
                    target=self._keep_asking, name="database-prober", daemon=True
                )
                self.prober.start()

    # ------------------------------------------------------------ the thread

    def _keep_asking(self) -> None:
        pause = threading.Event()
        try:
            while not self._is_answered():
                pause.wait(self.PAUSE_SECONDS)
        finally:  # however it ends: without this thread nobody would end the outage
            self._end()

    def _is_answered(self) -> bool:
        try:
            self.ask()
        except Exception as error:  # a database that is away fails in many ways
            logger.info("the database does not answer: %s", " ".join(str(error).split()))
            return False
        return True

    def _end(self) -> None:
        with self.lock:
            if self.is_under_way:
                logger.warning("the database answers again after %.1f s", self.seconds())
            self.since = self.prober = None


outage = Outage()


def _forget() -> None:
    """A process that was forked off has no thread that would end the outage: it begins anew."""
    global outage
    outage = Outage()


os.register_at_fork(after_in_child=_forget)


def has_connection() -> bool:
    """Whether this thread has a connection to the database already."""
    return connection.connection is not None


def is_connection_broken() -> bool:
    """Whether this thread's connection is one that the server or the network has ended."""
    return bool(getattr(connection.connection, "closed", False))


def would_block() -> bool:
    """Whether a request would wait for a connection that does not come.

    Whoever has a connection does not wait for one, and may always ask.
    """
    return outage.is_under_way and not has_connection()


def note_failure(fault: BaseException | None) -> None:
    """Begin an outage for all requests of this process, if the fault is a missing connection."""
    if isinstance(fault, NoConnection):
        return  # known already
    if is_unreachable(fault):
        outage.begin()
    elif is_connection_broken():
        outage.suspect()


@contextmanager
def database_within_reach() -> Iterator[None]:
    """Around a first query: raises NoConnection, without waiting, where it would wait in vain."""
    if would_block():
        raise NoConnection
    try:
        yield
    except Exception as error:
        note_failure(error)
        raise
