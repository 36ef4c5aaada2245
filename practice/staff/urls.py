"""The addresses of the day-to-day pages, below /admin/. One line for each page."""

from django.urls import path

from practice.staff import (
    access,
    audit_trail,
    booking,
    calendar_feeds,
    call_list,
    clinic_list,
    closure,
    diary,
    diary_details,
    generation,
    practice_choice,
    reschedule,
    second_factor,
    template_editor,
    utilisation,
    visibility,
)

urlpatterns = [
    path("second-factor/", second_factor.SecondFactor.as_view(), name="second_factor"),
    path("practice/choose/", practice_choice.ChoosePractice.as_view(), name="choose_practice"),
    path("diary/", diary.Diary.as_view(), name="diary"),
    path(
        "diary/appointment/<int:pk>/",
        diary_details.AppointmentDetail.as_view(),
        name="diary_appointment",
    ),
    path("diary/slot/<int:pk>/", diary_details.SlotDetail.as_view(), name="diary_slot"),
    path("book/", booking.Book.as_view(), name="book"),
    path("book/done/<int:pk>/", booking.Booked.as_view(), name="booked"),
    path("book/extra-slot/", booking.ExtraSlot.as_view(), name="extra_slot"),
    path("move/<int:pk>/", reschedule.Move.as_view(), name="move"),
    path("close/", closure.Close.as_view(), name="close"),
    path("calls/<int:closure>/", call_list.Calls.as_view(), name="calls"),
    path("contacted/<int:pk>/", call_list.Contacted.as_view(), name="contacted"),
    path("worklist/", call_list.Worklist.as_view(), name="worklist"),
    path("templates/new/", template_editor.Build.as_view(), name="build_template"),
    path("templates/apply/", generation.Apply.as_view(), name="apply_templates"),
    path("templates/<int:sessiontemplate>/", template_editor.Build.as_view(), name="template"),
    path("visibility/", visibility.Visibility.as_view(), name="visibility"),
    path("calendars/", calendar_feeds.Calendars.as_view(), name="calendars"),
    path("utilisation/", utilisation.UtilisationPage.as_view(), name="utilisation"),
    path("audit/", audit_trail.AuditTrail.as_view(), name="audit_trail"),
    path("access/", access.Access.as_view(), name="access"),
    path("clinic-list/", clinic_list.ClinicList.as_view(), name="clinic_list"),
]
