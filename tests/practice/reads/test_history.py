"""What happened to slots and sessions, out of the trail."""

import pytest
from django.utils import timezone

from practice.reads.history import plan_history, session_history, slot_history
from practice.services import sessions, slots
from practice.services.audit.recording import record_done
from workbench.factories import (
    make_actor,
    make_appointment,
    make_closure,
    make_organisation,
    make_slots,
)

pytestmark = pytest.mark.django_db


def test_a_slot_remembers_its_bookings_and_what_was_done_among_many(
    practice, django_assert_num_queries
):
    slot, other = make_slots(2)
    usual = {"organisation": practice.organisation, "now": timezone.now(), "actor": make_actor()}
    slots.make_not_bookable(slot_ids=[slot.pk, other.pk], **usual)
    slots.withdraw_slots(slot_ids=[other.pk], **usual)
    appointment = make_appointment(slots=[slot], booking_organisation=None, door="staff")

    with django_assert_num_queries(3):
        found = slot_history(slot, organisation=practice.organisation)

    told = {each.event: each for each in found}
    assert set(told) == {"slot.make-not-bookable", "appointment.booked"}
    assert told["slot.make-not-bookable"].changes == [("gp_connect_bookable", True, False)]
    assert told["appointment.booked"].appointment == appointment.pk


def test_the_trail_of_another_practice_tells_nothing(practice):
    [slot] = make_slots(1)
    slots.block_slots(
        organisation=practice.organisation,
        slot_ids=[slot.pk],
        actor=make_actor(),
        now=timezone.now(),
    )

    assert slot_history(slot, organisation=make_organisation()) == []


def test_a_session_remembers_what_was_changed(practice):
    [slot] = make_slots(1)
    session = slot.schedule
    sessions.change_session_holder(
        organisation=practice.organisation,
        schedule_id=session.pk,
        practitioner_id=None,
        actor=make_actor(),
        now=timezone.now(),
    )

    [change] = session_history(session, organisation=practice.organisation)

    assert change.event == "session.change-holder"
    assert change.changes == [("session_holder", session.session_holder_id, None)]


def test_what_is_planned_tells_its_changes_and_not_who_looked(practice):
    closure, other = make_closure(), make_closure()
    who = {"actor": make_actor(), "now": timezone.now()}
    for event in ("closure.create", "closure.viewed", "closure.change"):
        record_done(event, closure, **who)
    record_done("closure.change", other, **who)

    found = plan_history(closure, organisation=practice.organisation)

    assert [each.event for each in found] == ["closure.change", "closure.create"]
    assert plan_history(closure, organisation=make_organisation()) == []
