"""A database that is away, for tests that have one."""

import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from psycopg_pool import PoolTimeout

from practice.db import availability


class InVain:
    """Stands in for a first query: waits, and gets no connection. ``waited`` grows with each."""

    def __init__(self) -> None:
        self.waited: list[int] = []

    def __call__(self, *_: Any) -> Any:
        self.waited.append(1)
        raise OperationalError("couldn't get a connection") from PoolTimeout()


class Away:
    """Stands in for the prober's question: no answer before ``is_over``. ``asked`` counts."""

    def __init__(self) -> None:
        self.is_over = False
        self.asked = 0
        self.outage = availability.Outage(self)
        self.outage.PAUSE_SECONDS = 0.01  # type: ignore[misc]

    def __call__(self) -> None:
        self.asked += 1
        if not self.is_over:
            raise OperationalError("connection refused")

    def end(self) -> None:
        """The database is back, and this process has noticed."""
        self.is_over = True
        wait_until(lambda: self.outage.prober is None)


def wait_until(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Return as soon as a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)
