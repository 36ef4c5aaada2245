"""Sessions made by hand, given to another holder or described anew; each change is audited."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.exceptions import (
    DiaryRefused,
    HolderElsewhere,
    LocationNotFound,
    NotFound,
    PractitionerNotFound,
    ReferenceNotFound,
    VersionConflict,
)
from practice.models import AuditEvent, Location, Schedule
from practice.services import sessions
from practice.services.audit.recording import Actor
from practice.services.generation.planned_sessions import SlotKind
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot,
)

RITA = Actor(door="staff", user_id="7", name="Rita Reception", role="Receptionist")
pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- session holders


def change_holder(schedule, holder, organisation=None):
    return sessions.change_session_holder(
        organisation=organisation or schedule.organisation,
        schedule_id=schedule.pk,
        practitioner_id=holder and holder.pk,
        actor=RITA,
        now=timezone.now(),
    )


@pytest.mark.req("AVAIL-082", "GEN-032", "STAFF-014")
def test_a_locum_is_news_to_session_and_appointments(practice):
    slot = make_slot()
    appointment, before = make_appointment([slot]), slot.schedule.session_holder
    locum = make_practitioner()

    changed = change_holder(slot.schedule, locum)

    changed.refresh_from_db()
    appointment.refresh_from_db()
    assert (changed.session_holder, changed.version) == (locum, 2)
    assert changed.changed_by_hand
    assert appointment.version == 2
    event = AuditEvent.objects.get(event="session.change-holder")
    assert event.detail["from"] == {"session_holder": before.pk}
    assert event.detail["to"] == {"session_holder": locum.pk}


def test_the_same_holder_again_changes_nothing():
    schedule = make_schedule()

    change_holder(schedule, schedule.session_holder)

    schedule.refresh_from_db()
    assert schedule.version == 1
    assert not AuditEvent.objects.exists()


def test_a_session_may_be_left_without_a_holder_by_name():
    schedule = make_schedule()

    change_holder(schedule, None)

    schedule.refresh_from_db()
    assert schedule.session_holder is None


def test_a_locum_who_is_elsewhere_is_refused():
    schedule, other = make_schedule(), make_schedule(make_organisation())

    other.session_holder.roles.create(organisation=schedule.organisation, role="R0260")

    with pytest.raises(HolderElsewhere) as refusal:
        change_holder(schedule, other.session_holder)

    assert str(refusal.value) == f"{other.session_holder} is at another practice at that time."
    schedule.refresh_from_db()
    assert schedule.session_holder != other.session_holder


def test_a_session_here_at_that_time_is_told_in_full_though_another_practice_has_one_too():
    schedule = make_schedule()
    locum = make_practitioner(also_at=[make_organisation()])
    elsewhere = locum.roles.order_by("-pk").first().organisation
    make_schedule(elsewhere, session_holder=locum, start=schedule.start - timedelta(hours=2))
    make_schedule(session_holder=locum, start=schedule.start + timedelta(hours=1))

    with pytest.raises(HolderElsewhere, match="already has a session from 10:00 to 13:00"):
        change_holder(schedule, locum)


def test_holders_and_sessions_of_other_practices_are_not_found():
    schedule, elsewhere = make_schedule(), make_organisation()

    with pytest.raises(PractitionerNotFound):
        change_holder(schedule, make_practitioner(elsewhere))
    with pytest.raises(NotFound):
        change_holder(schedule, make_practitioner(elsewhere), elsewhere)


def test_who_no_longer_works_here_takes_no_session():
    with pytest.raises(DiaryRefused, match="no longer works here"):
        change_holder(make_schedule(), make_practitioner(works_here=False))


# ---------------------------------------------------------------- sessions by hand


def create(practice, **overrides):
    start = (timezone.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    arguments = {
        "organisation": practice.organisation,
        "location_id": practice.location.pk,
        "start": start,
        "end": start + timedelta(minutes=60),
        "slot_minutes": 15,
        "slot_type": "Routine",
        "session_holder_id": practice.practitioner.pk,
        "practitioner_role": "R0260",
        "delivery_channel": "In-person",
        "gp_connect_bookable": True,
        "actor": RITA,
        "now": timezone.now(),
    }
    return sessions.create_session(**{**arguments, **overrides})


@pytest.mark.req("AVAIL-084", "STAFF-011")
def test_a_session_is_made_from_start_end_and_slot_length(practice):
    profile = make_access_profile()

    schedule = create(practice, session_name="Flu clinic", access_profile_id=profile.pk)

    schedule.refresh_from_db()
    slots = list(schedule.slots.all())
    assert (schedule.template, schedule.session_name) == (None, "Flu clinic")
    assert schedule.access_profile == profile
    assert [(slot.start, slot.end) for slot in slots] == [
        (schedule.start + timedelta(minutes=n), schedule.start + timedelta(minutes=n + 15))
        for n in (0, 15, 30, 45)
    ]
    assert all(slot.changed_by_hand and slot.gp_connect_bookable for slot in slots)
    assert AuditEvent.objects.get(event="session.create").detail["to"]["slots"] == 4


@pytest.mark.req("AVAIL-002")
def test_a_session_made_by_hand_is_not_bookable_outside_unless_somebody_says_so(practice):
    arguments = {"organisation": practice.organisation, "location_id": practice.location.pk}
    start = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)

    schedule = sessions.create_session(
        **arguments,
        start=start,
        end=start + timedelta(hours=1),
        slot_minutes=10,
        slot_type="Routine",
        actor=RITA,
        now=timezone.now(),
    )

    assert not schedule.slots.filter(gp_connect_bookable=True).exists()


def test_a_rest_that_is_too_short_for_a_slot_stays_empty(practice):
    schedule = create(practice, slot_minutes=25)

    assert schedule.slots.count() == 2


HOUR = timedelta(hours=1)
REFUSED_SESSIONS = {
    "ends before it starts": (lambda s: {"end": s - HOUR}, "The end lies before the start"),
    "too long": (lambda s: {"end": s + 25 * HOUR}, "a day at most"),
    "seconds": (lambda s: {"start": s + timedelta(seconds=3)}, "full minutes"),
    "over": (lambda s: {"start": s - 50 * HOUR, "end": s - 49 * HOUR}, "over"),
    "no length": (lambda s: {"slot_minutes": 0}, "No slot of that length"),
    "too short": (lambda s: {"slot_minutes": 61}, "No slot of that length"),
    "no type": (lambda s: {"slot_type": " "}, "needs a type"),
    "role": (lambda s: {"practitioner_role": "R9999"}, "role is not one of"),
    "channel": (lambda s: {"delivery_channel": "Pigeon"}, "channel is not one of"),
    "bookable without role": (lambda s: {"practitioner_role": ""}, "has no role"),
    "bookable without channel": (lambda s: {"delivery_channel": ""}, "no delivery channel"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED_SESSIONS.values(), ids=REFUSED_SESSIONS)
def test_a_session_that_makes_no_sense_is_refused_in_words(practice, change, words):
    start = (timezone.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)

    with pytest.raises(DiaryRefused, match=words):
        create(practice, **change(start))

    assert not Schedule.objects.exists()
    assert not AuditEvent.objects.exists()


def test_what_belongs_to_another_practice_is_not_found(practice):
    elsewhere = make_organisation()

    with pytest.raises(LocationNotFound):
        create(practice, location_id=make_location(elsewhere).pk)
    with pytest.raises(PractitionerNotFound):
        create(practice, session_holder_id=make_practitioner(elsewhere).pk)
    with pytest.raises(ReferenceNotFound):
        create(practice, access_profile_id=make_access_profile(elsewhere).pk)


def test_a_closed_place_takes_no_session(practice):
    Location.objects.update(status="inactive")

    with pytest.raises(DiaryRefused, match="is closed"):
        create(practice)


def test_a_holder_has_no_second_session_at_that_time(practice):
    create(practice)

    with pytest.raises(HolderElsewhere):
        create(practice)

    assert Schedule.objects.count() == 1


# ---------------------------------------------------------------- made longer

ROUTINE = SlotKind("Routine", "In-person", False, None, None, None, None)


def extend(schedule, before=0, after=0, **overrides):
    """Let a session begin and end so many minutes earlier and later."""
    arguments = {
        "organisation": schedule.organisation,
        "schedule_id": schedule.pk,
        "start": schedule.start - timedelta(minutes=before),
        "end": schedule.end + timedelta(minutes=after),
        "slot_minutes": 10,
        "kind": ROUTINE,
        "actor": RITA,
        "now": timezone.now(),
    }
    return sessions.extend_session(**{**arguments, **overrides})


@pytest.mark.req("AVAIL-084", "GEN-032", "STAFF-011")
def test_a_session_is_made_longer_at_both_ends_and_filled(practice):
    schedule = make_schedule()

    gained = extend(schedule, before=30, after=25)

    schedule.refresh_from_db()
    first, last = schedule.start, schedule.end
    assert gained == 5
    assert (clock.local(first).time(), clock.local(last).time()) == (time(8, 30), time(12, 25))
    assert [slot.start for slot in schedule.slots.order_by("start")] == [
        first,
        first + timedelta(minutes=10),
        first + timedelta(minutes=20),
        last - timedelta(minutes=25),
        last - timedelta(minutes=15),
    ]
    assert schedule.slots.filter(changed_by_hand=True, gp_connect_bookable=False).count() == 5
    assert (schedule.version, schedule.changed_by_hand) == (2, True)
    event = AuditEvent.objects.get(event="session.extend")
    assert event.detail["to"]["slots"] == 5
    assert event.detail["from"]["end"] != event.detail["to"]["end"]


def test_a_session_does_not_grow_into_another_of_its_holder(practice):
    schedule = make_schedule()
    other = make_schedule(
        session_holder=schedule.session_holder, start=schedule.end + timedelta(minutes=30)
    )

    with pytest.raises(HolderElsewhere, match="already has a session from 12:30 to 15:30"):
        extend(schedule, after=40)
    assert extend(schedule, after=30) == 3

    other.refresh_from_db()
    assert other.version == 1
    assert AuditEvent.objects.get(event="session.extend")


def test_slots_that_stand_in_the_time_it_gains_stay_and_withdrawn_ones_are_taken_again(practice):
    schedule = make_schedule()
    blocked = make_slot(schedule, start=schedule.end, status="busy-unavailable")
    gone = make_slot(schedule, start=blocked.end, withdrawn=True, note="Old", slot_type="Old")

    assert extend(schedule, after=30) == 2

    blocked.refresh_from_db()
    gone.refresh_from_db()
    assert blocked.version == 1
    assert (gone.withdrawn, gone.slot_type, gone.note, gone.version) == (False, "Routine", "", 2)
    assert schedule.slots.count() == 3


NOT_LONGER = {
    "the same": ({}, {}, "earlier start or a later end"),
    "shorter": ({"after": -30}, {}, "withdraw its slots"),
    "no room": ({"after": 5}, {}, "No slot of that length"),
    "no length": ({"after": 30}, {"slot_minutes": 0}, "No slot of that length"),
    "too long a day": ({"after": 22 * 60}, {}, "a day at most"),
    "the day before": ({"before": 10 * 60}, {}, "begins on its own day"),
    "no type": ({"after": 30}, {"kind": ROUTINE._replace(slot_type=" ")}, "needs a type"),
    "channel": (
        {"after": 30},
        {"kind": ROUTINE._replace(gp_connect_bookable=True, delivery_channel="")},
        "no delivery channel",
    ),
    "over": ({"after": 30}, {"now": timezone.now() + timedelta(days=9)}, "over"),
}


@pytest.mark.parametrize(("times", "more", "words"), NOT_LONGER.values(), ids=NOT_LONGER)
def test_what_makes_no_session_longer_is_refused_in_words(practice, times, more, words):
    schedule = make_schedule()

    with pytest.raises(DiaryRefused, match=words):
        extend(schedule, **times, **more)

    schedule.refresh_from_db()
    assert (schedule.version, schedule.slots.count()) == (1, 0)


def test_a_session_that_does_not_take_place_or_is_another_practices_is_not_made_longer(practice):
    with pytest.raises(DiaryRefused, match="does not take place"):
        extend(make_schedule(withdrawn=True), after=30)
    with pytest.raises(NotFound):
        extend(make_schedule(make_organisation()), after=30, organisation=practice.organisation)
    with pytest.raises(VersionConflict):
        extend(make_schedule(), after=30, expected_version="9")


def test_no_slot_is_made_in_the_time_that_is_over(practice):
    schedule = make_schedule()

    assert extend(schedule, after=60, now=schedule.end + timedelta(minutes=25)) == 4
