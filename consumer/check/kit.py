"""What the kit has found at a provider, asked for when the first check wants it, and kept."""

import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from consumer import bodies, client, times
from consumer import interactions as gpc
from consumer.check import codes, profiles
from consumer.check.checks import NotSeen
from consumer.check.exchange import Exchange
from consumer.check.shapes import Fault, faults
from consumer.check.wire import Wire
from consumer.times import LONDON
from consumer.times import write as uk
from consumer.tokens import ABSENT

INCLUDES = client.INCLUDES[1:]  # a search always asks for the sessions, the first of them
# Not booked: it might begin while the kit is at work.
SOON = timedelta(minutes=30)

Found = TypeVar("Found")


class Kit:
    """One visit to a provider. ``days``: how far ahead it looks for slots, at most 14."""

    def __init__(
        self, wire: Wire, nhs_number: str, *, days: int = 14, now: datetime | None = None
    ) -> None:
        self.wire, self.nhs_number, self.days = wire, nhs_number, days
        self.now = now or times.now()
        self.mark = f"Conformance check {uuid.uuid4().hex[:8]}"
        self.kept: dict[str, Any] = {}
        self.standing: dict[str, Exchange] = {}  # what was booked and not cancelled yet, by id
        self.has_booked = False  # whether any booking was sent

    def once(self, name: str, make: Callable[[], Found]) -> Found:
        """What was made under a name, made when it is first asked for."""
        if name not in self.kept:
            self.kept[name] = make()
        found: Found = self.kept[name]
        return found

    @property
    def today(self) -> date:
        return self.now.astimezone(LONDON).date()

    # ------------------------------------------------ slots

    def slot_query(
        self, start: str = "", end: str = "", *, includes: Sequence[tuple[str, str]] = INCLUDES
    ) -> list[tuple[str, str]]:
        """The parameters of a right search, by default for the days ahead."""
        organisation = self.wire.identity.organisation
        filters = [(codes.ODS_CODE, organisation.ods_code)]
        if organisation.type:
            filters.append((codes.ORGANISATION_TYPE_SYSTEM, organisation.type))
        return [
            ("status", "free"),
            ("start", f"ge{start or self.today}"),
            ("end", f"le{end or self.today + timedelta(days=self.days)}"),
            ("_include", "Slot:schedule"),
            *includes,
            *(("searchFilter", f"{system}|{value}") for system, value in filters),
        ]

    def search(self, query: Any = None) -> Exchange:
        """A search for free slots, by default the widest."""
        return self.wire.ask(gpc.SEARCH_SLOTS, query=self.slot_query() if query is None else query)

    @property
    def found(self) -> Exchange:
        """The widest search, as it was answered at the beginning."""
        return self.once("search", self.search)

    @property
    def found_plainly(self) -> Exchange:
        """The same search without people and places."""
        return self.once("plain search", lambda: self.search(self.slot_query(includes=())))

    def offered(self) -> list[dict[str, Any]]:
        """The slots that were found and do not begin soon, the last first."""
        wanted = [each for each in self.found.of_type("Slot") if begins(each) > self.now + SOON]
        return sorted(wanted, key=begins, reverse=True)

    def slots(self) -> list[dict[str, Any]]:
        """The same, but for those that the kit holds at the moment."""
        held = {
            reference
            for exchange in self.standing.values()
            for reference in references(json.loads(exchange.sent.body).get("slot"))
        }
        return [each for each in self.offered() if f"Slot/{each.get('id')}" not in held]

    def some_slots(self) -> list[dict[str, Any]]:
        """The same; NotSeen if there are none."""
        found = self.slots()
        if not found:
            raise NotSeen(f"no free slot is offered in the next {self.days} days")
        return found

    def free_slot(self) -> dict[str, Any]:
        """A slot that is free, for a booking that is to be refused for another reason."""
        return self.some_slots()[0]

    def location_of(self, slot: dict[str, Any], found: Exchange | None = None) -> str:
        """The reference to the place of a slot's session; ``found`` if not by the widest search."""
        for actor in schedule_of(slot, found or self.found).get("actor", []):
            if str(actor.get("reference")).startswith("Location/"):
                return str(actor["reference"])
        raise NotSeen("no slot was found whose Schedule and Location are known")

    # ------------------------------------------------ people and places

    def find_patient(self, number: str | None = None, **given: Any) -> Exchange:
        identifier = f"{codes.NHS_NUMBER}|{number or self.nhs_number}"
        return self.wire.ask(gpc.FIND_PATIENT, query=[("identifier", identifier)], **given)

    @property
    def patient_found(self) -> Exchange:
        return self.once("find patient", self.find_patient)

    @property
    def patient_id(self) -> str:
        for patient in self.patient_found.of_type("Patient"):
            if isinstance(patient.get("id"), str):
                return str(patient["id"])
        raise NotSeen("the test patient was not found by the NHS number given")

    @property
    def patient_read(self) -> Exchange:
        return self.once("read patient", lambda: self.wire.ask(gpc.READ_PATIENT, self.patient_id))

    def referred(self, kind: str) -> str:
        """The id of a resource of a kind that the search or the patient refers to."""
        for each in [*self.found.entries, *self.patient_found.entries]:
            for reference in references(each):
                if reference.startswith(f"{kind}/"):
                    return reference.split("/")[1]
        raise NotSeen(f"nothing that was found refers to a {kind}")

    @property
    def practitioner_read(self) -> Exchange:
        return self._read(gpc.READ_PRACTITIONER, "Practitioner")

    @property
    def location_read(self) -> Exchange:
        return self._read(gpc.READ_LOCATION, "Location")

    @property
    def organisation_read(self) -> Exchange:
        return self._read(gpc.READ_ORGANISATION, "Organization")

    def _read(self, interaction: gpc.Interaction, kind: str) -> Exchange:
        return self.once(f"read {kind}", lambda: self.wire.ask(interaction, self.referred(kind)))

    @property
    def metadata(self) -> Exchange:
        return self.once("metadata", lambda: self.wire.ask(gpc.READ_METADATA))

    # ------------------------------------------------ refusals

    @property
    def refusals(self) -> list[Exchange]:
        """A few refusals of different kinds, for the checks of what all have in common."""

        def provoke() -> list[Exchange]:
            ask = self.wire.ask
            narrow = [each for each in self.slot_query() if each[0] != "status"]
            return [
                ask(gpc.READ_METADATA, headers={"Ssp-TraceID": ABSENT}),
                ask(gpc.READ_APPOINTMENT, NOBODY),
                ask(gpc.SEARCH_SLOTS, query=[*narrow, ("status", "busy")]),
                ask(gpc.BOOK_APPOINTMENT, body={"resourceType": "Appointment"}),
                ask(gpc.READ_METADATA, path="/Immunization"),
            ]

        return self.once("refusals", provoke)

    # ------------------------------------------------ bookings

    def body(self, *slots: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A right booking of slots, the first first; an element changed to None is left out."""
        chosen = slots or (self.free_slot(),)
        made: dict[str, Any] = {
            "resourceType": "Appointment",
            "meta": {"profile": [codes.PROFILES["Appointment"]]},
            "contained": [self.booking_organisation()],
            "extension": [
                {"url": codes.BOOKING_ORGANISATION, "valueReference": {"reference": "#1"}}
            ],
            "status": "booked",
            "description": self.mark,
            "start": chosen[0]["start"],
            "end": chosen[-1]["end"],
            "slot": [{"reference": f"Slot/{each['id']}"} for each in chosen],
            "created": uk(self.now),
            "comment": "Made by a check, and cancelled by it.",
            **changes,
        }
        if "participant" not in made:
            made["participant"] = self.people(chosen[0])
        return {name: value for name, value in made.items() if value is not None}

    def people(self, slot: dict[str, Any], found: Exchange | None = None) -> list[dict[str, Any]]:
        """The participants of a right booking: the patient, and the slot's place."""
        return bodies.participants(f"Patient/{self.patient_id}", self.location_of(slot, found))

    def booking_organisation(self, **changes: Any) -> dict[str, Any]:
        """The contained Organization of a booking."""
        organisation = self.wire.identity.organisation
        reached = replace(organisation, telephone=organisation.telephone or "0113 496 0000")
        made = {**bodies.booking_organisation(reached), **changes}
        return {name: value for name, value in made.items() if value is not None}

    def book(self, body: dict[str, Any] | bytes, **given: Any) -> Exchange:
        """Send a booking, right or wrong; what it makes is cancelled at the end."""
        self.has_booked = True  # before it is known: whoever is interrupted has to look
        exchange = self.wire.ask(gpc.BOOK_APPOINTMENT, body=body, **given)
        if logical_id := id_of(exchange):
            self.standing[logical_id] = exchange
        return exchange

    def book_somewhere(self) -> Exchange:
        """Book a slot, and the next if somebody else was quicker."""
        exchange = None
        for slot in self.some_slots()[:3]:
            exchange = self.book(self.body(slot))
            if exchange.status != 409:
                break
        assert exchange is not None, "some_slots is never empty"
        return exchange

    @contextmanager
    def booked(self) -> Iterator[Exchange]:
        """An appointment that stands for a while, and is cancelled then."""
        exchange = self.book_for_changes()
        try:
            yield exchange
        finally:
            if exchange.resource["id"] in self.standing:
                self.cancel(exchange.resource, exchange.header("ETag"))

    def cancel(self, appointment: dict[str, Any], etag: str = "", **given: Any) -> Exchange:
        headers = {"If-Match": etag} if etag else {}
        return self.change(
            gpc.CANCEL_APPOINTMENT, appointment, headers, body=cancelled(appointment), **given
        )

    def change(
        self,
        interaction: gpc.Interaction,
        appointment: dict[str, Any],
        headers: dict[str, Any],
        *,
        body: dict[str, Any],
        **given: Any,
    ) -> Exchange:
        """Amend or cancel an appointment."""
        logical_id = str(appointment.get("id"))
        exchange = self.wire.ask(interaction, logical_id, body=body, headers=headers, **given)
        if exchange.status == 200 and exchange.resource.get("status") == "cancelled":
            self.standing.pop(logical_id, None)
        return exchange

    def book_for_changes(self) -> Exchange:
        """Book what stands until the end; NotSeen if nothing can be booked."""
        exchange = self.book_somewhere()
        if exchange.status != 201 or not exchange.resource.get("id"):
            raise NotSeen("no appointment could be booked (see book.created)")
        return exchange

    def retrieve(self, day: date | None = None, until: date | None = None) -> Exchange:
        """The patient's appointments, of one day or of all days ahead."""
        first = day or self.today
        last = until or day or self.today + timedelta(days=365)
        query = [("start", f"ge{first}"), ("start", f"le{last}")]
        return self.wire.ask(gpc.RETRIEVE_APPOINTMENTS, self.patient_id, query=query)

    # ------------------------------------------------ faults

    def faults(self, kind: str, exchanges: Sequence[Exchange]) -> list[tuple[Exchange, Fault]]:
        """What is wrong with the resources of a kind in some answers."""
        shape = profiles.SHAPES[kind]
        found = []
        for exchange in (each for each in exchanges if each.status in (200, 201)):
            for each in exchange.shown(kind):
                found += [(exchange, fault) for fault in faults(each, shape)]
        return found


def id_of(booking: Exchange) -> str:
    """The id of the appointment that a booking made: of the body, or of the Location."""
    if booking.status not in (200, 201):
        return ""
    located = re.search(r"/Appointment/([^/]+)", booking.header("Location"))
    return str(booking.resource.get("id") or (located[1] if located else ""))


# Of a form that most systems have for ids, and hardly the id of anything.
NOBODY = "999999999"


def cancelled(appointment: dict[str, Any], reason: str = "Made by a check.") -> dict[str, Any]:
    """A received appointment as it is sent back to cancel it."""
    return bodies.cancelled(appointment, reason)


def schedule_of(slot: dict[str, Any], found: Exchange) -> dict[str, Any]:
    """A slot's session in the answer to a search; empty if it is not there."""
    reference = slot.get("schedule", {}).get("reference")
    for schedule in found.of_type("Schedule"):
        if f"Schedule/{schedule.get('id')}" == reference:
            return schedule
    return {}


def begins(slot: dict[str, Any]) -> datetime:
    """When a slot begins; long ago if that cannot be read."""
    return instant(slot.get("start")) or datetime(1900, 1, 1, tzinfo=UTC)


def instant(value: Any) -> datetime | None:
    """A time as an instant; None if it is none, or has no offset."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def local_day(value: Any) -> date | None:
    """The day of a time on UK clocks."""
    found = instant(value)
    return found.astimezone(LONDON).date() if found else None


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON)


def references(value: Any) -> Iterator[str]:
    """Every reference anywhere in a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
