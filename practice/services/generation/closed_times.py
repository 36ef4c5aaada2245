"""What closures take away from sessions: which of them touch one, and which slots stay open."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from practice.clock import seconds
from practice.models import Closure
from practice.services.generation.planned_sessions import PlannedSession, PlannedSlot


class Closed(NamedTuple):
    """When something is closed, and what that is called."""

    start: int
    end: int
    label: str


def closures_of(
    closures: Iterable[Closure],
    *,
    start: int,
    end: int,
    location_id: int,
    holder_id: int | None,
    runs_on_bank_holidays: bool,
) -> list[Closed]:
    """Return the closures that touch one session."""
    found = []
    for closure in closures:
        if not closure.is_of(location_id, holder_id):
            continue
        if runs_on_bank_holidays and closure.kind == Closure.Kind.BANK_HOLIDAY:
            continue
        first, last = (seconds(at) for at in closure.period)
        if first < end and start < last:
            label = closure.name or closure.get_kind_display()
            found.append(Closed(first, last, str(label)))
    return found


def without_closed(
    whole: PlannedSession, closures: list[Closed]
) -> tuple[list[PlannedSlot], Counter[str]]:
    """Return the slots that no closure overlaps, and how many each closure took."""
    if not closures:
        return list(whole.slots), Counter()
    open_slots, closed = [], Counter[str]()
    for slot in whole.slots:
        for start, end, label in closures:
            if start < slot.end and slot.start < end:
                closed[label] += 1
                break
        else:
            open_slots.append(slot)
    return open_slots, closed
