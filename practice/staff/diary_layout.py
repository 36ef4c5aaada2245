"""Where everything of a day stands in its column of the diary.

By classes of diary_scale.css, as inline styles have no place under the Content-Security-Policy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from itertools import pairwise

from django.urls import reverse

from practice import clock
from practice.models import Appointment, Schedule, Slot
from practice.reads.diary_columns import ClosedTime, Column, Entry

LONGEST_AXIS = 51  # hours; a session begins on its day and lasts another day at most
LANES = 8  # side by side in one column, as many as diary_scale.css has words for
LABEL_MINUTES = 6  # the name of a session takes the room of so many minutes above it
CLOSED_MINUTES = 5  # a gap that is shorter is not told of
ONE_LINE_MINUTES = 8  # what is shorter has room for one line
ONE_LINE = "one-line"
MINUTE = timedelta(minutes=1)


# ---------------------------------------------------------------- times


@lru_cache(maxsize=8192)
def wall_time(moment: datetime) -> str:
    """Return 09:30, or 01:30 GMT in the hour that an autumn night has twice."""
    local = clock.local(moment)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%H:%M} {local:%Z}" if twice else f"{local:%H:%M}"


def day_words(day: date) -> str:
    """Return Thursday 19 November 2026."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def time_words(moment: datetime, today: date) -> str:
    """Return 08:52 with its day: Today 08:52, or Thu 19 Nov 2026 08:52."""
    day = clock.local(moment).date()
    return f"{'Today' if day == today else f'{day:%a} {day.day} {day:%b %Y}'} {wall_time(moment)}"


def minutes_of(taken: Appointment | Slot) -> int:
    """Return how long an appointment or a slot lasts."""
    return (clock.seconds(taken.end) - clock.seconds(taken.start)) // 60


@dataclass(frozen=True)
class Scale:
    """How many minutes down a moment stands in the column of a day.

    By the time that has passed since midnight, so that a night with a clock change has its true
    length; in a week by the clock on the wall, since all its days share one axis.
    """

    day: date
    by_wall: bool = False

    @cached_property
    def begins(self) -> datetime:
        """When the day begins."""
        return clock.day_start(self.day)

    def minutes(self, moment: datetime) -> int:
        if not self.by_wall:
            return (moment - self.begins) // MINUTE
        local = clock.local(moment)
        return (local.date() - self.day).days * 24 * 60 + local.hour * 60 + local.minute

    def at(self, minutes: int) -> str:
        """The classes that stand for a place on the scale."""
        return place(minutes)


@lru_cache(maxsize=4096)
def place(minutes: int) -> str:
    return f"h{minutes // 60} m{minutes % 60}"


@lru_cache(maxsize=2048)
def lasting(minutes: int) -> str:
    """Return the classes that stand for so many minutes."""
    hours, minutes = divmod(minutes, 60)
    return f"x{hours} y{minutes}" if hours else f"y{minutes}"


# ---------------------------------------------------------------- columns


@dataclass(slots=True)
class Block:
    """An entry in its place, or the name of a session above its first entry."""

    classes: str
    heading: str
    key: str = ""
    url: str = ""
    time: str = ""
    state: str = ""
    detail: str = ""
    gp_connect: bool = False
    booked_by: str = ""


@dataclass(frozen=True)
class Strip:
    """A column of the page: a holder's day, or a day of a holder's week."""

    key: str
    title: str
    lines: list[str]
    blocks: list[Block]
    free: int = 0
    waiting: int = 0
    hidden: int = 0
    version: str = ""
    holder: int = 0
    sessions: tuple[Schedule, ...] = ()  # that take place
    away: ClosedTime | None = None
    now_at: str = ""
    first: int = 24 * 60  # minutes: what is earliest and latest in it
    last: int = 0


def strip(
    column: Column,
    scale: Scale,
    *,
    key: str,
    title: str,
    lines: list[str],
    now: datetime,
    version: str = "",
) -> Strip:
    """Return a column with everything in its place."""
    placed = []
    for session in column.sessions:
        for entry in session.entries:
            top = scale.minutes(entry.start)
            placed.append((top, top + entry.minutes, entry))
    placed.sort(key=lambda each: (each[0], each[1], each[2].key))
    lanes = lanes_of([(top, bottom) for top, bottom, _ in placed])
    blocks: list[tuple[int, int, Block]] = []
    for (top, bottom, entry), (lane, of) in zip(placed, lanes, strict=True):
        blocks.append((top, 1, block_of(entry, place(top), bottom - top, lane, of)))
    busy = [(top, bottom) for top, bottom, _ in placed]
    for session in column.sessions:
        top = scale.minutes(session.schedule.start)
        blocks.append((top, 0, label_of(session.schedule, scale.at(top), top, busy)))
    for closed in column.closed:
        blocks += closed_blocks(closed, scale, busy)
    blocks.sort(key=lambda each: each[:2])
    ends = [scale.minutes(closed.end) for closed in column.closed]
    edges = [*busy, *((top, top) for top, _, _ in blocks), *((end, end) for end in ends)]
    is_today = clock.today(now) == scale.day
    return Strip(
        key=key,
        title=title,
        lines=[line for line in lines if line],
        blocks=[block for _, _, block in blocks],
        free=column.free,
        waiting=column.waiting,
        hidden=column.hidden,
        version=version,
        holder=column.holder.pk if column.holder else 0,
        sessions=tuple(s.schedule for s in column.sessions if not s.schedule.withdrawn),
        away=next((each for each in column.closed if each.away), None),
        now_at=scale.at(scale.minutes(now)) if is_today else "",
        first=min((top for top, _ in edges), default=24 * 60),
        last=max((bottom for _, bottom in edges), default=0),
    )


def block_of(entry: Entry, at: str, minutes: int, lane: int, of: int) -> Block:
    """Return an entry as a link: who, or what state it is in, then the rest."""
    words, what, pk = entry.state_in_words, entry.what, entry.pk
    classes = f"entry {entry.state} {at} {lasting(minutes)}"
    if entry.is_past:
        classes += " past"
    if minutes < ONE_LINE_MINUTES:
        classes += f" {ONE_LINE}"
    if of > 1:
        classes += f" lane{lane} of{of}"
    detail = entry.detail
    if (entry.until or entry.whom) and (kept := kept_words(entry)):
        detail = f"{kept} · {detail}"
    return Block(
        classes,
        entry.heading or words,
        block_key(what, pk),
        f"{SHORT[what]}/{pk}",
        wall_time(entry.start),
        words if entry.heading else "",
        detail,
        entry.gp_connect,
        entry.booked_by,
    )


def kept_words(entry: Entry) -> str:
    """Return "for NHS 111 until 12:00", or of an embargo "until 10:00 for NHS 111"."""
    until = ""
    if entry.until:
        same = clock.local(entry.until).date() == clock.local(entry.start).date()
        day = "" if same else f"{clock.local(entry.until):%a} "
        until = f"until {day}{wall_time(entry.until)}"
    whom = f"for {entry.whom}" if entry.whom else ""
    words = [until, whom] if entry.state == "embargoed" else [whom, until]
    return " ".join(filter(None, words))


def closed_blocks(
    closed: ClosedTime, scale: Scale, busy: list[tuple[int, int]]
) -> Iterable[tuple[int, int, Block]]:
    """Return a closed time as blocks between what is still there, each with the reason."""
    at, last = scale.minutes(closed.start), scale.minutes(closed.end)
    for top, bottom in [*sorted(busy), (last, last)]:
        until = min(top, last)
        if until - at >= CLOSED_MINUTES:
            hours, minutes = divmod(until - at, 60)
            yield (
                at,
                2,
                Block(
                    classes=f"closed {place(at)} x{hours} y{minutes}",
                    heading=closed.words,
                    time=f"{wall_time(closed.start)}–{wall_time(closed.end)}",
                ),
            )
        at = max(at, bottom)
        if at >= last:
            return


def label_of(schedule: Schedule, at: str, top: int, busy: list[tuple[int, int]]) -> Block:
    """Return the name of a session; without room above the session it stands in the list only."""
    crowded = any(start < top < end + LABEL_MINUTES for start, end in busy)
    return Block(
        classes=f"session {at} crowded" if crowded else f"session {at}",
        heading=schedule.session_name or "Session",
        time=f"{wall_time(schedule.start)}–{wall_time(schedule.end)}",
        state="withdrawn" if schedule.withdrawn else "",
    )


def lanes_of(times: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return for each of these times, in order, its lane and how many share the width there."""
    if all(bottom <= top for (_, bottom), (top, _) in pairwise(times)):
        return [(0, 1)] * len(times)
    found: list[tuple[int, int]] = []
    cluster: list[int] = []
    free_from: list[int] = []
    for top, bottom in times:
        if free_from and top >= max(free_from):
            found += [(lane, len(free_from)) for lane in cluster]
            cluster, free_from = [], []
        lane = next((n for n, until in enumerate(free_from) if until <= top), len(free_from))
        if lane < len(free_from):
            free_from[lane] = bottom
        else:
            free_from.append(bottom)
        cluster.append(lane)
    found += [(lane, len(free_from)) for lane in cluster]
    return [(min(lane, LANES - 1), min(of, LANES)) for lane, of in found]


# What stands in addresses beside that of the diary, which lead to the pages (practice.staff.urls).
SHORT = {"appointment": "a", "slot": "s", "schedule": "c"}


def block_key(what: str, pk: int) -> str:
    """Return the id of a block in the diary, which an address may end in: a9, s17."""
    return f"{SHORT[what]}{pk}"


def address_of(what: str, pk: int) -> str:
    """Return the address of the page of an appointment, a slot or a session (schedule)."""
    before, after = _around(what)
    return f"{before}{pk}{after}"


@cache
def _around(what: str) -> tuple[str, str]:
    """What stands before and after the id in the address of a page."""
    before, _, after = reverse(f"admin:practice_{what}_change", args=[0]).rpartition("0")
    return before, after


@dataclass(frozen=True)
class Axis:
    """The scale at the left: from one full hour to another, with a line for each half hour."""

    begins: int
    ends: int
    marks: list[tuple[str, str]]

    @property
    def classes(self) -> str:
        return f"from{self.begins} to{self.ends}"


def axis_of(strips: Iterable[Strip], scale: Scale) -> Axis:
    """Return the scale from the earliest to the latest of these columns."""
    first = min((one.first for one in strips), default=24 * 60)
    last = max((one.last for one in strips), default=0)
    return axis_between(first, last, scale)


def axis_between(first: int, last: int, scale: Scale) -> Axis:
    """Return the scale that shows these minutes, and no more than it can."""
    begins = min(first, last) // 60
    ends = min(-(-last // 60), LONGEST_AXIS)
    marks = []
    for minutes in range(begins * 60, ends * 60 + 1, 30):
        if scale.by_wall:
            words = f"{minutes // 60 % 24:02}:{minutes % 60:02}"
        else:
            words = wall_time(clock.day_start(scale.day) + timedelta(minutes=minutes))
        full = " full" if minutes % 60 == 0 else ""
        marks.append((f"{scale.at(minutes)}{full}", words))
    return Axis(begins, max(ends, begins), marks)
