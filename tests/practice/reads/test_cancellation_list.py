"""Who on the cancellation list would take a time, and in which order."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from practice.models import Appointment, CancellationListCall, Slot
from practice.reads import cancellation_list as asked
from practice.services.appointments.changing import cancel_by_staff
from practice.services.slots import block_slots, unblock_slots
from workbench.factories import (
    make_actor,
    make_appointment,
    make_cancellation_list_entry,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)  # a Wednesday
FRIDAY = date(2026, 11, 20)
STAFF = make_actor(door="staff")


@pytest.fixture
def gp(practice):
    return make_practitioner()


@pytest.fixture
def slots(gp):
    """Four of ten minutes from 09:00 on Friday, Routine."""
    start = datetime.combine(FRIDAY, time(9), UTC)
    return make_slots(4, make_schedule(session_holder=gp, start=start), slot_type="Routine")


def wish(**values):
    return make_cancellation_list_entry(now=NOW, **values)


def willing(practice, slot):
    """Who would take a slot, in order; who has declined it too."""
    found = asked.who_would_take(slot, organisation=practice.organisation, now=NOW)
    return [each.entry for each in found.people]


def freed(practice, **days):
    found = asked.freed_times(organisation=practice.organisation, now=NOW, **days)
    return [(each.slot, each.people) for each in found]


def give_back(appointment: Appointment) -> None:
    cancel_by_staff(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        reason="Feels better",
        expected_version="1",
        actor=STAFF,
        now=NOW,
    )


# ---------------------------------------------------------------- who fits


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        ({}, True),
        ({"first_day": FRIDAY, "last_day": FRIDAY}, True),
        ({"first_day": date(2026, 11, 21)}, False),
        ({"last_day": date(2026, 11, 19)}, False),
        ({"weekdays": [4]}, True),
        ({"weekdays": [0, 3]}, False),
        ({"start_time": time(9)}, True),
        ({"start_time": time(9, 1)}, False),
        ({"end_time": time(9, 10)}, True),
        ({"end_time": time(9, 9)}, False),
        ({"slot_type": "Routine"}, True),
        ({"slot_type": "Urgent"}, False),
        ({"minutes": 40}, True),
        ({"minutes": 50}, False),
    ],
)
def test_days_hours_type_and_length_are_as_noted(practice, slots, values, fits):
    entry = wish(**values)

    assert willing(practice, slots[0]) == ([entry] if fits else [])


def test_hours_are_those_of_the_clock_on_the_wall(practice, gp):
    start = datetime(2027, 6, 4, 8, tzinfo=UTC)  # nine o'clock in London
    [slot] = make_slots(1, make_schedule(session_holder=gp, start=start))
    wish(last_day=date(2027, 6, 4), start_time=time(9), end_time=time(9, 10))

    assert willing(practice, slot)


def test_the_clinicians_are_those_named_or_anybody(practice, slots, gp):
    other = make_practitioner()
    with_gp = wish(practitioners=[other, gp])
    wish(practitioners=[other])

    assert willing(practice, slots[0]) == [with_gp]


def test_an_appointment_is_moved_to_an_earlier_time_only_unless_its_session_is_gone(
    practice, slots
):
    patient = make_patient()
    booked = make_appointment(slots=[slots[2]], patient=patient, door="staff", now=NOW)
    entry = wish(patient=patient, appointment=booked)

    assert willing(practice, slots[1]) == [entry]
    assert willing(practice, slots[3]) == []

    Appointment.objects.filter(pk=booked.pk).update(orphaned=True)
    assert willing(practice, slots[3]) == [entry]


def test_as_many_slots_are_taken_as_the_appointment_is_long(practice, slots, gp):
    later = make_slots(2, make_schedule(session_holder=gp, date=date(2026, 11, 27)))
    patient = make_patient()
    booked = make_appointment(slots=later, patient=patient, door="staff", now=NOW)
    wish(patient=patient, appointment=booked)

    found = asked.who_would_take(slots[1], organisation=practice.organisation, now=NOW)

    assert [each.slots for each in found.people] == [[slots[1], slots[2]]]
    assert willing(practice, slots[3]) == []  # nothing follows it


@pytest.mark.parametrize("gone", ["over", "ended", "dead", "cancelled", "left"])
def test_who_waits_no_more_is_not_asked(practice, slots, gp, gone):
    patient = make_patient()
    booked = make_appointment(
        slots=make_slots(1, make_schedule(session_holder=gp, date=date(2026, 11, 27))),
        patient=patient,
        door="staff",
        now=NOW,
    )
    entry = wish(patient=patient, appointment=booked)
    assert willing(practice, slots[0]) == [entry]
    if gone == "over":
        type(entry).objects.update(last_day=date(2026, 11, 19))
    elif gone == "ended":
        type(entry).objects.update(ended_at=NOW, ended_as="withdrawn")
    elif gone == "dead":
        type(patient).objects.filter(pk=patient.pk).update(deceased_at=NOW)
    elif gone == "left":
        type(patient).objects.filter(pk=patient.pk).update(active=False)
    else:
        give_back(booked)

    assert willing(practice, slots[0]) == []


def test_nobody_of_another_practice_is_asked(practice, slots):
    make_cancellation_list_entry(make_organisation(), now=NOW)

    assert willing(practice, slots[0]) == []


# ---------------------------------------------------------------- in which order


def test_whoever_has_asked_longest_comes_first_and_who_declined_the_time_last(practice, slots):
    first, second, third = (wish(noted_at=NOW - timedelta(days=days)) for days in (1, 3, 2))
    assert willing(practice, slots[0]) == [second, third, first]

    outcome = CancellationListCall.Outcome
    second.calls.create(start=slots[0].start, outcome=outcome.DECLINED, at=NOW, by_name="Rita")
    third.calls.create(start=slots[0].start, outcome=outcome.NO_ANSWER, at=NOW, by_name="Rita")

    assert willing(practice, slots[0]) == [third, first, second]
    assert willing(practice, slots[1]) == [second, third, first]  # another time is another question


# ---------------------------------------------------------------- what came free


def test_times_that_came_free_are_told_with_how_many_would_take_them(practice, slots):
    wish()
    undecided = wish()
    assert freed(practice) == []  # free all the time

    give_back(make_appointment(slots=[slots[1]], door="staff", now=NOW))
    which = {"organisation": practice.organisation, "actor": STAFF, "now": NOW}
    block_slots(slot_ids=[slots[3].pk], **which)
    assert freed(practice) == [(slots[1], 2)]

    unblock_slots(slot_ids=[slots[3].pk], **which)
    undecided.calls.create(start=slots[3].start, outcome="declined", at=NOW, by_name="Rita")

    assert freed(practice) == [(slots[1], 2), (slots[3], 1)]
    assert freed(practice, first=FRIDAY, last=FRIDAY) == [(slots[1], 2), (slots[3], 1)]
    assert freed(practice, first=date(2026, 11, 21), last=date(2026, 11, 21)) == []


def test_a_freed_time_that_is_kept_for_others_is_told_on_its_own_page_only(practice, slots):
    entry = wish()
    give_back(make_appointment(slots=[slots[1]], door="staff", now=NOW))
    assert freed(practice) == [(slots[1], 1)]

    Slot.objects.filter(pk=slots[1].pk).update(gp_connect_bookable=True, embargo_minutes=60)

    assert freed(practice) == []
    assert willing(practice, slots[1]) == [entry]


def test_a_time_that_nobody_would_take_or_that_has_begun_is_not_told(practice, slots):
    give_back(make_appointment(slots=[slots[1]], door="staff", now=NOW))
    wish(slot_type="Urgent")
    assert freed(practice) == []

    wish()
    begun = slots[1].start + timedelta(minutes=1)
    assert asked.freed_times(organisation=practice.organisation, now=begun) == []


def test_as_many_queries_for_many_as_for_few(practice, gp, django_assert_num_queries):
    patients = [make_patient() for _ in range(12)]
    sessions = [
        make_schedule(session_holder=gp, date=FRIDAY + timedelta(days=day)) for day in range(3)
    ]
    slots = [slot for session in sessions for slot in make_slots(6, session)]
    for slot in slots[::2]:
        give_back(make_appointment(slots=[slot], patient=patients[0], door="staff", now=NOW))
    wish(patient=patients[0], practitioners=[gp])
    with django_assert_num_queries(5):
        few = freed(practice)
    for patient in patients[1:]:
        wish(patient=patient, practitioners=[gp])

    with django_assert_num_queries(5):
        many = freed(practice)

    assert [people for _, people in few] == [1] * 9
    assert [people for _, people in many] == [12] * 9


def test_where_nobody_waits_one_query_says_so(practice, slots, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert freed(practice) == []


# ---------------------------------------------------------------- who waits no more


def test_whose_weeks_are_over_without_a_time_is_not_forgotten(practice):
    lately = wish(last_day=date(2026, 11, 17), first_day=date(2026, 11, 1))
    wish(last_day=date(2026, 11, 1), first_day=date(2026, 11, 1))
    wish()

    ended = asked.ended_lately(organisation=practice.organisation, now=NOW)

    assert ended == [(lately, "Nothing was found: the weeks are over")]
