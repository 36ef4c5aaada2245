"""Locks on a practice's diary, and the order in which everybody takes them.

Practice (not for bookings), slots by id, appointments by id, access profiles by id, entries of the
cancellation list by id. Whoever keeps to that order queues and never deadlocks; nothing read before
a lock decides anything after it.
"""

from collections.abc import Iterable
from datetime import date

from practice.db.prepared import Later, Number, Numbers, Prepared
from practice.exceptions import VersionConflict
from practice.models import Organisation, Slot
from practice.models.common import Versioned


def lock_practice(organisation: Organisation) -> Organisation:
    """Lock a practice's row until the transaction ends, and return it as it is now.

    Whoever makes, moves or withdraws sessions, or adds or frees slots, takes it first. Bookings do
    not need it and are not held up by it: they lock the slots they take.
    """
    return Organisation.objects.select_for_update(of=("self",), no_key=True).get(pk=organisation.pk)


LOCKED_SLOTS = Prepared(
    lambda: (
        Slot.with_tests.filter(organisation=Number("organisation"), pk__among=Numbers("ids"))
        .select_related(
            "schedule",
            "access_profile__consumer_group",
            "schedule__access_profile__consumer_group",
        )
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
)


def lock_slots(organisation: Organisation, ids: Iterable[int]) -> list[Slot]:
    """Lock those of a practice's slots and return them by start: everything a booking decides on.

    The one order, by id, lets two overlapping bookings queue instead of deadlocking. SQLite has no
    such lock; there the whole transaction holds the write lock (IMMEDIATE).
    """
    return by_start(lock_slots_later(organisation, ids).objects())


def lock_slots_later(organisation: Organisation, ids: Iterable[int]) -> Later[Slot]:
    """The same for a journey on which more is asked; ``by_start`` its objects."""
    return LOCKED_SLOTS.later("default", organisation=organisation.pk, ids=ids)


def by_start(slots: Iterable[Slot]) -> list[Slot]:
    """Return slots in the order in which a booking reads them."""
    return sorted(slots, key=lambda slot: (slot.start, slot.pk))


def lock_slots_of_days(organisation: Organisation, first: date, last: date) -> None:
    """Lock all slots of the sessions of these dates, both included, by id as bookings do.

    Nobody books, cancels or blocks there until the transaction ends.
    """
    slots = Slot.objects.filter(organisation=organisation, schedule__date__range=(first, last))
    list(slots.select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk"))


def check_version(record: Versioned, expected: str | None) -> None:
    """Raise VersionConflict unless this is the version that the caller says it has read, if any.

    To be called under the record's lock: else another version may come between.
    """
    if expected is not None and expected != str(record.version):
        raise VersionConflict
