"""Appointment Management: a short class for each URL."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import CharField, DateTimeField
from django.db.models.functions import Cast
from django.http import HttpResponse

from fhirapi import directory, ssp
from fhirapi.directory import Version
from fhirapi.errors import BAD_REQUEST, FHIRError
from fhirapi.filters import (
    SCHEDULE_LOCATION,
    SCHEDULE_PRACTITIONER,
    AppointmentFilter,
    SlotFilter,
)
from fhirapi.parsers import parse_body
from fhirapi.resources import (
    appointment,
    bundle,
    schedule,
    slot,
)
from fhirapi.resources.common import UKTimes, logical_id
from fhirapi.views import GPConnectRequest, GPConnectView
from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import Appointment, Organisation, Schedule
from practice.reads import appointments, patients
from practice.reads.bookability import OfferedRows
from practice.services import registration
from practice.services.appointments import booking, changing


class SlotSearchView(GPConnectView):
    """Search for free slots: a query for each type of resource, however many slots there are."""

    interactions = {"GET": ssp.SEARCH_SLOTS}
    may_be_stale = True

    def get(self, request: GPConnectRequest) -> HttpResponse:
        search = SlotFilter(request.query_params)
        return self.bundle_response(
            free_slots(search, organisation=request.practice, now=request.now)
        )


OFFERED = OfferedRows(
    lambda found, **span: (
        SlotFilter.narrow(found, **span)
        .annotate(**slot.ANNOTATIONS)
        .order_by("start", "pk")
        .values_list(*slot.COLUMNS)
    ),
    start=QueryParameter("start", DateTimeField()),
    end=QueryParameter("end", DateTimeField()),
)


SESSIONS = Prepared(
    lambda: schedule.rows_of(
        Schedule.objects.filter(
            organisation=Number("organisation"), pk__among=Numbers("ids")
        ).annotate(
            # As text: they are compared, never read.
            holder_changed=Cast("session_holder__updated_at", CharField()),
            location_changed=Cast("location__updated_at", CharField()),
        ),
        *("session_holder__version", "holder_changed", "location__version", "location_changed"),
    )
)


def free_slots(search: SlotFilter, *, organisation: Organisation, now: datetime) -> bytes:
    """The Bundle of a search as JSON. Raises what is wrong with the parameters."""
    asked = search.checked()
    slots = OFFERED.rows(
        organisation=organisation,
        requester=asked["searchFilter"],
        now=now,
        start=asked["start"].instant,
        end=asked["end"].instant,
    )
    times = UKTimes()
    sessions = sessions_of(slots, organisation)
    entries = slot.encode(slots, times) + schedule.encode((row for row, *_ in sessions), times)
    return bundle.encoded_searchset(
        entries, directory_of(sessions, search.wanted, organisation) if slots else ()
    )


class Session(NamedTuple):
    """A session that slots belong to: its row, and today's versions of its holder and its place."""

    row: tuple[Any, ...]
    holder: Version | None
    location: Version


def sessions_of(slots: list[tuple[Any, ...]], organisation: Organisation) -> list[Session]:
    """The sessions of slots: each once, no query without a slot (SLOT-071)."""
    if not slots:
        return []
    column = slot.COLUMNS.index("schedule_id")
    found = SESSIONS.rows(organisation=organisation.pk, ids={row[column] for row in slots})
    size = len(schedule.COLUMNS)
    at_location, at_holder = map(schedule.COLUMNS.index, ("location_id", "session_holder_id"))
    return [
        Session(
            row[:size],
            (row[at_holder], *row[size : size + 2]) if row[at_holder] else None,
            (row[at_location], *row[size + 2 :]),
        )
        for row in found
    ]


def directory_of(
    sessions: list[Session], wanted: set[str], organisation: Organisation
) -> Iterator[bytes]:
    """Holders, places and the practice of sessions, each once (SLOT-072 to SLOT-077)."""
    here = organisation.pk
    if SCHEDULE_PRACTITIONER in wanted:
        holders = {session.holder for session in sessions if session.holder}
        yield from directory.PRACTITIONERS.json_of(here, holders)
    if SCHEDULE_LOCATION in wanted:
        places = {session.location for session in sessions}
        yield from directory.LOCATIONS.json_of(here, places)
    practice = (here, organisation.version, organisation.updated_at)
    yield from directory.PRACTICES.json_of(here, [practice])


class AppointmentResponder(GPConnectView):
    """What the interactions with a single appointment have in common: how they answer."""

    def appointment_response(
        self, found: Appointment, slots: list[int] | None = None
    ) -> HttpResponse:
        """``slots`` are its slots' ids where they are known already: no change alters them."""
        self.about(patient_id=found.patient_id, resource=f"Appointment/{found.pk}")
        slots = slots or appointment.slots_of([found.pk])[found.pk]
        rendered = appointment.render(appointment.row_of(found), slots)
        return self.resource_response(rendered, last_modified=found.updated_at)


class AppointmentsView(AppointmentResponder):
    """Book an appointment."""

    interactions = {"POST": ssp.BOOK_APPOINTMENT}

    def post(self, request: GPConnectRequest) -> HttpResponse:
        wanted = appointment.parse(parse_body(request, expected="Appointment"))
        self.about(patient_id=wanted["patient_id"], slots=wanted["slot_ids"])
        booked = booking.book_appointment(
            organisation=request.practice, actor=request.actor, now=request.now, **wanted
        )
        # In the order of their starts, which a single one has.
        slots = wanted["slot_ids"] if len(wanted["slot_ids"]) == 1 else None
        return self.appointment_response(booked, slots)


class AppointmentView(AppointmentResponder):
    """Read an appointment; amend or cancel it, which only the interaction ID tells apart."""

    interactions = {
        "GET": ssp.READ_APPOINTMENT,
        "PUT": (ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT),
    }

    def get(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        found = self.appointment_asked_for(appointment_id)
        return self.appointment_response(appointments.check_may_be_read(found, now=request.now))

    def put(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        self.appointment_asked_for(appointment_id)
        body = parse_body(request, expected="Appointment")
        if body.get("id") != appointment_id:
            raise FHIRError(BAD_REQUEST, "Appointment.id must be the id in the address.")
        change: dict[str, Any] = {"actor": request.actor, "now": request.now}
        found = changing.appointment_for_change(
            organisation=request.practice,
            appointment_id=logical_id(appointment_id),
            expected_version=expected_version(request.headers.get("If-Match")),
            **change,
        )
        slots = appointment.slots_of([found.pk])[found.pk]
        stored = appointment.render(appointment.row_of(found), slots)
        if request.interaction is ssp.CANCEL_APPOINTMENT:
            reason = appointment.parse_cancellation(body, stored)
            found = changing.cancel_appointment(appointment=found, reason=reason, **change)
        else:
            texts = appointment.parse_amendment(body, stored)
            found = changing.amend_appointment(appointment=found, **texts, **change)
        return self.appointment_response(found, slots)

    def appointment_asked_for(self, appointment_id: str) -> Appointment | None:
        """The one in the address; the trail is told of it and of its patient, so that a refusal is
        recorded with them too (AUD-003, AUD-007). A patient whose number was never verified is
        verified now, as by a find: their appointments are shown only then (visibility matrix)."""
        request, pk = self.request, logical_id(appointment_id)
        found = appointments.appointment_by_id(organisation=request.practice, appointment_id=pk)
        if found:
            self.about(patient_id=found.patient_id, resource=f"Appointment/{pk}")
            if found.patient.nhs_number_verification != patients.VERIFIED:
                registration.verify_patient(
                    organisation=request.practice,
                    nhs_number=found.patient.nhs_number,
                    actor=request.actor,
                    now=request.now,
                )
                found.patient.refresh_from_db()
        return found


def expected_version(if_match: str | None) -> str | None:
    """The version that If-Match names; None without the header, which is accepted (GEN-094).

    A value of another form names no version, so that it is a conflict (DEC-008).
    """
    if if_match is None:
        return None
    entity_tag = re.fullmatch(r'\s*(?:W/)?"([^"]*)"\s*', if_match)
    return entity_tag[1] if entity_tag else ""


class PatientAppointmentsView(GPConnectView):
    """Retrieve a patient's appointments, whoever booked them and whatever became of them."""

    interactions = {"GET": ssp.RETRIEVE_APPOINTMENTS}

    def get(self, request: GPConnectRequest, patient_id: str) -> HttpResponse:
        search = AppointmentFilter(request.query_params)
        search.check(now=request.now)
        pk = logical_id(patient_id)
        self.about(patient_id=pk)
        found = appointments.patient_appointments(
            organisation=request.practice, patient_id=pk, now=request.now
        )
        rows = list(search.filter_queryset(found).values_list(*appointment.COLUMNS))
        slots = appointment.slots_of(row[0] for row in rows)
        return self.bundle_response(
            bundle.searchset(appointment.render(row, slots[row[0]]) for row in rows)
        )
