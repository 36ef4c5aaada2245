"""Whether to listen at all: did the proxy bring the request, and is it one too many?"""

import math
import threading
import time
from collections.abc import Hashable, Mapping

from django.conf import settings

from fhirapi.errors import ACCESS_DENIED, INVALID_RESOURCE, UNAVAILABLE, FHIRError

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
