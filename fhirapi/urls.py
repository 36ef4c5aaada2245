"""One line for each URL under a practice's service root (GEN-002). Nothing redirects.

The id in a path may be empty or no id at all: it reaches the view of its resource, which finds
nothing under it and says so with the code of that resource (DEC-065). What begins with "$" or "_"
is an operation, not an id.
"""

from django.urls import URLPattern, include, re_path

from fhirapi import appointment_views, foundation_views, ssp, views
from fhirapi.ssp import Interaction

PATIENT_ID = r"(?P<patient_id>(?![$_])[^/]*)"
PRACTITIONER_ID = r"(?P<practitioner_id>(?![$_])[^/]*)"
ORGANISATION_ID = r"(?P<organisation_id>(?![$_])[^/]*)"
LOCATION_ID = r"(?P<location_id>(?![$_])[^/]*)"
SERVICE_ID = r"(?P<service_id>(?![$_])[^/]*)"
APPOINTMENT_ID = r"(?P<appointment_id>(?![$_])[^/]*)"


def readable(
    path: str, view: type[views.GPConnectView], interaction: Interaction
) -> list[URLPattern]:
    """A resource that can be read, at its own address and at that of its version (DEC-068)."""
    of_version = view.as_view(interactions={"GET": interaction})
    return [
        re_path(rf"^{path}\Z", view.as_view()),
        re_path(rf"^{path}/_history/(?P<version>[^/]*)\Z", of_version),
    ]


interactions: list[URLPattern] = [
    re_path(r"^Slot\Z", appointment_views.SlotSearchView.as_view()),
    re_path(r"^Appointment\Z", appointment_views.AppointmentsView.as_view()),
    *readable(
        rf"Appointment/{APPOINTMENT_ID}", appointment_views.AppointmentView, ssp.READ_APPOINTMENT
    ),
    re_path(
        rf"^Patient/{PATIENT_ID}/Appointment\Z", appointment_views.PatientAppointmentsView.as_view()
    ),
    re_path(r"^metadata\Z", foundation_views.MetadataView.as_view()),
    re_path(r"^Patient\Z", foundation_views.PatientsView.as_view()),
    re_path(r"^Patient/\$gpc\.registerpatient\Z", foundation_views.RegisterPatientView.as_view()),
    *readable(rf"Patient/{PATIENT_ID}", foundation_views.PatientView, ssp.READ_PATIENT),
    re_path(r"^Practitioner\Z", foundation_views.PractitionersView.as_view()),
    *readable(
        rf"Practitioner/{PRACTITIONER_ID}", foundation_views.PractitionerView, ssp.READ_PRACTITIONER
    ),
    re_path(r"^Organization\Z", foundation_views.OrganizationsView.as_view()),
    *readable(
        rf"Organization/{ORGANISATION_ID}", foundation_views.OrganizationView, ssp.READ_ORGANISATION
    ),
    *readable(rf"Location/{LOCATION_ID}", foundation_views.LocationView, ssp.READ_LOCATION),
    re_path(r"^HealthcareService\Z", foundation_views.HealthcareServicesView.as_view()),
    *readable(
        rf"HealthcareService/{SERVICE_ID}",
        foundation_views.HealthcareServiceView,
        ssp.READ_SERVICE,
    ),
]

SERVICE_ROOT = r"(?P<ods_code>[^/]+)/STU3/1/gpconnect(?:/|\Z)"

urlpatterns = [
    re_path(
        f"^{SERVICE_ROOT}",
        include([*interactions, re_path("", views.NotImplementedView.as_view())]),
    ),
]
