"""Other times for patients whose own time is about to be closed: none is offered to two of them.

A time before their own is offered only if a person asks for it: whoever is not reached before it
would miss the appointment. What is kept for others says so, and is never the suggestion.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from practice.models import Appointment, Closure, Slot
from practice.reads.free_times import coming_slots, kept_for_others, with_session
from practice.reads.patients import why_nobody_books_for

DAYS_AFTER_A_CLOSURE = 4
MOST_TIMES = 5  # the suggested one, and four others
MOST_EARLIER_TIMES = 4


class OtherTime(NamedTuple):
    """A free slot; ``kept``: that it is kept for others, in words."""

    slot: Slot
    kept: str

    @property
    def decision(self) -> str:
        """How a form says that this one was chosen."""
        return f"move-{self.slot.pk}"


@dataclass(frozen=True)
class OtherTimes:
    """What one patient is offered: perhaps one to be ticked at first, and others to choose from.

    ``why_none`` says why nothing can be booked for this patient at all.
    """

    suggested: OtherTime | None = None
    others: Sequence[OtherTime] = ()
    earlier: Sequence[OtherTime] = ()
    why_none: str = ""

    @property
    def slot_ids(self) -> list[int]:
        """The slots that may be chosen, but for the suggested one."""
        return [time.slot.pk for time in (*self.others, *self.earlier)]

    def __len__(self) -> int:
        return bool(self.suggested) + len(self.slot_ids)


def other_times(
    appointments: Iterable[Appointment],
    closure: Closure,
    *,
    without: Collection[int],
    earlier: bool,
    now: datetime,
) -> dict[int, OtherTimes]:
    """Return what each of the appointments that a closure meets is offered, by its id: one query.

    Of the same type and channel and at least as long, until a few days after the closure; at the
    same place first, then by time; never one of ``without``, which the closure takes away. Free
    times are shared out in turns, so that nobody goes without as long as there are enough.
    ``earlier`` adds times before the patient's own, the nearest first.
    """
    found: dict[int, OtherTimes] = {}
    waiting: list[Appointment] = []
    for each in appointments:
        found[each.pk] = OtherTimes(why_none=why_nobody_books_for(each.patient, now=now))
        if not found[each.pk].why_none:
            waiting.append(each)
    free = _free_times(waiting, closure, without=without, now=now)
    taken: set[int] = set()
    later = _share_out({each.pk: _later(each, free) for each in waiting}, MOST_TIMES, taken)
    turns = {each.pk: _earlier(each, free) for each in waiting if earlier}
    before = _share_out(turns, MOST_EARLIER_TIMES, taken)
    for each in waiting:
        times = later[each.pk]
        suggested = times.pop(0) if times and not times[0].kept else None
        found[each.pk] = OtherTimes(suggested, times, before.get(each.pk, ()))
    return found


Kind = tuple[str, str]
FreeTimes = dict[Kind, list[OtherTime]]


def _kind(each: Appointment | Slot) -> Kind:
    return each.slot_type, each.delivery_channel


def _free_times(
    waiting: list[Appointment], closure: Closure, *, without: Collection[int], now: datetime
) -> FreeTimes:
    """The free times to come until a few days after the closure, by kind, in their order."""
    organisation = closure.organisation
    slots = with_session(
        coming_slots(organisation=organisation, now=now).filter(
            slot_type__in={each.slot_type for each in waiting},
            start__gt=now,
            start__lt=closure.period[1] + timedelta(days=DAYS_AFTER_A_CLOSURE),
        )
    )
    free: FreeTimes = defaultdict(list)
    for slot in slots.order_by("start", "pk"):
        if slot.pk not in without:
            kept = kept_for_others(slot, organisation=organisation, now=now)
            free[_kind(slot)].append(OtherTime(slot, kept))
    return free


def _later(appointment: Appointment, free: FreeTimes) -> Iterator[OtherTime]:
    """What suits, from the patient's own time on: what is kept for nobody, at the same place."""
    return iter(
        sorted(
            (
                time
                for time in free[_kind(appointment)]
                if time.slot.start >= appointment.start and _is_long_enough(time, appointment)
            ),
            key=lambda time: (
                bool(time.kept),
                time.slot.schedule.location_id != appointment.location_id,
            ),
        )
    )


def _earlier(appointment: Appointment, free: FreeTimes) -> Iterator[OtherTime]:
    """What suits and comes before the patient's own time: the nearest first."""
    return (
        time
        for time in reversed(free[_kind(appointment)])
        if time.slot.start < appointment.start and _is_long_enough(time, appointment)
    )


def _is_long_enough(time: OtherTime, appointment: Appointment) -> bool:
    return time.slot.end - time.slot.start >= appointment.end - appointment.start


def _share_out(
    turns: dict[int, Iterator[OtherTime]], most: int, taken: set[int]
) -> dict[int, list[OtherTime]]:
    """Give each in turn the best that nobody has yet, ``most`` times round."""
    shared: dict[int, list[OtherTime]] = {pk: [] for pk in turns}
    for _ in range(most):
        for pk, suiting in turns.items():
            best = next((time for time in suiting if time.slot.pk not in taken), None)
            if best:
                taken.add(best.slot.pk)
                shared[pk].append(best)
    return shared
