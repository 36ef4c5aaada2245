"""The browser's own fields for days and times: they want ISO's form whatever the site's is."""

from typing import Any

from django import forms


class DayInput(forms.DateInput):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(format="%Y-%m-%d", attrs={"type": "date", **(attrs or {})})


def time_input() -> forms.TimeInput:
    return forms.TimeInput(format="%H:%M", attrs={"type": "time"})
