"""The addresses of the day-to-day pages, below /admin/. One line for each page."""

from django.urls import URLPattern, path
from django.views import View
from django.views.generic import RedirectView

from practice.staff import (
    access,
    appointment,
    areas,
    audit_trail,
    booking,
    calendar_feeds,
    call_list,
    cancellation_list,
    clinic_list,
    closure,
    diary,
    diary_changes,
    diary_menu,
    diary_views,
    elsewhere,
    extra_slot,
    front_page,
    generation,
    going_live,
    help,
    history,
    measures,
    next_available,
    old_times,
    own_list,
    patient,
    plan_history,
    practice_choice,
    promises,
    registration,
    reschedule,
    second_factor,
    series,
    service_filtering,
    session,
    set_up,
    several_slots,
    sheets,
    slot,
    slot_types,
    template_editor,
    utilisation,
    visibility,
    weekly_returns,
    who_asks,
)
from practice.staff.diary_layout import SHORT


def usual(model: str, **views: type[View]) -> list[URLPattern]:
    """Django's own addresses of a model's records, under Django's own names, for these pages.

    They come before those of its ModelAdmin, which keeps the list.
    """
    return [
        path(
            f"practice/{model}/{word}/" if word == "add" else f"practice/{model}/<int:pk>/{word}/",
            view.as_view(),
            name=f"practice_{model}_{word}",
        )
        for word, view in views.items()
    ]


urlpatterns = [
    path("second-factor/", second_factor.SecondFactor.as_view(), name="second_factor"),
    path("practice/choose/", practice_choice.ChoosePractice.as_view(), name="choose_practice"),
    path("diary/", diary.Diary.as_view(), name="diary"),
    path("diary/m/<str:key>", diary_menu.DiaryMenu.as_view(), name="diary_menu"),
    path("diary/views/", diary_views.DiaryViews.as_view(), name="diary_views"),
    path("diary/views/add/", diary_views.DiaryViewPage.as_view(), name="diary_view_add"),
    path("diary/views/<int:pk>/", diary_views.DiaryViewPage.as_view(), name="diary_view_change"),
    # What pages ask by themselves: that is no sign that somebody is there (practice.staff.sign_in).
    path("changes/diary/", diary_changes.DiaryChanges.as_view(), name="diary_changes"),
    path("changes/worklist/", call_list.WorklistChanges.as_view(), name="worklist_changes"),
    path("changes/my-list/", own_list.OwnListChanges.as_view(), name="own_list_changes"),
    path("changes/front-page/", front_page.FrontPageChanges.as_view(), name="front_page_changes"),
    *usual(
        "appointment",
        add=booking.Book,
        change=appointment.AppointmentPage,
        history=history.AppointmentHistory,
    ),
    *usual("patient", add=registration.Register),
    path("next-available/", next_available.NextAvailable.as_view(), name="next_available"),
    path("elsewhere/", elsewhere.Elsewhere.as_view(), name="elsewhere"),
    path("elsewhere/book/", elsewhere.BookElsewhere.as_view(), name="elsewhere_book"),
    path("elsewhere/now/", elsewhere.ElsewhereNow.as_view(), name="elsewhere_now"),
    path(
        "elsewhere/<int:pk>/",
        elsewhere.RemoteAppointmentPage.as_view(),
        name="remote_appointment",
    ),
    path("series/add/", series.BookTogether.as_view(), name="book_together"),
    path("series/<int:pk>/", series.SeriesPage.as_view(), name="series"),
    path("practice/appointment/<int:pk>/slip/", booking.Booked.as_view(), name="booked"),
    path("practice/appointment/<int:pk>/move/", reschedule.Move.as_view(), name="move"),
    path("practice/patient/<int:pk>/", patient.PatientPage.as_view(), name="practice_patient_page"),
    path("practice/slot/several/", several_slots.SeveralSlots.as_view(), name="several_slots"),
    *usual("slot", add=extra_slot.ExtraSlot, change=slot.SlotPage, history=history.SlotHistory),
    *usual(
        "schedule",
        add=session.NewSession,
        change=session.SessionPage,
        history=history.SessionHistory,
    ),
    path("old-times/", old_times.OldTimes.as_view(), name="old_times"),
    path("contacted/<int:pk>/", call_list.Contacted.as_view(), name="contacted"),
    path("worklist/", call_list.Worklist.as_view(), name="worklist"),
    path("help/", help.Help.as_view(), name="help"),
    path("setting-up/", set_up.SetUpPage.as_view(), name="set_up"),
    path(
        "cancellation-list/", cancellation_list.CancellationList.as_view(), name="cancellation_list"
    ),
    path(
        "cancellation-list/add/",
        cancellation_list.JoinList.as_view(),
        name="practice_cancellationlistentry_add",
    ),
    path(
        "cancellation-list/<int:pk>/",
        cancellation_list.EntryPage.as_view(),
        name="practice_cancellationlistentry_change",
    ),
    path(
        "cancellation-list/time/<int:pk>/",
        cancellation_list.WhoWouldCome.as_view(),
        name="practice_slot_who_would_come",
    ),
    path(
        "cancellation-list/join/<int:pk>/",
        cancellation_list.JoinAfterClosure.as_view(),
        name="join_cancellation_list",
    ),
    path("spreadsheets/", sheets.Sheets.as_view(), name="sheets"),
    path("spreadsheets/<str:kind>.<str:format>", sheets.SheetFile.as_view(), name="sheet_file"),
    path("spreadsheets/import/<int:pk>/", sheets.SheetPage.as_view(), name="sheet"),
    path("changes/spreadsheet/<int:pk>/", sheets.SheetProgress.as_view(), name="sheet_progress"),
    path("visibility/", visibility.Visibility.as_view(), name="visibility"),
    path("going-live/", going_live.GoingLive.as_view(), name="going_live"),
    path("going-live/<int:pk>/", going_live.RehearsalPage.as_view(), name="rehearsal"),
    path(
        "changes/going-live/<int:pk>/",
        going_live.RehearsalChanges.as_view(),
        name="rehearsal_changes",
    ),
    path("area/", areas.AreaPage.as_view(), name="area"),
    path("groups/", areas.Groups.as_view(), name="groups"),
    path("groups/add/", areas.EditGroup.as_view(), name="group_add"),
    path("groups/<int:group>/", areas.EditGroup.as_view(), name="group"),
    path("promises/", promises.Promises.as_view(), name="promises"),
    path("promises/add/", promises.EditPromise.as_view(), name="add_promise"),
    path("promises/<int:pk>/", promises.EditPromise.as_view(), name="promise"),
    path("services/", service_filtering.Services.as_view(), name="services"),
    path("services/add/", service_filtering.EditService.as_view(), name="add_service"),
    path("services/<int:pk>/", service_filtering.EditService.as_view(), name="service"),
    path(
        "service-filtering/", service_filtering.SupplierSwitch.as_view(), name="service_filtering"
    ),
    path("who-asks/", who_asks.WhoAsks.as_view(), name="who_asks"),
    path("calendars/", calendar_feeds.Calendars.as_view(), name="calendars"),
    path("measures/", measures.MeasuresPage.as_view(), name="measures"),
    path("returns/", weekly_returns.WeeklyReturns.as_view(), name="weekly_returns"),
    path(
        "returns/<int:pk>/<slug:kind>/",
        weekly_returns.WeeklyReturnFile.as_view(),
        name="weekly_return_file",
    ),
    path("utilisation/", utilisation.UtilisationPage.as_view(), name="utilisation"),
    path("audit/", audit_trail.AuditTrail.as_view(), name="audit_trail"),
    path("my-list/", own_list.OwnListOfDay.as_view(), name="own_list"),
    path("messages/<int:pk>/", call_list.Messages.as_view(), name="messages"),
    path("clinic-list/", clinic_list.ClinicList.as_view(), name="clinic_list"),
    *usual(
        "sessiontemplate",
        add=template_editor.AddTemplate,
        change=template_editor.EditTemplate,
        history=plan_history.TemplateHistory,
        delete=template_editor.EndTemplate,
    ),
    *usual(
        "generationrun",
        add=generation.Apply,
        change=generation.Run,
        history=plan_history.RunHistory,
    ),
    *usual(
        "closure",
        add=closure.Close,
        change=closure.ClosurePage,
        history=plan_history.ClosureHistory,
        delete=closure.Reopen,
    ),
    path(
        "practice/slottype/",
        slot_types.NationalCategories.as_view(),
        name="practice_slottype_changelist",
    ),
    *usual("slottype", add=slot_types.AddSlotType, change=slot_types.SlotTypePage),
    path(
        "practice/accessprofile/",
        access.Access.as_view(),
        name="practice_accessprofile_changelist",
    ),
]

# What the blocks of the diary are called beside its own address: each leads to one of the pages.
beside_the_diary = [
    path(
        f"diary/{short}/<int:pk>",
        RedirectView.as_view(pattern_name=f"admin:practice_{what}_change", query_string=True),
    )
    for what, short in SHORT.items()
]
