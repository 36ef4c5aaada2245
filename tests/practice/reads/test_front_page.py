"""The figures of the front page; how they look is held by tests/practice/staff/test_front_page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Appointment, Slot
from practice.reads import front_page
from workbench.factories import make_appointment, make_organisation, make_schedule, make_slots

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def test_the_day_in_numbers(practice):
    slots = make_slots(6)
    at = slots[0].start - timedelta(minutes=1)
    make_schedule(start=at, withdrawn=True)
    make_slots(1, organisation=make_organisation())
    Slot.objects.filter(pk=slots[5].pk).update(withdrawn=True)
    booked = [make_appointment([slot]) for slot in slots[:4]]
    for appointment, status in zip(
        booked, ("arrived", "noshow", "fulfilled", "cancelled"), strict=True
    ):
        Appointment.objects.filter(pk=appointment.pk).update(status=status)

    found = front_page.glance(practice.organisation, now=at)

    assert (found.sessions, found.holders, found.locations) == (1, 1, 1)
    assert found.until == slots[0].schedule.end
    assert (found.free, found.waiting, found.missed, found.seen) == (1, 1, 1, 1)
    assert (found.outside, found.cancelled) == (3, 1)


def test_who_arrived_first_is_named_first(practice):
    early, late = (make_appointment([slot]) for slot in make_slots(2))
    arrivals = {early.pk: early.start, late.pk: early.start - timedelta(minutes=20)}
    for pk, at in arrivals.items():
        step = {"changes": {"status": {"from": "booked", "to": "arrived"}}, "at": at.isoformat()}
        Appointment.objects.filter(pk=pk).update(status="arrived", provenance=[step])

    found = front_page.waiting(practice.organisation, now=early.start)

    assert found == [late, early]
    assert [front_page.arrived_at(each) for each in found] == sorted(arrivals.values())


def test_an_arrival_without_a_trace_counts_from_the_start():
    [slot] = make_slots(1)
    appointment = Appointment(start=slot.start, provenance=[])

    assert front_page.arrived_at(appointment) == slot.start
