"""After a closure: what was decided for each appointment is done, and calls are kept."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from practice.exceptions import AppointmentNotFound
from practice.models import Appointment, Closure, ContactAttempt
from practice.services.audit.recording import Actor
from practice.services.closures import closing, follow_up
from practice.services.closures.follow_up import Decision
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY, TUESDAY = date(2027, 2, 1), date(2027, 2, 2)
MARTHA = Actor(door="staff", name="Martha Manager")


def slots_on(day, number):
    start = datetime.combine(day, time(9), ZoneInfo("Europe/London"))
    return make_slots(number, make_schedule(start=start))


@pytest.fixture
def orphans(practice):
    """Three appointments of the Monday, which was closed after they had been booked."""
    made = [make_appointment([slot], make_patient(), now=NOW) for slot in slots_on(MONDAY, 3)]
    closed = Closure(organisation=practice.organisation, start_date=MONDAY, end_date=MONDAY)
    closing.close(closed, actor=MARTHA, now=NOW)
    return made


def decide(decisions):
    return follow_up.apply_decisions(
        closure=Closure.objects.get(kind="closed"),
        decisions=decisions,
        reason="Dr Specimen is away",
        actor=MARTHA,
        now=NOW,
    )


def test_each_is_moved_cancelled_or_left_as_decided_and_stays_on_the_call_list(orphans):
    moved, cancelled, left = orphans
    (free,) = slots_on(TUESDAY, 1)

    outcome = decide(
        {
            moved.pk: Decision("move", free.pk),
            cancelled.pk: Decision("cancel"),
            left.pk: Decision("leave"),
        }
    )

    (new,) = outcome.moved
    assert (new.moved_from_id, [slot.pk for slot in new.slots.all()]) == (moved.pk, [free.pk])
    assert (outcome.cancelled, outcome.left, outcome.failed) == ([cancelled], [left], [])
    cancelled.refresh_from_db()
    assert (cancelled.status, cancelled.cancellation_reason) == ("cancelled", "Dr Specimen is away")
    to_be_told = Appointment.objects.filter(to_be_told=True).values_list("pk", flat=True)
    assert set(to_be_told) == {new.pk, cancelled.pk, left.pk}


def test_one_that_cannot_be_moved_as_decided_is_left_and_it_is_said_why(orphans):
    first, second, _ = orphans
    (free,) = slots_on(TUESDAY, 1)

    outcome = decide({first.pk: Decision("move", free.pk), second.pk: Decision("move", free.pk)})

    assert [each.moved_from_id for each in outcome.moved] == [first.pk]
    ((failed, why),) = outcome.failed
    assert failed == second
    assert why
    second.refresh_from_db()
    assert (second.status, second.orphaned, second.to_be_told) == ("booked", True, True)


@pytest.mark.parametrize("reached", [True, False])
def test_a_patient_is_to_be_told_until_somebody_was_reached(practice, orphans, reached):
    someone = make_staff(practice.organisation)

    follow_up.record_contact(
        organisation=practice.organisation,
        appointment_id=orphans[0].pk,
        reached=reached,
        note="Rang at noon",
        by=someone,
        actor=MARTHA,
        now=NOW,
    )

    orphans[0].refresh_from_db()
    assert orphans[0].to_be_told is not reached
    attempt = ContactAttempt.objects.get()
    assert (attempt.by, attempt.by_name, attempt.note) == (
        someone,
        "Martha Manager",
        "Rang at noon",
    )


def test_nobody_notes_a_call_about_an_appointment_of_another_practice(practice, orphans):
    elsewhere = make_organisation()

    with pytest.raises(AppointmentNotFound):
        follow_up.record_contact(
            organisation=elsewhere,
            appointment_id=orphans[0].pk,
            reached=True,
            note="",
            by=make_staff(elsewhere),
            actor=MARTHA,
            now=NOW,
        )

    assert not ContactAttempt.objects.exists()
