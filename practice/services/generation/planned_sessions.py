"""What a template says of one day: whether it runs then, and which slots fill it. No database.

Wall-clock times become instants here, through practice.clock. From then on time is counted in whole
seconds since 1970 (UTC): adding a slot's length is right on both sides of a clock change, and
a year of slots is compared in no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from practice import clock
from practice.clock import seconds
from practice.models import SessionTemplate, TemplateBlock

DAY = timedelta(days=1)
LONGEST = 24 * 60 * 60


class SlotKind(NamedTuple):
    """What one slot has in common with its neighbours: the columns of Slot by the same names."""

    slot_type: str
    delivery_channel: str
    gp_connect_bookable: bool
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None


class PlannedSlot(NamedTuple):
    """A slot as it should be, from ``start`` to before ``end`` (seconds since 1970)."""

    start: int
    end: int
    kind: SlotKind


@dataclass(frozen=True)
class PlannedSession:
    """One session as its template has it on one day; ``notes`` say what could not be made of it."""

    start: int
    end: int
    slots: tuple[PlannedSlot, ...]
    notes: tuple[str, ...]


def runs_on(template: SessionTemplate, day: date) -> bool:
    """Tell whether a template's session takes place on a date, closures apart."""
    first, last = template.effective_from, template.effective_to
    if day < first or (last is not None and day > last):
        return False
    if day.weekday() not in template.weekdays:
        return False
    if template.nth_of_month == SessionTemplate.NthOfMonth.LAST:
        return (day + timedelta(days=7)).month != day.month
    if template.nth_of_month is not None:
        return (day.day + 6) // 7 == template.nth_of_month
    first_monday = first - timedelta(days=first.weekday())
    return (day - first_monday).days // 7 % template.every_n_weeks == 0


def planned_session(
    template: SessionTemplate, blocks: Sequence[TemplateBlock], day: date
) -> PlannedSession:
    """Fill a day with a template's blocks, which follow each other by position.

    A block that ends at or before its own start, or starts before the one before it ended, belongs
    to the following day. Raises ValueError, in words, when no session comes of it.
    """
    if not blocks:
        raise ValueError("The template has no blocks.")
    slots: list[PlannedSlot] = []
    notes: list[str] = []
    wall_end = datetime.min
    begins = ends = 0
    for block in blocks:
        wall_start = datetime.combine(max(day, wall_end.date()), block.start)
        if wall_start < wall_end:
            wall_start += DAY
        wall_end = datetime.combine(wall_start.date(), block.end)
        if wall_end <= wall_start:
            wall_end += DAY
        start = seconds(clock.instant(wall_start.date(), wall_start.time()))
        end = seconds(clock.instant(wall_end.date(), wall_end.time()))
        begins = begins or start
        ends = end
        if block.slot_minutes:
            slots += _cut(start, end, block, template, notes)
    if (wall_end - datetime.combine(day, blocks[0].start)) > timedelta(seconds=LONGEST):
        raise ValueError("The blocks overlap: the session would last longer than a day.")
    if ends <= begins:
        raise ValueError("The clocks go forward then: the whole session lies in the missing hour.")
    if not slots:
        raise ValueError(" ".join(notes) or "The template has breaks only.")
    return PlannedSession(begins, ends, tuple(slots), tuple(notes))


def _cut(
    start: int, end: int, block: TemplateBlock, template: SessionTemplate, notes: list[str]
) -> list[PlannedSlot]:
    """Cut a block into slots; add to ``notes`` what was expected of it and cannot be."""
    length = (block.slot_minutes or 0) * 60
    fitting = (end - start) // length
    wanted = block.slot_count
    if end <= start:
        notes.append(f"{block}: the clocks go forward then, and the whole block is missing.")
    elif not fitting:
        notes.append(f"{block}: no slot of {block.slot_minutes} minutes fits.")
    elif wanted and wanted > fitting:
        notes.append(f"{block}: only {fitting} of {wanted} slots fit.")
    bookable = block.gp_connect_bookable
    if bookable and not template.practitioner_role:
        notes.append(f"{block}: not GP Connect bookable, as the session has no role.")
        bookable = False
    kind = SlotKind(
        block.slot_type,
        block.delivery_channel,
        bookable,
        block.access_profile_id,
        block.booking_window_days,
        block.embargo_minutes,
        block.minimum_notice_minutes,
    )
    number = min(fitting, wanted or fitting)
    return [PlannedSlot(start + n * length, start + (n + 1) * length, kind) for n in range(number)]
