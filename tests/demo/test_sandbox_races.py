"""One supplier resets while others book: what is another's stays, and nobody gets a 500."""

from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from demo import sandboxes
from practice import clock
from practice.db.row_security import across_practices
from practice.models import Appointment, Patient, Schedule, Slot
from practice.reads import diary_check
from practice.services.audit.recording import Actor
from workbench import servers
from workbench.bodies import appointment_body
from workbench.consumer import Consumer

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

OPERATOR = Actor(door="command", name="operator")
BOOKINGS = 6  # of each supplier, one after the other in a thread of their own


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, number in (("USUAL", 3), ("WEEKS", 1), ("BOOKED", 2)):
        monkeypatch.setattr(sandboxes, name, number)


def free_slots(organisation):
    """Some that anybody may book, none beside another: a booking changes its own slot alone."""
    tomorrow = clock.day_end(clock.today(timezone.now()))
    offered = Slot.objects.filter(
        organisation=organisation,
        status="free",
        gp_connect_bookable=True,
        access_profile=None,
        schedule__access_profile=None,
        embargo_minutes=None,
        start__gt=tomorrow,
    )
    found = list(offered.order_by("start", "pk")[:BOOKINGS])
    assert len(found) == BOOKINGS
    return found


def booking(organisation, slots, patient):
    """What books one slot after the other, and searches in between."""
    consumer = Consumer(organisation)
    days = {"start": f"ge{slots[0].schedule.date}", "end": f"le{slots[-1].schedule.date}"}
    query = {"status": "free", **days, "_include": "Slot:schedule"}
    bodies = [appointment_body(slots=[slot], patient=patient) for slot in slots]

    def run():
        try:
            answers = []
            for body in bodies:
                answers.append(consumer.book(body))
                found = consumer.search_slots(query)
                assert found.status_code == 200, found.content
            return answers
        finally:
            connections.close_all()

    return run


def resetting(organisation):
    def run():
        try:
            with across_practices():
                sandboxes.reset(organisation, actor=OPERATOR, now=timezone.now())
        finally:
            connections.close_all()

    return run


def rows(organisation, model, *, but=()):
    found = model.objects.filter(organisation=organisation).exclude(pk__in=but).order_by("pk")
    return list(found.values())


def test_one_resets_while_both_book():
    """Nothing of the other's changes but what they book; who races a reset is told cleanly."""
    with across_practices():
        mine = sandboxes.make("Mocksoft", actor=OPERATOR, now=timezone.now())
        theirs = sandboxes.make("Another", actor=OPERATOR, now=timezone.now())
    slots = {each: free_slots(each) for each in (mine, theirs)}
    patients = {
        each: Patient.objects.get(organisation=each, nhs_number="9990001111")
        for each in (mine, theirs)
    }
    taken = {slot.pk for slot in slots[theirs]}
    before = [rows(theirs, Patient), rows(theirs, Schedule), rows(theirs, Slot, but=taken)]

    _, _, my_answers, their_answers = servers.at_once(
        [
            resetting(mine),
            resetting(mine),
            booking(mine, slots[mine], patients[mine]),
            booking(theirs, slots[theirs], patients[theirs]),
        ]
    )

    assert [each.status_code for each in their_answers] == [201] * BOOKINGS
    # Booked before the reset, which took it away; or the slot was gone.
    assert {each.status_code for each in my_answers} <= {201, 422}
    assert [rows(theirs, Patient), rows(theirs, Schedule), rows(theirs, Slot, but=taken)] == before
    their_bookings = Appointment.objects.filter(organisation=theirs)
    assert their_bookings.count() == sandboxes.BOOKED + BOOKINGS
    assert Appointment.objects.filter(organisation=mine).count() == sandboxes.BOOKED
    assert Patient.objects.get(pk=patients[mine].pk).nhs_number == "9990001111"
    assert diary_check.check(now=timezone.now() - timedelta(hours=1)).faults == []
