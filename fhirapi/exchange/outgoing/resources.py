"""The practice's whole book as resources: a type at a time, by id, each written as JSON.

The API's own definitions (fhirapi.resources) write them, so that ids and versions are those that
other organisations know. What the API never shows is added here: patients who died or are to be
shown to nobody, their other names, slots for staff only, and sessions that were withdrawn.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import orjson

from fhirapi.formats import Format
from fhirapi.resources import (
    appointment,
    common,
    location,
    organization,
    patient,
    practitioner,
    practitioner_role,
    schedule,
    slot,
)
from fhirapi.resources.common import UK_TIMES, Element
from fhirapi.validation import in_fhir_order
from practice.db.rows import batches
from practice.models import Organisation, Slot
from practice.reads import directory, whole_book
from practice.reads.whole_book import WholePatient, WholeSession, WholeSlot

# A resource that is only for those who may see what is restricted: the national record's flag.
RESTRICTED: Element = {
    "system": "http://hl7.org/fhir/v3/Confidentiality",
    "code": "R",
    "display": "restricted",
}

Written = tuple[int, bytes]  # a resource's id, and its JSON


def organizations(organisation: Organisation) -> Iterator[Written]:
    """The practice itself."""
    yield _written(organization.render(directory.practice_row(organisation=organisation)))


def locations(organisation: Organisation) -> Iterator[Written]:
    """Its surgeries and other places."""
    return map(_written, map(location.render, whole_book.places(organisation=organisation)))


def practitioners(organisation: Organisation) -> Iterator[Written]:
    """Whoever works or worked there, or is named by something there."""
    return map(_written, map(practitioner.render, whole_book.people(organisation=organisation)))


def practitioner_roles(organisation: Organisation) -> Iterator[Written]:
    """What they do there, or did."""
    found = whole_book.roles(organisation=organisation)
    return map(_written, map(practitioner_role.render, found))


def patients(organisation: Organisation) -> Iterator[Written]:
    """Everybody who is registered, or once was."""
    return map(_written, map(whole_patient, whole_book.patients(organisation=organisation)))


def schedules(organisation: Organisation) -> Iterator[Written]:
    """Its sessions."""
    return map(_written, map(whole_session, whole_book.sessions(organisation=organisation)))


def slots(organisation: Organisation) -> Iterator[Written]:
    """Their slots: nearly all are as the API writes them, in its way for the many."""
    found = whole_book.slots(organisation=organisation)
    for page in batches(found, whole_book.PAGE):
        for is_as_shown, same in groupby(page, key=_is_as_shown):
            if is_as_shown:
                rows = [each.row for each in same]
                entries = slot.encode(rows, UK_TIMES, Format.JSON)
                for row, entry in zip(rows, entries, strict=True):
                    yield row[0], entry[len(BEFORE) : -len(AFTER)].encode()
            else:
                yield from map(_written, map(whole_slot, same))


def appointments(organisation: Organisation) -> Iterator[Written]:
    """What was booked, whatever became of it."""
    for row, held in whole_book.booked(organisation=organisation):
        yield _written(appointment.render(row, held))


# Each refers to what stands before it.
TYPES: dict[str, Callable[[Organisation], Iterable[Written]]] = {
    "Organization": organizations,
    "Location": locations,
    "Practitioner": practitioners,
    "PractitionerRole": practitioner_roles,
    "Patient": patients,
    "Schedule": schedules,
    "Slot": slots,
    "Appointment": appointments,
}


def _written(resource: Element) -> Written:
    return int(resource["id"]), orjson.dumps(resource)


BEFORE, AFTER = '{"resource":', "}"  # what an entry of the API's Bundles has around its resource


# ---------------------------------------------------------------- what the API never shows


def whole_patient(whole: WholePatient) -> Element:
    """A patient as the API shows one, with what it shows of nobody."""
    found = patient.render(whole.record)
    if whole.sensitive:
        found["meta"]["security"] = [RESTRICTED]
    if whole.deceased_at:
        found["deceasedDateTime"] = whole.deceased_at.isoformat()
    for name in whole.other_names:
        found["name"].append(common.prune(common.human_name(**name._asdict())))
    if whole.sensitive or whole.deceased_at:
        found = _in_order(found)
    return found


def whole_session(whole: WholeSession) -> Element:
    """A session; one without a role names none, and one that was withdrawn is not active.

    GP Connect's profile forbids ``active``: such a session is a Schedule of plain STU3.
    """
    found = schedule.render(whole.row, UK_TIMES)
    if not whole.row.practitioner_role:
        del found["extension"]
    if whole.withdrawn:
        del found["meta"]["profile"]
        found = _in_order({**found, "active": False})
    return found


def _in_order(resource: Element) -> Element:
    ordered: Any = in_fhir_order(resource)
    return dict(ordered)


def _is_as_shown(whole: WholeSlot) -> bool:
    _, _, channel, slot_type, *_ = whole.row
    return bool(channel and slot_type and whole.in_diary) and not (whole.overbooked or whole.note)


def whole_slot(whole: WholeSlot) -> Element:
    """A slot with what is for staff only; one that left the diary was entered in error.

    FHIR knows no other word for a slot that nobody can have any more, and that is kept because an
    appointment had it.
    """
    found = slot.render(whole.row, UK_TIMES)
    _, _, channel, slot_type, *_ = whole.row
    if not channel:
        del found["extension"]
    if not slot_type:
        del found["serviceType"]
    if not whole.in_diary:
        found["status"] = Slot.Status.ENTERED_IN_ERROR.value
    if whole.overbooked:
        found["overbooked"] = True
    if whole.note:
        found["comment"] = whole.note
    return found
