"""Free times that staff can book, whoever may book them outside."""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import QuerySet

from practice import clock
from practice.models import Location, Organisation, Practitioner, Slot


class Wanted(NamedTuple):
    """What a time must be like; None or an empty text: anything fits."""

    first: date | None = None
    last: date | None = None
    slot_type: str = ""
    holder: Practitioner | None = None
    role: str = ""
    channel: str = ""
    location: Location | None = None


def coming_slots(*, organisation: Organisation, now: datetime) -> QuerySet[Slot]:
    """Free slots that are planned and not over."""
    return Slot.objects.filter(organisation=organisation).in_diary().free().not_over(now)


def coming_slot_types(*, organisation: Organisation, now: datetime) -> list[str]:
    """The types of the free slots to come, by name."""
    coming = coming_slots(organisation=organisation, now=now).order_by("slot_type")
    return list(coming.values_list("slot_type", flat=True).distinct())


def free_times(
    wanted: Wanted, *, organisation: Organisation, now: datetime, most: int
) -> list[Slot]:
    """Return the earliest that fit: one query."""
    found = coming_slots(organisation=organisation, now=now)
    if wanted.first:
        found = found.filter(start__gte=clock.day_start(wanted.first))
    if wanted.last:
        found = found.filter(start__lt=clock.day_end(wanted.last))
    for column, value in (
        ("slot_type", wanted.slot_type),
        ("schedule__session_holder", wanted.holder),
        ("schedule__practitioner_role", wanted.role),
        ("delivery_channel", wanted.channel),
        ("schedule__location", wanted.location),
    ):
        if value:
            found = found.filter(**{column: value})
    return list(
        found.select_related("schedule__session_holder", "schedule__location").order_by(
            "start", "schedule__session_holder__family_name", "pk"
        )[:most]
    )


def holders_now(*, organisation: Organisation) -> QuerySet[Practitioner]:
    """Whoever has an active role at the practice."""
    return Practitioner.objects.filter(
        roles__organisation=organisation, roles__active=True
    ).distinct()
