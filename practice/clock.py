"""UK wall-clock time and instants: the one place where either becomes the other.

Plans (templates, closures) are wall-clock times in Europe/London; the diary holds instants in UTC.
Python compares two London datetimes by their wall clock and forgets the offset, so arithmetic and
comparison happen in UTC only.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
# From before anybody alive was born, to when nobody plans yet; far from where the calendar ends,
# so that there always are a day before and a day after.
FIRST_DATE, LAST_DATE = date(1850, 1, 1), date(2199, 12, 31)


def instant(day: date, wall: time) -> datetime:
    """Return the instant (UTC) at which a London clock shows ``wall`` on ``day``.

    A time that happens twice (autumn) is its first occurrence. A time that does not exist (spring)
    is the moment of the change, when the next hour begins. So the order of wall-clock times is the
    order of instants, two touching blocks still touch, and nothing lasts less than zero.
    """
    naive = datetime.combine(day, wall)
    found = naive.replace(tzinfo=LONDON, fold=0).astimezone(UTC)
    if found.astimezone(LONDON).replace(tzinfo=None) == naive:
        return found
    before, after = (naive.replace(tzinfo=LONDON, fold=fold).astimezone(UTC) for fold in (1, 0))
    return _change_between(before, after)


def _change_between(before: datetime, after: datetime) -> datetime:
    """Return the instant of the one clock change between two instants; it is on a full minute."""
    offset = before.astimezone(LONDON).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(LONDON).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return (after + timedelta(seconds=30)).replace(second=0, microsecond=0)


def read_date(text: str) -> date:
    """Read a date that is written as 2026-11-30. ValueError: it is none, or beyond all use."""
    day = date.fromisoformat(text)
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValueError(f"the year must be from {FIRST_DATE.year} to {LAST_DATE.year}")
    return day


# As people write a date: 4/7/61, 04.07.1961, 4 Jul 1961, 4th July 61, 04071961. Day before month.
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
IN_NUMBERS = r"\d{1,2}[\s./-]+\d{1,2}[\s./-]+(?:\d{4}|\d{2})"
IN_WORDS = r"\d{1,2}(?:st|nd|rd|th)?[\s./-]*[a-z]{3,9}[\s./,-]*(?:\d{4}|\d{2})"
TYPED_DATE = re.compile(
    rf"(?<!\S)(?:\d{{4}}-\d{{1,2}}-\d{{1,2}}|{IN_NUMBERS}|{IN_WORDS}|\d{{8}})(?!\S)", re.IGNORECASE
)


def read_typed_date(text: str, *, latest: date | None = None) -> date | None:
    """Read a date in any way in which it is usually written in Britain; None: it is none.

    A year of two digits is of this century, unless that would be after ``latest``: then nobody can
    be born yet, and it is of the one before.
    """
    text = text.strip()
    if not TYPED_DATE.fullmatch(text):
        return None
    if re.fullmatch(r"\d{8}", text):
        text = f"{text[:2]} {text[2:4]} {text[4:]}"
    first, *rest = re.findall(r"\d+|[a-z]{3,}", re.sub(r"(?<=\d)(st|nd|rd|th)", " ", text.lower()))
    day, month, year = (*rest[::-1], first) if len(first) == 4 else (first, *rest)
    if not month.isdigit():
        if month[:3] not in MONTHS:
            return None
        month = str(MONTHS.index(month[:3]) + 1)
    number = int(year)
    if len(year) == 2:
        number += 2000
        if latest and (number, int(month), int(day)) > (latest.year, latest.month, latest.day):
            number -= 100
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None


def times_of_day(day: date, wall: time) -> list[datetime]:
    """Return the instants (UTC) at which a London clock shows ``wall`` on ``day``, in their order.

    Two in the hour that an autumn night has twice; else the one of ``instant``.
    """
    naive = datetime.combine(day, wall)
    both = {naive.replace(tzinfo=LONDON, fold=fold).astimezone(UTC) for fold in (0, 1)}
    shown = [at for at in both if at.astimezone(LONDON).replace(tzinfo=None) == naive]
    return sorted(shown) or [instant(day, wall)]


def next_time(after: datetime, wall: time) -> datetime:
    """Return the first instant after another at which a London clock shows ``wall``."""
    day = local(after).date()
    coming = (at for n in (0, 1) for at in times_of_day(day + timedelta(days=n), wall))
    return next(at for at in coming if at > after)


def day_start(day: date) -> datetime:
    """Return the instant at which ``day`` begins in London."""
    return instant(day, time.min)


def day_end(day: date) -> datetime:
    """Return the instant at which ``day`` ends in London, which is when the next one begins."""
    return instant(day + timedelta(days=1), time.min)


def local(moment: datetime) -> datetime:
    """Return an instant as London time, for people to read."""
    return moment.astimezone(LONDON)


def today(now: datetime) -> date:
    """Return the date on a London calendar at the instant ``now``."""
    return local(now).date()


def offset_changes(start: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    """Return the clock changes in ``(start, end]``: (instant, offset from UTC that then begins)."""
    changes = []
    before, end = start.astimezone(UTC), end.astimezone(UTC)
    while before < end:
        after = min(before + timedelta(days=7), end)
        offset = after.astimezone(LONDON).utcoffset() or timedelta()
        if offset != before.astimezone(LONDON).utcoffset():
            changes.append((_change_between(before, after), offset))
        before = after
    return changes


def next_second(instant: datetime) -> int:
    """The first whole second that is not before an instant, since 1970."""
    return seconds(instant) + bool(instant.microsecond)


def seconds(moment: datetime) -> int:
    """Return an instant as whole seconds since 1970."""
    return int(moment.timestamp())


def moment(epoch: int) -> datetime:
    """Return the instant (UTC) that lies so many seconds after 1970 began."""
    return datetime.fromtimestamp(epoch, UTC)
