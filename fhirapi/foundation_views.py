"""Foundations: a short class for each URL."""

from django.http import HttpResponse

from fhirapi import capability, ssp
from fhirapi.errors import (
    NO_RECORD_FOUND,
    ORGANISATION_NOT_FOUND,
    PRACTITIONER_NOT_FOUND,
    FHIRError,
)
from fhirapi.filters import (
    ORGANISATION_IDENTIFIER,
    PATIENT_IDENTIFIER,
    PRACTITIONER_IDENTIFIER,
)
from fhirapi.parsers import parse_body
from fhirapi.resources import bundle, location, organization, patient, practitioner
from fhirapi.resources.common import logical_id
from fhirapi.views import GPConnectRequest, GPConnectView
from practice import clock
from practice.exceptions import PatientNotFound
from practice.models import Organisation, Patient
from practice.reads import directory, patients
from practice.services import registration


class MetadataView(GPConnectView):
    """Get the capability statement, which is there whatever is switched off (META-002)."""

    interactions = {"GET": ssp.READ_METADATA}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        return self.resource_response(capability.statement())


# ---------------------------------------------------------------- patients


class PatientsView(GPConnectView):
    """Find a patient; one whose NHS number was never verified is verified first (PAT-012)."""

    interactions = {"GET": ssp.FIND_PATIENT}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        nhs_number = PATIENT_IDENTIFIER.value_in(request.query_params)
        visible = patients.visible_patients(organisation=request.practice, now=request.now).filter(
            nhs_number=nhs_number
        )
        found = patient.render_all(visible)
        if not found and registration.verify_patient(
            organisation=request.practice,
            nhs_number=nhs_number,
            actor=request.actor,
            now=request.now,
        ):
            found = patient.render_all(visible.all())
        for rendered in found:
            self.about(patient_id=int(rendered["id"]), resource=f"Patient/{rendered['id']}")
        return self.bundle_response(bundle.searchset(found))


class PatientView(GPConnectView):
    """Read a patient."""

    interactions = {"GET": ssp.READ_PATIENT}

    def get(self, request: GPConnectRequest, patient_id: str) -> HttpResponse:
        pk = logical_id(patient_id)
        self.about(patient_id=pk)
        found = patient.render_all(
            patients.visible_patients(organisation=request.practice, now=request.now).filter(pk=pk)
        )
        if not found:
            raise PatientNotFound
        return self.resource_response(found[0])


class RegisterPatientView(GPConnectView):
    """Register a patient for a time, so that an appointment can be booked."""

    interactions = {"POST": ssp.REGISTER_PATIENT}

    def post(self, request: GPConnectRequest) -> HttpResponse:
        body = parse_body(request, expected="Parameters")
        wanted = patient.parse(body, today=clock.today(request.now))
        self.about(nhs_number=wanted["nhs_number"])
        registered = registration.register_patient(
            organisation=request.practice, actor=request.actor, now=request.now, **wanted
        )
        self.about(patient_id=registered.pk, resource=f"Patient/{registered.pk}")
        found = patient.render_all(Patient.objects.filter(pk=registered.pk))
        return self.bundle_response(bundle.searchset(found, profile=bundle.REGISTRATION_PROFILE))


# ---------------------------------------------------------------- the directory


class PractitionersView(GPConnectView):
    """Find a practitioner of the practice."""

    interactions = {"GET": ssp.FIND_PRACTITIONER}
    may_be_stale = True

    def get(self, request: GPConnectRequest) -> HttpResponse:
        sds_user_id = PRACTITIONER_IDENTIFIER.value_in(request.query_params)
        found = directory.practitioners(organisation=request.practice).filter(
            sds_user_id=sds_user_id
        )
        rendered = practitioner.render_all(found, organisation=request.practice)
        return self.bundle_response(bundle.searchset(rendered))


class PractitionerView(GPConnectView):
    """Read a practitioner, also one who has left (PRAC-011)."""

    interactions = {"GET": ssp.READ_PRACTITIONER}
    may_be_stale = True

    def get(self, request: GPConnectRequest, practitioner_id: str) -> HttpResponse:
        found = directory.practitioners(organisation=request.practice).filter(
            pk=logical_id(practitioner_id)
        )
        rendered = practitioner.render_all(found, organisation=request.practice)
        if not rendered:
            raise FHIRError(PRACTITIONER_NOT_FOUND, "There is no such practitioner here.")
        return self.resource_response(rendered[0])


class OrganizationsView(GPConnectView):
    """Find an organisation: the practice itself, under its own ODS code (ORG-010)."""

    interactions = {"GET": ssp.FIND_ORGANISATION}
    may_be_stale = True

    def get(self, request: GPConnectRequest) -> HttpResponse:
        ods_code = ORGANISATION_IDENTIFIER.value_in(request.query_params)
        found = Organisation.objects.filter(pk=request.practice.pk, ods_code=ods_code)
        return self.bundle_response(bundle.searchset(organization.render_all(found)))


class OrganizationView(GPConnectView):
    """Read an organisation: the practice itself."""

    interactions = {"GET": ssp.READ_ORGANISATION}
    may_be_stale = True

    def get(self, request: GPConnectRequest, organisation_id: str) -> HttpResponse:
        if logical_id(organisation_id) != request.practice.pk:
            raise FHIRError(ORGANISATION_NOT_FOUND, "There is no such organisation here.")
        found = Organisation.objects.filter(pk=request.practice.pk)
        return self.resource_response(organization.render_all(found)[0])


class LocationView(GPConnectView):
    """Read a location, also one that is closed (LOC-004)."""

    interactions = {"GET": ssp.READ_LOCATION}
    may_be_stale = True

    def get(self, request: GPConnectRequest, location_id: str) -> HttpResponse:
        found = location.render_all(
            directory.locations(organisation=request.practice).filter(pk=logical_id(location_id))
        )
        if not found:
            raise FHIRError(NO_RECORD_FOUND, "There is no such location here.")
        return self.resource_response(found[0])
