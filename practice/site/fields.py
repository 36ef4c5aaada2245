"""Form fields for what is stored in one form and typed in another."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.options import HORIZONTAL
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from practice import clock, nhs_number
from practice.models.common import validate_ods_code
from practice.site.widgets import DayInput

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class DayField(forms.DateField):
    """A date that somebody may mean, and that can be reckoned with (practice.clock).

    However it is typed: the browser's own field sends 1961-07-04, and people write 4/7/61.
    """

    widget: forms.DateInput | type[forms.DateInput] = DayInput
    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "This is not a date. Write it as 4/7/1961 or 4 Jul 1961."
    }
    default_validators = [
        MinValueValidator(clock.FIRST_DATE, f"The year must be {clock.FIRST_DATE.year} or later."),
        MaxValueValidator(clock.LAST_DATE, f"The year must be {clock.LAST_DATE.year} or earlier."),
    ]

    def to_python(self, value: Any) -> date | None:
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        found = clock.read_typed_date(value, latest=self.latest())
        if found is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return found

    def latest(self) -> date | None:
        """The day after which nobody means a year of two digits; None: it is of this century."""
        return None


class BirthDateField(DayField):
    """A date of birth: typed, as a calendar to choose from begins today; 61 is 1961."""

    widget = forms.DateInput(
        format="%d/%m/%Y",
        attrs={"autocomplete": "off", "inputmode": "text", "placeholder": "4/7/1961"},
    )

    def latest(self) -> date:
        return clock.today(timezone.now())

    def clean(self, value: Any) -> Any:
        born = super().clean(value)
        if born and born > self.latest():
            raise ValidationError("The date of birth is in the future.")
        return born


class NHSNumberField(forms.CharField):
    """An NHS number, typed with or without spaces and hyphens, shown as 999 012 3456."""

    widget = UnfoldAdminTextInputWidget
    default_validators = [nhs_number.validate]

    def to_python(self, value: Any) -> Any:
        return re.sub(r"[\s-]", "", super().to_python(value) or "") or self.empty_value

    def prepare_value(self, value: Any) -> Any:
        digits = self.to_python(value) or ""
        return nhs_number.spaced(digits) if len(digits) == 10 else value


class ODSCodesField(forms.CharField):
    """A list of ODS codes, one a line; small letters and commas are put right (AVAIL-026)."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 5}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        codes = re.split(r"[\s,;]+", (super().to_python(value) or "").upper())
        return list(dict.fromkeys(filter(None, codes)))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def run_validators(self, value: list[str]) -> None:
        for code in value:
            try:
                validate_ods_code(code)
            except ValidationError:
                raise ValidationError(
                    f"“{code}” is not an ODS code: capital letters and digits only, such as A20047."
                ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(initial or "") != self.to_python(data or "")


class Checkboxes(UnfoldAdminCheckboxSelectMultipleWidget):
    """A row of checkboxes that folds where it is narrow."""

    radio_style = HORIZONTAL

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context(*args, **kwargs), "radio_style": self.radio_style}


class CodesField(forms.MultipleChoiceField):
    """Some codes of a published list, as checkboxes."""

    widget = Checkboxes

    def __init__(self, *, choices: Callable[[], list[tuple[str, str]]], **kwargs: Any) -> None:
        super().__init__(choices=choices, **kwargs)


class ManyCodesField(CodesField):
    """Some codes of a long published list: type to find them."""

    widget = UnfoldAdminSelect2MultipleWidget


class WeekdaysField(forms.TypedMultipleChoiceField):
    """Days of the week, stored as numbers from 0 for Monday."""

    widget = Checkboxes

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=list(enumerate(WEEKDAYS)), coerce=int, **kwargs)


def weekdays_in_words(days: list[int]) -> str:
    """Return days as reception says them: Mon to Fri, or Mon, Wed."""
    days = sorted(days)
    names = [WEEKDAYS[day][:3] for day in days]
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{names[0]} to {names[-1]}"
    return ", ".join(names)


class ManyRecordsField(forms.ModelMultipleChoiceField):
    """Some records of ours. An id that is too large for SQLite is one that nothing has."""

    def _check_values(self, value: Any) -> Any:
        try:
            return super()._check_values(value)  # type: ignore[misc]
        except OverflowError:
            raise ValidationError("There is no such choice.") from None


def record_choice(**kwargs: Any) -> forms.ModelChoiceField:
    """A choice of one record; the form that has it says which, those of one practice, each time."""
    field: forms.ModelChoiceField = forms.ModelChoiceField(None, **kwargs)
    return field
