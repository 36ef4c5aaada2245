"""The addresses of the day-to-day pages, below /admin/. One line for each page."""

from django.urls import path

from practice.staff import (
    access,
    applying,
    audit_trail,
    book,
    building,
    calendars,
    calls,
    choosing,
    clinic_list,
    closing,
    diary,
    diary_details,
    move,
    second_factor,
    utilisation,
    visibility,
)

urlpatterns = [
    path("second-factor/", second_factor.SecondFactor.as_view(), name="second_factor"),
    path("practice/choose/", choosing.ChoosePractice.as_view(), name="choose_practice"),
    path("diary/", diary.Diary.as_view(), name="diary"),
    path(
        "diary/appointment/<int:pk>/",
        diary_details.AppointmentDetail.as_view(),
        name="diary_appointment",
    ),
    path("diary/slot/<int:pk>/", diary_details.SlotDetail.as_view(), name="diary_slot"),
    path("book/", book.Book.as_view(), name="book"),
    path("book/done/<int:pk>/", book.Booked.as_view(), name="booked"),
    path("book/extra-slot/", book.ExtraSlot.as_view(), name="extra_slot"),
    path("move/<int:pk>/", move.Move.as_view(), name="move"),
    path("close/", closing.Close.as_view(), name="close"),
    path("calls/<int:closure>/", calls.Calls.as_view(), name="calls"),
    path("contacted/<int:pk>/", calls.Contacted.as_view(), name="contacted"),
    path("worklist/", calls.Worklist.as_view(), name="worklist"),
    path("templates/new/", building.Build.as_view(), name="build_template"),
    path("templates/apply/", applying.Apply.as_view(), name="apply_templates"),
    path("templates/<int:sessiontemplate>/", building.Build.as_view(), name="template"),
    path("visibility/", visibility.Visibility.as_view(), name="visibility"),
    path("calendars/", calendars.Calendars.as_view(), name="calendars"),
    path("utilisation/", utilisation.UtilisationPage.as_view(), name="utilisation"),
    path("audit/", audit_trail.AuditTrail.as_view(), name="audit_trail"),
    path("access/", access.Access.as_view(), name="access"),
    path("clinic-list/", clinic_list.ClinicList.as_view(), name="clinic_list"),
]
