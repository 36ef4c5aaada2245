"""Reads from PostgreSQL's streaming replicas (DATABASE_REPLICA_URL).

What may be a moment old is read through ``practice.db.replicas``, and only that is routed here. A
thread for each replica looks every second how far it is behind, so that no request has to; a
replica that is too far behind or does not answer is not asked, and the primary is.

How far behind: the thread notes when the primary had written how much, and then which of these a
replica has replayed. Unlike ``pg_last_xact_replay_timestamp`` this stands still when the primary
does, and grows when the replica has lost its connection to it.
"""

import logging
import random
import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, connections
from django.db.models import Model

from config import metrics
from practice.db import replicas

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# For how long a replica that could not answer is left alone.
REST_SECONDS = 5.0

# Bytes of write-ahead log. Only what the primary has flushed is sent to a replica; a server that
# replays nothing is none.
FLUSHED = "SELECT pg_current_wal_flush_lsn() - '0/0'"
REPLAYED = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END"


class Replica:
    """A replica, as a thread of this process last saw it."""

    def __init__(self, alias: str, *, most_lag: float) -> None:
        self.alias, self.most_lag = alias, most_lag
        self.complete_to = self.rests_until = float("-inf")  # readings of ``monotonic``
        self.is_lost = False
        self.flushed: deque[tuple[float, int]] = deque(maxlen=int(most_lag / LOOK_SECONDS) + 2)
        self.lock = threading.Lock()
        self.watcher: threading.Thread | None = None

    def watch(self) -> None:
        """Have it looked at from now on; again in a process that was forked off."""
        with self.lock:
            if self.watcher is None or not self.watcher.is_alive():
                self.watcher = threading.Thread(
                    target=self._keep_looking, name=self.alias, daemon=True
                )
                self.watcher.start()

    def lag(self) -> float:
        """How many seconds it is behind at most; infinite while that is not known."""
        return float("inf") if self.is_lost else monotonic() - self.complete_to

    def may_be_asked(self) -> bool:
        """Whether it is known to be near enough to the primary."""
        return self.lag() <= self.most_lag

    def failed(self, error: Error) -> None:
        """Leave it alone for a while. Said once, until it answers again."""
        with self.lock:
            was_lost, self.is_lost = self.is_lost, True
            self.rests_until = monotonic() + REST_SECONDS
        if not was_lost:
            metrics.REPLICA_LOST.labels(self.alias).inc()
            why = " ".join(str(error).split())
            logger.warning("%s does not answer, the primary does: %s", self.alias, why)

    # ------------------------------------------------------------ the thread

    def _keep_looking(self) -> None:
        pause = threading.Event()
        while True:
            if monotonic() >= self.rests_until:
                try:
                    self.look()
                except Error as error:
                    self.failed(error)
                finally:
                    connections.close_all()
                metrics.REPLICA_LAG.labels(self.alias).set(self.lag())
            pause.wait(LOOK_SECONDS)

    def look(self) -> None:
        """See how far behind it is. Raises what the database raises when it does not answer."""
        with suppress(Error):  # without the primary nothing is answered anyway
            self.flushed.append((monotonic(), ask(DEFAULT_DB_ALIAS, FLUSHED)))
        if self.is_lost:
            self._reconnect()
        replayed = ask(self.alias, REPLAYED)
        if replayed is None:
            raise OperationalError("it is no replica, or no longer one")
        if self.is_lost:
            self.is_lost = False
            logger.warning("%s answers again", self.alias)
        reached = [at for at, position in self.flushed if position <= replayed]
        self.complete_to = max(reached, default=float("-inf"))

    def _reconnect(self) -> None:
        """See without the pool, which logs each try, whether it accepts connections again.

        Those that the pool has kept may be broken, and would fail one by one.
        """
        database: Any = connections[self.alias]
        with database.wrap_database_errors:
            database.Database.connect(**database.get_connection_params()).close()
        database.pool.drain()


def ask(alias: str, question: str) -> Any:
    """The one value that a database answers."""
    with connections[alias].cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


REPLICAS = tuple(
    Replica(alias, most_lag=settings.DATABASE_REPLICA_MOST_LAG_SECONDS)
    for alias in settings.DATABASE_REPLICAS
)


def watched() -> tuple[Replica, ...]:
    """The configured replicas, which are looked at from now on."""
    for replica in REPLICAS:
        replica.watch()
    return REPLICAS


class Router:
    """Sends what may be stale to a replica, and everything else to the primary."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """The primary, or for a ReplicaRead what was chosen for it."""
        reading = replicas.current.get()
        if reading is None:
            return DEFAULT_DB_ALIAS
        if not reading.database:
            self.choose_for(reading)
        return reading.database

    def choose_for(self, reading: replicas.ReplicaRead) -> None:
        """Any replica that is near enough, or else the primary."""
        near = [replica for replica in watched() if replica.may_be_asked()]
        if near:
            chosen = random.choice(near)
            reading.database, reading.failed = chosen.alias, chosen.failed
        else:
            reading.database = DEFAULT_DB_ALIAS
        metrics.STALE_READS.labels(reading.database).inc()

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        """The primary."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        """They are rows of one database, wherever they were read."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Replicas get their tables from the primary."""
        return db == DEFAULT_DB_ALIAS
