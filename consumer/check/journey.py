"""The life of one appointment: booked, read, retrieved, amended, cancelled, its slot booked again.

Each step is done once, after all before it, when the first check asks for it.
"""

from collections.abc import Callable
from typing import Any

from consumer import interactions as gpc
from consumer.check.checks import NotSeen
from consumer.check.exchange import Exchange
from consumer.check.kit import Kit, cancelled, local_day

AMENDED = "Amended by a check."
Step = Callable[["Journey"], Exchange]


class Journey:
    """``at(name)`` is the exchange of a step."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.done: dict[str, Exchange] = {}

    def at(self, name: str) -> Exchange:
        """The exchange of a step; NotSeen if nothing could be booked."""
        for step, do in STEPS.items():
            if step not in self.done:
                self.done[step] = do(self)
            if step == name:
                break
            if step == "booked" and not self.id:
                raise NotSeen("no appointment could be booked (see book.created)")
        return self.done[name]

    @property
    def booked(self) -> dict[str, Any]:
        return self.done["booked"].resource

    @property
    def id(self) -> str:
        came = self.done["booked"]
        return str(came.resource.get("id", "")) if came.status == 201 else ""

    @property
    def slot(self) -> dict[str, Any]:
        """The slot, as the search showed it."""
        named = [each.get("reference") for each in self.booked.get("slot", [])]
        for slot in self.kit.offered():
            if f"Slot/{slot.get('id')}" in named:
                return slot
        return self.kit.free_slot()

    def latest(self, *names: str) -> dict[str, Any]:
        """The newest version that a step was answered with."""
        for name in names:
            if self.done[name].status == 200 and self.done[name].kind == "Appointment":
                return self.done[name].resource
        return self.booked

    # ------------------------------------------------ the steps

    def read(self) -> Exchange:
        return self.kit.wire.ask(gpc.READ_APPOINTMENT, self.id)

    def search(self) -> Exchange:
        """The search that found the slot, once more."""
        return self.kit.search()

    def retrieve(self) -> Exchange:
        return self.kit.retrieve(local_day(self.booked.get("start")))

    def amend(self, etag: str, words: str = AMENDED) -> Exchange:
        body = {**self.booked, "description": f"{self.kit.mark} {words}", "comment": words}
        return self.kit.change(gpc.AMEND_APPOINTMENT, self.booked, {"If-Match": etag}, body=body)

    def cancel(self, etag: str) -> Exchange:
        return self.kit.cancel(self.latest("amended"), etag)

    def amend_when_cancelled(self) -> Exchange:
        appointment = self.latest("cancelled", "amended")
        body = {**appointment, "description": f"{self.kit.mark} again"}
        return self.kit.change(gpc.AMEND_APPOINTMENT, appointment, {}, body=body)

    def cancel_when_cancelled(self) -> Exchange:
        appointment = self.latest("cancelled", "amended")
        return self.kit.change(
            gpc.CANCEL_APPOINTMENT, appointment, {}, body=cancelled(appointment, "Again.")
        )

    def book_again(self) -> Exchange:
        exchange = self.kit.book(self.kit.body(self.slot))
        if exchange.status == 201 and exchange.resource.get("id"):
            self.kit.cancel(exchange.resource, exchange.header("ETag"))
        return exchange

    def etag(self, name: str) -> str:
        """The ETag of a step, or what it should have been."""
        came = self.done[name]
        version = came.resource.get("meta", {}).get("versionId", "")
        return came.header("ETag") or f'W/"{version}"'


STEPS: dict[str, Step] = {
    "booked": lambda j: j.kit.book_somewhere(),
    "searched": Journey.search,
    "taken": lambda j: j.kit.book(j.kit.body(j.slot)),
    "read": Journey.read,
    "retrieved": Journey.retrieve,
    "amended": lambda j: j.amend(j.etag("booked")),
    "read amended": Journey.read,
    "amended stale": lambda j: j.amend(j.etag("booked"), "From an old copy."),
    "cancelled stale": lambda j: j.cancel(j.etag("booked")),
    "read unchanged": Journey.read,
    "cancelled": lambda j: j.cancel(j.etag("amended")),
    "read cancelled": Journey.read,
    "retrieved cancelled": Journey.retrieve,
    "searched again": Journey.search,
    "amended when cancelled": Journey.amend_when_cancelled,
    "cancelled when cancelled": Journey.cancel_when_cancelled,
    "booked again": Journey.book_again,
}


def journey(kit: Kit) -> Journey:
    """The journey of this visit."""
    return kit.once("journey", lambda: Journey(kit))
