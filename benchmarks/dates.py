"""Which days a benchmark is about, so that it measures the same whatever day it is run on."""

from datetime import UTC, date, datetime, timedelta

from practice import clock


def today() -> date:
    """As the practices' clocks show it: in summer an hour before the machine's."""
    return clock.today(datetime.now(UTC))


def monday_after(day: date) -> date:
    """The first Monday after a day: five days with sessions, then two without."""
    return day + timedelta(days=7 - day.weekday())


def first_day() -> date:
    """The day with which a benchmark's diary begins."""
    return monday_after(today())
