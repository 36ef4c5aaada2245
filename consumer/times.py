"""Times as GP Connect writes them: UK local form, right on both sides of a clock change.

Every datetime of this library carries the offset that is in force in the UK at that instant, as a
fixed one: they compare and subtract as instants, and ``isoformat()`` is the form on the wire.
"""

import re
import time
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
UK_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[01]:00")
WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


def uk_local(moment: datetime) -> datetime:
    """The same instant with the UK's offset then, to the second. ``moment`` is aware."""
    if moment.tzinfo is None:
        raise ValueError("a time without an offset says no instant")
    offset = moment.astimezone(LONDON).utcoffset()
    assert offset is not None
    return moment.astimezone(timezone(offset)).replace(microsecond=0)


def now() -> datetime:
    """This instant in UK local time."""
    return uk_local(datetime.fromtimestamp(time.time(), LONDON))


def today() -> date:
    """The date in the UK."""
    return now().date()


def write(moment: datetime) -> str:
    """An instant as it goes on the wire: 2026-10-25T01:30:00+01:00."""
    return uk_local(moment).isoformat()


def parse(text: object) -> tuple[datetime, str]:
    """The instant that a text says, and what is wrong with the form (empty: nothing).

    Raises ValueError where it says no instant: none is guessed.
    """
    if not isinstance(text, str) or not WITH_OFFSET.fullmatch(text):
        raise ValueError("is no date and time with an offset")
    moment = uk_local(datetime.fromisoformat(text.replace("Z", "+00:00")))
    if not UK_LOCAL.fullmatch(text):
        return moment, "is not in UK local form (yyyy-mm-ddThh:mm:ss+hh:mm)"
    if moment.isoformat() != text:
        return moment, "has not the UK's offset at that time"
    return moment, ""
