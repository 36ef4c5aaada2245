"""Slots one by one: who has each, which were given back, how many a session has."""

import pytest
from django.utils import timezone

from practice.models import Schedule, Slot
from practice.reads import slots
from practice.services.appointments import changing
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


def cancel(appointment):
    changing.cancel_appointment(
        appointment=appointment, reason="Better", actor=make_actor(), now=timezone.now()
    )


def test_a_slot_of_another_practice_is_none_of_ours(practice):
    theirs = make_slot(make_schedule(make_organisation()))
    ours = make_slot()
    here = {"organisation": practice.organisation}

    assert slots.slot_in_detail(slot_id=theirs.pk, **here) is None
    assert slots.slot_in_detail(slot_id=ours.pk, **here) == ours
    assert slots.chosen_slots(ids=[theirs.pk, ours.pk], **here) == [ours]


def test_who_has_each_slot_comes_with_the_session_in_two_queries(
    practice, django_assert_num_queries
):
    session = make_schedule()
    free, taken = make_slots(2, session)
    appointment = make_appointment(slots=[taken])

    with django_assert_num_queries(2):
        found = slots.slots_of_session(session)
        held = {slot.pk: [each.appointment for each in slot.held_by] for slot in found}

    assert held == {free.pk: [], taken.pk: [appointment]}
    assert slots.appointment_in(taken) == appointment
    assert slots.appointment_in(free) is None


def test_a_slot_that_was_given_back_has_nobody(practice):
    slot = make_slot()
    appointment = make_appointment(slots=[slot])
    cancel(appointment)

    assert slots.appointment_in(slot) is None
    assert slots.slots_given_back(appointment, now=timezone.now()) == [slot]
    assert slots.slots_given_back(appointment, now=slot.end) == []


def test_a_slot_that_somebody_else_has_by_now_is_not_given_back(practice):
    slot = make_slot()
    first = make_appointment(slots=[slot])
    assert slots.slots_given_back(first, now=timezone.now()) == []
    cancel(first)
    make_appointment(slots=[slot])

    assert slots.slots_given_back(first, now=timezone.now()) == []


def test_the_slots_of_a_session_are_counted_without_withdrawn_ones(practice):
    session = make_schedule()
    first, *_ = make_slots(3, session)
    make_slots(1, make_schedule())
    Slot.objects.filter(pk=first.pk).update(withdrawn=True)
    blocked = {"status": "busy-unavailable"}

    [found] = Schedule.objects.filter(pk=session.pk).annotate(
        every=slots.slot_count(), blocked=slots.slot_count(**blocked)
    )

    assert (found.every, found.blocked) == (2, 0)
