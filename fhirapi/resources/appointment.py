"""Appointment: what is sent, and what is understood of a booking.

What an amendment or a cancellation may change stands in appointment_changes, the organisation that
books in booking_organisation.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypedDict

import orjson

from fhirapi import conformance
from fhirapi.errors import check_resource, refuse_resource
from fhirapi.resources import booking_organisation
from fhirapi.resources.booking_organisation import BOOKING_ORGANISATION
from fhirapi.resources.common import (
    STRUCTURES,
    Element,
    extensions,
    identifier,
    logical_id,
    meta,
    prune,
    reference,
    uk_time,
)
from fhirapi.resources.schedule import PRACTITIONER_ROLE, practitioner_role
from fhirapi.resources.slot import DELIVERY_CHANNEL, delivery_channel
from practice import terminology
from practice.models import Appointment
from practice.reads.appointments import AppointmentRow
from practice.services.appointments.booking import (
    COMMENT_LENGTH,
    DESCRIPTION_LENGTH,
    BookingOrganisation,
    Referred,
)

PROFILE = f"{STRUCTURES}/GPConnect-Appointment-1"
CANCELLATION_REASON = f"{STRUCTURES}/Extension-GPConnect-AppointmentCancellationReason-1"


# ---------------------------------------------------------------- what is sent


def render(row: AppointmentRow, slots: Sequence[int], *, with_service: bool = False) -> Element:
    """A row and the ids of its slots as GPConnect-Appointment-1.

    Place, words, role and channel are those of the booking; the practitioner is the session's
    current one (READ-028), and so is the service, where that is shown (SF-026).
    """
    contained = _contained(row)
    rendered = prune(
        {
            "resourceType": "Appointment",
            "id": str(row.pk),
            "meta": meta(PROFILE, row.version),
            "contained": ["its place"] if contained else None,
            "extension": list(_extensions(row, contained)),
            # Spelled out: PostgreSQL keeps the members of JSON in an order of its own.
            "identifier": [identifier(each["system"], each["value"]) for each in row.identifiers],
            "status": row.status,
            "serviceCategory": {"text": row.session_name},
            "serviceType": [{"text": row.slot_type}],
            "priority": row.priority,
            "description": row.description,
            "start": uk_time(row.start),
            "end": uk_time(row.end),
            "minutesDuration": max(1, int((row.end - row.start).total_seconds() // 60)),
            "slot": [reference("Slot", slot) for slot in slots],
            "created": uk_time(row.created),
            "comment": row.comment,
            "participant": [
                {"actor": reference(kind, actor), "status": "accepted"}
                for kind, actor in (
                    ("Patient", row.patient_id),
                    ("Location", row.location_id),
                    ("Practitioner", row.session_holder_id),
                    ("HealthcareService", row.healthcare_service_id if with_service else None),
                )
                if actor is not None
            ],
        }
    )
    if contained:
        rendered["contained"] = [contained]  # as it was sent: a null in it may keep a place
    return rendered


def _contained(row: AppointmentRow) -> Element | None:
    """The organisation that booked, if another one did."""
    found: Element | None = None
    if row.booking_organisation_json:
        found = orjson.loads(row.booking_organisation_json)
    return found


def _extensions(row: AppointmentRow, contained: Element | None) -> Iterator[Element]:
    if contained:
        link = {"reference": f"#{contained['id']}"}
        yield {"url": BOOKING_ORGANISATION, "valueReference": link}
    if row.cancellation_reason:
        yield {"url": CANCELLATION_REASON, "valueString": row.cancellation_reason}
    if row.practitioner_role:
        yield practitioner_role(row.practitioner_role)
    if row.delivery_channel:
        yield delivery_channel(row.delivery_channel)


# ---------------------------------------------------------------- what is understood


class Booking(TypedDict):
    """The arguments of ``book_appointment`` that a consumer decides."""

    patient_id: int
    location_id: int
    practitioner_id: int | None
    references: list[Referred]
    slot_ids: list[int]
    start: datetime
    end: datetime
    created: datetime
    description: str
    comment: str
    priority: int | None
    identifiers: list[dict[str, str]]
    booking_organisation: BookingOrganisation


class Texts(TypedDict):
    """What an amendment may change."""

    description: str
    comment: str


# By the page (BOOK-016, BOOK-017) or by the profile (BOOK-018), and what a reader must not ignore.
FORBIDDEN_ELEMENTS = (
    "reason",
    "specialty",
    "appointmentType",
    "indication",
    "supportingInformation",
    "incomingReferral",
    "requestedPeriod",
    "modifierExtension",
)
# The profile admits these too. The practice holds none, so none can be found (BOOK-056), but its
# services while it filters by them (GP Connect 1.2.8).
ACTORS_HELD = ("Patient", "Location", "Practitioner")
ACTORS_NOT_HELD = ("RelatedPerson", "HealthcareService", "Device")
# Before it, London's offset from UTC was not one that can be written as GEN-130 wants.
EARLIEST_YEAR = 1900


def parse(body: Element) -> Booking:
    """What a valid STU3 Appointment asks to be booked; INVALID_RESOURCE for what is forbidden.

    A reference that cannot exist here becomes NO_SUCH_ID, for the service to miss.
    """
    check_form(body)
    if body.get("status") != Appointment.Status.BOOKED:
        refuse_resource("Appointment.status must be booked.")
    if extensions(body, CANCELLATION_REASON):
        refuse_resource("A booking has no cancellation reason.")
    if "created" not in body:
        refuse_resource("Appointment.created is required.")
    created = parse_instant(body["created"], "Appointment.created")
    if created.year < EARLIEST_YEAR:
        refuse_resource(f"Appointment.created must not lie before {EARLIEST_YEAR}.")
    actors = actors_of(body)
    return {
        "booking_organisation": booking_organisation.parse(body),
        "patient_id": one_actor(actors, "Patient"),
        "location_id": one_actor(actors, "Location"),
        "practitioner_id": practitioner_of(actors),
        "references": [
            *booking_organisation.references(body),
            *(
                Referred("A participant", kind, pk)
                for kind in ACTORS_NOT_HELD
                for pk in actors.get(kind, [])
            ),
        ],
        "slot_ids": [parse_reference(slot, "Slot", "Appointment.slot") for slot in body["slot"]],
        "start": parse_instant(body["start"], "Appointment.start"),
        "end": parse_instant(body["end"], "Appointment.end"),
        "created": created,
        "identifiers": identifiers_of(body),
        "priority": body.get("priority"),
        **texts(body),
    }


# ---------------------------------------------------------------- the parts of a request


def check_form(body: Element) -> None:
    """Refuse what the profile refuses, whichever interaction it comes with."""
    if PROFILE not in body.get("meta", {}).get("profile", []):
        refuse_resource(f"Appointment.meta.profile must contain {PROFILE}.")
    check_resource(conformance.sentences(body))
    check_resource(
        [f"Appointment.{name} must not be sent." for name in FORBIDDEN_ELEMENTS if name in body]
    )
    required = ("status", "description", "start", "end", "slot", "participant")
    check_resource([f"Appointment.{name} is required." for name in required if not body.get(name)])
    if body["status"] not in terminology.value_set("appointment_status").codes:
        refuse_resource("Appointment.status is not a code of its list.")
    statuses = terminology.value_set("participation_status").codes
    for index, participant in enumerate(body["participant"]):
        if participant.get("status") not in statuses:
            refuse_resource(f"Appointment.participant[{index}].status is not a code of its list.")
    for url in (BOOKING_ORGANISATION, CANCELLATION_REASON, DELIVERY_CHANNEL):
        if len(extensions(body, url)) > 1:
            refuse_resource(f"The extension {url} must not be repeated.")
    check_resource(list(code_problems(body)))
    identifiers_of(body)
    texts(body)


def code_problems(body: Element) -> Iterator[str]:
    """The codes of channel and role are of their lists, although the slot's own are kept."""
    channels = terminology.value_set("delivery_channel").codes
    roles = terminology.value_set("sds_job_role_name")
    for index, extension in enumerate(body.get("extension", [])):
        path, url = f"Appointment.extension[{index}]", extension.get("url")
        if url == DELIVERY_CHANNEL and extension.get("valueCode") not in channels:
            yield f"{path}.valueCode is not a code of its list."
        if url == PRACTITIONER_ROLE:
            codings = extension.get("valueCodeableConcept", {}).get("coding", [])
            for at, coding in enumerate(codings):
                if coding.get("system") == roles.system and coding.get("code") not in roles.codes:
                    concept = f"{path}.valueCodeableConcept.coding[{at}]"
                    yield f"{concept}.code is not a code of its list."


def texts(body: Element) -> Texts:
    """Description and comment, never cut (BOOK-081)."""
    description, comment = body["description"], body.get("comment", "")
    if len(description) > DESCRIPTION_LENGTH:
        refuse_resource(
            f"Appointment.description may have at most {DESCRIPTION_LENGTH} characters."
        )
    if len(comment) > COMMENT_LENGTH:
        refuse_resource(f"Appointment.comment may have at most {COMMENT_LENGTH} characters.")
    return {"description": description, "comment": comment}


def identifiers_of(body: Element) -> list[dict[str, str]]:
    """Business identifiers: system and value, nothing else (BOOK-021, GEN-146)."""
    found = []
    for index, sent in enumerate(body.get("identifier", [])):
        if not sent.get("system") or not sent.get("value"):
            refuse_resource(f"Appointment.identifier[{index}] needs a system and a value.")
        if prohibited := {"use", "type", "period", "assigner"} & sent.keys():
            refuse_resource(f"Appointment.identifier[{index}].{min(prohibited)} must not be sent.")
        found.append(identifier(sent["system"], sent["value"]))
    return found


def parse_instant(text: str, name: str) -> datetime:
    """A date and time with its offset, whatever the offset and the digits after the second.

    Libraries of consumers write up to seven such digits, and ``Z`` (BOOK-022, DEC-062).
    """
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    try:
        if match:
            fraction = (match[2] or ".0")[:7]
            return datetime.fromisoformat(f"{match[1]}{fraction:0<7}{match[3]}").astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    refuse_resource(f"{name} must be a date and time with its offset from UTC.")


def parse_reference(element: Element, kind: str, name: str) -> int:
    """The logical id in a relative reference to a resource of one type (GEN-023, GEN-024)."""
    text = element.get("reference") or ""
    match = re.fullmatch(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})", text)
    if not match or match[1] != kind:
        refuse_resource(f"{name} must hold a relative reference to a {kind}.")
    return logical_id(match[2])


def actors_of(body: Element) -> dict[str, list[int]]:
    """The ids of the participants by their type."""
    actors: dict[str, list[int]] = {}
    for index, participant in enumerate(body["participant"]):
        name = f"Appointment.participant[{index}].actor"
        text = participant.get("actor", {}).get("reference") or ""
        kind = text.partition("/")[0]
        if kind not in ACTORS_HELD + ACTORS_NOT_HELD:
            refuse_resource(
                f"{name} must hold a relative reference to a Patient, Location or Practitioner."
            )
        pk = parse_reference(participant["actor"], kind, name)
        actors.setdefault(kind, []).append(pk)
    return actors


def one_actor(actors: dict[str, list[int]], kind: str) -> int:
    """The id of the one participant of a type; none or several are refused."""
    found = actors.get(kind, [])
    if len(found) != 1:
        refuse_resource(f"Appointment.participant must contain exactly one {kind}.")
    return found[0]


def practitioner_of(actors: dict[str, list[int]]) -> int | None:
    """The one practitioner, if any."""
    found = actors.get("Practitioner", [])
    if len(found) > 1:
        refuse_resource("Appointment.participant may contain one Practitioner only.")
    return found[0] if found else None
