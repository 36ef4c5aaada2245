"""Days, times and numbers as people say them, by the clock on the wall."""

from datetime import datetime

from practice import clock


def day_and_time(start: datetime, end: datetime | None = None) -> str:
    """Return Thu 19 Nov 2026, 10:50 to 11:00, by the clock on the wall."""
    text = f"{clock.local(start):%a %d %b %Y, %H:%M}"
    return f"{text} to {clock.local(end):%H:%M}" if end else text


def day_in_words(moment: datetime) -> str:
    """Return Thu 19 Nov 2026."""
    return f"{clock.local(moment):%a %d %b %Y}"


def times_in_words(start: datetime, end: datetime) -> str:
    """Return 10:50 to 11:00."""
    return f"{clock.local(start):%H:%M} to {clock.local(end):%H:%M}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return 1 slot, 2 slots; 1 person, 2 people."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
