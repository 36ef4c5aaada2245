"""Booking a patient in at another organisation: whom to ask, when, and what became of it.

Only the last step changes anything, here or there. What an organisation offered goes from step to
step under this site's signature, so that nothing else is booked than what it said.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core import signing
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from practice import clock
from practice.exceptions import ElsewhereError, PracticeError
from practice.models import Patient, RemoteAppointment, RemoteService
from practice.reads import elsewhere
from practice.reads.patients import patient_by_id
from practice.services.audit.recording import record_done
from practice.services.elsewhere import booking, cancelling, searching, settling
from practice.services.elsewhere.searching import Answer
from practice.services.elsewhere.states import State
from practice.services.elsewhere.wire import RemoteTime
from practice.site.addresses import number
from practice.site.fields import DayField
from practice.staff.base import RecordPage, StaffPage, found_or_404

OFFER_SECONDS = 3600  # after an hour somebody looks again
TOO_OLD = "What was offered is too old, or no offer at all. Nothing was sent: search again."

UNKNOWN = (
    "{} gave no answer to the booking: it is not known yet whether it is booked. "
    "Find out before you do anything else."
)
MOST_ASKED = 8  # at once, of one patient


class SearchForm(forms.Form):
    """Whom to ask, and for which days."""

    services = forms.MultipleChoiceField(
        label="Whom to ask",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one."},
    )
    first = DayField(label="From")
    days = forms.TypedChoiceField(
        label="For",
        coerce=int,
        choices=[(1, "this day"), (3, "3 days"), (7, "a week"), (14, "two weeks")],
    )

    def __init__(self, sent: Any, *, services: list[RemoteService], today: date) -> None:
        every = [str(each.pk) for each in services]
        usual = {"services": every, "first": today, "days": 7}
        super().__init__(sent, initial=usual)
        fields: dict[str, Any] = self.fields
        fields["services"].choices = [(str(each.pk), each.name) for each in services]
        self.today = today

    def clean_first(self) -> date:
        first: date = max(self.cleaned_data["first"], self.today)
        return first


class WhatForm(forms.Form):
    """What the appointment says of itself there."""

    description = forms.CharField(
        max_length=booking.DESCRIPTION_LENGTH,
        help_text="What it is about, for whoever sees the patient there.",
        widget=forms.TextInput(attrs={"data-focus": True, "autocomplete": "off"}),
    )


class ElsewherePage(StaffPage):
    """What every page of booking elsewhere has: who may, and for whom."""

    permission = "practice.book_elsewhere"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        return [(Patient, number(self.sent.get("patient")))]

    @property
    def salt(self) -> str:
        """An offer is good in the practice to which it was made."""
        return f"practice.staff.elsewhere.{self.practice.pk}"

    def patient(self) -> Patient:
        pk = number(self.sent.get("patient"))
        return found_or_404(patient_by_id(organisation=self.practice, patient_id=pk))

    def why_not(self, patient: Patient) -> str:
        return elsewhere.why_not_elsewhere(patient, organisation=self.practice, now=self.now)

    @property
    def told(self) -> dict[str, Any]:
        """What every service here is told: where, by whom, when."""
        return {
            "organisation": self.practice,
            "caller": elsewhere.caller_of(self.reader, organisation=self.practice),
            "actor": self.actor,
            "now": self.now,
        }

    def patient_page(self, patient: Patient) -> str:
        return f"{reverse('admin:practice_patient_page', args=[patient.pk])}#elsewhere"


def search_address(patient_id: int, **more: str) -> str:
    """Where other organisations are asked for free times, for a patient."""
    return f"{reverse('admin:elsewhere')}?{urlencode({'patient': patient_id, **more})}"


def search_address_on(page: StaffPage, patient_id: int, **more: str) -> str:
    """The same for another page; empty: its reader may not, or there is nobody to ask."""
    if not page.request.user.has_perm(ElsewherePage.permission):
        return ""
    if not elsewhere.may_ask_elsewhere(organisation=page.practice):
        return ""
    return search_address(patient_id, **more)


class Elsewhere(ElsewherePage):
    """``?patient=``: whom to ask and for which days; with ``ask``, their free times."""

    template = "staff/elsewhere/times.html"
    title = "Book elsewhere"

    def get(self, request: HttpRequest) -> HttpResponse:
        patient = self.patient()
        why_not = self.why_not(patient)
        services = elsewhere.callable_services(organisation=self.practice)
        sent = request.GET if "ask" in request.GET else None
        form = SearchForm(sent, services=services, today=self.today)
        answers: list[dict[str, Any]] = []
        if sent and not why_not and form.is_valid():
            answers = self.ask(patient, services, form)
        return self.render(
            patient=patient,
            others=reverse("admin:practice_appointment_add"),
            why_not=why_not,
            services=services,
            form=form,
            asked=bool(answers),
            answers=answers,
            standing=elsewhere.standing_elsewhere(
                patient.pk, organisation=self.practice, now=self.now
            ),
            back_to=self.back(self.patient_page(patient)),
            is_fullwidth="1",
        )

    def ask(
        self, patient: Patient, services: list[RemoteService], form: SearchForm
    ) -> list[dict[str, Any]]:
        given = form.cleaned_data
        chosen = [each for each in services if str(each.pk) in given["services"]]
        answers = searching.free_times(
            patient=patient,
            services=chosen,
            first=given["first"],
            last=given["first"] + timedelta(days=given["days"] - 1),
            **self.told,
        )
        return [{"answer": each, "days": self.days(patient, each)} for each in answers]

    def days(self, patient: Patient, answer: Answer) -> list[tuple[date, list[dict[str, Any]]]]:
        """The times of an answer by day, each with the page that books it."""
        offers: list[dict[str, Any]] = [
            {"time": each, "book": self.book(patient, answer.service, each)}
            for each in answer.times
        ]
        by_day = groupby(offers, key=lambda offer: clock.local(offer["time"].start).date())
        return [(day, list(group)) for day, group in by_day]

    def book(self, patient: Patient, service: RemoteService, time: RemoteTime) -> str:
        offer = signing.dumps([service.pk, time.packed()], salt=self.salt, compress=True)
        query = {"patient": patient.pk, "offer": offer}
        if back := self.back(""):
            query["back"] = back
        return f"{reverse('admin:elsewhere_book')}?{urlencode(query)}"


class BookElsewhere(ElsewherePage):
    """A time that was offered: look once more, agree to a registration there, book."""

    template = "staff/elsewhere/book.html"
    title = "Book elsewhere"

    def get(self, request: HttpRequest) -> HttpResponse:
        patient = self.patient()
        offer = self.offer()
        if offer is None:
            return self.refused(TOO_OLD, search_address(patient.pk))
        service, time = offer
        form = WhatForm(initial={"description": time.slot_type[: booking.DESCRIPTION_LENGTH]})
        return self.ask_whether(patient, service, time, form)

    def post(self, request: HttpRequest) -> HttpResponse:
        patient = self.patient()
        offer = self.offer()
        if offer is None:
            return self.refused(TOO_OLD, search_address(patient.pk))
        service, time = offer
        form = WhatForm(request.POST)
        if not form.is_valid():
            return self.ask_whether(patient, service, time, form, status=422)
        try:
            booked = booking.book_elsewhere(
                patient=patient,
                service=service,
                time=time,
                description=form.cleaned_data["description"],
                may_register=request.POST.get("register") == "1",
                **self.told,
            )
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
            return self.ask_whether(patient, service, time, form, status=422)
        return self.shown(booked)

    def shown(self, booked: RemoteAppointment) -> HttpResponse:
        """Go on to what became of it; nobody goes on without having been told."""
        address = reverse("admin:remote_appointment", args=[booked.pk])
        if booked.state == State.BOOKED:
            return self.done(f"Booked at {booked.service}.", address)
        if booked.is_unknown:
            return self.refused(UNKNOWN.format(booked.service), address)
        return self.refused(f"{booked.said} Nothing was booked.", address)

    def ask_whether(
        self,
        patient: Patient,
        service: RemoteService,
        time: RemoteTime,
        form: WhatForm,
        *,
        status: int = 200,
    ) -> HttpResponse:
        """Say what will be booked and whether they know the patient there, before it is done."""
        why_not = self.why_not(patient)
        is_known, problem = False, ""
        if not why_not:
            try:
                is_known = searching.is_known_there(patient=patient, service=service, **self.told)
            except ElsewhereError as failure:
                problem = str(failure)
        return self.render(
            status=status,
            patient=patient,
            service=service,
            time=time,
            form=form,
            why_not=why_not,
            problem=problem,
            is_known=is_known,
            offer=self.sent.get("offer", ""),
            standing=elsewhere.standing_elsewhere(
                patient.pk, organisation=self.practice, now=self.now
            ),
            back_to=self.back(search_address(patient.pk)),
            others=search_address(patient.pk),
        )

    def offer(self) -> tuple[RemoteService, RemoteTime] | None:
        """The organisation and its time, if it was offered here a short while ago."""
        try:
            pk, packed = signing.loads(
                self.sent.get("offer", ""), salt=self.salt, max_age=OFFER_SECONDS
            )
        except signing.BadSignature:
            return None
        service = elsewhere.callable_service(organisation=self.practice, pk=pk)
        return (service, RemoteTime.unpacked(packed)) if service else None


class RemoteAppointmentPage(RecordPage, ElsewherePage):
    """What was booked elsewhere: what is known of it, finding out, cancelling there."""

    model = RemoteAppointment
    template = "staff/elsewhere/appointment.html"
    title = "Booked elsewhere"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.booking(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        booked = self.booking(pk)
        here = reverse("admin:remote_appointment", args=[pk])
        if request.POST.get("do") == "cancel":
            try:
                cancelling.cancel_elsewhere(
                    booking=booked, reason=request.POST.get("reason", ""), **self.told
                )
            except PracticeError as refusal:
                return self.show(booked, problem=str(refusal), status=422)
        elif request.POST.get("do") == "find-out":
            settling.find_out(bookings=[booked], **self.told)
        else:
            raise Http404("There is no such change.")
        return redirect(here)

    def booking(self, pk: int) -> RemoteAppointment:
        found = elsewhere.remote_appointment(organisation=self.practice, pk=pk)
        return found_or_404(found)

    def show(
        self, booked: RemoteAppointment, *, problem: str = "", status: int = 200
    ) -> HttpResponse:
        record_done("elsewhere.viewed", booked, actor=self.actor, now=self.now)
        is_over = booked.start <= self.now
        return self.render(
            status=status,
            booked=booked,
            patient=booked.patient,
            problem=problem,
            reason=self.request.POST.get("reason", ""),
            may_cancel=booked.state == State.BOOKED and not is_over,
            may_look=booked.state in {State.ASKED, State.CANCELLING, State.BOOKED},
            ask_cancel=self.request.GET.get("ask") == "cancel" or bool(problem),
            back_to=self.patient_page(booked.patient),
            again=search_address(booked.patient_id),
        )


class ElsewhereNow(ElsewherePage):
    """``POST patient=``: ask everywhere what stands now, and go back to the patient's page."""

    def post(self, request: HttpRequest) -> HttpResponse:
        patient = self.patient()
        standing = elsewhere.standing_elsewhere(
            patient.pk, organisation=self.practice, now=self.now
        )
        found = settling.find_out(bookings=standing[:MOST_ASKED], **self.told)
        silent = sorted({each.service.name for each in found if each.checked_at != self.now})
        if silent:
            names = ", ".join(silent)
            return self.refused(f"Not everybody told: {names}.", self.patient_page(patient))
        return self.done("Looked at the other end just now.", self.patient_page(patient))
