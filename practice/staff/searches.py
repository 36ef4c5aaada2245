"""Finding a patient and finding a free time: the questions that booking and moving both ask."""

from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django import forms

from practice import clock, nhs_number, terminology
from practice.models import Organisation, Patient, Slot
from practice.reads.directory import possible_holders
from practice.reads.free_times import Wanted, free_times, types_to_choose
from practice.reads.next_available import Place, times_at
from practice.reads.patient_search import find_patients, is_telephone
from practice.site.fields import BirthDateField, DayField, record_choice
from practice.site.widgets import QuickSelect

MOST_PATIENTS = 50
MOST_INSTEAD = 12
MOST_SOONEST = 8
PARTS = [
    ("", "Any time"),
    ("am", "Morning"),
    ("pm", "Afternoon"),
    ("evening", "After 17:00"),
]


# ---------------------------------------------------------------- patients


class PatientSearch(forms.Form):
    """An NHS number, a telephone number, or a name, and perhaps a date of birth beside it."""

    q = forms.CharField(
        label="NHS number or name",
        required=False,
        max_length=100,
        help_text="999 012 3456, or family name and first letters: fauxley e. "
        "A date of birth (4/7/61) or a telephone number, too.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autofocus": True}
        ),
    )
    born = BirthDateField(label="Date of birth", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        words = cleaned.get("q") or ""
        if written := clock.TYPED_DATE.search(words):
            born = clock.read_typed_date(written[0], latest=BirthDateField().latest())
            if born:
                cleaned["born"] = born
                words = f"{words[: written.start()]} {words[written.end() :]}".strip()
        digits = words.replace(" ", "").replace("-", "")
        if digits.isdigit() and not (nhs_number.is_valid(digits) or is_telephone(digits)):
            self.add_error("q", "This is not an NHS number: ten digits, the last a check digit.")
        cleaned["words"] = words
        return cleaned

    @property
    def is_empty(self) -> bool:
        return not (self.cleaned_data.get("words") or self.cleaned_data.get("born"))

    def person(self) -> dict[str, Any]:
        """What was typed, as the fields of somebody who is registered: to be gone over there."""
        words, born = self.cleaned_data["words"], self.cleaned_data.get("born")
        digits = words.replace(" ", "").replace("-", "")
        said: dict[str, Any] = {"birth_date": f"{born:%d/%m/%Y}"} if born else {}
        if digits.isdigit():
            said["telephone" if is_telephone(digits) else "nhs_number"] = words
        elif "," in words:
            family, _, given = words.partition(",")
            said |= {"given_names": given.strip().title(), "family_name": family.strip().title()}
        elif words:
            given, _, family = words.rpartition(" ")
            said |= {"given_names": given.title(), "family_name": family.title()}
        return said

    def patients(self, organisation: Organisation) -> list[Patient]:
        """Return who fits, one more than are shown."""
        return find_patients(
            organisation=organisation,
            words=self.cleaned_data["words"],
            born=self.cleaned_data.get("born"),
            most=MOST_PATIENTS + 1,
        )


# ---------------------------------------------------------------- free times


class SlotSearch(forms.Form):
    """Which free times somebody could have."""

    first = DayField(label="From", required=False)
    slot_type = forms.ChoiceField(label="Slot type", required=False, widget=QuickSelect)
    part = forms.ChoiceField(label="When", required=False, choices=PARTS, widget=QuickSelect)
    holder = record_choice(label="Session holder", required=False, widget=QuickSelect)
    role = forms.ChoiceField(label="Role", required=False, widget=QuickSelect)
    gender = forms.ChoiceField(label="Man or woman", required=False, widget=QuickSelect)
    channel = forms.ChoiceField(label="Channel", required=False, widget=QuickSelect)
    location = record_choice(required=False, widget=QuickSelect)
    field_order = ("slot_type", "part", "channel", "location", "role", "gender", "holder", "first")

    def __init__(
        self, *args: Any, organisation: Organisation, now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.organisation, self.now = organisation, now
        fields: dict[str, Any] = self.fields
        fields["holder"].queryset = possible_holders(organisation=organisation)
        fields["location"].queryset = organisation.locations.all()
        types = types_to_choose(organisation=organisation, now=now)
        fields["slot_type"].choices = _any((text, text) for text in types)
        fields["role"].choices = _any(terminology.practitioner_roles())
        fields["channel"].choices = _any(terminology.delivery_channels())
        fields["gender"].choices = _any(
            each for each in terminology.administrative_genders() if each[0] in ("female", "male")
        )
        for name in ("holder", "location"):
            fields[name].empty_label = "Any"

    @property
    def wanted(self) -> Wanted:
        """What a time must be like; what makes no sense in the form counts as not said."""
        return Wanted(**self.cleaned_data)

    def slots(self, most: int) -> list[Slot]:
        """Return the earliest that fit, one more than are shown: one query."""
        return free_times(self.wanted, organisation=self.organisation, now=self.now, most=most + 1)

    def slots_at(self, place: Place) -> list[Slot]:
        """Return what fits in a half-day of one holder: one query."""
        return times_at(place, self.wanted, organisation=self.organisation, now=self.now)


def _any(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("", "Any"), *choices]


def by_day(slots: Iterable[Slot]) -> list[tuple[date, list[Slot]]]:
    """Return slots, which are by start, with the London day of each group."""
    days = groupby(slots, key=lambda slot: clock.local(slot.start).date())
    return [(day, list(group)) for day, group in days]
