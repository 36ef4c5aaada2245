"""Appointment: what is sent, and what is understood of a booking, an amendment, a cancellation."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NoReturn, TypedDict

import orjson

from fhirapi.errors import INVALID_RESOURCE, FHIRError
from fhirapi.parsers import in_fhir_order
from fhirapi.resources import organization
from fhirapi.resources.common import (
    NO_SUCH_ID,
    ODS_CODE,
    STRUCTURES,
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
from practice.db.prepared import Numbers, Prepared
from practice.models import Appointment, AppointmentSlot
from practice.services.appointments.booking import (
    COMMENT_LENGTH,
    DESCRIPTION_LENGTH,
    BookingOrganisation,
)

PROFILE = f"{STRUCTURES}/GPConnect-Appointment-1"
BOOKING_ORGANISATION = f"{STRUCTURES}/Extension-GPConnect-BookingOrganisation-1"
CANCELLATION_REASON = f"{STRUCTURES}/Extension-GPConnect-AppointmentCancellationReason-1"

# Paths from an Appointment, for values_list and for a model at hand alike.
COLUMNS = (
    "pk",
    "version",
    "booking_organisation_json",
    "practitioner_role",
    "delivery_channel",
    "cancellation_reason",
    "identifiers",
    "status",
    "session_name",
    "slot_type",
    "priority",
    "description",
    "start",
    "end",
    "created",
    "comment",
    "patient_id",
    "location_id",
    "schedule__session_holder_id",
)
_columns_of = attrgetter(*(column.replace("__", ".") for column in COLUMNS))


# ---------------------------------------------------------------- what is sent


def row_of(appointment: Appointment) -> tuple[Any, ...]:
    """The row of COLUMNS of an appointment that is at hand, schedule included."""
    row: tuple[Any, ...] = _columns_of(appointment)
    return row


def slots_of(appointment_ids: Iterable[int]) -> dict[int, list[int]]:
    """The ids of the slots that each appointment has or, if cancelled, had, by start; one query."""
    held: dict[int, list[int]] = {}
    for appointment, slot in HELD.rows(appointments=appointment_ids):
        held.setdefault(appointment, []).append(slot)
    return held


HELD = Prepared(
    lambda: (
        AppointmentSlot.objects.filter(appointment__pk__among=Numbers("appointments"))
        .order_by("slot__start")
        .values_list("appointment", "slot")
    )
)


def render(row: tuple[Any, ...], slots: Sequence[int]) -> dict[str, Any]:
    """A row of COLUMNS and the ids of its slots as GPConnect-Appointment-1.

    Place, words, role and channel are those of the booking; the practitioner is the session's
    current one (READ-028).
    """
    (
        pk,
        version,
        booking_organisation,
        role,
        channel,
        reason,
        identifiers,
        status,
        session_name,
        slot_type,
        priority,
        description,
        start,
        end,
        created,
        comment,
        patient,
        location,
        session_holder,
    ) = row
    contained = orjson.loads(booking_organisation) if booking_organisation else None
    extensions = []
    if contained:
        link = {"reference": f"#{contained['id']}"}
        extensions.append({"url": BOOKING_ORGANISATION, "valueReference": link})
    if reason:
        extensions.append({"url": CANCELLATION_REASON, "valueString": reason})
    if role:
        extensions.append(practitioner_role(role))
    if channel:
        extensions.append(delivery_channel(channel))
    actors = (("Patient", patient), ("Location", location), ("Practitioner", session_holder))
    rendered = prune(
        {
            "resourceType": "Appointment",
            "id": str(pk),
            "meta": meta(PROFILE, version),
            "contained": [contained],
            "extension": extensions,
            # Spelled out: PostgreSQL keeps the members of JSON in an order of its own.
            "identifier": [identifier(each["system"], each["value"]) for each in identifiers],
            "status": status,
            "serviceCategory": {"text": session_name},
            "serviceType": [{"text": slot_type}],
            "priority": priority,
            "description": description,
            "start": uk_time(start),
            "end": uk_time(end),
            "minutesDuration": max(1, int((end - start).total_seconds() // 60)),
            "slot": [reference("Slot", slot) for slot in slots],
            "created": uk_time(created),
            "comment": comment,
            "participant": [
                {"actor": reference(kind, actor), "status": "accepted"}
                for kind, actor in actors
                if actor is not None
            ],
        }
    )
    if contained:
        rendered["contained"] = [contained]  # as it was sent: a null in it may keep a place
    return rendered


# ---------------------------------------------------------------- what is understood


class Booking(TypedDict):
    """The arguments of ``book_appointment`` that a consumer decides."""

    patient_id: int
    location_id: int
    practitioner_id: int | None
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
FORBIDDEN = (
    "reason",
    "specialty",
    "appointmentType",
    "indication",
    "supportingInformation",
    "incomingReferral",
    "requestedPeriod",
    "modifierExtension",
)
# The profile admits these too, but the practice holds none, so none can be found (BOOK-056).
ACTORS_HELD = ("Patient", "Location", "Practitioner")
ACTORS_NOT_HELD = ("RelatedPerson", "HealthcareService", "Device")
# Before it, London's offset from UTC was not one that can be written as GEN-130 wants.
EARLIEST_YEAR = 1900


def parse(body: dict[str, Any]) -> Booking:
    """What a valid STU3 Appointment asks to be booked; INVALID_RESOURCE for what is forbidden.

    A reference that cannot exist here becomes NO_SUCH_ID, for the service to miss.
    """
    check_form(body)
    if body.get("status") != Appointment.Status.BOOKED:
        refuse("Appointment.status must be booked.")
    if extensions(body, CANCELLATION_REASON):
        refuse("A booking has no cancellation reason.")
    if "created" not in body:
        refuse("Appointment.created is required.")
    created = parse_instant(body["created"], "Appointment.created")
    if created.year < EARLIEST_YEAR:
        refuse(f"Appointment.created must not lie before {EARLIEST_YEAR}.")
    actors = actors_of(body)
    return {
        "booking_organisation": booking_organisation(body),
        "patient_id": one_actor(actors, "Patient"),
        "location_id": one_actor(actors, "Location"),
        "practitioner_id": practitioner_of(actors),
        "slot_ids": [parse_reference(slot, "Slot", "Appointment.slot") for slot in body["slot"]],
        "start": parse_instant(body["start"], "Appointment.start"),
        "end": parse_instant(body["end"], "Appointment.end"),
        "created": created,
        "identifiers": identifiers_of(body),
        "priority": body.get("priority"),
        **texts(body),
    }


def parse_amendment(body: dict[str, Any], stored: dict[str, Any]) -> Texts:
    """The new texts; INVALID_RESOURCE when anything else differs from the stored rendering."""
    check_form(body)
    if extensions(body, CANCELLATION_REASON):
        refuse("An amendment has no cancellation reason.")
    refuse_all(differences(body, stored))
    if body["status"] != stored["status"]:
        refuse("Appointment.status cannot be amended; a cancellation has its own interaction.")
    return texts(body)


def parse_cancellation(body: dict[str, Any], stored: dict[str, Any]) -> str:
    """The reason; INVALID_RESOURCE when anything but the status and the reason differs."""
    check_form(body)
    if body["status"] != Appointment.Status.CANCELLED:
        refuse("Appointment.status must be cancelled.")
    found = extensions(body, CANCELLATION_REASON)
    # One consumer in the field writes valueId (field notes).
    reason = found[0].get("valueString") or found[0].get("valueId") or "" if found else ""
    if not reason.strip():
        refuse("A cancellation needs the extension with its reason.")
    changed = [
        f"Appointment.{name} cannot be changed by a cancellation."
        for name in ("description", "comment")
        if body.get(name) != stored.get(name)
    ]
    refuse_all([*differences(body, stored), *changed])
    return str(reason)


# ---------------------------------------------------------------- the parts of a request


def refuse(diagnostics: str) -> NoReturn:
    raise FHIRError(INVALID_RESOURCE, diagnostics)


def refuse_all(problems: Sequence[str]) -> None:
    if problems:
        raise FHIRError(INVALID_RESOURCE, problems)


def check_form(body: dict[str, Any]) -> None:
    """Refuse what the profile refuses, whichever interaction it comes with."""
    if PROFILE not in body.get("meta", {}).get("profile", []):
        refuse(f"Appointment.meta.profile must contain {PROFILE}.")
    refuse_all([f"Appointment.{name} must not be sent." for name in FORBIDDEN if name in body])
    required = ("status", "description", "start", "end", "slot", "participant")
    refuse_all([f"Appointment.{name} is required." for name in required if not body.get(name)])
    if body["status"] not in terminology.value_set("appointment_status").codes:
        refuse("Appointment.status is not a code of its list.")
    statuses = terminology.value_set("participation_status").codes
    for index, participant in enumerate(body["participant"]):
        if participant.get("status") not in statuses:
            refuse(f"Appointment.participant[{index}].status is not a code of its list.")
    for url in (BOOKING_ORGANISATION, CANCELLATION_REASON, DELIVERY_CHANNEL):
        if len(extensions(body, url)) > 1:
            refuse(f"The extension {url} must not be repeated.")
    identifiers_of(body)
    texts(body)


def texts(body: dict[str, Any]) -> Texts:
    """Description and comment, never cut (BOOK-081)."""
    description, comment = body["description"], body.get("comment", "")
    if len(description) > DESCRIPTION_LENGTH:
        refuse(f"Appointment.description may have at most {DESCRIPTION_LENGTH} characters.")
    if len(comment) > COMMENT_LENGTH:
        refuse(f"Appointment.comment may have at most {COMMENT_LENGTH} characters.")
    return {"description": description, "comment": comment}


def extensions(element: dict[str, Any], url: str) -> list[dict[str, Any]]:
    return [found for found in element.get("extension", []) if found.get("url") == url]


def identifiers_of(body: dict[str, Any]) -> list[dict[str, str]]:
    """Business identifiers: system and value, nothing else (BOOK-021, GEN-146)."""
    found = []
    for index, sent in enumerate(body.get("identifier", [])):
        if not sent.get("system") or not sent.get("value"):
            refuse(f"Appointment.identifier[{index}] needs a system and a value.")
        if prohibited := {"use", "type", "period", "assigner"} & sent.keys():
            refuse(f"Appointment.identifier[{index}].{min(prohibited)} must not be sent.")
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
    refuse(f"{name} must be a date and time with its offset from UTC.")


def parse_reference(element: dict[str, Any], kind: str, name: str) -> int:
    """The logical id in a relative reference to a resource of one type (GEN-023, GEN-024)."""
    text = element.get("reference") or ""
    match = re.fullmatch(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})", text)
    if not match or match[1] != kind:
        refuse(f"{name} must hold a relative reference to a {kind}.")
    return logical_id(match[2])


def actors_of(body: dict[str, Any]) -> dict[str, list[int]]:
    """The ids of the participants by their type."""
    actors: dict[str, list[int]] = {}
    for index, participant in enumerate(body["participant"]):
        name = f"Appointment.participant[{index}].actor"
        text = participant.get("actor", {}).get("reference") or ""
        kind = text.partition("/")[0]
        if kind not in ACTORS_HELD + ACTORS_NOT_HELD:
            refuse(f"{name} must hold a relative reference to a Patient, Location or Practitioner.")
        pk = parse_reference(participant["actor"], kind, name)
        actors.setdefault(kind, []).append(pk)
    return actors


def one_actor(actors: dict[str, list[int]], kind: str) -> int:
    found = actors.get(kind, [])
    if len(found) != 1:
        refuse(f"Appointment.participant must contain exactly one {kind}.")
    return found[0]


def practitioner_of(actors: dict[str, list[int]]) -> int | None:
    """The one practitioner, if any; a participant of a kind not held here cannot be found."""
    if any(kind in actors for kind in ACTORS_NOT_HELD):
        return NO_SUCH_ID
    found = actors.get("Practitioner", [])
    if len(found) > 1:
        refuse("Appointment.participant may contain one Practitioner only.")
    return found[0] if found else None


# ---------------------------------------------------------------- the booking organisation


def booking_organisation(body: dict[str, Any]) -> BookingOrganisation:
    """The contained organisation that books, checked and kept as it was sent (BOOK-030 to 037)."""
    found = contained_organisation(body)
    if found is None:
        refuse("The extension with the booking organisation is required.")
    check_organisation(found)
    ods_codes = [each["value"] for each in found["identifier"] if each.get("system") == ODS_CODE]
    codings = [coding for kind in found.get("type", []) for coding in kind.get("coding", [])]
    system = terminology.value_set("organisation_type").system
    return BookingOrganisation(
        ods_code=ods_codes[0],
        name=found["name"],
        organisation_types=frozenset(
            coding["code"]
            for coding in codings
            if coding.get("system") == system and coding.get("code")
        ),
        json=orjson.dumps(in_fhir_order(found)).decode(),
    )


def contained_organisation(body: dict[str, Any]) -> dict[str, Any] | None:
    """The resource that the extension points to; INVALID_RESOURCE when it points nowhere."""
    links = extensions(body, BOOKING_ORGANISATION)
    if not links:
        return None
    target = links[0].get("valueReference", {}).get("reference") or ""
    for resource in body.get("contained", []):
        if target == f"#{resource.get('id')}" and resource.get("resourceType") == "Organization":
            return without_what_is_never_contained(resource)
    refuse("The booking organisation must refer to a contained Organization by #id.")


def without_what_is_never_contained(resource: dict[str, Any]) -> dict[str, Any]:
    """A contained resource without a narrative, resources inside it, or a version (dom-1, 2, 4)."""
    kept = {name: value for name, value in resource.items() if name not in ("text", "contained")}
    if "meta" in kept:
        unversioned = dict(kept["meta"])
        unversioned.pop("versionId", None)
        unversioned.pop("lastUpdated", None)
        kept["meta"] = unversioned
    return kept


def check_organisation(found: dict[str, Any]) -> None:
    """Refuse an organisation that does not conform to CareConnect-GPC-Organization-1."""
    name = "The contained Organization"
    if organization.PROFILE not in found.get("meta", {}).get("profile", []):
        refuse(f"{name}.meta.profile must contain {organization.PROFILE}.")
    ods_codes = [i for i in found.get("identifier", []) if i.get("system") == ODS_CODE]
    if len(ods_codes) != 1 or not ods_codes[0].get("value"):
        refuse(f"{name} must have one identifier with its ODS code.")
    if not re.fullmatch(r"[A-Za-z0-9]{1,20}", ods_codes[0]["value"]):
        refuse(f"{name}.identifier: an ODS code is made of letters and digits.")
    if prohibited := {"use", "type", "period", "assigner"} & ods_codes[0].keys():
        refuse(f"{name}.identifier.{min(prohibited)} must not be sent with an ODS code.")
    if not found.get("name"):
        refuse(f"{name}.name is required.")
    if not any(point.get("system") and point.get("value") for point in found.get("telecom", [])):
        refuse(f"{name}.telecom needs a system and a value.")
    if len(found.get("type", [])) > 1:
        refuse(f"{name}.type must not be repeated.")
    if any("state" in address for address in found.get("address", [])):
        refuse(f"{name}.address.state must not be sent.")


# ---------------------------------------------------------------- has anything else changed?


def differences(body: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """What differs from the stored rendering besides status, reason, description and comment.

    Compared by meaning, not by text: instants, sets of references, content (AMEND-032, DEC-062).
    What the provider derives may be left out (AMEND-030). Unknown extensions do not count.
    """
    return [f"Appointment.{name} cannot be changed." for name in changed_elements(body, stored)]


def changed_elements(body: dict[str, Any], stored: dict[str, Any]) -> Iterator[str]:
    for name in ("start", "end", "created"):
        sent = parse_instant(body[name], f"Appointment.{name}") if name in body else None
        if name == "created" and sent:
            sent = sent.replace(microsecond=0)  # as it was stored
        if sent != parse_instant(stored[name], name):
            yield name
    for name, same in (
        ("slot", references(body["slot"]) == references(stored["slot"])),
        ("identifier", pairs(identifiers_of(body)) == pairs(stored.get("identifier", []))),
        ("priority", body.get("priority") == stored.get("priority")),
        ("participant", same_participants(body, stored)),
        ("contained", same_organisation(body, stored)),
    ):
        if not same:
            yield name
    for name in ("serviceCategory", "serviceType", "minutesDuration"):
        if name in body and body[name] != stored.get(name):
            yield name
    for url, meaning in ((PRACTITIONER_ROLE, role_codes), (DELIVERY_CHANNEL, channel_codes)):
        given = extensions(body, url)
        if given and meaning(given) != meaning(extensions(stored, url)):
            yield f"extension ({url})"


def references(elements: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(element.get("reference") or "" for element in elements)


def pairs(identifiers: Iterable[dict[str, str]]) -> list[tuple[str, str]]:
    return sorted((each["system"], each["value"]) for each in identifiers)


def same_participants(body: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether they are the stored ones; the derived practitioner may be left out."""
    sent, kept = (
        sorted((p.get("actor", {}).get("reference") or "", p["status"]) for p in participants)
        for participants in (body["participant"], stored["participant"])
    )
    without_practitioner = [pair for pair in kept if not pair[0].startswith("Practitioner/")]
    return sent in (kept, without_practitioner)


def same_organisation(body: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether the booking organisation has the same content, whatever its local id."""
    sent, kept = contained_organisation(body), contained_organisation(stored)
    if sent is None or kept is None:
        return sent is kept
    return canonical({**sent, "id": ""}) == canonical({**kept, "id": ""})


def canonical(value: Any) -> Any:
    """The same for two values that differ only in the order of their members."""
    if isinstance(value, dict):
        return {name: canonical(member) for name, member in value.items()}
    if isinstance(value, list):
        return sorted(
            map(canonical, value), key=lambda item: orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        )
    return value


def role_codes(roles: Iterable[dict[str, Any]]) -> set[tuple[str | None, str | None]]:
    return {
        (coding.get("system"), coding.get("code"))
        for role in roles
        for coding in role.get("valueCodeableConcept", {}).get("coding", [])
    }


def channel_codes(channels: Iterable[dict[str, Any]]) -> set[str | None]:
    return {channel.get("valueCode") for channel in channels}
