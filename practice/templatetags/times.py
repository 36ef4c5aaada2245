"""Times, days and numbers as people read them, by the clock on the wall."""

from datetime import datetime

from django import template

from practice import clock, nhs_number

register = template.Library()


@register.filter
def wall(moment: datetime) -> str:
    """09:30."""
    return f"{clock.local(moment):%H:%M}"


@register.filter
def day_in_words(moment: datetime) -> str:
    """Thursday 19 November 2026."""
    local = clock.local(moment)
    return f"{local:%A} {local.day} {local:%B %Y}"


@register.filter(name="nhs_number")
def spaced(number: str | None) -> str:
    """999 012 3456; not known."""
    return nhs_number.spaced(number)


@register.filter
def short_day(moment: datetime) -> str:
    """Thu 19 Nov."""
    local = clock.local(moment)
    return f"{local:%a} {local.day} {local:%b}"


@register.filter
def grouped(number: int) -> str:
    """13,940."""
    return f"{number:,}"
