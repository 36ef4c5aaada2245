"""One line for each URL under a practice's service root (GEN-002). Nothing redirects.

The id in a path may be empty or no id at all: it reaches the view of its resource, which finds
nothing under it and says so with the code of that resource (DEC-065). What begins with "$" or "_"
is an operation, not an id.
"""

from django.urls import URLPattern, include, re_path

from fhirapi import appointment_views, foundation_views, views

PATIENT_ID = r"(?P<patient_id>(?![$_])[^/]*)"
PRACTITIONER_ID = r"(?P<practitioner_id>(?![$_])[^/]*)"
ORGANISATION_ID = r"(?P<organisation_id>(?![$_])[^/]*)"
LOCATION_ID = r"(?P<location_id>(?![$_])[^/]*)"
APPOINTMENT_ID = r"(?P<appointment_id>(?![$_])[^/]*)"

interactions: list[URLPattern] = [
    re_path(r"^Slot\Z", appointment_views.SlotSearchView.as_view()),
    re_path(r"^Appointment\Z", appointment_views.AppointmentsView.as_view()),
    re_path(rf"^Appointment/{APPOINTMENT_ID}\Z", appointment_views.AppointmentView.as_view()),
    re_path(
        rf"^Patient/{PATIENT_ID}/Appointment\Z", appointment_views.PatientAppointmentsView.as_view()
    ),
    re_path(r"^metadata\Z", foundation_views.MetadataView.as_view()),
    re_path(r"^Patient\Z", foundation_views.PatientsView.as_view()),
    re_path(r"^Patient/\$gpc\.registerpatient\Z", foundation_views.RegisterPatientView.as_view()),
    re_path(rf"^Patient/{PATIENT_ID}\Z", foundation_views.PatientView.as_view()),
    re_path(r"^Practitioner\Z", foundation_views.PractitionersView.as_view()),
    re_path(rf"^Practitioner/{PRACTITIONER_ID}\Z", foundation_views.PractitionerView.as_view()),
    re_path(r"^Organization\Z", foundation_views.OrganizationsView.as_view()),
    re_path(rf"^Organization/{ORGANISATION_ID}\Z", foundation_views.OrganizationView.as_view()),
    re_path(rf"^Location/{LOCATION_ID}\Z", foundation_views.LocationView.as_view()),
]

urlpatterns = [
    re_path(
        r"^(?P<ods_code>[^/]+)/STU3/1/gpconnect(?:/|\Z)",
        include([*interactions, re_path("", views.NotImplementedView.as_view())]),
    ),
]
