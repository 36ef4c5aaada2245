"""The extra slot: overbooking on purpose, beside a session's own slots, never offered outside."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock, terminology
from practice.exceptions import PracticeError
from practice.models import Organisation, Schedule
from practice.reads.sessions import sessions_for_extra_slots
from practice.services import slots
from practice.services.by_hand import LONGEST_SLOT_MINUTES
from practice.services.slots import moment_in_session
from practice.site.addresses import number
from practice.site.fields import record_choice
from practice.site.slot_types import suggested_types
from practice.site.widgets import SuggestingInput, time_input
from practice.staff.base import StaffPage


class ExtraSlotForm(forms.Form):
    """An extra slot beside those of a session."""

    session = record_choice()
    at = forms.TimeField(label="At", widget=time_input())
    minutes = forms.IntegerField(
        label="Minutes", min_value=1, max_value=LONGEST_SLOT_MINUTES, initial=10
    )
    slot_type = forms.CharField(
        label="Slot type", max_length=100, initial="Extra", widget=SuggestingInput
    )
    delivery_channel = forms.ChoiceField(required=False)
    reason = forms.CharField(
        max_length=200, help_text="Why the session is overbooked. For staff only."
    )

    def __init__(self, *args: Any, practice: Organisation, sessions: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["session"].queryset = sessions
        fields["session"].label_from_instance = session_words
        fields["slot_type"].widget.suggested = suggested_types(practice)
        fields["delivery_channel"].choices = [("", "None"), *terminology.delivery_channels()]

    def times(self) -> tuple[datetime, datetime]:
        """The instants at which the slot starts and ends."""
        start = moment_in_session(self.cleaned_data["session"], self.cleaned_data["at"])
        return start, start + timedelta(minutes=self.cleaned_data["minutes"])


def session_words(session: Schedule) -> str:
    """Return Dr Ada Specimen, Morning, Thu 19 Nov, 09:00 to 12:00."""
    holder = session.session_holder or session.location
    times = f"{clock.local(session.start):%a %d %b, %H:%M} to {clock.local(session.end):%H:%M}"
    return ", ".join(filter(None, [str(holder), session.session_name, times]))


class ExtraSlot(StaffPage):
    """``?session=`` beside whose slots, and ``?patient=`` whom it will be booked for."""

    permission = "practice.add_slot"
    template = "staff/extra_slot/page.html"
    title = "Add an extra slot"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """The session."""
        return [(Schedule, number(self.sent.get("session")))]

    def get(self, request: HttpRequest) -> HttpResponse:
        chosen = number(request.GET.get("session"))
        sessions = self.sessions()
        first = sessions.filter(pk=chosen).first() if chosen else None
        at = f"{clock.local(first.start):%H:%M}" if first else None
        return self.show(
            ExtraSlotForm(
                practice=self.practice, sessions=sessions, initial={"session": chosen, "at": at}
            )
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ExtraSlotForm(request.POST, practice=self.practice, sessions=self.sessions())
        if form.is_valid():
            start, end = form.times()
            try:
                slot = slots.add_extra_slot(
                    organisation=self.practice,
                    schedule_id=form.cleaned_data["session"].pk,
                    start=start,
                    end=end,
                    slot_type=form.cleaned_data["slot_type"],
                    delivery_channel=form.cleaned_data["delivery_channel"],
                    reason=form.cleaned_data["reason"],
                    actor=self.actor,
                    now=self.now,
                )
            except PracticeError as refusal:
                form.add_error(None, str(refusal))
            else:
                return self.done("Extra slot added.", self.onward(slot.pk))
        return self.show(form, status=422)

    def onward(self, slot: int) -> str:
        """Where it goes on: to booking the slot for the patient, or to the slot's own page."""
        patient = number(self.request.POST.get("patient"))
        if not patient:
            return reverse("admin:practice_slot_change", args=[slot])
        chosen = urlencode({"patient": patient, "slot": slot})
        return f"{reverse('admin:practice_appointment_add')}?{chosen}"

    def show(self, form: ExtraSlotForm, status: int = 200) -> HttpResponse:
        session, patient = (number(self.sent.get(name)) for name in ("session", "patient"))
        lists = reverse("admin:practice_slot_changelist")
        back = reverse("admin:practice_schedule_change", args=[session]) if session else lists
        if patient:
            back = f"{reverse('admin:practice_appointment_add')}?patient={patient}"
        return self.render(form=form, patient=patient, back=back, status=status)

    def sessions(self) -> Any:
        """The sessions that can have one: soon, or the one that was asked for."""
        asked = number(self.sent.get("session"))
        return sessions_for_extra_slots(
            organisation=self.practice, now=self.now, also=asked or None
        )
