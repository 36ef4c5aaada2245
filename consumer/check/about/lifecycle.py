"""The life of an appointment: search, book, read, retrieve, amend, cancel, and the slot is free."""

from collections.abc import Iterator
from typing import Any

from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, answered, check, refused
from consumer.check.codes import DUPLICATE_REJECTED, INVALID_RESOURCE, VERSION_CONFLICT
from consumer.check.exchange import Exchange
from consumer.check.journey import AMENDED, journey
from consumer.check.kit import Kit, instant, schedule_of

# ---------------------------------------------------------------- booking


@check(
    "book.created",
    "A right booking of a free slot is answered with 201 and the Appointment",
    *("BOOK-100", "BOOK-103", "GEN-098", "SSP-030"),
)
def is_booked(kit: Kit) -> Iterator[Problem]:
    return answered(journey(kit).at("booked"), 201, "Appointment")


@check(
    "book.content",
    "The booking comes back as it was sent: times, slot, texts, people",
    *("BOOK-080", "BOOK-082", "BOOK-109", "BOOK-111", "BOOK-062"),
)
def comes_back(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("booked")
    came, sent = exchange.resource, kit.body(trip.slot)
    for name in ("status", "description", "comment"):
        if came.get(name) != sent[name]:
            yield Problem(f"{name} is {came.get(name)!r}, not {sent[name]!r}", exchange)
    for name in ("start", "end", "created"):
        if instant(came.get(name)) != instant(sent[name]):
            yield Problem(f"{name} is {came.get(name)!r}, not {sent[name]!r}", exchange)
    if came.get("slot", [{}])[0].get("reference") != sent["slot"][0]["reference"]:
        yield Problem(f"slot is {came.get('slot')}", exchange)
    actors = [each.get("actor", {}).get("reference") for each in came.get("participant", [])]
    for each in sent["participant"]:
        if each["actor"]["reference"] not in actors:
            yield Problem(f"participant lacks {each['actor']['reference']}", exchange)


@check(
    "book.organisation",
    "The booking organisation comes back as it was sent",
    *("BOOK-038", "BOOK-107", "GEN-138"),
)
def organisation_comes_back(kit: Kit) -> Iterator[Problem]:
    exchange = journey(kit).at("booked")
    sent = kit.booking_organisation()
    held = [
        each
        for each in exchange.resource.get("contained") or []
        if each.get("resourceType") == "Organization"
    ]
    named = [
        each
        for each in exchange.resource.get("extension") or []
        if each.get("url") == codes.BOOKING_ORGANISATION
    ]
    if not held or not named:
        yield Problem("the contained Organization, or the extension for it, is missing", exchange)
        return
    for name in ("name", "identifier", "telecom", "type"):
        if name in sent and not covers(held[0].get(name), sent[name]):
            yield Problem(f"its {name} is {held[0].get(name)!r}, not {sent[name]!r}", exchange)


def covers(came: Any, sent: Any) -> bool:
    """Whether an answer holds everything that was sent, whatever it has besides."""
    if isinstance(sent, dict):
        return isinstance(came, dict) and all(covers(came.get(k), v) for k, v in sent.items())
    if isinstance(sent, list):
        return isinstance(came, list) and all(any(covers(c, s) for c in came) for s in sent)
    return bool(came == sent)


def from_slot(kit: Kit, appointment: dict[str, Any]) -> Iterator[str]:
    """What an appointment has not taken over from its slot and session, as sentences."""
    slot = journey(kit).slot
    session = schedule_of(slot, kit.found)
    if [each.get("text") for each in appointment.get("serviceType") or []] != [
        each.get("text") for each in slot.get("serviceType") or []
    ]:
        yield f"serviceType is {appointment.get('serviceType')!r}, not the slot's"
    for url, value, source in (
        (codes.DELIVERY_CHANNEL, "valueCode", slot),
        (codes.PRACTITIONER_ROLE, "valueCodeableConcept", session),
    ):
        if extension(source, url, value) and not covers(
            extension(appointment, url, value), extension(source, url, value)
        ):
            yield f"{url.rsplit('/', 1)[-1]} is not the slot's"
    category = (session.get("serviceCategory") or {}).get("text")
    if category and (appointment.get("serviceCategory") or {}).get("text") != category:
        yield f"serviceCategory.text is not the session's, {category!r}"


def extension(resource: dict[str, Any], url: str, value: str) -> Any:
    for each in resource.get("extension") or []:
        if isinstance(each, dict) and each.get("url") == url:
            return each.get(value)
    return None


@check(
    "book.derived",
    "Slot type, session type, delivery channel and role come from the slot and its session",
    *("BOOK-104", "BOOK-105", "BOOK-106"),
)
def takes_over(kit: Kit) -> Iterator[Problem]:
    exchange = journey(kit).at("booked")
    for words in from_slot(kit, exchange.resource):
        yield Problem(words, exchange)


def is_offered(kit: Kit, step: str) -> bool:
    trip = journey(kit)
    slot = trip.slot.get("id")
    return slot in [each.get("id") for each in trip.at(step).of_type("Slot")]


@check(
    "book.slot-gone",
    "A slot that was booked is found no more",
    *("BOOK-074", "GEN-164", "SLOT-051"),
)
def slot_is_gone(kit: Kit) -> Iterator[Problem]:
    exchange = journey(kit).at("searched")
    yield from answered(exchange, 200, "Bundle")
    if is_offered(kit, "searched"):
        yield Problem("the slot is still offered", exchange)


@check("book.taken", "A slot that is booked cannot be booked again", "BOOK-061", "ERR-031")
def slot_is_taken(kit: Kit) -> Iterator[Problem]:
    return refused(journey(kit).at("taken"), DUPLICATE_REJECTED)


# ---------------------------------------------------------------- reading


def same_as(exchange: Exchange, other: Exchange, came: dict[str, Any]) -> Iterator[Problem]:
    """What of an appointment differs from what another answer showed."""
    for name in sorted(set(came) | set(other.resource)):
        if came.get(name) != other.resource.get(name):
            words = f"{name} is {came.get(name)!r}, it was {other.resource.get(name)!r}"
            yield Problem(f"{words} (exchange {other.number})", exchange)


@check(
    "read.same",
    "The appointment that was booked can be read, and is the same",
    *("READ-001", "READ-020", "GEN-020", "SSP-031"),
)
def reads_the_same(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("read")
    yield from answered(exchange, 200, "Appointment")
    if exchange.kind == "Appointment":
        yield from same_as(exchange, trip.done["booked"], exchange.resource)


@check(
    "retrieve.same",
    "The appointment is among the patient's of its day, and is the same as when read",
    *("RETR-030", "RETR-031", "READ-029", "SSP-034"),
)
def retrieves_the_same(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("retrieved")
    yield from answered(exchange, 200, "Bundle")
    found = [each for each in exchange.of_type("Appointment") if each.get("id") == trip.id]
    if not found:
        yield Problem(f"Appointment/{trip.id} is not there", exchange)
        return
    yield from same_as(exchange, trip.done["read"], found[0])


@check(
    "retrieve.only",
    "What is retrieved are this patient's appointments of the days asked for, and nothing else",
    *("RETR-031", "RETR-032", "RETR-037"),
)
def retrieves_nothing_else(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("retrieved")
    day = str(trip.booked.get("start"))[:10]
    for each in exchange.entries:
        name = f"{each.get('resourceType')}/{each.get('id')}"
        if each.get("resourceType") != "Appointment":
            yield Problem(f"{name} is no Appointment", exchange)
        elif str(each.get("start"))[:10] != day:
            yield Problem(f"{name} begins on another day: {each.get('start')}", exchange)
        elif f"Patient/{kit.patient_id}" not in [
            actor.get("actor", {}).get("reference") for actor in each.get("participant", [])
        ]:
            yield Problem(f"{name} is another patient's", exchange)


# ---------------------------------------------------------------- amending


@check(
    "amend.changed",
    "Description and comment can be amended; the answer shows the new texts and a new version",
    *("AMEND-001", "AMEND-040", "AMEND-041", "GEN-032", "SSP-032"),
)
def is_amended(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("amended")
    yield from answered(exchange, 200, "Appointment")
    if exchange.status != 200:
        return
    if exchange.resource.get("description") != f"{kit.mark} {AMENDED}":
        yield Problem(f"description is {exchange.resource.get('description')!r}", exchange)
    if exchange.resource.get("comment") != AMENDED:
        yield Problem(f"comment is {exchange.resource.get('comment')!r}", exchange)
    if exchange.version == trip.done["booked"].version:
        yield Problem(f"the version is {exchange.version!r}, as before", exchange)


@check(
    "amend.kept",
    "What was amended is read so afterwards, and all else is as it was",
    *("AMEND-040", "AMEND-044", "AMEND-010"),
)
def amendment_is_kept(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("read amended")
    yield from answered(exchange, 200, "Appointment")
    came, before = exchange.resource, trip.booked
    if came.get("description") != f"{kit.mark} {AMENDED}":
        yield Problem(f"description is {came.get('description')!r}", exchange)
    for name in sorted((set(came) | set(before)) - {"meta", "description", "comment"}):
        if came.get(name) != before.get(name):
            words = f"{name} is {came.get(name)!r}, it was {before.get(name)!r}"
            yield Problem(words, exchange)


@check(
    "amend.stale",
    "An amendment from an old version (If-Match) is refused, and changes nothing",
    *("AMEND-013", "AMEND-023", "GEN-093", "GEN-092"),
)
def old_copies_are_refused(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    unchanged(kit)
    yield from refused_as_conflict(trip.done["amended stale"])
    came, before = trip.done["read unchanged"], trip.done["read amended"]
    if came.resource.get("description") != before.resource.get("description"):
        yield Problem(f"description is {came.resource.get('description')!r} now", came)


def unchanged(kit: Kit) -> None:
    """Go on to the step behind the stale ones; both need an amendment that made a new version."""
    trip = journey(kit)
    trip.at("read unchanged")
    if trip.done["amended"].version == trip.done["booked"].version:
        raise NotSeen("no new version was made (see amend.changed)")


def refused_as_conflict(exchange: Exchange) -> Iterator[Problem]:
    """The specification has no Spine code for it: the status counts (DEC-007)."""
    if exchange.status not in (409, 412):
        yield Problem(f"expected {VERSION_CONFLICT}, came {exchange}", exchange)


@check(
    "cancel.stale",
    "A cancellation from an old version (If-Match) is refused, and changes nothing",
    *("CANC-012", "GEN-093", "GEN-092"),
)
def old_cancellations_are_refused(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    unchanged(kit)
    yield from refused_as_conflict(trip.done["cancelled stale"])
    came = trip.done["read unchanged"]
    if came.resource.get("status") != "booked":
        yield Problem(f"status is {came.resource.get('status')!r} now", came)


@check(
    "version.status",
    "A version that does not match is a 409 with the issue type conflict, not a 412",
    *("GEN-093", "GEN-094"),
)
def conflicts_are_409(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    unchanged(kit)
    for name in ("amended stale", "cancelled stale"):
        exchange = trip.done[name]
        if exchange.status != 409:
            yield Problem(f"expected 409, came {exchange}", exchange)
        elif [each.get("code") for each in exchange.issues[:1]] != ["conflict"]:
            yield Problem(f"issue.code is {exchange.issues[0].get('code')!r}", exchange)


# ---------------------------------------------------------------- cancelling


@check(
    "cancel.done",
    "A cancellation is answered with the Appointment: cancelled, the reason, a new version",
    *("CANC-001", "CANC-030", "CANC-035", "SSP-033"),
)
def is_cancelled(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    exchange = trip.at("cancelled")
    yield from answered(exchange, 200, "Appointment")
    if exchange.status == 200:
        yield from shows_cancellation(exchange, exchange.resource)
        if exchange.version == trip.done["amended"].version:
            yield Problem(f"the version is {exchange.version!r}, as before", exchange)


def shows_cancellation(exchange: Exchange, came: dict[str, Any]) -> Iterator[Problem]:
    if came.get("status") != "cancelled":
        yield Problem(f"status is {came.get('status')!r}", exchange)
    reason = extension(came, codes.CANCELLATION_REASON, "valueString")
    if reason != "Made by a check.":
        yield Problem(f"the cancellation reason is {reason!r}", exchange)


@check(
    "cancel.kept",
    "A cancelled appointment is read and retrieved as such, with its slot and times",
    *("READ-027", "RETR-034", "RETR-056", "CANC-032"),
)
def cancellation_is_kept(kit: Kit) -> Iterator[Problem]:
    trip = journey(kit)
    read, retrieved = trip.at("read cancelled"), trip.at("retrieved cancelled")
    yield from answered(read, 200, "Appointment")
    if read.kind == "Appointment":
        yield from shows_cancellation(read, read.resource)
        for name in ("slot", "start", "end"):
            if read.resource.get(name) != trip.booked.get(name):
                yield Problem(f"{name} is {read.resource.get(name)!r}", read)
    found = [each for each in retrieved.of_type("Appointment") if each.get("id") == trip.id]
    if not found:
        yield Problem("the cancelled appointment is not among the patient's", retrieved)
    for each in found:
        yield from shows_cancellation(retrieved, each)


@check(
    "cancel.slot-free",
    "The slot of a cancelled appointment is found again at once",
    *("CANC-031", "GEN-164"),
)
def slot_is_free_again(kit: Kit) -> Iterator[Problem]:
    exchange = journey(kit).at("searched again")
    yield from answered(exchange, 200, "Bundle")
    if not is_offered(kit, "searched again"):
        yield Problem("the slot is not offered", exchange)


@check("cancel.slot-bookable", "The slot can be booked again", "CANC-031")
def slot_can_be_booked_again(kit: Kit) -> Iterator[Problem]:
    return answered(journey(kit).at("booked again"), 201, "Appointment")


@check(
    "cancel.twice",
    "An appointment that is cancelled cannot be cancelled again",
    "CANC-015",
)
def is_not_cancelled_twice(kit: Kit) -> Iterator[Problem]:
    return refused(journey(kit).at("cancelled when cancelled"), INVALID_RESOURCE)


@check(
    "cancel.no-way-back",
    "An appointment that is cancelled cannot be amended",
    *("CANC-038", "AMEND-011"),
)
def is_not_amended_any_more(kit: Kit) -> Iterator[Problem]:
    return refused(journey(kit).at("amended when cancelled"), INVALID_RESOURCE)
