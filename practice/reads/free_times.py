"""Free times that staff can book, whoever may book them outside."""

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import QuerySet

from practice import clock
from practice.models import Location, Organisation, Practitioner, Slot
from practice.reads.bookability import effective_profile, embargo_ends


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


def with_session(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """Slots with what a list of them names, and with what ``kept_for_others`` asks."""
    return slots.select_related(
        "schedule__session_holder",
        "schedule__location",
        "schedule__access_profile",
        "access_profile",
    )


def kept_for_others(slot: Slot, *, organisation: Organisation, now: datetime) -> str:
    """Return for whom, or until when, a free slot is kept, in words; empty: for nobody.

    Staff may book it all the same; whoever does takes it from those whom the practice meant it for.
    """
    if not slot.gp_connect_bookable:
        return ""
    said = []
    profile = effective_profile(slot)
    if profile and (profile.organisation_types or profile.ods_codes):
        said.append(f"Reserved for others: {profile.name}")
    ends = embargo_ends(slot, organisation)
    if ends and ends > now:
        local = clock.local(ends)
        said.append(f"Under embargo until {local:%a} {local.day} {local:%b %H:%M}")
    return ". ".join(said)


def free_times(
    wanted: Wanted, *, organisation: Organisation, now: datetime, most: int
) -> list[Slot]:
    """Return the earliest that fit, each with ``kept``, that it is kept for others: one query."""
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
    slots = list(
        with_session(found).order_by("start", "schedule__session_holder__family_name", "pk")[:most]
    )
    for slot in slots:
        slot.kept = kept_for_others(slot, organisation=organisation, now=now)  # type: ignore[attr-defined]
    return slots
