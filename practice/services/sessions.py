"""What people change in sessions: one is made for one day, given to a locum, described anew.

Every change is made under the practice's lock, counted in the version, marked ``changed_by_hand``
so that generating again leaves it alone, and audited with old and new values.
"""

from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from practice import clock, terminology
from practice.clock import seconds
from practice.db.row_security import across_practices
from practice.exceptions import (
    DiaryRefused,
    HolderElsewhere,
    LocationNotFound,
    PractitionerNotFound,
)
from practice.models import Appointment, Location, Organisation, Practitioner, Schedule, Slot
from practice.reads import directory
from practice.reads.service_filtering import must_choose
from practice.services.audit.recording import Actor, record_done
from practice.services.by_hand import (
    check_new_slots,
    check_times,
    named,
    own_profile,
    own_session,
    place_slots,
    save_changed,
    set_checked,
)
from practice.services.generation import bulk
from practice.services.generation.planned_sessions import PlannedSlot, SlotKind
from practice.services.locks import check_version, lock_practice
from practice.services.service_filtering import (
    NOTHING_CHOSEN,
    ServiceChoice,
    check_choice,
    choose_for_sessions,
    tell_appointments,
)
from practice.services.slot_types import keep_known


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
    schedule = own_session(organisation, schedule_id)
    check_version(schedule, expected_version)
    holder = _practitioner(organisation, practitioner_id)
    before = schedule.session_holder
    if holder == before:
        return schedule
    if not schedule.withdrawn:
        check_holder_is_free(
            holder,
            schedule.start,
            schedule.end,
            organisation=organisation,
            schedule_id=schedule.pk,
        )
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
    healthcare_service_id: int | None = None
    no_healthcare_service: bool = False


SERVICE = {"healthcare_service", "no_healthcare_service"}


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
    schedule = own_session(organisation, schedule_id)
    check_version(schedule, expected_version)
    if words.location_id != schedule.location_id:
        _location(organisation, words.location_id)
    own_profile(organisation, words.access_profile_id)
    changes = set_checked(schedule, words._asdict())
    if not changes:
        return schedule
    if not schedule.practitioner_role and "practitioner_role" in changes:
        offered = schedule.slots.filter(gp_connect_bookable=True, withdrawn=False).count()
        if offered:
            raise DiaryRefused(
                f"{offered} slots of this session are GP Connect bookable and need the role. "
                "Make them not bookable first, in the list of slots."
            )
    if SERVICE & changes.keys():
        offered = schedule.slots.filter(gp_connect_bookable=True, withdrawn=False).exists()
        check_choice(organisation, schedule, is_offered=offered)
    schedule.changed_by_hand = True
    save_changed(schedule, [*changes, "changed_by_hand"])
    if SERVICE & changes.keys():
        tell_appointments(schedule, now=now)
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
    service: ServiceChoice = NOTHING_CHOSEN,
) -> Schedule:
    """Make one session by hand, filled with slots of one kind from start to end (AVAIL-084).

    ``start`` and ``end`` are aware datetimes. Raises DiaryRefused (in words), LocationNotFound,
    PractitionerNotFound, ReferenceNotFound, HolderElsewhere.
    """
    lock_practice(organisation)
    check_times(start, end, now=now)
    starts = _starts(start, end, slot_minutes)
    if not starts:
        raise DiaryRefused("No slot of that length fits into the session.")
    kind = SlotKind(slot_type, delivery_channel, gp_connect_bookable, None, None, None, None)
    schedule = Schedule(
        organisation=organisation,
        date=clock.local(start).date(),
        start=start,
        end=end,
        session_name=session_name,
        session_holder=_practitioner(organisation, session_holder_id),
        location=_location(organisation, location_id),
        practitioner_role=_role(practitioner_role),
        access_profile=own_profile(organisation, access_profile_id),
        changed_by_hand=True,
        **service._asdict(),
    )
    check_new_slots(schedule, slot_minutes, kind)
    check_choice(organisation, schedule, is_offered=gp_connect_bookable)
    check_holder_is_free(schedule.session_holder, start, end, organisation=organisation)
    _save_unless_elsewhere(schedule)
    keep_known(organisation, [kind.slot_type])
    bulk.insert_slots(
        ((schedule.pk, PlannedSlot(at, at + slot_minutes * 60, kind)) for at in starts),
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
                **_in_trail(schedule, service),
            }
        },
    )
    return schedule


def _in_trail(schedule: Schedule, service: ServiceChoice) -> dict[str, object]:
    """What was said of the service of a new session, if anything was."""
    if not any(service):
        return {}
    return {
        "healthcare_service": named(schedule.healthcare_service),
        "no_healthcare_service": schedule.no_healthcare_service,
    }


@transaction.atomic
def extend_session(
    *,
    organisation: Organisation,
    schedule_id: int,
    start: datetime,
    end: datetime,
    slot_minutes: int,
    kind: SlotKind,
    actor: Actor,
    now: datetime,
    expected_version: str | None = None,
    service: ServiceChoice = NOTHING_CHOSEN,
) -> int:
    """Let a session begin earlier or end later, and fill the time that it gains with free slots.

    ``start`` and ``end`` are when it begins and ends from then on. What a person has added stays
    when the diary is generated again. Nothing is made in a time that is over, nor in the place of
    a slot that stands there already. ``service``: what it is of, where that is due (SF-010).
    Returns how many slots it has gained. Raises NotFound, VersionConflict, DiaryRefused (in words),
    ReferenceNotFound, HolderElsewhere.
    """
    lock_practice(organisation)
    schedule = own_session(organisation, schedule_id)
    check_version(schedule, expected_version)
    _check_longer(schedule, start, end, now=now)
    own_profile(organisation, kind.access_profile_id)
    check_new_slots(schedule, slot_minutes, kind)
    if kind.gp_connect_bookable and must_choose(schedule, organisation=organisation):
        choose_for_sessions([schedule], service, organisation=organisation, actor=actor, now=now)
    keep_known(organisation, [kind.slot_type])
    gained = _slots_gained(schedule, start, end, slot_minutes, kind, now=now)
    check_holder_is_free(
        schedule.session_holder, start, end, organisation=organisation, schedule_id=schedule.pk
    )
    before = {"start": schedule.start.isoformat(), "end": schedule.end.isoformat()}
    _make_longer(schedule, start, end)
    place_slots(schedule, gained, now=now)
    after = {"start": start.isoformat(), "end": end.isoformat()}
    record_done(
        "session.extend",
        schedule,
        actor=actor,
        now=now,
        detail={"from": before, "to": {**after, "slots": len(gained), **kind._asdict()}},
    )
    return len(gained)


def _make_longer(schedule: Schedule, start: datetime, end: datetime) -> None:
    if start < schedule.start:
        schedule.start = schedule.extended_from = start
    if end > schedule.end:
        schedule.end = schedule.extended_to = end
    schedule.changed_by_hand = True
    schedule.version += 1
    _save_unless_elsewhere(schedule)


def _slots_gained(
    schedule: Schedule,
    start: datetime,
    end: datetime,
    minutes: int,
    kind: SlotKind,
    *,
    now: datetime,
) -> list[PlannedSlot]:
    """The slots that fit before and after a session, into times with none and that are not over."""
    stand = Slot.objects.valid().filter(schedule=schedule, overbooked=False, withdrawn=False)
    taken = [(seconds(slot.start), seconds(slot.end)) for slot in stand]
    gained = [
        PlannedSlot(at, at + minutes * 60, kind)
        for first, last in ((start, schedule.start), (schedule.end, end))
        for at in _starts(first, last, minutes)
    ]
    found = [
        slot
        for slot in gained
        if slot.end > seconds(now)
        and not any(other < slot.end and slot.start < until for other, until in taken)
    ]
    if not found:
        raise DiaryRefused("No slot of that length fits into the time that it would gain.")
    return found


def _check_longer(schedule: Schedule, start: datetime, end: datetime, *, now: datetime) -> None:
    check_times(start, end, now=now)
    if schedule.withdrawn:
        raise DiaryRefused("The session does not take place.")
    if start > schedule.start or end < schedule.end:
        raise DiaryRefused("To make a session shorter, withdraw its slots.")
    if start == schedule.start and end == schedule.end:
        raise DiaryRefused("Say an earlier start or a later end: these are its times already.")
    if clock.local(start).date() != schedule.date:
        raise DiaryRefused("A session begins on its own day: add one for the day before.")


def _starts(start: datetime, end: datetime, minutes: int) -> range:
    """When slots of that length begin that fit between two instants, in seconds since 1970."""
    if minutes < 1:
        return range(0)
    return range(seconds(start), seconds(end) - minutes * 60 + 1, minutes * 60)


@across_practices()  # nobody is in two places at once
def check_holder_is_free(
    holder: Practitioner | None,
    start: datetime,
    end: datetime,
    *,
    organisation: Organisation,
    schedule_id: int | None = None,
) -> None:
    """Raise HolderElsewhere when somebody has another session at that time, at any practice.

    A session of this practice is told in full. Of another's, only that there is one.
    """
    if holder is None:
        return
    others = (
        Schedule.objects.taking_place()
        .filter(session_holder=holder)
        .filter(Q(start__lt=end) & Q(end__gt=start))
        .exclude(pk__in=[schedule_id] if schedule_id else [])
    )
    if own := others.filter(organisation=organisation).order_by("start").first():
        first, last = clock.local(own.start), clock.local(own.end)
        raise HolderElsewhere(
            f"{holder} already has a session from {first:%H:%M} to {last:%H:%M} "
            f"on {first:%A %d %B %Y}."
        )
    if others.exists():
        raise HolderElsewhere(f"{holder} is at another practice at that time.")


def _save_unless_elsewhere(schedule: Schedule) -> None:
    """Save; PostgreSQL's own constraint speaks up when another practice was a moment faster."""
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError as error:
        raise HolderElsewhere from error


def _practitioner(organisation: Organisation, practitioner_id: int | None) -> Practitioner | None:
    if practitioner_id is None:
        return None
    working = directory.practitioners(organisation=organisation)
    found = working.filter(pk=practitioner_id).first()
    if found is None:
        raise PractitionerNotFound
    if not Practitioner.objects.working_at(organisation).filter(pk=found.pk).exists():
        raise DiaryRefused(f"{found} no longer works here.")
    return found


def _location(organisation: Organisation, location_id: int) -> Location:
    found = Location.objects.filter(organisation=organisation, pk=location_id).first()
    if found is None:
        raise LocationNotFound
    if found.status != Location.Status.ACTIVE:
        raise DiaryRefused(f"{found} is closed.")
    return found


def _role(code: str) -> str:
    if code and code not in dict(terminology.practitioner_roles()):
        raise DiaryRefused("The role is not one of the national list.")
    return code
