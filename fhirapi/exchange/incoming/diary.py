"""Schedule, Slot and Appointment as records of a practice's diary."""

from typing import Any

from fhirapi.errors import FHIRError
from fhirapi.exchange.incoming.parts import code_of, extensions_named, instant, known, words_of
from fhirapi.exchange.incoming.references import Names, identifiers_in, references_to, system_of
from fhirapi.resources import booking_organisation
from fhirapi.resources.appointment import CANCELLATION_REASON
from fhirapi.resources.common import Element, extensions
from practice.services.appointments.booking import COMMENT_LENGTH, DESCRIPTION_LENGTH
from practice.services.dumps.kinds import Entry
from practice.services.importing.records import Incoming

ROLE = "Extension-GPConnect-PractitionerRole-1"
CHANNEL = ("Extension-GPConnect-DeliveryChannel-1", "Extension-GPConnect-DeliveryChannel-2")


def role_of(resource: Element) -> str:
    """The SDS job role that a session or an appointment names."""
    roles = [
        code_of(each.get("valueCodeableConcept"), "practitioner_role")
        for each in extensions_named(resource, ROLE)
    ]
    return next(filter(None, roles), "")


def channel_of(resource: Element) -> str:
    """In person, by telephone or by video."""
    found = [
        known(each.get("valueCode"), "delivery_channel")
        for each in extensions_named(resource, *CHANNEL)
    ]
    return next(filter(None, found), "")


def first_words(*concepts: Any) -> str:
    """The first of several concepts, or lists of them, that says anything in words."""
    for given in concepts:
        for each in given if isinstance(given, list) else [given]:
            if found := words_of(each):
                return found
    return ""


def times(found: Incoming, start: object, end: object, what: str) -> None:
    """Read a start and an end; what is wrong with them is a problem of the record."""
    try:
        first, last = instant(start), instant(end)
    except ValueError:
        found.problems.append(f"{what}: start and end must be instants with their offset from UTC")
        return
    if last <= first:
        found.problems.append(f"{what}: the end does not lie after the start")
        return
    found.values |= {"start": first.isoformat(), "end": last.isoformat()}
    found.start, found.end = int(first.timestamp()), int(last.timestamp())
    found.said = [str(found.start), str(found.end)]


def schedule(resource: Element, names: Names) -> Incoming:
    """A session; or sessions of many days, which their slots tell apart (importing.sessions)."""
    found = Incoming("Schedule", names.all())
    found.values = {
        "session_name": first_words(
            resource.get("serviceCategory"), resource.get("serviceType", [])
        ),
        "practitioner_role": role_of(resource),
        "withdrawn": resource.get("active") is False,
    }
    horizon = resource.get("planningHorizon", {})
    if "start" in horizon and "end" in horizon:
        times(found, horizon["start"], horizon["end"], "planningHorizon")
    found.refers["actors"] = references_to(resource.get("actor", []), names)
    return found


def slot(resource: Element, names: Names) -> Incoming:
    """A slot. It is never offered outside: that is for a person of the practice to say."""
    found = Incoming("Slot", names.all())
    found.values = {
        "status": resource["status"],
        "slot_type": first_words(resource.get("serviceType", []), resource.get("appointmentType")),
        "delivery_channel": channel_of(resource),
        "overbooked": resource.get("overbooked") is True,
        "note": resource.get("comment") or "",
    }
    found.counts = not (found.values["overbooked"] or resource["status"] == "entered-in-error")
    times(found, resource["start"], resource["end"], "Slot")
    found.refers["session"] = references_to([resource["schedule"]], names, "Schedule")
    if not found.refers["session"]:
        found.problems.append("it names no Schedule")
    return found


def appointment(resource: Element, names: Names) -> Incoming:
    """An appointment, of whatever status."""
    found = Incoming("Appointment", names.all())
    found.values = {
        "status": resource["status"],
        "session_name": first_words(resource.get("serviceCategory")),
        "slot_type": first_words(resource.get("serviceType", []), resource.get("appointmentType")),
        "practitioner_role": role_of(resource),
        "delivery_channel": channel_of(resource),
        "priority": resource.get("priority"),
        "identifiers": [
            {"system": system_of(each), "value": each["value"]}
            for each in identifiers_in(resource)
            if each.get("system") and each.get("value")
        ],
        "cancellation_reason": " ".join(
            str(each.get("valueString") or "") for each in extensions(resource, CANCELLATION_REASON)
        ),
        **texts(resource, found),
        **booked_by(resource, found),
    }
    slots = resource.get("slot", [])
    found.refers["slots"] = references_to(slots, names, "Slot")
    found.refers["actors"] = references_to(
        (each.get("actor", {}) for each in resource.get("participant", [])), names
    )
    if "start" in resource and "end" in resource:
        times(found, resource["start"], resource["end"], "Appointment")
    elif slots:
        found.problems.append("it has slots, and no start and end")
    created(resource, found)
    return found


def created(resource: Element, found: Incoming) -> None:
    """When it was made, as far as the file tells."""
    for told in (resource.get("created"), resource.get("meta", {}).get("lastUpdated")):
        try:
            found.values["created"] = instant(told).replace(microsecond=0).isoformat()
            return
        except ValueError:
            continue


def texts(resource: Element, found: Incoming) -> Entry:
    """Description and comment. A description that is too long is kept whole in the comment."""
    description = str(resource.get("description") or "").strip() or first_words(
        resource.get("reason", []), resource.get("appointmentType"), resource.get("serviceType", [])
    )
    comment = str(resource.get("comment") or "")
    if len(description) > DESCRIPTION_LENGTH:
        comment = f"{description}\n{comment}".strip()
        description = f"{description[: DESCRIPTION_LENGTH - 1]}…"
        found.notes.append("a description that is too long stands whole in the comment")
    if len(comment) > COMMENT_LENGTH:
        found.problems.append(f"its words have more than {COMMENT_LENGTH} characters")
    return {"description": description or "Appointment", "comment": comment}


def booked_by(resource: Element, found: Incoming) -> Entry:
    """The organisation that booked, if another one did: kept as it was sent."""
    if not extensions(resource, booking_organisation.BOOKING_ORGANISATION):
        return {"booked_via": "staff"}
    try:
        by = booking_organisation.parse(resource)
    except FHIRError as refusal:
        found.problems += [each.rstrip(".") for each in refusal.diagnostics]
        return {}
    return {
        "booked_via": "gp-connect",
        "booking_organisation_json": by.json,
        "booking_organisation_ods_code": by.ods_code,
        "booking_organisation_name": by.name,
    }
