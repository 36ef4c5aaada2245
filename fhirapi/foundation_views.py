"""Foundations: a short class for each URL."""

from django.http import HttpResponse

from fhirapi import capability, ssp
from fhirapi.errors import (
    NO_RECORD_FOUND,
    ORGANISATION_NOT_FOUND,
    PATIENT_NOT_FOUND,
    PRACTITIONER_NOT_FOUND,
    FHIRError,
)
from fhirapi.filters import (
    ORGANISATION_IDENTIFIER,
    PATIENT_IDENTIFIER,
    PRACTITIONER_IDENTIFIER,
    SERVICE_IDENTIFIER,
)
from fhirapi.resources import (
    bundle,
    healthcare_service,
    location,
    organization,
    patient,
    practitioner,
    registration,
)
from fhirapi.resources.common import logical_id
from fhirapi.ssp import Interaction
from fhirapi.views import GPConnectRequest, GPConnectView, not_implemented
from practice import clock
from practice.exceptions import PatientNotFound
from practice.reads import directory, patients, service_filtering
from practice.services.registration import register_patient, verify_patient


class MetadataView(GPConnectView):
    """Get the capability statement, which is there whatever is switched off (META-002)."""

    interactions = {"GET": ssp.READ_METADATA}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        practice, status = request.practice, None
        if service_filtering.is_spoken_of(practice):
            status = service_filtering.status(practice)
        return self.resource_response(capability.statement(status))


# ---------------------------------------------------------------- patients


class PatientsView(GPConnectView):
    """Find a patient; one whose NHS number was never verified is verified first (PAT-012)."""

    interactions = {"GET": ssp.FIND_PATIENT}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        nhs_number = PATIENT_IDENTIFIER.value_in(request.GET)
        visible = patients.visible_patients(
            organisation=request.practice, now=request.now, asked_by=request.requester.ods_code
        ).filter(nhs_number=nhs_number)
        found = patients.patient_records(visible)
        if not found and verify_patient(
            organisation=request.practice,
            nhs_number=nhs_number,
            actor=request.actor,
            now=request.now,
        ):
            found = patients.patient_records(visible.all())
        for record in found:
            self.about(patient_id=record.patient.pk, resource=f"Patient/{record.patient.pk}")
        return self.bundle_response(bundle.searchset(map(patient.render, found)))


class PatientView(GPConnectView):
    """Read a patient."""

    interactions = {"GET": ssp.READ_PATIENT}
    no_such_version = PATIENT_NOT_FOUND

    def get(self, request: GPConnectRequest, patient_id: str) -> HttpResponse:
        pk = logical_id(patient_id)
        self.about(patient_id=pk)
        found = patients.patient_records(
            patients.visible_patients(
                organisation=request.practice, now=request.now, asked_by=request.requester.ods_code
            ).filter(pk=pk)
        )
        if not found:
            raise PatientNotFound
        return self.resource_response(patient.render(found[0]))


class RegisterPatientView(GPConnectView):
    """Register a patient for a time, so that an appointment can be booked."""

    interactions = {"POST": ssp.REGISTER_PATIENT}

    def post(self, request: GPConnectRequest) -> HttpResponse:
        body = self.resource_sent("Parameters")
        wanted = registration.parse(body, today=clock.today(request.now))
        self.about(nhs_number=wanted["nhs_number"])
        registered = register_patient(
            organisation=request.practice, actor=request.actor, now=request.now, **wanted
        )
        self.about(patient_id=registered.pk, resource=f"Patient/{registered.pk}")
        rendered = patient.render(patients.patient_record(patient_id=registered.pk))
        return self.bundle_response(
            bundle.searchset([rendered], profile=bundle.REGISTRATION_PROFILE)
        )


# ---------------------------------------------------------------- the directory


class PractitionersView(GPConnectView):
    """Find a practitioner of the practice."""

    interactions = {"GET": ssp.FIND_PRACTITIONER}
    may_be_stale = True

    def get(self, request: GPConnectRequest) -> HttpResponse:
        sds_user_id = PRACTITIONER_IDENTIFIER.value_in(request.GET)
        found = directory.practitioner_rows_by_sds_user_id(
            organisation=request.practice, sds_user_id=sds_user_id
        )
        return self.bundle_response(bundle.searchset(map(practitioner.render, found)))


class PractitionerView(GPConnectView):
    """Read a practitioner, also one who has left (PRAC-011)."""

    interactions = {"GET": ssp.READ_PRACTITIONER}
    may_be_stale = True
    no_such_version = PRACTITIONER_NOT_FOUND

    def get(self, request: GPConnectRequest, practitioner_id: str) -> HttpResponse:
        found = directory.practitioner_rows(
            organisation=request.practice, ids=[logical_id(practitioner_id)]
        )
        if not found:
            raise FHIRError(PRACTITIONER_NOT_FOUND, "There is no such practitioner here.")
        return self.resource_response(practitioner.render(found[0]))


class OrganizationsView(GPConnectView):
    """Find an organisation: the practice itself, under its own ODS code (ORG-010)."""

    interactions = {"GET": ssp.FIND_ORGANISATION}
    may_be_stale = True

    def get(self, request: GPConnectRequest) -> HttpResponse:
        ods_code = ORGANISATION_IDENTIFIER.value_in(request.GET)
        found = []
        if ods_code == request.practice.ods_code:
            found = [directory.practice_row(organisation=request.practice)]
        return self.bundle_response(bundle.searchset(map(organization.render, found)))


class OrganizationView(GPConnectView):
    """Read an organisation: the practice itself."""

    interactions = {"GET": ssp.READ_ORGANISATION}
    may_be_stale = True
    no_such_version = ORGANISATION_NOT_FOUND

    def get(self, request: GPConnectRequest, organisation_id: str) -> HttpResponse:
        if logical_id(organisation_id) != request.practice.pk:
            raise FHIRError(ORGANISATION_NOT_FOUND, "There is no such organisation here.")
        found = directory.practice_row(organisation=request.practice)
        return self.resource_response(organization.render(found))


class LocationView(GPConnectView):
    """Read a location, also one that is closed (LOC-004)."""

    interactions = {"GET": ssp.READ_LOCATION}
    may_be_stale = True

    def get(self, request: GPConnectRequest, location_id: str) -> HttpResponse:
        found = directory.location_rows(
            organisation=request.practice, ids=[logical_id(location_id)]
        )
        if not found:
            raise FHIRError(NO_RECORD_FOUND, "There is no such location here.")
        return self.resource_response(location.render(found[0]))


# ---------------------------------------------------------------- services (GP Connect 1.2.8)


class ServiceView(GPConnectView):
    """What is there once the supplier's switch of service filtering is not off (SF-027)."""

    def offered(self, verb: str) -> tuple[Interaction, ...]:
        """Nothing, as of an address that is none, while GP Connect 1.2.7 is spoken."""
        if not service_filtering.is_spoken_of(self.request.practice):
            raise not_implemented()
        return super().offered(verb)


class HealthcareServicesView(ServiceView):
    """Find a healthcare service, or all; there is none while the practice does not filter."""

    interactions = {"GET": ssp.FIND_SERVICE}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        if SERVICE_IDENTIFIER.name in request.GET:
            found = service_filtering.service_rows_by_service_id(
                organisation=request.practice, service_id=SERVICE_IDENTIFIER.value_in(request.GET)
            )
        else:
            found = service_filtering.service_rows(organisation=request.practice)
        return self.bundle_response(bundle.searchset(map(healthcare_service.render, found)))


class HealthcareServiceView(ServiceView):
    """Read a healthcare service."""

    interactions = {"GET": ssp.READ_SERVICE}

    def get(self, request: GPConnectRequest, service_id: str) -> HttpResponse:
        found = service_filtering.service_rows_by_id(
            organisation=request.practice, ids=[logical_id(service_id)]
        )
        if not found:
            raise FHIRError(NO_RECORD_FOUND, "There is no such healthcare service here.")
        return self.resource_response(healthcare_service.render(found[0]))
