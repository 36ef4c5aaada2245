"""Appointments that are booked together, and afterwards seen and cancelled together.

The first has a patient and a time already (``?patient=7&slot=12``); then either ``every`` so many
weeks and how many ``times``, or for a set each ``type`` with its ``days`` after the first.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.exceptions import PracticeError, SlotNotFree, VersionConflict
from practice.models import Appointment, Patient, Series, Slot
from practice.reads.free_times import types_to_choose
from practice.reads.patient_search import warnings
from practice.reads.patients import patient_by_id, why_nobody_books_for
from practice.reads.series import (
    PartOfSet,
    Place,
    appointments_of,
    repeated,
    series_with_id,
    set_of,
)
from practice.reads.slots import slot_in_detail
from practice.services.appointments.changing import REASON_LENGTH
from practice.services.appointments.series import (
    FEWEST,
    MOST,
    book_series,
    can_be_given_up,
    cancel_series,
)
from practice.site.addresses import number
from practice.staff.base import RecordPage, StaffPage, found_or_404
from practice.staff.booking import TextsForm
from practice.staff.how_booked import HowBookedForm

TAKEN = "One of these times is not free any more. Nothing was booked: choose again."
UNDECIDED = "Choose a time for each, or leave it out. Nothing was booked."
PARTS = 2  # that a set may have besides the first
LONGEST_GAP = 366  # days


class RepeatForm(forms.Form):
    """The same time again."""

    every = forms.IntegerField(label="Every … weeks", min_value=1, max_value=26, initial=4)
    times = forms.IntegerField(label="How many in all", min_value=FEWEST, max_value=MOST, initial=6)


class BookTogether(StaffPage):
    """Choose the times of a series, look once more, book all of them or none."""

    permission = "practice.add_appointment"
    template = "staff/series/book.html"
    title = "Book several together"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        return [(Patient, number(self.sent.get("patient")))]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        patient, first = self.patient_and_slot()
        places = self.places(first)
        texts, how = TextsForm(request.POST), HowBookedForm(request.POST)
        sent = [request.POST.get(f"place-{n}") for n in range(len(places))]
        if None in sent:
            return self.show(texts=texts, how=how, problem=UNDECIDED, status=422)
        chosen = [number(each) for each in sent]
        if not (texts.is_valid() & how.is_valid()):
            return self.show(texts=texts, how=how, status=422)
        try:
            series = book_series(
                organisation=self.practice,
                patient_id=patient.pk,
                slot_ids=[first.pk, *filter(None, chosen)],
                every_weeks=self.every_weeks,
                how=how.said(),
                booked_by=self.reader,
                actor=self.actor,
                now=self.now,
                **texts.cleaned_data,
            )
        except SlotNotFree:
            return self.show(texts=texts, how=how, problem=TAKEN, status=409)
        except PracticeError as refusal:
            return self.show(texts=texts, how=how, problem=str(refusal), status=422)
        booked = 1 + len(list(filter(None, chosen)))
        return self.done(f"Booked: {booked} appointments.", address_of(series))

    # ------------------------------------------------------------ what was asked for

    def patient_and_slot(self) -> tuple[Patient, Slot]:
        """The patient and the time of the first one."""
        whom, when = number(self.sent.get("patient")), number(self.sent.get("slot"))
        patient = found_or_404(patient_by_id(organisation=self.practice, patient_id=whom))
        return patient, found_or_404(slot_in_detail(organisation=self.practice, slot_id=when))

    @property
    def every_weeks(self) -> int | None:
        """Every so many weeks, if that is asked for; else a set."""
        return number(self.sent.get("every")) or None

    @property
    def parts(self) -> list[PartOfSet]:
        """The other parts of a set; one without a type is none."""
        types, days = self.sent.getlist("type"), self.sent.getlist("days")
        found = [
            PartOfSet(slot_type, min(number(gap), LONGEST_GAP))
            for slot_type, gap in zip(types, days, strict=False)
            if slot_type
        ]
        return found[:PARTS]

    def places(self, first: Slot) -> list[Place]:
        """Return the places besides the first, with what can be had for each."""
        asked: dict[str, Any] = {
            "organisation": self.practice,
            "first": first,
            "now": self.now,
        }
        if self.every_weeks:
            form = RepeatForm(self.sent)
            if not form.is_valid():
                return []
            said = form.cleaned_data
            return repeated(every_weeks=said["every"], times=said["times"], **asked)
        return set_of(parts=self.parts, **asked) if self.parts else []

    # ------------------------------------------------------------ what is shown

    def show(
        self,
        *,
        texts: TextsForm | None = None,
        how: HowBookedForm | None = None,
        problem: str = "",
        status: int = 200,
    ) -> HttpResponse:
        patient, first = self.patient_and_slot()
        places = self.places(first)
        repeat = RepeatForm(self.sent if self.every_weeks else None)
        parts = [*self.parts, *[PartOfSet("", 0)] * PARTS][:PARTS]
        if not problem and places and all(not p.exact and not p.offered for p in places):
            problem = "None of the other times can be had."
        return self.render(
            status=status,
            patient=patient,
            others="",
            warnings=warnings(patient, [], now=self.now),
            why_not=why_nobody_books_for(patient, now=self.now),
            first=first,
            slots=[first],
            repeat=repeat,
            every=self.every_weeks,
            times=number(self.sent.get("times")),
            parts=parts,
            types=types_to_choose(organisation=self.practice, now=self.now),
            places=[(n, place, self.picked(n, place)) for n, place in enumerate(places)],
            texts=texts or TextsForm(initial={"description": first.slot_type}),
            how=how or HowBookedForm(),
            problem=problem,
        )

    def picked(self, n: int, place: Place) -> int | None:
        """Which time of a place is ticked: what was sent, else the very one that was meant.

        None: nobody has decided. 0: this one is left out.
        """
        sent = self.request.POST.get(f"place-{n}")
        if sent is not None:
            return number(sent)
        if place.exact:
            return place.exact.pk
        return None if place.offered else 0


class SeriesPage(RecordPage):
    """What was booked together: each with its state, and all that are to come cancelled."""

    permission = "practice.view_appointment"
    template = "staff/series/page.html"
    title = "Booked together"
    model = Series

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.find(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm("practice.change_appointment"):
            raise PermissionDenied
        series = self.find(pk)
        expected = dict(each.split(".", 1) for each in request.POST.getlist("seen") if "." in each)
        try:
            gone = cancel_series(
                organisation=self.practice,
                series_id=series.pk,
                expected={number(which): version for which, version in expected.items()},
                reason=request.POST.get("reason", "").strip(),
                actor=self.actor,
                now=self.now,
            )
        except VersionConflict:
            words = "Somebody else has changed one of them. Nothing was cancelled: look again."
            return self.show(series, problem=words, status=409)
        except PracticeError as refusal:
            return self.show(series, problem=str(refusal), status=422)
        number_gone = len(gone)
        words = "appointment" if number_gone == 1 else "appointments"
        return self.done(f"{number_gone} {words} cancelled.", address_of(series))

    def find(self, pk: int) -> Series:
        return found_or_404(series_with_id(organisation=self.practice, series_id=pk))

    def show(self, series: Series, *, problem: str = "", status: int = 200) -> HttpResponse:
        appointments = appointments_of(series)
        self.record_shown("series.viewed", [series.patient_id], series=series.pk)
        left = [each for each in appointments if can_be_given_up(each, now=self.now)]
        return self.render(
            status=status,
            series=series,
            patient=series.patient,
            lines=[self.line(each, each in left) for each in appointments],
            left=left,
            problem=problem,
            reason=self.request.POST.get("reason", ""),
            reason_length=REASON_LENGTH,
            may_change=self.request.user.has_perm("practice.change_appointment"),
        )

    def line(self, appointment: Appointment, is_left: bool) -> dict[str, Any]:
        """One of them, with what can be done about it alone."""
        address = reverse("admin:practice_appointment_change", args=[appointment.pk])
        return {
            "appointment": appointment,
            "address": address,
            "move": reverse("admin:move", args=[appointment.pk]) if is_left else "",
            "cancel": f"{address}?ask=cancel" if is_left else "",
        }


def address_of(series: Series) -> str:
    return reverse("admin:series", args=[series.pk])
