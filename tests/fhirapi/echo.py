"""A few URLs that return what they are told to: the plumbing without any resource behind it.

For ``@pytest.mark.urls("tests.fhirapi.echo")``. ``answers`` holds what the handlers do.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.urls import include, path, re_path

from fhirapi import ssp, views
from fhirapi.parsers import parse_body
from fhirapi.views import GPConnectRequest, GPConnectView
from practice.models import Location

handler400 = "fhirapi.errors.bad_request"
handler403 = "fhirapi.errors.permission_denied"
handler404 = "fhirapi.errors.page_not_found"
handler500 = "fhirapi.errors.server_error"

LAST_MODIFIED = datetime(2026, 5, 25, 12, 48, 41, tzinfo=UTC)

# What a handler does before it answers, by the name of its interaction.
hooks: dict[str, Callable[[GPConnectRequest], None]] = {}


def run_hook(request: GPConnectRequest) -> None:
    hooks.get(request.interaction.name, lambda request: None)(request)


class Metadata(GPConnectView):
    interactions = {"GET": ssp.READ_METADATA}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        run_hook(request)
        return self.resource_response({"resourceType": "Basic", "code": {"text": "metadata"}})


class Slots(GPConnectView):
    interactions = {"GET": ssp.SEARCH_SLOTS}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        run_hook(request)
        total = int(request.GET.get("size", "0"))
        entry = {"resource": {"resourceType": "Basic", "id": "1", "code": {"text": "Ä & <b>"}}}
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
        return self.bundle_response({**bundle, "entry": [entry] * total} if total else bundle)


class Patients(GPConnectView):
    interactions = {"GET": ssp.FIND_PATIENT}

    def get(self, request: GPConnectRequest) -> HttpResponse:
        run_hook(request)
        bundle = {"resourceType": "Bundle", "type": "searchset"}
        return self.bundle_response(request.fhir_format.resource(bundle))  # finished


class Appointments(GPConnectView):
    interactions = {"POST": ssp.BOOK_APPOINTMENT}

    def post(self, request: GPConnectRequest) -> HttpResponse:
        body = parse_body(request, expected="Basic")
        Location.objects.create(organisation=request.practice, name="made by a command")
        self.about(patient_id=7)
        run_hook(request)
        return self.resource_response(
            {**body, "id": "9", "meta": {"versionId": "1"}}, last_modified=LAST_MODIFIED
        )


class Appointment(GPConnectView):
    interactions = {
        "GET": ssp.READ_APPOINTMENT,
        "PUT": (ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT),
    }

    def get(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        self.about(patient_id=7, resource=f"Appointment/{appointment_id}")
        run_hook(request)
        return self.resource_response(
            {"resourceType": "Basic", "id": appointment_id, "meta": {"versionId": "3"}}
        )

    def put(self, request: GPConnectRequest, appointment_id: str) -> HttpResponse:
        body = parse_body(request, expected="Basic")
        run_hook(request)
        code = {"text": request.interaction.name}
        return self.resource_response({**body, "meta": {"versionId": "4"}, "code": code})


def crash(request: Any, **kwargs: Any) -> HttpResponse:
    raise RuntimeError("secret of a middleware")


urlpatterns = [
    path("admin/crash", crash),
    path("crash", crash),
    re_path(
        r"^(?P<ods_code>[^/]+)/STU3/1/gpconnect(?:/|\Z)",
        include(
            [
                path("metadata", Metadata.as_view()),
                path("Slot", Slots.as_view()),
                path("Patient", Patients.as_view()),
                path("Appointment", Appointments.as_view()),
                path("Appointment/<appointment_id>", Appointment.as_view()),
                re_path("", views.NotImplementedView.as_view()),
            ]
        ),
    ),
]
