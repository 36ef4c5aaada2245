"""Booking a patient in, in three steps: who, when, is that right? And the extra slot on purpose.

Every step is an address, so that the steps can be taken in either order, and the browser's own
"back" works: ``?patient=7&slot=12&slot=13``. Nothing is held meanwhile; the last step says it
kindly when somebody else was quicker.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock
from practice.exceptions import PracticeError, SlotNotFree
from practice.models import Appointment, Patient, Schedule, Slot
from practice.services import diary
from practice.services.appointments import booking
from practice.services.audit import recording
from practice.site.widgets import time_input
from practice.staff import searches
from practice.staff.base import StaffPage
from practice.staff.clinic_list import number

TAKEN = "Somebody else has just taken this time. Nothing was booked: choose another."
NO_TIME = "Tick a time first. Nothing was booked."


class BookingForm(forms.Form):
    """What an appointment says of itself."""

    description = forms.CharField(
        max_length=booking.DESCRIPTION_LENGTH,
        help_text="Other organisations can read it when they retrieve the patient's appointments.",
    )
    comment = forms.CharField(
        required=False,
        max_length=booking.COMMENT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SlotPage(StaffPage):
    """What booking and moving have in common: slots chosen in the address."""

    def chosen_slots(self) -> list[Slot]:
        """The slots in the address that are this practice's, by start."""
        ids = [number(text) for text in self.values("slot")]
        found = Slot.objects.filter(organisation=self.practice, pk__in=ids)
        return list(
            found.select_related("schedule__session_holder", "schedule__location").order_by("start")
        )

    def values(self, name: str) -> list[str]:
        sent = self.request.POST if self.request.method == "POST" else self.request.GET
        return sent.getlist(name)

    def slot_search(self) -> searches.SlotSearch:
        """The search for a free time, from today on unless the reader says otherwise."""
        asked = self.request.GET.copy()
        asked.setdefault("first", str(self.today))
        return searches.SlotSearch(asked, organisation=self.practice, now=self.now)


class Book(SlotPage):
    """Find the patient, find the time, look once more, book."""

    permission = "practice.add_appointment"
    title = "Book an appointment"

    def get(self, request: HttpRequest) -> HttpResponse:
        patient, slots = self.patient(), self.chosen_slots()
        if patient is None:
            return self.ask_who(slots)
        if not slots:
            return self.ask_when(patient)
        form = BookingForm(initial={"description": slots[0].slot_type})
        return self.ask_whether(patient, slots, form)

    def post(self, request: HttpRequest) -> HttpResponse:
        patient, slots = self.patient(), self.chosen_slots()
        if patient is None:
            return self.refused("Choose a patient and a time first.", reverse("admin:book"))
        form = BookingForm(request.POST)
        if not slots:
            return self.ask_when_instead(patient, slots, form, refusal=NO_TIME, status=422)
        if not form.is_valid():
            return self.ask_whether(patient, slots, form, status=422)
        try:
            booked = booking.book_appointment(
                organisation=self.practice,
                patient_id=patient.pk,
                slot_ids=[slot.pk for slot in slots],
                description=form.cleaned_data["description"],
                comment=form.cleaned_data["comment"],
                booked_by=self.reader,
                actor=self.actor,
                now=self.now,
            )
        except SlotNotFree:
            return self.ask_when_instead(patient, slots, form, refusal=TAKEN, status=409)
        except PracticeError as refusal:
            return self.ask_whether(patient, slots, form, refusal=str(refusal), status=422)
        return self.done("Booked.", reverse("admin:booked", args=[booked.pk]))

    # ------------------------------------------------------------ the steps

    def patient(self) -> Patient | None:
        pk = number(next(iter(self.values("patient")), ""))
        return self.own(Patient.objects, pk=pk) if pk else None

    def ask_who(self, slots: list[Slot]) -> HttpResponse:
        search = searches.PatientSearch(self.request.GET)
        asked = search.is_valid() and not search.is_empty
        patients = search.patients(self.practice) if asked else []
        if patients:
            self.record_found(patients)
        return self.render(
            template="staff/booking/who.html",
            search=search,
            asked=asked,
            patients=patients[: searches.MOST_PATIENTS],
            too_many=len(patients) > searches.MOST_PATIENTS,
            slots=slots,
            step=1,
        )

    def record_found(self, patients: list[Patient]) -> None:
        """Audit whose details a search showed."""
        recording.record(
            organisation=self.practice,
            actor=self.actor,
            event="patient.searched",
            outcome="ok",
            now=self.now,
            detail={"patients": [patient.pk for patient in patients]},
        )

    def ask_when(self, patient: Patient) -> HttpResponse:
        search = self.slot_search()
        slots = search.slots() if search.is_valid() else []
        return self.render(
            template="staff/booking/when.html",
            patient=patient,
            warnings=searches.warnings(patient, [], now=self.now),
            search=search,
            days=searches.by_day(slots[: searches.MOST_SLOTS]),
            count=min(len(slots), searches.MOST_SLOTS),
            too_many=len(slots) > searches.MOST_SLOTS,
            may_overbook=self.request.user.has_perm("practice.add_slot"),
            step=2,
        )

    def ask_whether(
        self,
        patient: Patient,
        slots: list[Slot],
        form: BookingForm,
        *,
        refusal: str = "",
        status: int = 200,
        instead: Sequence[Slot] = (),
    ) -> HttpResponse:
        days = {clock.local(slot.start).date() for slot in slots}
        return self.render(
            template="staff/booking/whether.html",
            status=status,
            patient=patient,
            slots=slots,
            form=form,
            refusal=refusal,
            warnings=searches.warnings(patient, days, now=self.now),
            others=f"?{urlencode({'patient': patient.pk, 'first': min(days or {self.today})})}",
            days=searches.by_day(instead),
            ticked={slot.pk for slot in slots},
            step=3,
        )

    def ask_when_instead(
        self, patient: Patient, slots: list[Slot], form: BookingForm, *, refusal: str, status: int
    ) -> HttpResponse:
        """Ask for another time on the same page, so that nothing has to be typed again."""
        asked = {"first": str(self.today)}
        if slots:
            asked = {"first": str(clock.local(slots[0].start).date())}
            asked["slot_type"] = slots[0].slot_type
        search = searches.SlotSearch(asked, organisation=self.practice, now=self.now)
        instead = search.slots()[: searches.MOST_INSTEAD] if search.is_valid() else []
        return self.ask_whether(
            patient, slots, form, refusal=refusal, status=status, instead=instead
        )


class Booked(StaffPage):
    """What was booked, to be read out or printed for the patient."""

    permission = "practice.view_appointment"
    template = "staff/booking/booked.html"
    title = "Appointment"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        found = Appointment.objects.select_related(
            "patient", "schedule__session_holder", "location", "moved_from"
        )
        return self.render(appointment=self.own(found, pk=pk))


class ExtraSlotForm(forms.Form):
    """An extra slot beside those of a session."""

    session = forms.ModelChoiceField(queryset=Schedule.objects.none())
    at = forms.TimeField(label="At", widget=time_input())
    minutes = forms.IntegerField(label="Minutes", min_value=1, max_value=240, initial=10)
    slot_type = forms.CharField(label="Slot type", max_length=100, initial="Extra")
    reason = forms.CharField(max_length=200)

    def __init__(self, *args: Any, sessions: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["session"]
        field.queryset = sessions
        field.label_from_instance = lambda session: (
            f"{session.session_holder or session.location}, {session.session_name}, "
            f"{clock.local(session.start):%a %d %b, %H:%M} to {clock.local(session.end):%H:%M}"
        )

    def span(self) -> tuple[datetime, datetime]:
        """The instants of the slot: a time after midnight belongs to a night session's next day."""
        session, at = self.cleaned_data["session"], self.cleaned_data["at"]
        day = clock.local(session.start).date()
        if clock.instant(day, at) < session.start:
            day = searches.next_day(day)
        start = clock.instant(day, time(at.hour, at.minute))
        return start, start + timedelta(minutes=self.cleaned_data["minutes"])


class ExtraSlot(StaffPage):
    """Overbook on purpose: an extra slot with a reason, which is never offered outside."""

    permission = "practice.add_appointment"
    template = "staff/extra_slot/page.html"
    title = "Add an extra slot"

    def get(self, request: HttpRequest) -> HttpResponse:
        self.check_allowed()
        initial = {"session": number(request.GET.get("session"))}
        return self.show(ExtraSlotForm(sessions=self.sessions(), initial=initial))

    def post(self, request: HttpRequest) -> HttpResponse:
        self.check_allowed()
        form = ExtraSlotForm(request.POST, sessions=self.sessions())
        if form.is_valid():
            start, end = form.span()
            try:
                slot = diary.add_extra_slot(
                    organisation=self.practice,
                    schedule_id=form.cleaned_data["session"].pk,
                    start=start,
                    end=end,
                    slot_type=form.cleaned_data["slot_type"],
                    reason=form.cleaned_data["reason"],
                    actor=self.actor,
                    now=self.now,
                )
            except PracticeError as refusal:
                form.add_error(None, str(refusal))
            else:
                chosen = {"slot": slot.pk, "patient": number(request.POST.get("patient"))}
                onward = urlencode({name: pk for name, pk in chosen.items() if pk})
                return self.done("Extra slot added.", f"{reverse('admin:book')}?{onward}")
        return self.show(form, status=422)

    def check_allowed(self) -> None:
        if not self.request.user.has_perm("practice.add_slot"):
            raise PermissionDenied("Only some roles may overbook a session.")

    def show(self, form: ExtraSlotForm, status: int = 200) -> HttpResponse:
        sent = self.request.POST if self.request.method == "POST" else self.request.GET
        return self.render(form=form, patient=number(sent.get("patient")), status=status)

    def sessions(self) -> Any:
        """The sessions of the coming two weeks that are not over."""
        return (
            Schedule.objects.filter(
                organisation=self.practice,
                withdrawn=False,
                end__gt=self.now,
                start__lt=self.now + timedelta(days=14),
            )
            .select_related("session_holder", "location")
            .order_by("start", "pk")
        )
