"""A clinician's list: the own people only, how far each has come, and how long they have waited."""

from datetime import timedelta

import pytest

from practice.models import Membership
from practice.reads.own_list import holder_of, is_on_own_list, own_list
from practice.services.appointments import attendance
from tests.practice.staff.diary_world import DURING, MORNING, THURSDAY, booked
from workbench.factories import make_actor, make_practitioner, make_schedule, make_slots
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db
STEPS = make_actor(door="staff")


@pytest.fixture
def gp(practice):
    return make_practitioner(family_name="Specimen")


@pytest.fixture
def slots(gp):
    return make_slots(6, make_schedule(start=MORNING, date=THURSDAY, session_holder=gp))


def step(what, appointment, now, **arguments):
    return what(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        actor=STEPS,
        now=now,
        **arguments,
    )


def listed(practice, gp, now=DURING):
    return own_list(organisation=practice.organisation, holder=gp, day=THURSDAY, now=now)


def test_it_says_how_far_each_has_come_and_how_long_they_waited(practice, gp, slots):
    people = [booked(slot) for slot in slots[:5]]
    for appointment in people[:3]:
        step(attendance.mark, appointment, MORNING, status="arrived")
    step(attendance.call_in, people[0], MORNING + timedelta(minutes=4))
    step(attendance.mark, people[0], MORNING + timedelta(minutes=14), status="fulfilled")
    step(attendance.call_in, people[1], MORNING + timedelta(minutes=15))
    step(attendance.mark, people[3], slots[3].start, status="noshow")

    found = listed(practice, gp)

    assert [(line.state, line.waited) for line in found.lines] == [
        ("seen", 4),
        ("in", 15),
        ("waiting", 25),
        ("missed", None),
        ("to come", None),
    ]
    assert found.counts == {"to come": 1, "waiting": 1, "in": 1, "seen": 1, "missed": 1}
    assert [slot.pk for slot in found.free] == [slots[5].pk]
    assert [row.start for row in found.by_time] == [slot.start for slot in slots]


def test_it_holds_nobody_of_another_holder_practice_or_day(practice, gp, slots):
    mine = booked(slots[0])
    other = make_schedule(start=MORNING, date=THURSDAY, session_holder=make_practitioner())
    theirs = booked(make_slots(1, other)[0])
    tomorrow = make_schedule(
        start=MORNING + timedelta(days=1),
        date=THURSDAY + timedelta(days=1),
        session_holder=gp,
    )
    later = booked(make_slots(1, tomorrow)[0])

    assert [line.appointment for line in listed(practice, gp).lines] == [mine]
    assert [
        is_on_own_list(
            organisation=practice.organisation, holder=gp, appointment_id=each.pk, day=THURSDAY
        )
        for each in (mine, theirs, later)
    ] == [True, False, False]


def test_who_somebody_is_is_said_by_their_membership(practice, gp):
    user = make_staff(practice.organisation)
    asking = {"organisation": practice.organisation, "user_id": user.pk}
    assert holder_of(**asking) is None

    Membership.objects.filter(user=user).update(session_holder=gp)

    assert holder_of(**asking) == gp
