"""Whether to listen at all: did the proxy bring the request, is it one too many, is it in vain?"""

import math
import threading
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection

from fhirapi.errors import (
    ACCESS_DENIED,
    INVALID_RESOURCE,
    UNAVAILABLE,
    DatabaseAway,
    FHIRError,
    is_unreachable,
)

# What nginx says of the client's certificate; it never passes on a client's own (deploy/nginx).
CLIENT_VERIFY = "X-Client-Verify"


def check_client(headers: Mapping[str, str]) -> None:
    """Refuse what did not come through the terminator with the proxy's certificate (SEC-009)."""
    if settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE and headers.get(CLIENT_VERIFY) != "SUCCESS":
        raise FHIRError(
            ACCESS_DENIED, "Requests are accepted only from the Spine Secure Proxy (certificate)."
        )


class Allowance:
    """How often each key may ask: ``per_minute`` at once, and then as fast as that is earned back.

    Kept in this process: cheap, and forgotten with it. So the limit is one for each process.
    """

    MOST_KEYS = 10_000

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, *, per_minute: int, at: float | None = None) -> float:
        """Take one from the allowance: 0 if there was one, else in how many seconds there will be.

        ``at`` is a reading of a clock that only runs forward, in seconds.
        """
        at = time.monotonic() if at is None else at
        with self.lock:
            left, since = self.left.get(key, (float(per_minute), at))
            left = min(per_minute, left + (at - since) * per_minute / 60)
            if left < 1:
                self.left[key] = left, at
                return (1 - left) * 60 / per_minute
            if len(self.left) >= self.MOST_KEYS:
                self.left.clear()
            self.left[key] = left - 1, at
            return 0


queries, commands = Allowance(), Allowance()


def check_rate(consumer: Hashable, *, is_command: bool) -> None:
    """Refuse a consumer who asks too often (SEC-022, SEC-028).

    ``consumer`` is who asks whom: one that floods a practice does not use up another's share. A
    command is refused as the catalogue says, with 422. For a query that would blame its parameters;
    503 with Retry-After is what consumers already try again after.
    """
    allowance, per_minute = (
        (commands, settings.GPCONNECT_COMMANDS_PER_MINUTE)
        if is_command
        else (queries, settings.GPCONNECT_QUERIES_PER_MINUTE)
    )
    if not per_minute:
        return
    if wait := allowance.take(consumer, per_minute=per_minute):
        raise FHIRError(
            INVALID_RESOURCE if is_command else UNAVAILABLE,
            f"More than {per_minute} {'changes' if is_command else 'queries'} in a minute were "
            "asked for by this organisation and system. Nothing was done: try again later.",
            headers={"Retry-After": str(math.ceil(wait))},
        )


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


@contextmanager
def database_within_reach() -> Iterator[None]:
    """Around a first query: raises DatabaseAway, without waiting, where it would wait in vain.

    Whoever has a connection does not wait for one, and may always ask.
    """
    if connection.connection is None and not outage.may_ask():
        raise DatabaseAway
    try:
        yield
    except OperationalError as error:
        if is_unreachable(error):
            outage.begin()
        raise
    outage.end()
