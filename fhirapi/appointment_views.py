"""Appointment Management: a short class for each URL."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, DateTimeField
from django.http import HttpResponse

from fhirapi import ssp
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
    location,
    organization,
    practitioner,
    schedule,
    slot,
)
from fhirapi.resources.common import UKTimes, logical_id
from fhirapi.views import GPConnectRequest, GPConnectView
from practice import selectors
from practice.bookability import OfferedRows
from practice.models import Appointment, Organisation, Schedule
from practice.models.prepared import Numbers, Parameter, Prepared
from practice.services import booking, registration


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
    start=Parameter("start", DateTimeField()),
    end=Parameter("end", DateTimeField()),
)


HERE: dict[str, Any] = {"organisation": Parameter("organisation", BigIntegerField())}
NAMED = {"pk__among": Numbers("ids")}
SCHEDULES = Prepared(lambda: schedule.rows_of(Schedule.objects.filter(**HERE, **NAMED)))
PRACTITIONERS = Prepared(
    lambda: practitioner.rows_of(selectors.practitioners(**HERE).filter(**NAMED), **HERE)
)
LOCATIONS = Prepared(lambda: location.rows_of(selectors.locations(**HERE).filter(**NAMED)))
PRACTICE = Prepared(
    lambda: organization.rows_of(Organisation.objects.filter(pk=HERE["organisation"]))
)


def free_slots(search: SlotFilter, *, organisation: Organisation, now: datetime) -> bytes:
    """The Bundle of a search as JSON. Raises what is wrong with the parameters."""
    asked = search.checked()
    rows = OFFERED.rows(
        organisation=organisation,
        requester=asked["searchFilter"],
        now=now,
        start=asked["start"].instant,
        end=asked["end"].instant,
    )
    times = UKTimes()
    others = included(rows, search.wanted, times, organisation=organisation)
    return bundle.encoded_searchset(slot.encode(rows, times), others)


def included(
    slots: list[tuple[Any, ...]], wanted: set[str], times: UKTimes, *, organisation: Organisation
) -> Iterator[dict[str, Any]]:
    """The resources that go with slots: each once, none without a slot (SLOT-071 to SLOT-077)."""
    if not slots:
        return
    column = slot.COLUMNS.index("schedule_id")
    here = {"organisation": organisation.pk}
    schedules = SCHEDULES.rows(**here, ids={row[column] for row in slots})
    yield from (schedule.render(row, times) for row in schedules)
    if SCHEDULE_PRACTITIONER in wanted:
        column = schedule.COLUMNS.index("session_holder_id")
        ids = {row[column] for row in schedules if row[column]}
        yield from practitioner.render_rows(PRACTITIONERS.rows(**here, ids=ids))
    if SCHEDULE_LOCATION in wanted:
        column = schedule.COLUMNS.index("location_id")
        ids = {row[column] for row in schedules}
        yield from map(location.render, LOCATIONS.rows(**here, ids=ids))
    yield from map(organization.render, PRACTICE.rows(**here))


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
        found = selectors.appointment_for_reading(
            organisation=request.practice,
            appointment_id=self.appointment_asked_for(appointment_id),
            now=request.now,
        )
        return self.appointment_response(found)

    def put(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        pk = self.appointment_asked_for(appointment_id)
        body = parse_body(request, expected="Appointment")
        if body.get("id") != appointment_id:
            raise FHIRError(BAD_REQUEST, "Appointment.id must be the id in the address.")
        change: dict[str, Any] = {"actor": request.actor, "now": request.now}
        found = booking.appointment_for_change(
            organisation=request.practice,
            appointment_id=pk,
            expected_version=expected_version(request.headers.get("If-Match")),
            **change,
        )
        slots = appointment.slots_of([found.pk])[found.pk]
        stored = appointment.render(appointment.row_of(found), slots)
        if request.interaction is ssp.CANCEL_APPOINTMENT:
            reason = appointment.parse_cancellation(body, stored)
            found = booking.cancel_appointment(appointment=found, reason=reason, **change)
        else:
            texts = appointment.parse_amendment(body, stored)
            found = booking.amend_appointment(appointment=found, **texts, **change)
        return self.appointment_response(found, slots)

    def appointment_asked_for(self, appointment_id: str) -> int:
        """The id in the address; the trail is told of it and of its patient, so that a refusal is
        recorded with them too (AUD-003, AUD-007). A patient whose number was never verified is
        verified now, as by a find: their appointments are shown only then (visibility matrix)."""
        request, pk = self.request, logical_id(appointment_id)
        found = selectors.appointment_by_id(organisation=request.practice, appointment_id=pk)
        if found:
            self.about(patient_id=found.patient_id, resource=f"Appointment/{pk}")
            if found.patient.nhs_number_verification != selectors.VERIFIED:
                registration.verify_patient(
                    organisation=request.practice,
                    nhs_number=found.patient.nhs_number,
                    actor=request.actor,
                    now=request.now,
                )
        return pk


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
        found = selectors.patient_appointments(
            organisation=request.practice, patient_id=pk, now=request.now
        )
        rows = list(search.filter_queryset(found).values_list(*appointment.COLUMNS))
        slots = appointment.slots_of(row[0] for row in rows)
        return self.bundle_response(
            bundle.searchset(appointment.render(row, slots[row[0]]) for row in rows)
        )
