"""Whom to telephone, in which order, and at which number."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Appointment
from practice.reads import call_list
from practice.services.appointments import rescheduling
from workbench.factories import (
    make_actor,
    make_appointment,
    make_closure,
    make_organisation,
    make_patient,
    make_slots,
)

pytestmark = pytest.mark.django_db


def patient_with(*numbers):
    patient = make_patient()
    patient.telecoms.all().delete()
    for use, value in numbers:
        patient.telecoms.create(system="phone", use=use, value=value)
    return patient


def test_a_mobile_is_rung_before_the_first_number_that_was_given():
    both = patient_with(("home", "0113 1"), ("work", "0113 2"), ("mobile", "07700 1"))
    home = patient_with(("home", "0113 3"), ("work", "0113 4"))
    none = patient_with()
    none.telecoms.create(system="email", use="home", value="a@example.org")

    found = call_list.telephones([both.pk, home.pk, none.pk])

    assert found == {both.pk: "07700 1", home.pk: "0113 3"}


def test_who_is_still_to_be_told_comes_first_in_the_order_in_which_they_must_be(practice):
    """Whoever has no telephone is no reason to ring somebody else too late."""
    slots = make_slots(4)
    people = [
        patient_with(("home", "1")),
        patient_with(("home", "2")),
        patient_with(),
        patient_with(("home", "3")),
    ]
    told, first, unreachable, last = (
        make_appointment([slot], patient) for slot, patient in zip(slots, people, strict=True)
    )
    Appointment.objects.update(to_be_told=True, orphaned=True)
    Appointment.objects.filter(pk=told.pk).update(to_be_told=False)

    found = call_list.in_order_to_ring(call_list.people_waiting(practice.organisation))

    assert found == [first, unreachable, last, told]
    assert [each.telephone for each in found] == ["2", "", "3", "1"]


def test_the_old_or_the_new_time_counts_whichever_comes_first(practice):
    """The hazard (H23): one comes in vain at the old time, or misses the new one."""
    early, *late = make_slots(4)
    moved_on, moved_up, cancelled = (
        make_appointment([slot], patient_with(("home", "1")))
        for slot in (late[0], late[2], late[1])
    )
    later = make_slots(1, start=late[2].end + timedelta(days=3))

    def move(appointment, slots):
        return rescheduling.move_appointment(
            organisation=practice.organisation,
            appointment_id=appointment.pk,
            slot_ids=[slot.pk for slot in slots],
            actor=make_actor(door="staff"),
            now=timezone.now(),
        )

    on, up = move(moved_on, later), move(moved_up, [early])
    Appointment.objects.filter(pk__in=[on.pk, up.pk, cancelled.pk]).update(to_be_told=True)

    found = call_list.in_order_to_ring(call_list.people_waiting(practice.organisation))

    assert found == [up, on, cancelled]
    assert [each.tell_before for each in found] == [early.start, late[0].start, late[1].start]


def test_nobody_of_another_practice_is_on_the_list(practice):
    make_appointment(make_slots(1, organisation=make_organisation()))
    Appointment.objects.update(to_be_told=True)

    assert call_list.in_order_to_ring(call_list.people_waiting(practice.organisation)) == []


def test_a_list_costs_the_same_however_long_it_is(practice, django_assert_num_queries):
    for slot in make_slots(5):
        make_appointment([slot], patient_with(("home", "1")))
    Appointment.objects.update(orphaned=True)

    with django_assert_num_queries(3):
        found = call_list.in_order_to_ring(call_list.people_waiting(practice.organisation))

    assert len(found) == 5
    assert found[0].start + timedelta(minutes=10) == found[1].start


def test_a_call_list_holds_whom_the_closure_met(practice):
    closure, met = make_closure(), make_appointment()
    Appointment.objects.filter(pk=met.pk).update(affected_by=closure)

    assert list(call_list.on_call_list(closure)) == [met]
    assert not call_list.on_call_list(make_closure()).exists()
