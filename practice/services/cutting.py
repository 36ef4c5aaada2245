"""How a session's time is cut into slots: one is split in two, several become one.

Only slots that nobody has, holds or blocks are cut anew. Under the practice's lock, as slots come
and go; then the slots' own, by id. What was cut by hand stays so when the diary is generated again.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db import transaction

from practice.clock import moment, seconds
from practice.exceptions import DiaryRefused, SlotNotFound
from practice.models import Organisation, Slot
from practice.services.audit.recording import Actor, record_done
from practice.services.by_hand import LONGEST_SLOT_MINUTES, place_slots, save_changed
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind
from practice.services.locks import check_version, lock_practice, lock_slots
from practice.services.slots import why_not_free, why_not_in_diary, why_over


@transaction.atomic
def split_slot(
    *,
    organisation: Organisation,
    slot_id: int,
    first_minutes: int,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Slot:
    """Make two slots of one: the first lasts ``first_minutes``, the other has the rest.

    Both are of the kind that the whole one was. Returns the first, which keeps its id. Raises
    SlotNotFound, VersionConflict, DiaryRefused (in words).
    """
    [slot] = _locked(organisation, [slot_id], now=now)
    check_version(slot, expected_version)
    minutes = _minutes(slot)
    if not 0 < first_minutes < minutes:
        raise DiaryRefused(f"The slot lasts {minutes} minutes: each part needs one at least.")
    end = slot.end
    slot.end = moment(seconds(slot.start) + first_minutes * 60)
    slot.changed_by_hand = True
    save_changed(slot, ["end", "changed_by_hand"])
    kind = SlotKind(**{name: getattr(slot, name) for name in SlotKind._fields})
    rest = PlannedSlot(seconds(slot.end), seconds(end), kind)
    place_slots(slot.schedule, [rest], now=now, note=slot.note)
    second = Slot.objects.get(schedule=slot.schedule_id, start=slot.end, overbooked=False)
    changes = [
        {"slot": slot.pk, "from": {"end": end.isoformat()}, "to": {"end": slot.end.isoformat()}},
        {"slot": second.pk, "from": {}, "to": _times(second)},
    ]
    record_done("slot.split", slot, second, actor=actor, now=now, detail={"changes": changes})
    return slot


@transaction.atomic
def merge_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Slot:
    """Make one slot of several that follow each other in one session and are alike.

    Alike: of one type and channel, and offered to the same, at the same time. The first lasts until
    the last one ended, the others are withdrawn. Returns the first; ``expected_version`` is its
    own. Raises SlotNotFound, VersionConflict, DiaryRefused (in words).
    """
    slots = _locked(organisation, slot_ids, now=now)
    first, *others = slots
    check_version(first, expected_version)
    if not others:
        raise DiaryRefused("It takes two slots at least.")
    for one, other in pairwise(slots):
        if why := why_not_one(one, other):
            raise DiaryRefused(why)
    if seconds(slots[-1].end) - seconds(first.start) > LONGEST_SLOT_MINUTES * 60:
        raise DiaryRefused(f"A slot lasts {LONGEST_SLOT_MINUTES} minutes at most.")
    changes: list[dict[str, Any]] = [
        {
            "slot": first.pk,
            "from": {"end": first.end.isoformat()},
            "to": {"end": slots[-1].end.isoformat()},
        }
    ]
    first.end = slots[-1].end
    first.note = "; ".join(dict.fromkeys(slot.note for slot in slots if slot.note))[:200]
    first.changed_by_hand = True
    save_changed(first, ["end", "note", "changed_by_hand"])
    for slot in others:
        changes.append({"slot": slot.pk, "from": {"withdrawn": False}, "to": {"withdrawn": True}})
        slot.withdrawn, slot.withdrawn_by_plan, slot.changed_by_hand = True, False, True
        save_changed(slot, ["withdrawn", "withdrawn_by_plan", "changed_by_hand"])
    record_done("slot.merge", *slots, actor=actor, now=now, detail={"changes": changes})
    return first


ALIKE = {
    "slot_type": "They are of different types.",
    "delivery_channel": "They have different channels.",
    "gp_connect_bookable": "One is GP Connect bookable, the other is not.",
    "access_profile_id": "They are kept for different organisations.",
    "booking_window_days": "They have different booking windows.",
    "embargo_minutes": "They have different embargoes.",
    "minimum_notice_minutes": "They have different minimum notices.",
}


def why_not_one(one: Slot, other: Slot) -> str:
    """Say why two slots cannot become one, the second after the first; empty where they can."""
    if one.schedule_id != other.schedule_id:
        return "They are of different sessions."
    if one.end != other.start:
        return "They do not follow each other without a gap."
    differ = (why for name, why in ALIKE.items() if getattr(one, name) != getattr(other, name))
    return next(differ, "")


def _locked(organisation: Organisation, slot_ids: Iterable[int], *, now: datetime) -> list[Slot]:
    """Lock slots and return them by start, unless one of them must stay as it is."""
    wanted = set(slot_ids)
    lock_practice(organisation)
    slots = lock_slots(organisation, wanted)
    if not slots or {slot.pk for slot in slots} != wanted:
        raise SlotNotFound
    for slot in slots:
        if why := why_not_cut(slot, now=now):
            raise DiaryRefused(why)
    return slots


def why_not_cut(slot: Slot, *, now: datetime) -> str:
    """Say why a slot is neither split nor merged; empty where it may be."""
    if why := why_not_free(slot) or why_not_in_diary(slot) or why_over(slot, now):
        return why
    return "It is an extra slot, beside the session's own." if slot.overbooked else ""


def _minutes(slot: Slot) -> int:
    return (seconds(slot.end) - seconds(slot.start)) // 60


def _times(slot: Slot) -> dict[str, str]:
    return {"start": slot.start.isoformat(), "end": slot.end.isoformat()}
