"""The browser's own fields for days and times: they want ISO's form whatever the site's is."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe


class DayInput(forms.DateInput):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(format="%Y-%m-%d", attrs={"type": "date", **(attrs or {})})


class QuickSelect(forms.Select):
    """A choice written without a template for each option: pages with many of them are asked often.

    For flat lists of choices, of which one is chosen.
    """

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        around = flatatt({**self.build_attrs(self.attrs, attrs), "name": name})
        chosen = self.format_value(value)
        options = "".join(
            f'<option value="{escape(key)}"{" selected" if str(key) in chosen else ""}>'
            f"{escape(words)}</option>"
            for key, words in self.choices
        )
        return format_html("<select{}>{}</select>", around, mark_safe(options))  # noqa: S308 # nosec B308 B703


def datalist(list_id: str, suggested: Iterable[tuple[str, str]]) -> SafeString:
    """What a text field named ``list=`` suggests: each a value, and words about it."""
    options = format_html_join("", '<option value="{}">{}</option>', suggested)
    return format_html('<datalist id="{}">{}</datalist>', list_id, options)


class SuggestingInput(forms.TextInput):
    """A text field that suggests values, and takes any other too."""

    suggested: Iterable[tuple[str, str]] = ()

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        list_id = f"{name}-suggested"
        field = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        return format_html("{}{}", field, datalist(list_id, self.suggested))


def time_input() -> forms.TimeInput:
    return forms.TimeInput(format="%H:%M", attrs={"type": "time"})
