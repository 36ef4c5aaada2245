"""What planning reads of the diary: sessions in their own words, their slots, who holds them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.clock import seconds
from practice.services.generation.stored_sessions import slots_and_bookings, title, values_of
from workbench.factories import make_appointment, make_practitioner, make_schedule, make_slots

pytestmark = pytest.mark.django_db


def test_a_session_is_named_by_its_own_name_and_its_holder(practice):
    holder = practice.practitioner

    named = make_schedule(session_name="Morning surgery", session_holder=holder)
    unnamed = make_schedule(session_name="", session_holder=None)

    assert title(named) == f"Morning surgery, {holder}"
    assert title(unnamed) == "Session"


def test_the_values_of_a_session_are_its_columns_with_times_in_seconds(practice):
    schedule = make_schedule(booking_window_days=7, session_holder=make_practitioner())

    values = values_of(schedule)

    assert values.end - values.start == 3 * 60 * 60
    assert values.start == seconds(schedule.start)
    assert values.session_holder_id == schedule.session_holder_id
    assert (values.location_id, values.booking_window_days) == (schedule.location_id, 7)


def test_what_is_over_is_not_read_and_slots_come_by_start_with_extra_ones_last(practice):
    schedule = make_schedule()
    slots = make_slots(3, schedule)
    [extra] = make_slots(
        1,
        schedule,
        start=schedule.start + timedelta(minutes=1),
        minutes=5,
        overbooked=True,
        gp_connect_bookable=False,
    )

    read, held = slots_and_bookings([schedule.pk], slots[0].end)

    assert [row.id for row in read[schedule.pk]] == [slots[1].pk, slots[2].pk]
    assert [
        row.id for row in slots_and_bookings([schedule.pk], timezone.now())[0][schedule.pk]
    ] == [
        *(slot.pk for slot in slots),
        extra.pk,
    ]
    assert held[schedule.pk] == []


def test_an_appointment_of_several_slots_is_held_once(practice):
    schedule = make_schedule()
    first, second, third = make_slots(3, schedule)
    appointment = make_appointment([first, second], practice.patient)

    read, held = slots_and_bookings([schedule.pk], timezone.now())

    assert [row.is_booked for row in read[schedule.pk]] == [True, True, False]
    [found] = held[schedule.pk]
    assert (found.id, found.patient_id) == (appointment.pk, practice.patient.pk)
    assert (found.start, found.end) == (seconds(first.start), seconds(second.end))
    assert (found.orphaned, found.extra) == (False, False)
    assert third.pk in {row.id for row in read[schedule.pk] if row.is_free}


def test_slots_and_bookings_are_read_by_one_statement(practice, django_assert_num_queries):
    schedules = [make_schedule(session_holder=None) for _ in range(3)]
    for schedule in schedules:
        make_appointment(make_slots(2, schedule), practice.patient)

    with django_assert_num_queries(1):
        _, held = slots_and_bookings([each.pk for each in schedules], timezone.now())

    assert [len(held[each.pk]) for each in schedules] == [1, 1, 1]
