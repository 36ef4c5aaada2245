"""The cancellation list: who waits for an earlier time, who would take a free one, and in order.

A person rings and decides: booking and moving are the pages that do so for everybody, with patient
and time chosen.
"""

from collections.abc import Iterable
from datetime import time
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.exceptions import PracticeError
from practice.models import Appointment, CancellationListEntry, Organisation, Patient, Slot
from practice.reads import cancellation_list as asked
from practice.reads.appointments import appointment_in_detail
from practice.reads.directory import possible_holders
from practice.reads.free_times import PARTS_OF_DAY
from practice.reads.patients import patient_by_id, why_nobody_books_for
from practice.reads.slot_types import on_offer
from practice.reads.slots import slot_in_detail
from practice.services import cancellation_list
from practice.services.cancellation_list import Wish, usual_wish
from practice.site.addresses import number
from practice.site.fields import Checkboxes, DayField, ManyRecordsField, WeekdaysField
from practice.site.widgets import time_input
from practice.site.wishes import wish_in_words
from practice.staff.base import RecordPage, StaffPage, found_or_404

MANY = "Choose a patient first, then put them on the list from their page."


class WishForm(forms.Form):
    """For which days, hours, clinicians and type of slot somebody would come."""

    first_day = DayField(label="From")
    last_day = DayField(label="Until", help_text="After this day they are off the list.")
    weekdays = WeekdaysField(
        label="Days of the week", required=False, help_text="None ticked: any day."
    )
    start_time = forms.TimeField(
        label="Not before", required=False, widget=time_input(), help_text="Empty: from the morning"
    )
    end_time = forms.TimeField(
        label="Over by", required=False, widget=time_input(), help_text="Empty: until the evening"
    )
    slot_type = forms.ChoiceField(label="Slot type", required=False)
    minutes = forms.IntegerField(
        label="Minutes needed",
        required=False,
        min_value=1,
        max_value=600,
        help_text="Empty: one slot, however long.",
    )
    clinicians = ManyRecordsField(
        queryset=None,
        label="With",
        required=False,
        widget=Checkboxes,
        help_text="None ticked: anybody.",
    )
    note = forms.CharField(
        required=False, max_length=200, help_text="Such as: can be here within ten minutes."
    )

    def __init__(self, sent: Any = None, *, organisation: Organisation, wish: Wish) -> None:
        said = {**wish._asdict(), "clinicians": wish.clinician_ids}
        super().__init__(sent, initial=said)
        fields: dict[str, Any] = self.fields
        types = [each.name for each in on_offer(organisation=organisation)]
        if wish.slot_type and wish.slot_type not in types:
            types.append(wish.slot_type)
        fields["slot_type"].choices = [("", "Any"), *((name, name) for name in types)]
        fields["clinicians"].queryset = possible_holders(organisation=organisation)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day is before the first.")
        start, end = cleaned.get("start_time"), cleaned.get("end_time")
        if start and end and end <= start:
            self.add_error("end_time", "The hours end before they begin.")
        return cleaned

    def wish(self) -> Wish:
        values = dict(self.cleaned_data)
        people = values.pop("clinicians")
        return Wish(
            **{**values, "weekdays": tuple(values["weekdays"])},
            clinician_ids=tuple(sorted(person.pk for person in people)),
        )


class ListPage(StaffPage):
    """What every page of the list has: who may change it, and that patients were shown."""

    permission = "practice.view_cancellationlistentry"

    def require(self, verb: str) -> None:
        if not self.request.user.has_perm(f"practice.{verb}_cancellationlistentry"):
            raise PermissionDenied

    def record(self, patients: Iterable[int], **detail: Any) -> None:
        if shown := list(patients):
            self.record_shown("cancellation_list.viewed", shown, **detail)


class CancellationList(ListPage):
    """Times that came free and who many would take them; who waits; who waits no more."""

    template = "staff/cancellation_list/page.html"
    title = "Cancellation list"

    def get(self, request: HttpRequest) -> HttpResponse:
        here: dict[str, Any] = {"organisation": self.practice, "now": self.now}
        people = asked.with_telephones(asked.waiting(**here))
        ended = asked.ended_lately(**here)
        self.record(each.patient_id for each in [*people, *(one.entry for one in ended)])
        booked = asked.booked_besides(people, now=self.now)
        return self.render(
            freed=asked.freed_times(**here),
            lines=[
                {
                    "entry": entry,
                    "wish": wish_in_words(entry),
                    "booked": booked[entry.pk],
                    "find": find_a_time(entry, back=request.path),
                }
                for entry in people
            ],
            ended=ended,
        )


class WhoWouldCome(ListPage, RecordPage):
    """A free time: who on the list would take it, whoever has asked longest first."""

    template = "staff/cancellation_list/time.html"
    title = "Who would take this time"
    model = Slot

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.slot(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Remember that somebody was asked."""
        self.require("change")
        slot = self.slot(pk)
        try:
            cancellation_list.note_call(
                organisation=self.practice,
                entry_id=number(request.POST.get("entry")),
                start=slot.start,
                outcome=request.POST.get("outcome", ""),
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            return self.show(slot, problem=str(refusal), status=422)
        return self.done("Noted.", f"{request.path}?{urlencode({'back': self.back('')})}")

    def slot(self, pk: int) -> Slot:
        return found_or_404(slot_in_detail(organisation=self.practice, slot_id=pk))

    def show(self, slot: Slot, *, problem: str = "", status: int = 200) -> HttpResponse:
        found = asked.who_would_take(slot, organisation=self.practice, now=self.now)
        people = asked.with_telephones(each.entry for each in found.people)
        self.record((each.patient_id for each in people), slot=slot.pk)
        booked = asked.booked_besides(people, now=self.now)
        back = self.back(reverse("admin:cancellation_list"))
        return self.render(
            status=status,
            slot=slot,
            is_free=bool(found.run),
            kept=found.run[0].kept if found.run else "",  # type: ignore[attr-defined]
            problem=problem,
            back_to=back,
            lines=[
                {
                    "candidate": each,
                    "entry": each.entry,
                    "wish": wish_in_words(each.entry),
                    "booked": booked[each.entry.pk],
                    "take": take(each, back=back),
                }
                for each in found.people
            ],
        )


def take(candidate: asked.Candidate, *, back: str) -> str:
    """The page that asks once more, and books or moves: the patient and the time are chosen."""
    chosen = [("slot", str(slot.pk)) for slot in candidate.slots]
    return page_of_job(candidate.entry, [*chosen, ("back", back)])


def page_of_job(entry: CancellationListEntry, query: list[tuple[str, str]]) -> str:
    """Where an entry is met: its appointment is moved, or one is booked for its patient."""
    if entry.appointment_id:
        return f"{reverse('admin:move', args=[entry.appointment_id])}?{urlencode(query)}"
    query = [("patient", str(entry.patient_id)), *query]
    return f"{reverse('admin:practice_appointment_add')}?{urlencode(query)}"


def find_a_time(entry: CancellationListEntry, *, back: str) -> str:
    """The search for a free time, with what the entry says."""
    people = [each.practitioner_id for each in entry.clinicians.all()]
    query = {
        "first": str(entry.first_day),
        "slot_type": entry.slot_type,
        "holder": str(people[0]) if len(people) == 1 else "",
        "back": back,
    }
    return page_of_job(entry, [(name, value) for name, value in query.items() if value])


class JoinList(ListPage):
    """``?patient=`` or ``?appointment=``: put somebody on the list; the rest says what for."""

    permission = "practice.add_cancellationlistentry"
    template = "staff/cancellation_list/entry.html"
    title = "Put on the cancellation list"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        return (
            (Appointment, number(self.sent.get("appointment"))),
            (Patient, number(self.sent.get("patient"))),
        )

    def get(self, request: HttpRequest) -> HttpResponse:
        patient, appointment = self.whom()
        if patient is None:
            return self.refused(MANY, reverse("admin:practice_patient_changelist"))
        wish = self.asked_for(usual_wish(appointment, now=self.now))
        form = WishForm(organisation=self.practice, wish=wish)
        return self.ask(patient, appointment, form)

    def post(self, request: HttpRequest) -> HttpResponse:
        patient, appointment = self.whom()
        if patient is None:
            return self.refused(MANY, reverse("admin:practice_patient_changelist"))
        wish = self.asked_for(usual_wish(appointment, now=self.now))
        form = WishForm(request.POST, organisation=self.practice, wish=wish)
        if not form.is_valid():
            return self.ask(patient, appointment, form, status=422)
        try:
            cancellation_list.join(
                organisation=self.practice,
                patient_id=patient.pk,
                appointment_id=appointment.pk if appointment else None,
                wish=form.wish(),
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
            return self.ask(patient, appointment, form, status=422)
        back = self.back(reverse("admin:cancellation_list"))
        return self.done(f"{patient.full_name} is on the cancellation list.", back)

    def whom(self) -> tuple[Patient | None, Appointment | None]:
        """The patient, and the appointment that would be moved, if one was named."""
        pk = number(self.sent.get("appointment"))
        if pk:
            found = appointment_in_detail(organisation=self.practice, appointment_id=pk)
            appointment = found_or_404(found)
            return appointment.patient, appointment
        pk = number(self.sent.get("patient"))
        if not pk:
            return None, None
        return found_or_404(patient_by_id(organisation=self.practice, patient_id=pk)), None

    def asked_for(self, wish: Wish) -> Wish:
        """The usual wish with what a search for a time had said already."""
        sent = self.request.GET
        holder = number(sent.get("holder"))
        start, end = PARTS_OF_DAY.get(sent.get("part", ""), (0, 24))
        return wish._replace(
            slot_type=sent.get("slot_type", "")[:100] or wish.slot_type,
            clinician_ids=(holder,) if holder else (),
            start_time=time(start) if start else None,
            end_time=time(end) if end < 24 else None,
        )

    def ask(
        self,
        patient: Patient,
        appointment: Appointment | None,
        form: WishForm,
        *,
        status: int = 200,
    ) -> HttpResponse:
        self.record([patient.pk])
        return self.render(
            status=status,
            patient=patient,
            appointment=appointment,
            form=form,
            why_not=why_nobody_books_for(patient, now=self.now),
            back_to=self.back(reverse("admin:cancellation_list")),
            words="Put on the list",
        )


class JoinAfterClosure(StaffPage):
    """One click from a call list: whose time a closure took waits for another."""

    permission = "practice.add_cancellationlistentry"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        back = self.back(reverse("admin:worklist"))
        found = appointment_in_detail(organisation=self.practice, appointment_id=pk)
        appointment = found_or_404(found)
        try:
            cancellation_list.join_after_closure(
                organisation=self.practice, appointment_id=pk, actor=self.actor, now=self.now
            )
        except PracticeError as refusal:
            return self.refused(str(refusal), back)
        return self.done(f"{appointment.patient.full_name} is on the cancellation list.", back)


class EntryPage(ListPage, RecordPage):
    """What somebody waits for: changed, or taken off the list (``do=withdraw``)."""

    template = "staff/cancellation_list/entry.html"
    title = "On the cancellation list"
    model = CancellationListEntry

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        entry = self.entry(pk)
        form = WishForm(organisation=self.practice, wish=cancellation_list.wish_of(entry))
        return self.ask(entry, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.require("change")
        entry = self.entry(pk)
        back = self.back(reverse("admin:cancellation_list"))
        which: dict[str, Any] = {
            "organisation": self.practice,
            "entry_id": pk,
            "actor": self.actor,
            "now": self.now,
        }
        wish = cancellation_list.wish_of(entry)
        form = WishForm(request.POST, organisation=self.practice, wish=wish)
        withdraws = request.POST.get("do") == "withdraw"
        if not withdraws and not form.is_valid():
            return self.ask(entry, form, status=422)
        try:
            if withdraws:
                cancellation_list.withdraw(**which)
            else:
                cancellation_list.change(wish=form.wish(), **which)
        except PracticeError as refusal:
            return self.refused(str(refusal), back)
        off = f"{entry.patient.full_name} is off the cancellation list."
        return self.done(off if withdraws else "Saved.", back)

    def entry(self, pk: int) -> CancellationListEntry:
        return found_or_404(asked.entry_of(organisation=self.practice, pk=pk))

    def ask(
        self, entry: CancellationListEntry, form: WishForm, *, status: int = 200
    ) -> HttpResponse:
        self.record([entry.patient_id])
        return self.render(
            status=status,
            entry=entry,
            ended=asked.why_ended(entry, now=self.now),
            patient=entry.patient,
            appointment=entry.appointment,
            form=form,
            back_to=self.back(reverse("admin:cancellation_list")),
            words="Save",
        )
