"""Which block of which template makes slots that are not offered: what to change, to mend many."""

from collections import Counter
from dataclasses import dataclass
from datetime import time
from typing import Any

from practice import clock
from practice.models import Organisation, SessionTemplate, TemplateBlock
from practice.reads.bookability import Reason
from practice.reads.templates import templates, with_blocks
from practice.reads.visibility import SlotReasons, SlotRow

MOST = 20  # causes, the biggest first

# Reasons that a block or its template settles, and which limit it is that must stand there.
SETTLED: dict[Reason, str] = {
    Reason.NOT_BOOKABLE: "",
    Reason.NO_ROLE: "",
    Reason.FOREIGN_ROLE: "",
    Reason.NO_CHANNEL: "",
    Reason.NO_TYPE: "",
    Reason.OTHER_TYPES: "",
    Reason.OTHER_CODES: "",
    Reason.BEFORE_WINDOW: "booking_window_days",
    Reason.EMBARGOED: "embargo_minutes",
    Reason.TOO_LATE: "minimum_notice_minutes",
}


@dataclass(frozen=True)
class Cause:
    """A reason that one block of a template gives to so many slots.

    ``block`` is None where the slots fit none of its blocks as they are now; ``only`` counts the
    slots against which nothing else speaks.
    """

    reason: Reason
    template: SessionTemplate
    block: TemplateBlock | None
    place: int
    slots: int
    only: int


def causes(not_offered: list[SlotReasons], *, organisation: Organisation) -> list[Cause]:
    """Sum up what speaks against these slots, by reason and block: two queries."""
    alike = Counter(
        (
            tuple(reason for reason in each.reasons if is_settled(reason, each.slot)),
            len(each.reasons) == 1,
            each.slot.schedule.template_id,
            each.slot.slot_type,
            each.slot.start,
        )
        for each in not_offered
    )
    counted: Counter[tuple[Reason, int, tuple[str, time]]] = Counter()
    alone: Counter[tuple[Reason, int, tuple[str, time]]] = Counter()
    for (settled, is_only_one, template, slot_type, start), number in alike.items():
        if template is None or not settled:
            continue
        kind = (slot_type, clock.local(start).time())
        for reason in settled:
            counted[reason, template, kind] += number
            alone[reason, template, kind] += number if is_only_one else 0
    wanted = {template for _, template, _ in counted}
    found = with_blocks(templates(organisation=organisation).filter(pk__in=wanted))
    known: dict[int, SessionTemplate] = {each.pk: each for each in found}
    summed: dict[tuple[Any, ...], list[int]] = {}
    for (reason, pk, kind), number in counted.items():
        if pk in known:
            place, _ = block_of(known[pk], *kind)
            sums = summed.setdefault((reason, pk, place), [0, 0])
            sums[0] += number
            sums[1] += alone[reason, pk, kind]
    made = [
        Cause(reason, known[pk], blocks_of(known[pk])[place] if place >= 0 else None, place, *sums)
        for (reason, pk, place), sums in summed.items()
    ]
    return sorted(made, key=lambda each: (-each.slots, str(each.template), each.place))[:MOST]


def is_settled(reason: Reason, slot: SlotRow) -> bool:
    """Whether a template may settle it: a limit, if it is the slot's own or its session's."""
    if reason not in SETTLED:
        return False
    limit = SETTLED[reason]
    return not limit or any(getattr(each, limit) is not None for each in (slot, slot.schedule))


def blocks_of(template: SessionTemplate) -> list[TemplateBlock]:
    return list(template.blocks.all())


def block_of(
    template: SessionTemplate, slot_type: str, start: time
) -> tuple[int, TemplateBlock | None]:
    """Return the block in which a slot lies, and its place: one of its type before any other."""
    there = [
        (place, block)
        for place, block in enumerate(blocks_of(template))
        if block.slot_minutes and lies_in(start, block)
    ]
    alike = [found for found in there if found[1].slot_type == slot_type]
    return next(iter(alike or there), (-1, None))


def lies_in(start: time, block: TemplateBlock) -> bool:
    """Whether a slot that starts then is one of the block's, which may go past midnight."""
    if block.start < block.end:
        return bool(block.start <= start < block.end)
    return bool(start >= block.start or start < block.end)
