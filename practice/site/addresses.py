"""Ids and dates that stand in the address of a page, or that one of its forms sent."""

from datetime import date

from practice import clock


def read_date(text: str) -> date | None:
    """A date of an address (yyyy-mm-dd), or None for anything else."""
    try:
        return clock.read_date(text)
    except ValueError:
        return None


def number(text: str | None) -> int:
    """An id of an address; 0, which nothing has, for anything else."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0
