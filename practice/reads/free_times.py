"""Free times that staff can book, whoever may book them outside."""

from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

from django.db.models import Exists, OuterRef, Q, QuerySet

from practice import clock
from practice.db.prepared import QueryParameter
from practice.models import Location, Organisation, Practitioner, Slot, SlotQuerySet, SlotType
from practice.reads.kept_slots import kept

# What a question is asked with: a value, or the parameter that stands for it in a statement.
Whose: TypeAlias = Organisation | QueryParameter
When: TypeAlias = datetime | QueryParameter
Conditions: TypeAlias = dict[str, Any]

# A part of the day: from which hour by the clock on the wall, and before which.
PARTS_OF_DAY = {"am": (0, 12), "pm": (12, 24), "evening": (17, 24)}


class Wanted(NamedTuple):
    """What a time must be like; None or an empty text: anything fits.

    ``gender`` is the session holder's; ``part`` one of PARTS_OF_DAY.
    """

    first: date | None = None
    last: date | None = None
    slot_type: str = ""
    holder: Practitioner | None = None
    role: str = ""
    channel: str = ""
    location: Location | None = None
    gender: str = ""
    part: str = ""

    def of_session(self, prefix: str = "") -> Conditions:
        """What this asks of a session, as the conditions of a query; ``prefix`` leads to it."""
        asked = {
            "session_holder": self.holder,
            "session_holder__gender": self.gender,
            "practitioner_role": self.role,
            "location": self.location,
        }
        return {f"{prefix}{column}": value for column, value in asked.items() if value}


def coming_slots(*, organisation: Whose, now: When) -> SlotQuerySet:
    """Free slots that are planned and not over."""
    return Slot.objects.filter(organisation=organisation).in_diary().free().not_over(now)


def types_to_choose(*, organisation: Organisation, now: datetime) -> list[str]:
    """The slot types of a practice by name; of those archived the ones with free slots to come.

    Its records and not its slots: a year of diary has hundreds of thousands.
    """
    still_there = coming_slots(organisation=organisation, now=now).filter(
        slot_type=OuterRef("name")
    )
    types = SlotType.objects.filter(Q(archived=False) | Exists(still_there))
    found = types.filter(organisation=organisation).order_by("name")
    return list(found.values_list("name", flat=True))


def has_coming(slot_type: str, *, organisation: Organisation, now: datetime) -> bool:
    """Whether any slot of a type is still to be had."""
    coming = coming_slots(organisation=organisation, now=now)
    return coming.filter(slot_type=slot_type).exists()


def with_session(slots: QuerySet[Slot]) -> QuerySet[Slot]:
    """Slots with what a list of them names, and with what ``kept_for_others`` asks."""
    return slots.select_related(
        "schedule__session_holder",
        "schedule__location",
        "schedule__access_profile",
        "access_profile",
    )


def kept_for_others(slot: Slot, *, organisation: Organisation, now: datetime) -> str:
    """Return for whom, or until when, a free slot is kept, in words; empty: for nobody."""
    return kept(slot, organisation=organisation, now=now).words


def fitting_slots(wanted: Wanted, *, organisation: Whose, now: When) -> SlotQuerySet:
    """The coming slots that are as wanted; what is asked may be parameters of a statement."""
    found = coming_slots(organisation=organisation, now=now)
    found = found.filter(**wanted.of_session("schedule__"))
    if wanted.first:
        found = found.filter(start__gte=clock.day_start(wanted.first))
    if wanted.last:
        found = found.filter(start__lt=clock.day_end(wanted.last))
    if wanted.part:
        first, end = PARTS_OF_DAY[wanted.part]
        found = found.filter(start__hour__gte=first, start__hour__lt=end)
    if wanted.slot_type:
        found = found.filter(slot_type=wanted.slot_type)
    if wanted.channel:
        found = found.filter(delivery_channel=wanted.channel)
    return found


def free_times(
    wanted: Wanted, *, organisation: Organisation, now: datetime, most: int
) -> list[Slot]:
    """Return the earliest that fit, each with ``kept``, that it is kept for others: one query."""
    found = fitting_slots(wanted, organisation=organisation, now=now)
    return listed(found, organisation=organisation, now=now, most=most)


def listed(
    slots: QuerySet[Slot], *, organisation: Organisation, now: datetime, most: int | None = None
) -> list[Slot]:
    """Return slots by start with what a list of them names, each with ``kept``: one query."""
    by_start = with_session(slots).order_by("start", "schedule__session_holder__family_name", "pk")
    found = list(by_start[:most])
    for slot in found:
        slot.kept = kept_for_others(slot, organisation=organisation, now=now)  # type: ignore[attr-defined]
    return found
