"""Appointment Management: a short class for each URL."""

import re

from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse

from fhirapi import slot_search, ssp
from fhirapi.errors import BAD_REQUEST, FHIRError
from fhirapi.filters import AppointmentFilter, SlotFilter
from fhirapi.resources import appointment, appointment_changes, bundle
from fhirapi.resources.common import Element, logical_id
from fhirapi.views import GPConnectRequest, GPConnectView
from practice.exceptions import PatientNotFound
from practice.models import Appointment
from practice.reads import appointments, patients, profile_limits, rehearsals
from practice.services import registration
from practice.services.appointments import booking, changing


class SlotSearchView(GPConnectView):
    """Search for free slots."""

    interactions = {"GET": ssp.SEARCH_SLOTS}
    may_be_stale = True

    def foresee(self, ods_code: str, **ids: str) -> None:
        """The practice's access profiles, whatever is searched for."""
        self.profiles = profile_limits.profiles_later(ods_code=ods_code)

    def get(self, request: GPConnectRequest) -> HttpResponse:
        search = SlotFilter(request.GET)
        found = slot_search.find_slots(
            search,
            organisation=request.practice,
            now=request.now,
            profiles=self.profiles,
            asked_by=request.requester.ods_code,
            as_format=request.fhir_format,
        )
        self.about(
            slots_shown=found.number,
            for_ods_codes=sorted(found.requester.ods_codes),
            for_organisation_types=sorted(found.requester.organisation_types),
        )
        return self.bundle_response(found.body)


class AppointmentResponder(GPConnectView):
    """What the interactions with a single appointment have in common: how they answer."""

    def appointment_response(
        self, found: Appointment, slots: list[int] | None = None
    ) -> HttpResponse:
        """``slots`` are its slots' ids where they are known already: no change alters them."""
        self.about(patient_id=found.patient_id, resource=f"Appointment/{found.pk}")
        slots = slots or appointments.slot_ids_of([found.pk])[found.pk]
        rendered = self.rendered(found, slots)
        return self.resource_response(rendered, last_modified=found.updated_at)

    def rendered(self, found: Appointment, slots: list[int]) -> Element:
        """The appointment as it is shown; with its service while the practice filters."""
        by_service = self.request.practice.filters_by_service
        row = appointments.appointment_row(found)
        return appointment.render(row, slots, with_service=by_service)


class AppointmentsView(AppointmentResponder):
    """Book an appointment."""

    interactions = {"POST": ssp.BOOK_APPOINTMENT}

    def post(self, request: GPConnectRequest) -> HttpResponse:
        wanted = appointment.parse(self.resource_sent("Appointment"))
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

    def foresee(self, ods_code: str, **ids: str) -> None:
        """The appointment in the address, and its slots."""
        self.asked = appointments.appointment_later(
            ods_code=ods_code, appointment_id=logical_id(ids["appointment_id"])
        )

    def get(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        found, slots = self.appointment_asked_for()
        readable = appointments.check_may_be_read(
            found, asked_by=request.requester.ods_code, now=request.now
        )
        return self.appointment_response(readable, slots)

    def put(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        _, slots = self.appointment_asked_for()
        body = self.resource_sent("Appointment")
        if body.get("id") != appointment_id:
            raise FHIRError(BAD_REQUEST, "Appointment.id must be the id in the address.")
        found = changing.appointment_for_change(
            organisation=request.practice,
            appointment_id=logical_id(appointment_id),
            expected_version=expected_version(request.headers.get("If-Match")),
            actor=request.actor,
            now=request.now,
        )
        stored = self.rendered(found, slots)
        if request.interaction is ssp.CANCEL_APPOINTMENT:
            reason = appointment_changes.parse_cancellation(body, stored)
            found = changing.cancel_appointment(
                appointment=found, reason=reason, actor=request.actor, now=request.now
            )
        else:
            texts = appointment_changes.parse_amendment(body, stored)
            found = changing.amend_appointment(
                appointment=found, **texts, actor=request.actor, now=request.now
            )
        return self.appointment_response(found, slots)

    def appointment_asked_for(self) -> tuple[Appointment | None, list[int]]:
        """The one in the address and its slots.

        The trail is told of it and of its patient, so that a refusal is recorded with them too
        (AUD-003, AUD-007). A patient whose number was never verified is verified now, as by a find:
        their appointments are shown only then (visibility matrix).
        """
        request = self.request
        found, slots = self.asked.found()
        if found:
            self.about(patient_id=found.patient_id, resource=f"Appointment/{found.pk}")
            patient = found.patient
            if patient.nhs_number and patient.nhs_number_verification != patients.VERIFIED:
                registration.verify_patient(
                    organisation=request.practice,
                    nhs_number=patient.nhs_number,
                    actor=request.actor,
                    now=request.now,
                )
                patient.refresh_from_db()
        return found, slots


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

    def foresee(self, ods_code: str, **ids: str) -> None:
        """The appointments, if the days that were sent are understood."""
        try:
            self.search = AppointmentFilter(self.request.GET)
            first, last = self.search.days
        except (FHIRError, SuspiciousOperation):  # said when its turn comes
            return
        self.asked = appointments.patient_appointments_later(
            ods_code=ods_code,
            patient_id=logical_id(ids["patient_id"]),
            first=first,
            last=last,
            now=self.request.now,
        )

    def get(self, request: GPConnectRequest, patient_id: str) -> HttpResponse:
        self.search.check(now=request.now)
        self.about(patient_id=logical_id(patient_id))
        try:
            found = self.asked.found()
        except PatientNotFound:
            if not rehearsals.may_stand(request.practice, now=request.now):
                raise
            first, last = self.search.days
            found = appointments.appointments_in_rehearsal(
                organisation=request.practice,
                patient_id=logical_id(patient_id),
                first=first,
                last=last,
                asked_by=request.requester.ods_code,
                now=request.now,
            )
        by_service = request.practice.filters_by_service
        return self.bundle_response(
            bundle.searchset(appointment.render(*each, with_service=by_service) for each in found)
        )
