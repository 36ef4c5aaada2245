"""What people change by hand in the diary that was generated: blocked, opened, moved to a locum.

Every change is made under lock, counted in the version, marked ``changed_by_hand`` so that
generating again keeps its hands off, and audited with old and new values. The order of locks is
that of practice.services.locks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Model, Q

from practice import clock, terminology
from practice.clock import seconds
from practice.exceptions import (
    DiaryRefused,
    HolderElsewhere,
    LocationNotFound,
    NotFound,
    PractitionerNotFound,
    ReferenceNotFound,
    SlotNotFound,
    VersionConflict,
)
from practice.models import (
    AccessProfile,
    Appointment,
    Location,
    Organisation,
    Practitioner,
    Schedule,
    Slot,
)
from practice.models.common import Versioned
from practice.reads import directory
from practice.reads.bookability import effective_limit
from practice.services.audit.recording import Actor, record_done
from practice.services.generation import bulk
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind
from practice.services.locks import lock_practice, lock_slots

LONGEST_SESSION = timedelta(days=1)
LONGEST_SLOT_MINUTES = 480  # of an extra slot, and of a session that is made by hand


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
        return _why_not_free(slot) or _why_not_in_diary(slot) or _why_over(slot, now)

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
        return _why_not_in_diary(slot)

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
) -> Outcome:
    """Mark slots GP Connect bookable, except those that nobody outside could ever see."""

    places = organisation.locations.in_bulk()

    def why_not(slot: Slot) -> str:
        if slot.gp_connect_bookable:
            return "It is GP Connect bookable already."
        slot.schedule.location = places[slot.schedule.location_id]
        return " ".join(why_never_seen(slot, organisation=organisation)) or _why_over(slot, now)

    values = {"gp_connect_bookable": True}
    return _change_slots(
        "make-bookable", values, why_not, organisation, slot_ids, actor, now, expected_version
    )


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
            return _why_over(slot, now)
        return _why_not_free(slot) or _why_over(slot, now)

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
            return _why_over(slot, now)
        others = taken.setdefault(slot.schedule_id, [])
        if any(start < slot.end and slot.start < end for start, end in others):
            return "Another slot lies in its place."
        if over := _why_over(slot, now):
            return over
        others.append((slot.start, slot.end))
        return ""

    values = {"withdrawn": False, "withdrawn_by_plan": False}
    return _change_slots(
        "restore", values, why_not, organisation, wanted, actor, now, expected_version
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
        before = {name: getattr(slot, name) for name in values}
        details.append({"slot": slot.pk, "from": before, "to": values})
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
    _profile(organisation, words.access_profile_id)
    changes = _set_checked(slot, words._asdict())
    if not changes:
        return slot
    for_staff_only = changes.keys() <= {"note", "changed_by_hand"}
    if slot.gp_connect_bookable and not for_staff_only:
        slot.schedule.location = organisation.locations.get(pk=slot.schedule.location_id)
        if reasons := why_never_seen(slot, organisation=organisation):
            raise DiaryRefused(" ".join(["Nobody outside could see it then.", *reasons]))
    if not for_staff_only and "changed_by_hand" not in changes:
        slot.changed_by_hand = True
    _save_changed(slot, [*changes, "changed_by_hand"])
    record_done("slot.change", slot, actor=actor, now=now, detail={"changes": changes})
    return slot


def check_version(record: Versioned, expected: str | None) -> None:
    """Raise VersionConflict unless this is the version that the caller says it has read, if any."""
    if expected is not None and expected != str(record.version):
        raise VersionConflict


def _set_checked(record: Slot | Schedule, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Set those of the values that differ, each checked as its column says; return from and to."""
    changes = {}
    for name, value in values.items():
        field = type(record)._meta.get_field(name.removesuffix("_id"))
        before = getattr(record, name)
        if value == before:
            continue
        if not field.is_relation:
            try:
                field.clean(value, record)  # type: ignore[union-attr]
            except ValidationError as error:
                label = str(field.verbose_name)  # type: ignore[union-attr]
                said = " ".join(error.messages)
                raise DiaryRefused(f"{label[:1].upper()}{label[1:]}: {said}") from error
        old = _named(getattr(record, field.name))
        setattr(record, name, value)
        changes[field.name] = {"from": old, "to": _named(getattr(record, field.name))}
    return changes


def _named(value: Any) -> Any:
    """Return a value as the audit trail keeps it: a record by its name and its number."""
    return f"{value} ({value.pk})" if isinstance(value, Model) else value


def _save_changed(record: Slot | Schedule, columns: Iterable[str]) -> None:
    """Store the next version of a record, and of the rest these columns only."""
    record.version += 1
    record.save(update_fields=[*dict.fromkeys(columns), "version", "updated_at"])


# ---------------------------------------------------------------- why not, in words


def _why_not_free(slot: Slot) -> str:
    if slot.status == Slot.Status.BUSY:
        return "It is booked: cancel or move the appointment first."
    if slot.status != Slot.Status.FREE:
        return f"It is not free: {slot.get_status_display().lower()}."
    return ""


def _why_not_in_diary(slot: Slot) -> str:
    if slot.withdrawn:
        return "It is withdrawn."
    if slot.schedule.withdrawn:
        return "Its session does not take place."
    return ""


def _why_over(slot: Slot, now: datetime) -> str:
    return "It is over." if slot.end <= now else ""


def why_never_seen(slot: Slot, *, organisation: Organisation) -> list[str]:
    """Say why nobody outside could ever see this slot, even if it were marked bookable.

    One sentence for each reason; none: it can be seen. ``slot`` comes with its schedule and place
    (``select_related``); it need not be saved, so that a form can ask before it saves.
    Source: AVAIL-050 to AVAIL-060, STAFF-026.
    """
    schedule = slot.schedule
    window, embargo, notice = (
        effective_limit(name, slot, organisation)
        for name in ("booking_window_days", "embargo_minutes", "minimum_notice_minutes")
    )
    reasons = (
        (not schedule.practitioner_role, "The session has no role: choose one first."),
        (not slot.delivery_channel, "It has no delivery channel: choose one first."),
        (not slot.slot_type.strip(), "It has no slot type: write one first."),
        (slot.overbooked, "An extra slot is never offered to other organisations."),
        (slot.withdrawn, "It is withdrawn: restore it first."),
        (schedule.withdrawn, "Its session does not take place."),
        (
            lacks_address(schedule.location),
            f"{schedule.location} has no full address, which others are shown: add it first, under "
            "Locations.",
        ),
        (slot.status == Slot.Status.ENTERED_IN_ERROR, "It was entered in error."),
        (
            embargo is not None and notice is not None and embargo < notice,
            f"Its embargo ends {embargo} minutes before it starts, when the minimum notice of "
            f"{notice} minutes has passed.",
        ),
        (
            window is not None and notice is not None and window * 24 * 60 < notice,
            f"Its booking window of {window} days is shorter than the minimum notice of "
            f"{notice} minutes.",
        ),
    )
    return [words for holds, words in reasons if holds]


def lacks_address(place: Location) -> bool:
    """Whether others could not be told where to go (AVAIL-060)."""
    return not (place.address_line_1 and place.postal_code)


# ---------------------------------------------------------------- sessions


@transaction.atomic
def change_session_holder(
    *,
    organisation: Organisation,
    schedule_id: int,
    practitioner_id: int | None,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Schedule:
    """Give a session to another practitioner (a locum), or to nobody by name.

    Session and appointments get new versions, as both show the practitioner (AVAIL-082). Works for
    a session that is withdrawn too: generating again restores it when its new holder is free.
    Raises NotFound, VersionConflict, PractitionerNotFound, DiaryRefused, HolderElsewhere.
    """
    lock_practice(organisation)
    schedule = _session(organisation, schedule_id)
    check_version(schedule, expected_version)
    holder = _practitioner(organisation, practitioner_id)
    before = schedule.session_holder
    if holder == before:
        return schedule
    if not schedule.withdrawn:
        check_holder_is_free(holder, schedule.start, schedule.end, schedule_id=schedule.pk)
    booked = Appointment.objects.filter(schedule=schedule)
    # Ordered, so that it takes its place in the order of locks; the rows themselves are not needed.
    list(booked.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    schedule.session_holder = holder
    schedule.changed_by_hand = True
    schedule.version += 1
    _save_unless_elsewhere(schedule)
    told = booked.update(version=F("version") + 1, updated_at=now)
    record_done(
        "session.change-holder",
        schedule,
        actor=actor,
        now=now,
        detail={
            "from": {"session_holder": before and before.pk},
            "to": {"session_holder": holder and holder.pk},
            "appointments": told,
        },
    )
    return schedule


class SessionWords(NamedTuple):
    """What a person can write about a session, apart from who holds it and when it is.

    A limit that is None is that of the practice.
    """

    session_name: str
    location_id: int
    practitioner_role: str
    access_profile_id: int | None
    booking_window_days: int | None
    embargo_minutes: int | None
    minimum_notice_minutes: int | None


@transaction.atomic
def change_session(
    *,
    organisation: Organisation,
    schedule_id: int,
    words: SessionWords,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
) -> Schedule:
    """Change where a session is, under which role and name, and to whom its slots are offered.

    Generating again leaves it as a person has set it. Nothing changed: no new version. Raises
    NotFound, VersionConflict, LocationNotFound, ReferenceNotFound, DiaryRefused (in words).
    """
    lock_practice(organisation)
    schedule = _session(organisation, schedule_id)
    check_version(schedule, expected_version)
    if words.location_id != schedule.location_id:
        _location(organisation, words.location_id)
    _profile(organisation, words.access_profile_id)
    changes = _set_checked(schedule, words._asdict())
    if not changes:
        return schedule
    if not schedule.practitioner_role and "practitioner_role" in changes:
        offered = schedule.slots.filter(gp_connect_bookable=True, withdrawn=False).count()
        if offered:
            raise DiaryRefused(
                f"{offered} slots of this session are GP Connect bookable and need the role. "
                "Make them not bookable first, in the list of slots."
            )
    schedule.changed_by_hand = True
    _save_changed(schedule, [*changes, "changed_by_hand"])
    record_done("schedule.change", schedule, actor=actor, now=now, detail={"changes": changes})
    return schedule


@transaction.atomic
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
    PractitionerNotFound, ReferenceNotFound, HolderElsewhere.
    """
    lock_practice(organisation)
    check_times(start, end, now=now)
    length = slot_minutes * 60
    first, last = seconds(start), seconds(end)
    if slot_minutes < 1 or first + length > last:
        raise DiaryRefused("No slot of that length fits into the session.")
    if slot_minutes > LONGEST_SLOT_MINUTES:
        raise DiaryRefused(f"A slot lasts {LONGEST_SLOT_MINUTES} minutes at most.")
    if not slot_type.strip():
        raise DiaryRefused("A slot needs a type.")
    schedule = Schedule(
        organisation=organisation,
        date=clock.local(start).date(),
        start=start,
        end=end,
        session_name=session_name,
        session_holder=_practitioner(organisation, session_holder_id),
        location=_location(organisation, location_id),
        practitioner_role=_role(practitioner_role),
        access_profile=_profile(organisation, access_profile_id),
        changed_by_hand=True,
    )
    _channel(delivery_channel)
    if gp_connect_bookable:
        one = Slot(schedule=schedule, slot_type=slot_type, delivery_channel=delivery_channel)
        if reasons := why_never_seen(one, organisation=organisation):
            raise DiaryRefused(" ".join(["Nobody outside could ever see it.", *reasons]))
    check_holder_is_free(schedule.session_holder, start, end)
    _save_unless_elsewhere(schedule)
    kind = SlotKind(slot_type, delivery_channel, gp_connect_bookable, None, None, None, None)
    starts = range(first, last - length + 1, length)
    bulk.insert_slots(
        ((schedule.pk, PlannedSlot(at, at + length, kind)) for at in starts),
        organisation_id=organisation.pk,
        now=now,
        changed_by_hand=True,
    )
    record_done(
        "session.create",
        schedule,
        actor=actor,
        now=now,
        detail={
            "to": {
                "start": start.isoformat(),
                "end": end.isoformat(),
                "session_holder": session_holder_id,
                "location": location_id,
                "slots": len(starts),
                **kind._asdict(),
            }
        },
    )
    return schedule


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
    schedule = _session(organisation, schedule_id)
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
    slot = Slot.objects.create(
        organisation=organisation,
        schedule=schedule,
        start=start,
        end=end,
        slot_type=slot_type,
        delivery_channel=_channel(delivery_channel),
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


# ---------------------------------------------------------------- the refusals


def check_times(start: datetime, end: datetime, *, now: datetime) -> None:
    """Raise DiaryRefused unless these are full minutes of at most a day that is not over."""
    if any(at.second or at.microsecond for at in (start, end)):
        raise DiaryRefused("Times are full minutes.")
    # Durations in whole seconds: two London datetimes would be compared by the wall clock.
    if seconds(end) <= seconds(start):
        raise DiaryRefused("The end lies before the start.")
    if seconds(end) - seconds(start) > LONGEST_SESSION.total_seconds():
        raise DiaryRefused("A session lasts a day at most.")
    if end <= now:
        raise DiaryRefused("That time is over.")


def check_holder_is_free(
    holder: Practitioner | None,
    start: datetime,
    end: datetime,
    *,
    schedule_id: int | None = None,
) -> None:
    """Raise HolderElsewhere when somebody has another session at that time, at any practice."""
    if holder is None:
        return
    elsewhere = (
        Schedule.objects.taking_place()
        .filter(session_holder=holder)
        .filter(Q(start__lt=end) & Q(end__gt=start))
        .exclude(pk__in=[schedule_id] if schedule_id else [])
        .order_by("start")
        .first()
    )
    if elsewhere:
        first, last = clock.local(elsewhere.start), clock.local(elsewhere.end)
        raise HolderElsewhere(
            f"{holder} already has a session from {first:%H:%M} to {last:%H:%M} "
            f"on {first:%A %d %B %Y}."
        )


def _save_unless_elsewhere(schedule: Schedule) -> None:
    """Save; PostgreSQL's own constraint speaks up when another practice was a moment faster."""
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError as error:
        raise HolderElsewhere from error


def _session(organisation: Organisation, schedule_id: int) -> Schedule:
    schedules = Schedule.objects.filter(organisation=organisation).select_related("session_holder")
    if found := schedules.filter(pk=schedule_id).first():
        return found
    raise NotFound("There is no such session at this practice.")


def _practitioner(organisation: Organisation, practitioner_id: int | None) -> Practitioner | None:
    if practitioner_id is None:
        return None
    working = directory.practitioners(organisation=organisation)
    found = working.filter(pk=practitioner_id).first()
    if found is None:
        raise PractitionerNotFound
    if not found.active:
        raise DiaryRefused(f"{found} no longer works here.")
    return found


def _location(organisation: Organisation, location_id: int) -> Location:
    found = Location.objects.filter(organisation=organisation, pk=location_id).first()
    if found is None:
        raise LocationNotFound
    if found.status != Location.Status.ACTIVE:
        raise DiaryRefused(f"{found} is closed.")
    return found


def _profile(organisation: Organisation, profile_id: int | None) -> AccessProfile | None:
    if profile_id is None:
        return None
    if found := AccessProfile.objects.filter(organisation=organisation, pk=profile_id).first():
        return found
    raise ReferenceNotFound("The access profile does not exist at this practice.")


def _role(code: str) -> str:
    if code and code not in dict(terminology.practitioner_roles()):
        raise DiaryRefused("The role is not one of the national list.")
    return code


def _channel(code: str) -> str:
    if code and code not in dict(terminology.delivery_channels()):
        raise DiaryRefused("The delivery channel is not one of the national list.")
    return code
