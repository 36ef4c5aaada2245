"""Whom a closure has moved, and whether the time that they had is free again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from practice.models import Appointment, AppointmentSlot, Closure, Organisation, Slot
from practice.reads.call_list import with_telephones


def moved_because_of(closure: Closure, *, now: datetime) -> list[int]:
    """Return the coming appointments that took the place of what a closure met; one query."""
    moved = Appointment.objects.booked().filter(
        organisation=closure.organisation_id,
        affected_by=closure,
        moved_from__start__gt=now,
        start__gt=now,
    )
    return list(moved.order_by("moved_from__start", "pk").values_list("pk", flat=True))


@dataclass(frozen=True)
class OldTime:
    """Somebody who was moved, with their telephone; the free slots of their old time, if whole."""

    appointment: Appointment
    slots: list[Slot]


def old_times(ids: Collection[int], *, organisation: Organisation, now: datetime) -> list[OldTime]:
    """Return for moved appointments whether their old time is free, by that time; three queries.

    The slots may be others than those that they had: a diary that is generated again has new ones.
    """
    moved = with_telephones(
        Appointment.objects.booked()
        .filter(organisation=organisation, pk__in=ids, moved_from__start__gt=now, start__gt=now)
        .select_related("patient", "schedule__session_holder", "moved_from__schedule")
        .order_by("moved_from__start", "pk")
    )
    olds = [each.moved_from for each in moved if each.moved_from]
    if not olds:
        return []
    free = list(
        Slot.objects.in_diary()
        .free()
        .filter(
            organisation=organisation,
            start__gte=min(old.start for old in olds),
            end__lte=max(old.end for old in olds),
            schedule__session_holder__in={old.schedule.session_holder_id for old in olds},
        )
        .exclude(pk__in=AppointmentSlot.objects.held().values("slot"))
        .select_related("schedule")
        .order_by("start", "pk")
    )
    return [OldTime(each, whole_time(each.moved_from, free)) for each in moved if each.moved_from]


def whole_time(old: Appointment, free: list[Slot]) -> list[Slot]:
    """Return the free slots of one session that fill an old time without a gap; none: []."""
    found: list[Slot] = []
    at = old.start
    for slot in free:
        is_theirs = slot.schedule.session_holder_id == old.schedule.session_holder_id
        is_there = slot.schedule.location_id == old.schedule.location_id
        if is_theirs and is_there and slot.start == at and slot.end <= old.end:
            found.append(slot)
            at = slot.end
    return found if at == old.end else []
