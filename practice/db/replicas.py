"""Reads that may be a moment old.

Every query is answered by the primary database, and so sees what was written just before. Only what
is read through ``from_replica`` may come from a copy of it; which one is for a database router to
say (config.replicas).
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from django.db import Error

Result = TypeVar("Result")


@dataclass
class ReplicaRead:
    """One stale read. A router chooses, at the first query, which database answers all of it.

    ``failed`` is to be told when that database could not; None where there is no other to ask.
    """

    database: str = ""
    failed: Callable[[Error], None] | None = None


current: ContextVar[ReplicaRead | None] = ContextVar("stale_reading", default=None)


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
