"""Making requests, right ones and wrong ones, sending them, and keeping what came back."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from consumer import calls
from consumer.check.exchange import Answered, Exchange
from consumer.errors import ConsumerError
from consumer.identity import Identity, Provider
from consumer.interactions import Interaction
from consumer.transport import Request, Transport

Send = Callable[[Request], Answered]


def over(transport: Transport) -> Send:
    """Sending over the network; that no answer came is an answer, too."""

    def send(request: Request) -> Answered:
        try:
            answer = transport.send(request)
        except ConsumerError as error:
            return Answered(0, fault=error.why)
        return Answered(answer.status, dict(answer.headers), answer.body)

    return send


def at_once(calls: Sequence[Callable[[], Exchange]]) -> list[Exchange]:
    """Make several calls as nearly at the same moment as threads can."""
    start = threading.Barrier(len(calls))

    def go(call: Callable[[], Exchange]) -> Exchange:
        start.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(go, calls))


class Wire:
    """The way to one provider. ``seen`` is every exchange so far, in the order of the answers."""

    def __init__(
        self,
        provider: Provider,
        identity: Identity,
        send: Send,
        *,
        together: Callable[[Sequence[Callable[[], Exchange]]], list[Exchange]] = at_once,
    ) -> None:
        self.provider, self.identity = provider, identity
        self.send, self.together = send, together
        self.seen: list[Exchange] = []

    def prepare(
        self,
        interaction: Interaction,
        logical_id: str = "",
        *,
        path: str | None = None,
        body: Any = b"",
        root: str | None = None,
        **given: Any,
    ) -> Request:
        """A request of an interaction, with whatever of it is to be different.

        ``path`` is below the service root, ``root`` another service root; ``body`` a dict, or
        bytes as they are; all else as ``calls.prepare`` takes it.
        """
        request = calls.prepare(
            self.identity,
            self.provider,
            interaction,
            interaction.path_for(logical_id) if path is None else path,
            body=body if isinstance(body, bytes) else as_json(body),
            **given,
        )
        if root is not None:
            below = request.url.removeprefix(self.provider.address)
            request = replace(request, url=root + below)
        return request

    def ask(self, interaction: Interaction, logical_id: str = "", **given: Any) -> Exchange:
        """Send a request as ``prepare`` makes it."""
        return self.pass_on(self.prepare(interaction, logical_id, **given))

    def pass_on(self, request: Request) -> Exchange:
        """Send a request that is ready, and keep the exchange."""
        exchange = Exchange(0, request.what, request, self.send(request))
        self.seen.append(exchange)
        exchange.number = len(self.seen)
        return exchange


def as_json(body: Mapping[str, Any]) -> bytes:
    """A resource as JSON, letters of all languages as they are."""
    return json.dumps(body, ensure_ascii=False).encode()
