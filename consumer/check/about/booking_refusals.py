"""Bookings that are to be refused, and leave no trace."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from consumer import bodies
from consumer import interactions as gpc
from consumer.check import codes
from consumer.check.checks import NotSeen, Problem, check, refuses
from consumer.check.codes import (
    BAD_REQUEST,
    INVALID_RESOURCE,
    REFERENCE_NOT_FOUND,
    UNSUPPORTED_FORMAT,
    Refusal,
)
from consumer.check.exchange import JSON, Exchange
from consumer.check.kit import NOBODY, Kit, begins, instant
from consumer.check.wire import as_json
from consumer.times import write as uk
from consumer.tokens import ABSENT

Body = Callable[[Kit], dict[str, Any]]


def changed(**changes: Any) -> Body:
    """A right booking but for some elements; None leaves one out."""
    return lambda kit: kit.body(**changes)


def organisation(**changes: Any) -> Body:
    """A right booking but for its contained Organization."""
    return lambda kit: kit.body(contained=[kit.booking_organisation(**changes)])


def actors(*references: str) -> Body:
    """A booking with other participants; {patient} and {location} are the right ones."""

    def make(kit: Kit) -> dict[str, Any]:
        right = {
            "patient": f"Patient/{kit.patient_id}",
            "location": kit.location_of(kit.free_slot()),
        }
        named = (each.format(**right) for each in references)
        return kit.body(participant=bodies.participants(*named))

    return make


def no_status(kit: Kit) -> dict[str, Any]:
    """A booking one of whose participants has no status."""
    body = kit.body()
    return {
        **body,
        "participant": [{"actor": body["participant"][0]["actor"]}, body["participant"][1]],
    }


def booked_for_cancelling(kit: Kit) -> dict[str, Any]:
    body = kit.body()
    reason = {"url": codes.CANCELLATION_REASON, "valueString": "None yet."}
    return {**body, "extension": [*body["extension"], reason]}


def later(kit: Kit) -> dict[str, Any]:
    """A booking that begins five minutes after its slot."""
    slot = kit.free_slot()
    return kit.body(slot, start=uk(begins(slot) + timedelta(minutes=5)))


def longer(kit: Kit) -> dict[str, Any]:
    """A booking that ends five minutes after its slot."""
    slot = kit.free_slot()
    end = instant(slot["end"])
    assert end is not None, "some_slots have times"
    return kit.body(slot, end=uk(end + timedelta(minutes=5)))


def same_slot_twice(kit: Kit) -> dict[str, Any]:
    slot = kit.free_slot()
    return kit.body(slot, slot=[{"reference": f"Slot/{slot['id']}"}] * 2)


def two_sessions(kit: Kit) -> dict[str, Any]:
    """A booking of two slots of different sessions."""
    slots = kit.some_slots()
    for other in slots:
        if other["schedule"]["reference"] != slots[0]["schedule"]["reference"]:
            return kit.body(*sorted((other, slots[0]), key=begins))
    raise NotSeen("all slots are of one session")


def with_a_gap(kit: Kit) -> dict[str, Any]:
    """A booking of two slots of one session with another between."""
    slots = kit.some_slots()
    for other in slots[1:]:
        same = other["schedule"]["reference"] == slots[0]["schedule"]["reference"]
        if same and other["end"] < slots[0]["start"]:
            return kit.body(other, slots[0])
    raise NotSeen("no session has two slots with a gap between them")


BAD = (INVALID_RESOURCE,)
# (id, sentence, requirements, how the body is made, refusals)
ROWS: tuple[tuple[str, str, str, Body, tuple[Refusal, ...]], ...] = (
    (
        *("other-type", "The body is a Patient", "BOOK-001"),
        lambda kit: {"resourceType": "Patient", "meta": {"profile": [codes.PROFILES["Patient"]]}},
        BAD,
    ),
    ("no-profile", "meta is missing", "BOOK-002 GEN-033", changed(meta=None), BAD),
    (
        *("other-profile", "meta.profile is another", "BOOK-002 GEN-033"),
        changed(meta={"profile": [codes.PROFILES["Slot"]]}),
        BAD,
    ),
    ("no-patient", "No participant is a Patient", "BOOK-003", actors("{location}"), BAD),
    ("no-location", "No participant is a Location", "BOOK-004", actors("{patient}"), BAD),
    (
        *("two-patients", "Two participants are Patients", "BOOK-005"),
        actors("{patient}", "{patient}", "{location}"),
        BAD,
    ),
    ("no-participant-status", "A participant has no status", "BOOK-008", no_status, BAD),
    ("no-start", "start is missing", "BOOK-009", changed(start=None), BAD),
    ("no-end", "end is missing", "BOOK-009", changed(end=None), BAD),
    ("no-status", "status is missing", "BOOK-010", changed(status=None), BAD),
    ("pending", "status is pending", "BOOK-010", changed(status="pending"), BAD),
    ("no-slot", "slot is missing", "BOOK-011", changed(slot=None), BAD),
    ("no-created", "created is missing", "BOOK-012", changed(created=None), BAD),
    ("no-description", "description is missing", "BOOK-013", changed(description=None), BAD),
    ("empty-description", "description is empty", "BOOK-013", changed(description=""), BAD),
    (
        *("long-description", "description has 101 characters", "BOOK-014 BOOK-081"),
        *(changed(description="d" * 101), BAD),
    ),
    (
        *("long-comment", "comment has 501 characters", "BOOK-015 BOOK-081"),
        *(changed(comment="c" * 501), BAD),
    ),
    ("reason", "reason is there", "BOOK-016", changed(reason={"text": "Cough"}), BAD),
    ("specialty", "specialty is there", "BOOK-017", changed(specialty=[{"text": "ENT"}]), BAD),
    (
        *("appointment-type", "appointmentType is there", "BOOK-018"),
        *(changed(appointmentType={"text": "Walk in"}), BAD),
    ),
    (
        *("requested-period", "requestedPeriod is there", "BOOK-018"),
        *(changed(requestedPeriod=[{"start": "2030-01-01"}]), BAD),
    ),
    (
        *("cancellation-reason", "A cancellation reason is there", "BOOK-023"),
        *(booked_for_cancelling, BAD),
    ),
    (
        *("unknown-element", "firstName is there, which FHIR does not know", "BOOK-024 GEN-079"),
        *(changed(firstName="Ada"), BAD),
    ),
    (
        *("object-for-list", "slot is an object, not a list", "BOOK-024"),
        *(changed(slot={"reference": "Slot/1"}), BAD),
    ),
    ("no-organisation", "The extension is missing", "BOOK-030", changed(extension=None), BAD),
    (
        *("dangling", "The extension refers to what is not contained", "BOOK-037"),
        *(changed(contained=None), BAD),
    ),
    (
        *("organisation-profile", "The contained Organization has no profile", "BOOK-031"),
        *(organisation(meta=None), BAD),
    ),
    (
        *("organisation-code", "The contained Organization has no ODS code", "BOOK-032"),
        *(organisation(identifier=None), BAD),
    ),
    (
        *("organisation-name", "The contained Organization has no name", "BOOK-033"),
        *(organisation(name=None), BAD),
    ),
    (
        *("organisation-telephone", "The contained Organization has no telecom", "BOOK-034"),
        *(organisation(telecom=None), BAD),
    ),
    (
        *("unknown-patient", "The Patient does not exist", "BOOK-050 GEN-026 ERR-053"),
        *(actors(f"Patient/{NOBODY}", "{location}"), (REFERENCE_NOT_FOUND,)),
    ),
    (
        *("unknown-location", "The Location does not exist", "BOOK-053 GEN-026"),
        *(actors("{patient}", f"Location/{NOBODY}"), (REFERENCE_NOT_FOUND,)),
    ),
    (
        *("unknown-practitioner", "The Practitioner does not exist", "BOOK-055"),
        actors("{patient}", "{location}", f"Practitioner/{NOBODY}"),
        (REFERENCE_NOT_FOUND,),
    ),
    (
        *("external-patient", "The Patient is at another server", "GEN-023 GEN-024"),
        actors("https://elsewhere.example/Patient/1", "{location}"),
        (INVALID_RESOURCE, REFERENCE_NOT_FOUND),
    ),
    (
        *("unknown-slot", "The slot does not exist", "BOOK-060 ERR-034"),
        *(changed(slot=[{"reference": f"Slot/{NOBODY}"}]), (REFERENCE_NOT_FOUND,)),
    ),
    ("other-start", "start is not the slot's", "BOOK-062", later, BAD),
    ("other-end", "end is not the slot's", "BOOK-062", longer, BAD),
    ("two-sessions", "The slots are of two sessions", "BOOK-064", two_sessions, BAD),
    ("gap", "The slots do not touch", "BOOK-065", with_a_gap, BAD),
    ("slot-twice", "The same slot comes twice", "BOOK-069", same_slot_twice, BAD),
)


def register() -> None:
    """Make each row a check."""
    for name, sentence, requirements, make, expected in ROWS:

        def send(kit: Kit, make: Body = make) -> Exchange:
            return kit.book(make(kit))

        refuses(f"book.refuses-{name}", sentence, requirements, *expected)(send)


register()


@refuses("book.refuses-past", "The slot is in the past", "BOOK-063", INVALID_RESOURCE)
def in_the_past(kit: Kit) -> Exchange:
    start, end = kit.today - timedelta(days=8), kit.today - timedelta(days=1)
    past = kit.search(kit.slot_query(str(start), str(end)))
    for slot in past.of_type("Slot"):
        times = {name: slot[name] for name in ("start", "end")}
        return kit.book(kit.body(**times, slot=[{"reference": f"Slot/{slot['id']}"}]))
    raise NotSeen("no free slot of the last week is found")


# ---------------------------------------------------------------- bodies that are no resource


@refuses("book.refuses-no-json", "The body is no JSON", "GEN-058 ERR-042", BAD_REQUEST)
def no_json(kit: Kit) -> Exchange:
    return kit.book(b'{"resourceType": "Appointment",')


@refuses("book.refuses-empty", "There is no body", "GEN-058 ERR-042", BAD_REQUEST)
def no_body(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.BOOK_APPOINTMENT, headers={"Content-Type": JSON}, body=b"")


@refuses(
    "book.refuses-untyped",
    "The body has no Content-Type",
    "GEN-057",
    BAD_REQUEST,
    UNSUPPORTED_FORMAT,
)
def no_content_type(kit: Kit) -> Exchange:
    return kit.book(as_json(kit.body()), headers={"Content-Type": ABSENT})


@refuses("book.refuses-text", "The Content-Type is text/plain", "GEN-056", UNSUPPORTED_FORMAT)
def other_content_type(kit: Kit) -> Exchange:
    return kit.book(as_json(kit.body()), headers={"Content-Type": "text/plain"})


# ---------------------------------------------------------------- nothing remains


@check(
    "book.no-trace",
    "A booking that was refused leaves no appointment behind, and its slot free",
    *("ERR-013", "GEN-035", "BOOK-070"),
)
def refusals_leave_no_trace(kit: Kit) -> Iterator[Problem]:
    """With a body that is right but for its description."""
    mark = f"{kit.mark} no trace"
    slot = kit.free_slot()
    tried = kit.book(kit.body(slot, description=mark, comment="c" * 501))
    if tried.status in (200, 201):
        raise NotSeen(
            "a booking with too long a comment is accepted (see book.refuses-long-comment)"
        )
    came = kit.retrieve()
    for each in came.of_type("Appointment"):
        if each.get("description") == mark:
            yield Problem(f"Appointment/{each.get('id')} is there", came)
    again = kit.search()
    if slot["id"] not in [each.get("id") for each in again.of_type("Slot")]:
        yield Problem(f"Slot/{slot['id']} is offered no more", again)
