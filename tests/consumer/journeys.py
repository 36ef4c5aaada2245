"""What unmodified clients do, whatever their language: where, with which headers and bodies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from consumer import bodies, calls, times, tokens
from consumer.identity import Provider
from consumer.interactions import Interaction
from consumer.proxy import Proxy
from consumer.resources import CANCELLATION_REASON, read_slots
from consumer.transport import Transport
from tests.consumer.here import ME

DAYS = timedelta(days=13)


@contextmanager
def proxied(there: Provider) -> Iterator[Proxy]:
    """The local proxy before a provider."""
    with Transport() as transport, Proxy(ME, there, transport) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


@dataclass(frozen=True)
class Way:
    """How a client comes to the provider: the address, and what it must send for that."""

    address: str
    there: Provider
    is_direct: bool

    def headers(self, interaction: Interaction) -> dict[str, str]:
        """None through the proxy."""
        if not self.is_direct:
            return {}
        token = tokens.make(ME, scope=interaction.scope, audience=self.there.audience)
        return calls.ssp_headers(ME, self.there, interaction, token=token)


def days() -> tuple[str, str]:
    """From today, two weeks."""
    return times.today().isoformat(), (times.today() + DAYS).isoformat()


def search_query() -> dict[str, str]:
    """What a search must say, and nothing else."""
    start, end = days()
    return {
        "start": f"ge{start}",
        "end": f"le{end}",
        "status": "free",
        "_include": "Slot:schedule",
    }


def booking(bundle: dict, patient_id: object, description: str) -> dict:
    """The booking of the first slot of an answer."""
    slot = read_slots(bundle).slots[0]
    return bodies.booking(ME.organisation, str(patient_id), [slot], description=description)


def cancelled(appointment: dict, reason: str) -> dict:
    """The same appointment, as it is sent to be cancelled."""
    extensions = [*appointment["extension"], {"url": CANCELLATION_REASON, "valueString": reason}]
    return {**appointment, "status": "cancelled", "extension": extensions}
