"""The addresses of the day-to-day pages, below /admin/. One line for each page."""

from django.urls import path

from practice.staff import (
    access,
    appointment,
    audit_trail,
    booking,
    calendar_feeds,
    call_list,
    clinic_list,
    closure,
    diary,
    extra_slot,
    generation,
    history,
    plan_history,
    practice_choice,
    reschedule,
    second_factor,
    session,
    slot,
    template_editor,
    utilisation,
    visibility,
)

urlpatterns = [
    path("second-factor/", second_factor.SecondFactor.as_view(), name="second_factor"),
    path("practice/choose/", practice_choice.ChoosePractice.as_view(), name="choose_practice"),
    path("diary/", diary.Diary.as_view(), name="diary"),
    # Django's own addresses of appointments, slots and sessions lead to the page of the job; the
    # ModelAdmins keep the lists.
    path(
        "practice/appointment/add/",
        booking.Book.as_view(),
        name="practice_appointment_add",
    ),
    path(
        "practice/appointment/<int:pk>/change/",
        appointment.AppointmentPage.as_view(),
        name="practice_appointment_change",
    ),
    path(
        "practice/appointment/<int:pk>/history/",
        history.AppointmentHistory.as_view(),
        name="practice_appointment_history",
    ),
    path("practice/appointment/<int:pk>/slip/", booking.Booked.as_view(), name="booked"),
    path("practice/appointment/<int:pk>/move/", reschedule.Move.as_view(), name="move"),
    path("practice/slot/add/", extra_slot.ExtraSlot.as_view(), name="practice_slot_add"),
    path(
        "practice/slot/<int:pk>/change/",
        slot.SlotPage.as_view(),
        name="practice_slot_change",
    ),
    path(
        "practice/slot/<int:pk>/history/",
        history.SlotHistory.as_view(),
        name="practice_slot_history",
    ),
    path("practice/schedule/add/", session.NewSession.as_view(), name="practice_schedule_add"),
    path(
        "practice/schedule/<int:pk>/change/",
        session.SessionPage.as_view(),
        name="practice_schedule_change",
    ),
    path(
        "practice/schedule/<int:pk>/history/",
        history.SessionHistory.as_view(),
        name="practice_schedule_history",
    ),
    path("contacted/<int:pk>/", call_list.Contacted.as_view(), name="contacted"),
    path("worklist/", call_list.Worklist.as_view(), name="worklist"),
    path("visibility/", visibility.Visibility.as_view(), name="visibility"),
    path("calendars/", calendar_feeds.Calendars.as_view(), name="calendars"),
    path("utilisation/", utilisation.UtilisationPage.as_view(), name="utilisation"),
    path("audit/", audit_trail.AuditTrail.as_view(), name="audit_trail"),
    path("clinic-list/", clinic_list.ClinicList.as_view(), name="clinic_list"),
    # What is planned: at Django's own addresses, whose lists the ModelAdmins keep.
    path(
        "practice/sessiontemplate/add/",
        template_editor.AddTemplate.as_view(),
        name="practice_sessiontemplate_add",
    ),
    path(
        "practice/sessiontemplate/<int:pk>/change/",
        template_editor.EditTemplate.as_view(),
        name="practice_sessiontemplate_change",
    ),
    path(
        "practice/sessiontemplate/<int:pk>/history/",
        plan_history.TemplateHistory.as_view(),
        name="practice_sessiontemplate_history",
    ),
    path(
        "practice/sessiontemplate/<int:pk>/delete/",
        template_editor.EndTemplate.as_view(),
        name="practice_sessiontemplate_delete",
    ),
    path(
        "practice/generationrun/add/",
        generation.Apply.as_view(),
        name="practice_generationrun_add",
    ),
    path(
        "practice/generationrun/<int:pk>/change/",
        generation.Run.as_view(),
        name="practice_generationrun_change",
    ),
    path(
        "practice/generationrun/<int:pk>/history/",
        plan_history.RunHistory.as_view(),
        name="practice_generationrun_history",
    ),
    path("practice/closure/add/", closure.Close.as_view(), name="practice_closure_add"),
    path(
        "practice/closure/<int:pk>/change/",
        closure.ClosurePage.as_view(),
        name="practice_closure_change",
    ),
    path(
        "practice/closure/<int:pk>/history/",
        plan_history.ClosureHistory.as_view(),
        name="practice_closure_history",
    ),
    path(
        "practice/closure/<int:pk>/delete/",
        closure.Reopen.as_view(),
        name="practice_closure_delete",
    ),
    path(
        "practice/accessprofile/",
        access.Access.as_view(),
        name="practice_accessprofile_changelist",
    ),
]
