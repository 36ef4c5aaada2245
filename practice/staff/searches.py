"""Finding a patient and finding a free time: the questions that booking and moving both ask."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.db.models import Prefetch, Q, QuerySet

from practice import clock, nhs_number, terminology
from practice.models import (
    Appointment,
    Location,
    Organisation,
    Patient,
    PatientTelecom,
    Practitioner,
    Slot,
)
from practice.site.widgets import date_input

MOST_PATIENTS = 50
MOST_SLOTS = 200
MOST_INSTEAD = 12


# ---------------------------------------------------------------- patients


class PatientSearch(forms.Form):
    """An NHS number, or a name, and perhaps a date of birth."""

    q = forms.CharField(
        label="NHS number or name",
        required=False,
        max_length=100,
        help_text="999 012 3456, or family name and first letters: fauxley e",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    born = forms.DateField(label="Date of birth", required=False, widget=date_input())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        digits = (cleaned.get("q") or "").replace(" ", "").replace("-", "")
        if digits.isdigit() and not nhs_number.is_valid(digits):
            self.add_error("q", "This is not an NHS number: ten digits, the last a check digit.")
        return cleaned

    @property
    def is_empty(self) -> bool:
        return not (self.cleaned_data.get("q") or self.cleaned_data.get("born"))

    def patients(self, organisation: Organisation) -> list[Patient]:
        """Return who fits, by name, one more than are shown; registered people first."""
        found = Patient.objects.filter(organisation=organisation)
        words = (self.cleaned_data.get("q") or "").replace(",", " ").split()
        digits = "".join(words).replace("-", "")
        if digits.isdigit():
            found = found.filter(nhs_number=digits)
        elif words:
            found = found.filter(_named(words))
        if born := self.cleaned_data.get("born"):
            found = found.filter(birth_date=born)
        numbers = PatientTelecom.objects.filter(system="phone").order_by("pk")
        telephones = Prefetch("telecoms", queryset=numbers, to_attr="telephones")
        return list(
            found.prefetch_related(telephones).order_by(
                "-active", "family_name", "given_names", "birth_date"
            )[: MOST_PATIENTS + 1]
        )


def _named(words: list[str]) -> Q:
    """Family name and first letters, in either order; a family name may have several words."""
    whole = " ".join(words)
    fits = Q(family_name__istartswith=whole)
    for cut in range(1, len(words)):
        before, after = " ".join(words[:cut]), " ".join(words[cut:])
        fits |= Q(family_name__istartswith=before, given_names__istartswith=after)
        fits |= Q(given_names__istartswith=before, family_name__istartswith=after)
    return fits


def warnings(patient: Patient, days: Iterable[date], *, now: datetime) -> list[str]:
    """Return what a receptionist should know before booking: one sentence for each."""
    today = clock.today(now)
    found = []
    if patient.deceased_at:
        found.append(f"Recorded as deceased on {patient.deceased_at:%d %b %Y}.")
    if not patient.active:
        found.append("Not registered at the practice any more.")
    elif patient.registration_end and patient.registration_end < today:
        found.append(f"The registration ended on {patient.registration_end:%d %b %Y}.")
    elif patient.registration_type == "T" and patient.registration_end:
        found.append(f"Registered for a time, until {patient.registration_end:%d %b %Y}.")
    for day in sorted(set(days)):
        booked = Appointment.objects.filter(
            patient=patient,
            start__gte=clock.day_start(day),
            start__lt=clock.day_end(day),
            status__in=[Appointment.Status.BOOKED, Appointment.Status.ARRIVED],
        ).select_related("schedule__session_holder")
        for appointment in booked:
            when = clock.local(appointment.start)
            whom = appointment.schedule.session_holder or appointment.session_name
            found.append(f"Already booked that day: {when:%d %b, %H:%M} with {whom}.")
    return found


# ---------------------------------------------------------------- free times


class SlotSearch(forms.Form):
    """Which free times somebody could have."""

    first = forms.DateField(label="From", required=False, widget=date_input())
    last = forms.DateField(
        label="To",
        required=False,
        widget=date_input(),
        help_text="Empty: the next free ones.",
    )
    slot_type = forms.ChoiceField(label="Slot type", required=False)
    holder = forms.ModelChoiceField(
        label="Session holder", required=False, queryset=Practitioner.objects.none()
    )
    role = forms.ChoiceField(label="Role", required=False)
    channel = forms.ChoiceField(label="Channel", required=False)
    location = forms.ModelChoiceField(required=False, queryset=Location.objects.none())

    def __init__(
        self, *args: Any, organisation: Organisation, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.organisation, self.now = organisation, now
        fields: dict[str, Any] = self.fields
        fields["holder"].queryset = Practitioner.objects.filter(
            roles__organisation=organisation, roles__active=True
        ).distinct()
        fields["location"].queryset = organisation.locations.all()
        coming = self._coming()
        fields["slot_type"].choices = _any(
            (text, text)
            for text in coming.order_by("slot_type").values_list("slot_type", flat=True).distinct()
        )
        fields["role"].choices = _any(terminology.practitioner_roles())
        fields["channel"].choices = _any(terminology.delivery_channels())
        for name in ("holder", "location"):
            fields[name].empty_label = "Any"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", "The last day is before the first.")
        return cleaned

    def _coming(self) -> QuerySet[Slot]:
        """Free slots that are planned and not over, whoever may book them outside."""
        return Slot.objects.filter(
            organisation=self.organisation,
            status=Slot.Status.FREE,
            withdrawn=False,
            schedule__withdrawn=False,
            end__gt=self.now,
        )

    def slots(self) -> list[Slot]:
        """Return the earliest that fit, one more than are shown: one query."""
        asked = self.cleaned_data
        found = self._coming()
        if first := asked.get("first"):
            found = found.filter(start__gte=clock.day_start(first))
        if last := asked.get("last"):
            found = found.filter(start__lt=clock.day_end(last))
        for field, name in (
            ("slot_type", "slot_type"),
            ("schedule__session_holder", "holder"),
            ("schedule__practitioner_role", "role"),
            ("delivery_channel", "channel"),
            ("schedule__location", "location"),
        ):
            if value := asked.get(name):
                found = found.filter(**{field: value})
        return list(
            found.select_related("schedule__session_holder", "schedule__location").order_by(
                "start", "schedule__session_holder__family_name", "pk"
            )[: MOST_SLOTS + 1]
        )


def _any(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("", "Any"), *choices]


def by_day(slots: Iterable[Slot]) -> list[tuple[date, list[Slot]]]:
    """Return slots, which are by start, with the London day of each group."""
    days = groupby(slots, key=lambda slot: clock.local(slot.start).date())
    return [(day, list(group)) for day, group in days]


def next_day(day: date) -> date:
    """Return the day after."""
    return day + timedelta(days=1)
