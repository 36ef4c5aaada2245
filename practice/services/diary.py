"""What people change by hand in the diary that was generated: blocked, opened, moved to a locum.

Every change is made under lock, counted in the version, marked ``changed_by_hand`` so that
generating again keeps its hands off, and audited with old and new values. The order of locks is
that of practice.services.booking.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from practice.models import Organisation, Schedule, Slot
from practice.services.audit import Actor


@dataclass(frozen=True)
class Refused:
    """A slot that stays as it is, and why, in words for a receptionist."""

    slot: Slot
    why: str


@dataclass(frozen=True)
class Outcome:
    """What became of the slots that were asked for: changed, or each left with its reason."""

    changed: tuple[Slot, ...]
    refused: tuple[Refused, ...]


# Each takes the ids of any number of the practice's slots, changes those that can be changed and
# says why the others cannot. An id that is no slot of the practice raises SlotNotFound.


def block_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    note: str = "",
) -> Outcome:
    """Block free slots: nobody can book them until they are unblocked. ``note`` is for staff."""
    raise NotImplementedError


def unblock_slots(
    *, organisation: Organisation, slot_ids: Iterable[int], actor: Actor, now: datetime
) -> Outcome:
    """Make blocked slots free again."""
    raise NotImplementedError


def make_bookable(
    *, organisation: Organisation, slot_ids: Iterable[int], actor: Actor, now: datetime
) -> Outcome:
    """Mark slots GP Connect bookable, except those that nobody outside could ever see."""
    raise NotImplementedError


def make_not_bookable(
    *, organisation: Organisation, slot_ids: Iterable[int], actor: Actor, now: datetime
) -> Outcome:
    """Take the GP Connect mark from slots; bookings already made stand."""
    raise NotImplementedError


def withdraw_slots(
    *, organisation: Organisation, slot_ids: Iterable[int], actor: Actor, now: datetime
) -> Outcome:
    """Take free or blocked slots out of the diary; generating again does not bring them back."""
    raise NotImplementedError


def restore_slots(
    *, organisation: Organisation, slot_ids: Iterable[int], actor: Actor, now: datetime
) -> Outcome:
    """Put withdrawn slots back, unless something else now lies in their place."""
    raise NotImplementedError


def why_never_seen(slot: Slot, *, organisation: Organisation) -> list[str]:
    """Say why nobody outside could ever see this slot, even if it were marked bookable.

    One sentence for each reason; none: it can be seen. ``slot`` comes with its schedule
    (``select_related``); it need not be saved, so that a form can ask before it saves.
    Source: AVAIL-050 to AVAIL-060, STAFF-026.
    """
    raise NotImplementedError


def change_session_holder(
    *,
    organisation: Organisation,
    schedule_id: int,
    practitioner_id: int | None,
    actor: Actor,
    now: datetime,
) -> Schedule:
    """Give a session to another practitioner (a locum), or to nobody by name.

    Session and appointments get new versions, as both show the practitioner (AVAIL-082).
    Raises NotFound, PractitionerNotFound, HolderElsewhere.
    """
    raise NotImplementedError


def create_session(
    *,
    organisation: Organisation,
    location_id: int,
    start: datetime,
    end: datetime,
    slot_minutes: int,
    slot_type: str,
    actor: Actor,
    now: datetime,
    session_holder_id: int | None = None,
    session_name: str = "",
    practitioner_role: str = "",
    delivery_channel: str = "",
    gp_connect_bookable: bool = False,
    access_profile_id: int | None = None,
) -> Schedule:
    """Make one session by hand, filled with slots of one kind from start to end (AVAIL-084).

    ``start`` and ``end`` are aware datetimes. Raises DiaryRefused (in words), LocationNotFound,
    PractitionerNotFound, HolderElsewhere.
    """
    raise NotImplementedError


def add_extra_slot(
    *,
    organisation: Organisation,
    schedule_id: int,
    start: datetime,
    end: datetime,
    slot_type: str,
    reason: str,
    actor: Actor,
    now: datetime,
    delivery_channel: str = "",
) -> Slot:
    """Add a slot beside the session's own, on purpose and with a reason; never offered outside.

    Raises NotFound, DiaryRefused (in words).
    """
    raise NotImplementedError
