"""Reads that may be a moment old, and so may be answered by a replica.

Every other query is answered by the primary database, and sees what was written just before. Which
replica answers is chosen by a database router (config.replicas).
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from django.db import Error

Result = TypeVar("Result")


@dataclass
class ReplicaRead:
    """One read that may be stale. At its first query a router chooses who answers all of it.

    ``database`` is the one chosen. ``failed`` is called with the error if it could not answer; it
    is None where the primary was chosen, and there is no other to ask.
    """

    database: str = ""
    failed: Callable[[Error], None] | None = None


current: ContextVar[ReplicaRead | None] = ContextVar("replica_read", default=None)


def from_replica(read: Callable[[], Result]) -> Result:
    """Return what ``read`` returns, which may be a moment old.

    ``read`` changes nothing and leaves no query for later: where a copy of the database fails it is
    called once more, and the primary answers.
    """
    reading = ReplicaRead()
    token = current.set(reading)
    try:
        return read()
    except Error as error:
        if reading.failed is None:
            raise
        reading.failed(error)
    finally:
        current.reset(token)
    return read()
