"""Booking a patient in, in three steps: who, when, is that right?

Every step is an address, so that the steps can be taken in either order, and the browser's own
"back" works: ``?patient=7&slot=12&slot=13``. Nothing is held meanwhile; the last step says it
kindly when somebody else was quicker.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock
from practice.exceptions import PracticeError, SlotNotFree
from practice.models import Appointment, Patient, Slot
from practice.reads.appointments import appointment_in_detail
from practice.reads.cancellation_list import entries_met_by
from practice.reads.patient_search import warnings
from practice.reads.patients import patient_by_id, why_nobody_books_for
from practice.reads.slot_types import hints
from practice.services.appointments import booking
from practice.services.appointments.changing import why_it_stays
from practice.site.addresses import number
from practice.staff import searches
from practice.staff.base import RecordPage, found_or_404
from practice.staff.diary_layout import block_key
from practice.staff.elsewhere import search_address_on
from practice.staff.how_booked import HowBookedForm, how_booked_form
from practice.staff.next_available import ChosenSlotsPage

TAKEN = "Somebody else has just taken this time. Nothing was booked: choose another."
NO_TIME = "Tick a time first. Nothing was booked."


class TextsForm(forms.Form):
    """What an appointment says of itself."""

    description = forms.CharField(
        max_length=booking.DESCRIPTION_LENGTH,
        help_text="Other organisations can read it when they retrieve the patient's appointments.",
        widget=forms.TextInput(attrs={"data-focus": True, "autocomplete": "off"}),
    )
    comment = forms.CharField(
        required=False,
        max_length=booking.COMMENT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class Book(ChosenSlotsPage):
    """Find the patient, find the time, look once more, book."""

    permission = "practice.add_appointment"
    title = "Book an appointment"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """The patient, or else the first slot."""
        return (Patient, self.first_sent("patient")), (Slot, self.first_sent("slot"))

    def first_sent(self, name: str) -> int:
        return number(next(iter(self.sent.getlist(name)), ""))

    def get(self, request: HttpRequest) -> HttpResponse:
        patient, slots = self.patient(), self.chosen_slots()
        if patient is None:
            return self.ask_who(slots)
        if why := why_nobody_books_for(patient, now=self.now):
            return self.say_why_not(patient, slots, why)
        if not slots:
            return self.ask_when(patient)
        form = TextsForm(initial={"description": slots[0].slot_type})
        return self.ask_whether(patient, slots, form, how=how_booked_form(self, slots))

    def post(self, request: HttpRequest) -> HttpResponse:
        patient, slots = self.patient(), self.chosen_slots()
        if patient is None:
            return self.refused(
                "Choose a patient and a time first.", reverse("admin:practice_appointment_add")
            )
        if why := why_nobody_books_for(patient, now=self.now):
            return self.say_why_not(patient, slots, why, status=422)
        form, how = TextsForm(request.POST), how_booked_form(self, slots)
        if not slots:
            return self.ask_when_instead(patient, slots, form, refusal=NO_TIME, status=422)
        if not (form.is_valid() & how.is_valid()):
            return self.ask_whether(patient, slots, form, how=how, status=422)
        try:
            booked = booking.book_appointment(
                organisation=self.practice,
                patient_id=patient.pk,
                slot_ids=[slot.pk for slot in slots],
                description=form.cleaned_data["description"],
                comment=form.cleaned_data["comment"],
                how=how.said(),
                booked_by=self.reader,
                actor=self.actor,
                now=self.now,
            )
        except SlotNotFree:
            return self.ask_when_instead(patient, slots, form, refusal=TAKEN, status=409)
        except PracticeError as refusal:
            return self.ask_whether(patient, slots, form, how=how, refusal=str(refusal), status=422)
        return self.done("Booked.", self.booked_address(booked))

    # ------------------------------------------------------------ the steps

    def patient(self) -> Patient | None:
        pk = self.first_sent("patient")
        if not pk:
            return None
        return found_or_404(patient_by_id(organisation=self.practice, patient_id=pk))

    def ask_who(self, slots: list[Slot]) -> HttpResponse:
        search = searches.PatientSearch(self.request.GET)
        asked = search.is_valid() and not search.is_empty
        patients = search.patients(self.practice) if asked else []
        for patient in patients:
            patient.why_not = why_nobody_books_for(patient, now=self.now)  # type: ignore[attr-defined]
        if patients:
            self.record_shown("patient.searched", [patient.pk for patient in patients])
        return self.render(
            template="staff/booking/who.html",
            search=search,
            asked=asked,
            patients=patients[: searches.MOST_PATIENTS],
            too_many=len(patients) > searches.MOST_PATIENTS,
            slots=slots,
            step=1,
            is_fullwidth="1",
            carried=self.carried,
            choosing=self.step(*self.pairs(slots)),
            elsewhen=self.elsewhen(),
            register=self.register(search, slots) if asked else "",
        )

    def pairs(self, slots: Iterable[Slot]) -> list[tuple[str, Any]]:
        return [("slot", slot.pk) for slot in slots]

    def register(self, search: searches.PatientSearch, slots: list[Slot]) -> str:
        """Where whoever was not found is registered, with what was typed of them."""
        if not self.request.user.has_perm("practice.add_patient"):
            return ""
        typed = [*self.pairs(slots), *search.person().items()]
        return f"{reverse('admin:practice_patient_add')}{self.step(*typed)}"

    def say_why_not(
        self, patient: Patient, slots: list[Slot], why: str, status: int = 200
    ) -> HttpResponse:
        """Say that nothing is booked for this patient, whatever time was chosen."""
        return self.render(
            template="staff/booking/why_not.html",
            status=status,
            patient=patient,
            why=why,
            others=self.step(*self.pairs(slots)),
            is_fullwidth="1",
            step=1,
        )

    def ask_when(self, patient: Patient) -> HttpResponse:
        return self.render(
            template="staff/booking/when.html",
            **self.times(patient=patient),
            others=self.step(),
            warnings=warnings(patient, [], now=self.now),
            may_overbook=self.request.user.has_perm("practice.add_slot"),
            nothing_suits=self.nothing_suits(("patient", patient.pk)),
            elsewhere=search_address_on(self, patient.pk),
            step=2,
        )

    def ask_whether(
        self,
        patient: Patient,
        slots: list[Slot],
        form: TextsForm,
        *,
        how: HowBookedForm | None = None,
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
            how=how or how_booked_form(self, slots),
            refusal=refusal,
            hints=hints((slot.slot_type for slot in slots), organisation=self.practice),
            warnings=warnings(patient, days, now=self.now),
            others=self.step(("patient", patient.pk), *self.from_day(days)),
            other_patient=self.step(*self.pairs(slots)),
            carried=self.carried,
            is_fullwidth="1",
            days=searches.by_day(instead),
            ticked={slot.pk for slot in slots},
            step=3,
        )

    def from_day(self, days: set[date]) -> list[tuple[str, Any]]:
        """From which day other times are looked for, unless the search said so itself."""
        said = {name for name, _ in self.carried}
        return [] if said & {"first", "cell"} else [("first", min(days or {self.today}))]

    def ask_when_instead(
        self, patient: Patient, slots: list[Slot], form: TextsForm, *, refusal: str, status: int
    ) -> HttpResponse:
        """Ask for another time on the same page, so that nothing has to be typed again."""
        first = clock.local(slots[0].start).date() if slots else self.today
        instead = self.instead(slots, first)
        return self.ask_whether(
            patient, slots, form, refusal=refusal, status=status, instead=instead
        )


class Booked(RecordPage):
    """What was booked, to be read out or printed for the patient; and what comes next."""

    permission = "practice.view_appointment"
    template = "staff/booking/booked.html"
    title = "Appointment"
    model = Appointment

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        found = appointment_in_detail(organisation=self.practice, appointment_id=pk)
        appointment = found_or_404(found)
        address = reverse("admin:practice_appointment_change", args=[pk])
        back = self.back(f"{reverse('admin:diary')}?date={clock.local(appointment.start).date()}")
        back = back.partition("#")[0]
        met = entries_met_by(appointment)
        can_be_given_up = appointment.status != Appointment.Status.CANCELLED and not why_it_stays(
            appointment, now=self.now
        )
        return self.render(
            appointment=appointment,
            back_to=f"{back}#{block_key('appointment', pk)}",
            another=f"?{urlencode({'patient': appointment.patient_id, 'back': back})}",
            cancel=f"{address}?{urlencode({'ask': 'cancel', 'back': back})}",
            can_be_given_up=can_be_given_up,
            met=met,
        )
