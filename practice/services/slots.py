"""What people change in slots: blocked, offered, withdrawn, restored, added beside the others.

Every change is made under lock, counted in the version, marked ``changed_by_hand`` so that
generating again leaves it alone, and audited with old and new values. The order of locks is that
of practice.services.locks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F

from practice import clock
from practice.clock import seconds
from practice.exceptions import DiaryRefused, SlotNotFound
from practice.models import Organisation, Schedule, Slot
from practice.reads import bookability
from practice.reads.service_filtering import must_choose
from practice.services.audit.recording import Actor, record_done
from practice.services.by_hand import (
    LONGEST_SLOT_MINUTES,
    check_times,
    known_channel,
    named,
    own_profile,
    own_session,
    save_changed,
    set_checked,
)
from practice.services.locks import check_version, lock_practice, lock_slots
from practice.services.service_filtering import (
    NOTHING_CHOSEN,
    ServiceChoice,
    choose_for_sessions,
)
from practice.services.slot_types import keep_known


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


# ---------------------------------------------------------------- slots
# Each takes the ids of any number of the practice's slots, changes those that can be changed and
# says why the others cannot. An id that is no slot of the practice raises SlotNotFound. A page
# about one slot says which version it showed: another one by now raises VersionConflict.


@transaction.atomic
def block_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    note: str = "",
    expected_version: str | None = None,
) -> Outcome:
    """Block free slots: nobody can book them until they are unblocked. ``note`` is for staff."""

    def why_not(slot: Slot) -> str:
        if slot.status == Slot.Status.BUSY_UNAVAILABLE:
            return "It is blocked already."
        return why_not_free(slot) or why_not_in_diary(slot) or why_over(slot, now)

    values = {"status": Slot.Status.BUSY_UNAVAILABLE.value, "note": note[:200]}
    return _change_slots(
        "block", values, why_not, organisation, slot_ids, actor, now, expected_version
    )


@transaction.atomic
def unblock_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Outcome:
    """Make blocked slots free again, unless their session is just being withdrawn.

    Blocked slots keep no session, so that nobody may free one while a plan is made and applied.
    """
    lock_practice(organisation)

    def why_not(slot: Slot) -> str:
        if slot.status != Slot.Status.BUSY_UNAVAILABLE:
            return "It is not blocked."
        return why_not_in_diary(slot)

    values = {"status": Slot.Status.FREE.value, "note": ""}
    return _change_slots(
        "unblock", values, why_not, organisation, slot_ids, actor, now, expected_version
    )


@transaction.atomic
def make_bookable(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
    service: ServiceChoice = NOTHING_CHOSEN,
) -> Outcome:
    """Mark slots GP Connect bookable, except those that could never be offered.

    ``service`` is what those of their sessions are of that have no choice yet, where one is due
    (SF-010): without it such slots are refused. Raises NotFound.
    """
    wanted = list(slot_ids)
    if any(service) and organisation.filters_by_service:
        lock_practice(organisation)
    places = organisation.locations.in_bulk()
    undecided: dict[int, Schedule] = {}

    def why_not(slot: Slot) -> str:
        if slot.gp_connect_bookable:
            return "It is GP Connect bookable already."
        slot.schedule.location = places[slot.schedule.location_id]
        why = bookability.never_offered_in_words(slot, organisation=organisation)
        if why or (why := why_over(slot, now)):
            return why
        if must_choose(slot.schedule, organisation=organisation):
            if not any(service):
                return SERVICE_FIRST
            undecided[slot.schedule_id] = slot.schedule
        return ""

    values = {"gp_connect_bookable": True}
    outcome = _change_slots(
        "make-bookable", values, why_not, organisation, wanted, actor, now, expected_version
    )
    choose_for_sessions(
        undecided.values(), service, organisation=organisation, actor=actor, now=now
    )
    return outcome


SERVICE_FIRST = "Its session has no service yet: choose one, or “Not applicable”."


@transaction.atomic
def make_not_bookable(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Outcome:
    """Take the GP Connect mark from slots; bookings already made stand."""

    def why_not(slot: Slot) -> str:
        return "" if slot.gp_connect_bookable else "It is not GP Connect bookable."

    values = {"gp_connect_bookable": False}
    return _change_slots(
        "make-not-bookable", values, why_not, organisation, slot_ids, actor, now, expected_version
    )


@transaction.atomic
def withdraw_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Outcome:
    """Take free or blocked slots out of the diary; generating again does not bring them back."""

    def why_not(slot: Slot) -> str:
        if slot.withdrawn and not slot.withdrawn_by_plan:
            return "It is withdrawn already."
        if slot.status == Slot.Status.BUSY_UNAVAILABLE:
            return why_over(slot, now)
        return why_not_free(slot) or why_over(slot, now)

    values = {"withdrawn": True, "withdrawn_by_plan": False}
    return _change_slots(
        "withdraw", values, why_not, organisation, slot_ids, actor, now, expected_version
    )


@transaction.atomic
def restore_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Outcome:
    """Put withdrawn slots back, unless something else now lies in their place."""
    lock_practice(organisation)
    wanted = list(slot_ids)
    schedules = Slot.objects.filter(organisation=organisation, pk__in=wanted).values("schedule")
    taken: dict[int, list[tuple[datetime, datetime]]] = {}
    for schedule, start, end in Slot.objects.filter(
        schedule__in=schedules, withdrawn=False, overbooked=False
    ).values_list("schedule_id", "start", "end"):
        taken.setdefault(schedule, []).append((start, end))

    def why_not(slot: Slot) -> str:
        if not slot.withdrawn:
            return "It is not withdrawn."
        if slot.schedule.withdrawn:
            return "Its session does not take place."
        if slot.overbooked:
            return why_over(slot, now)
        others = taken.setdefault(slot.schedule_id, [])
        if any(start < slot.end and slot.start < end for start, end in others):
            return "Another slot lies in its place."
        if over := why_over(slot, now):
            return over
        others.append((slot.start, slot.end))
        return ""

    values = {"withdrawn": False, "withdrawn_by_plan": False}
    return _change_slots(
        "restore", values, why_not, organisation, wanted, actor, now, expected_version
    )


@transaction.atomic
def give_slots(
    *,
    organisation: Organisation,
    slot_ids: Iterable[int],
    profile_id: int | None,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Outcome:
    """Keep slots for the organisations of an access profile; None: as for their sessions.

    Who may book a slot, not whether: only GP Connect bookable ones are offered to anybody. Raises
    ReferenceNotFound.
    """
    profile = own_profile(organisation, profile_id)

    def why_not(slot: Slot) -> str:
        if slot.access_profile_id == profile_id:
            return f"It is for {profile} already." if profile else "It is as its session already."
        return why_not_in_diary(slot) or why_over(slot, now)

    values = {"access_profile": profile}
    return _change_slots(
        "give", values, why_not, organisation, slot_ids, actor, now, expected_version
    )


def _change_slots(
    event: str,
    values: dict[str, Any],
    why_not: Callable[[Slot], str],
    organisation: Organisation,
    slot_ids: Iterable[int],
    actor: Actor,
    now: datetime,
    expected_version: str | None,
) -> Outcome:
    """Lock slots, ask of each why not, change the others and write down what they were."""
    wanted = set(slot_ids)
    slots = lock_slots(organisation, wanted)
    if {slot.pk for slot in slots} != wanted:
        raise SlotNotFound
    for slot in slots:
        check_version(slot, expected_version)
    changed, refused, details = [], [], []
    for slot in slots:
        if why := why_not(slot):
            refused.append(Refused(slot, why))
            continue
        before = {name: named(getattr(slot, name)) for name in values}
        after = {name: named(value) for name, value in values.items()}
        details.append({"slot": slot.pk, "from": before, "to": after})
        for name, value in values.items():
            setattr(slot, name, value)
        slot.changed_by_hand = True
        slot.version += 1
        changed.append(slot)
    if changed:
        Slot.objects.filter(pk__in=[slot.pk for slot in changed]).update(
            **values, changed_by_hand=True, version=F("version") + 1, updated_at=now
        )
        record_done(f"slot.{event}", *changed, actor=actor, now=now, detail={"changes": details})
    return Outcome(tuple(changed), tuple(refused))


class SlotWords(NamedTuple):
    """What a person can write about a slot: its kind, whom it is for, and when it is offered.

    ``changed_by_hand``: generating again leaves the slot as it is. A limit that is None is that of
    the session, or else of the practice.
    """

    slot_type: str
    delivery_channel: str
    note: str
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None
    changed_by_hand: bool


@transaction.atomic
def change_slot(
    *,
    organisation: Organisation,
    slot_id: int,
    words: SlotWords,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Slot:
    """Change what a slot says of itself; a slot that is offered must stay one that can be seen.

    What a person has set stays when the diary is generated again, unless only the note was changed
    or the person says otherwise. Nothing changed: no new version. Raises SlotNotFound,
    VersionConflict, ReferenceNotFound, DiaryRefused (in words).
    """
    slots = lock_slots(organisation, {slot_id})
    if not slots:
        raise SlotNotFound
    [slot] = slots
    check_version(slot, expected_version)
    own_profile(organisation, words.access_profile_id)
    changes = set_checked(slot, words._asdict())
    if not changes:
        return slot
    for_staff_only = changes.keys() <= {"note", "changed_by_hand"}
    if slot.gp_connect_bookable and not for_staff_only:
        slot.schedule.location = organisation.locations.get(pk=slot.schedule.location_id)
        if why := bookability.never_offered_in_words(slot, organisation=organisation):
            raise DiaryRefused(f"It could not be offered to other organisations then. {why}")
    if not for_staff_only and "changed_by_hand" not in changes:
        slot.changed_by_hand = True
    if "slot_type" in changes:
        keep_known(organisation, [slot.slot_type])
    save_changed(slot, [*changes, "changed_by_hand"])
    record_done("slot.change", slot, actor=actor, now=now, detail={"changes": changes})
    return slot


def why_not_free(slot: Slot) -> str:
    """Say who or what has a slot; empty where it is free."""
    if slot.status == Slot.Status.BUSY:
        return "It is booked: cancel or move the appointment first."
    if slot.status != Slot.Status.FREE:
        return f"It is not free: {slot.get_status_display().lower()}."
    return ""


def why_not_in_diary(slot: Slot) -> str:
    """Say that a slot is not in the diary, by itself or with its session; empty where it is."""
    if slot.withdrawn:
        return "It is withdrawn."
    if slot.schedule.withdrawn:
        return "Its session does not take place."
    return ""


def why_over(slot: Slot, now: datetime) -> str:
    """Say that a slot is over; empty where it is not."""
    return "It is over." if slot.end <= now else ""


def moment_in_session(schedule: Schedule, at: time) -> datetime:
    """Return when a session reaches this time of the clock on the wall.

    A time before the session starts belongs to the next day: 01:00 in a session from 22:00 to
    06:00. Whether that lies within the session is for ``add_extra_slot`` to say.
    """
    first = clock.local(schedule.start).date()
    moment = clock.instant(first, at)
    return moment if moment >= schedule.start else clock.instant(first + timedelta(days=1), at)


@transaction.atomic
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

    It starts within the session, or just when it ends, and lasts LONGEST_SLOT_MINUTES at most.
    Raises NotFound, DiaryRefused (in words).
    """
    lock_practice(organisation)
    schedule = own_session(organisation, schedule_id)
    check_times(start, end, now=now)
    if seconds(end) - seconds(start) > LONGEST_SLOT_MINUTES * 60:
        raise DiaryRefused(f"A slot lasts {LONGEST_SLOT_MINUTES} minutes at most.")
    if schedule.withdrawn:
        raise DiaryRefused("The session does not take place.")
    if not schedule.start <= start <= schedule.end:
        raise DiaryRefused("An extra slot starts within its session.")
    if not reason.strip():
        raise DiaryRefused("An extra slot needs a reason.")
    if len(reason) > 200:
        raise DiaryRefused("The reason may have at most 200 characters.")
    if not slot_type.strip():
        raise DiaryRefused("A slot needs a type.")
    keep_known(organisation, [slot_type])
    slot = Slot.objects.create(
        organisation=organisation,
        schedule=schedule,
        start=start,
        end=end,
        slot_type=slot_type,
        delivery_channel=known_channel(delivery_channel),
        overbooked=True,
        changed_by_hand=True,
        note=reason,
    )
    record_done(
        "slot.add-extra",
        slot,
        actor=actor,
        now=now,
        detail={
            "to": {
                "schedule": schedule.pk,
                "start": start.isoformat(),
                "end": end.isoformat(),
                "slot_type": slot_type,
                "reason": reason,
            }
        },
    )
    return slot
