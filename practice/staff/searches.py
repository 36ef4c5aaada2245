"""Finding a patient and finding a free time: the questions that booking and moving both ask."""

from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django import forms

from practice import clock, nhs_number, terminology
from practice.models import Organisation, Patient, Slot
from practice.reads.directory import possible_holders
from practice.reads.free_times import Wanted, coming_slot_types, free_times
from practice.reads.patient_search import find_patients
from practice.site.fields import DayField, record_choice

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
    born = DayField(label="Date of birth", required=False)

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
        """Return who fits, one more than are shown."""
        return find_patients(
            organisation=organisation,
            words=self.cleaned_data.get("q") or "",
            born=self.cleaned_data.get("born"),
            most=MOST_PATIENTS + 1,
        )


# ---------------------------------------------------------------- free times


class SlotSearch(forms.Form):
    """Which free times somebody could have."""

    first = DayField(label="From", required=False)
    last = DayField(
        label="To",
        required=False,
        help_text="Empty: the next free ones.",
    )
    slot_type = forms.ChoiceField(label="Slot type", required=False)
    holder = record_choice(label="Session holder", required=False)
    role = forms.ChoiceField(label="Role", required=False)
    channel = forms.ChoiceField(label="Channel", required=False)
    location = record_choice(required=False)

    def __init__(
        self, *args: Any, organisation: Organisation, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.organisation, self.now = organisation, now
        fields: dict[str, Any] = self.fields
        fields["holder"].queryset = possible_holders(organisation=organisation)
        fields["location"].queryset = organisation.locations.all()
        types = coming_slot_types(organisation=organisation, now=now)
        fields["slot_type"].choices = _any((text, text) for text in types)
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

    def slots(self) -> list[Slot]:
        """Return the earliest that fit, one more than are shown: one query."""
        return free_times(
            Wanted(**self.cleaned_data),
            organisation=self.organisation,
            now=self.now,
            most=MOST_SLOTS + 1,
        )


def _any(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("", "Any"), *choices]


def by_day(slots: Iterable[Slot]) -> list[tuple[date, list[Slot]]]:
    """Return slots, which are by start, with the London day of each group."""
    days = groupby(slots, key=lambda slot: clock.local(slot.start).date())
    return [(day, list(group)) for day, group in days]
