"""Who is expected: everybody who is booked, by time, with a number to ring, and nobody else."""

from datetime import timedelta

import pytest

from practice import clock
from practice.models import Appointment, Slot
from practice.reads.clinic_list import (
    people_expected,
    session_with_id,
    sessions_on,
    slots_without_patient,
)
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db


def test_the_sessions_of_a_day_come_by_time_and_from_this_practice(practice):
    later = make_schedule()
    earlier = make_schedule(
        start=later.start - timedelta(hours=3), end=later.start - timedelta(hours=1)
    )
    elsewhere = make_organisation()
    make_schedule(elsewhere, location=make_location(elsewhere), session_holder=None)
    day = clock.local(later.start).date()

    assert sessions_on(organisation=practice.organisation, day=day) == [earlier, later]
    assert sessions_on(organisation=practice.organisation, day=day + timedelta(days=1)) == []


def test_a_session_is_found_at_its_own_practice_only(practice):
    session = make_schedule()

    found = session_with_id(organisation=practice.organisation, schedule_id=session.pk)

    assert found == [session]
    assert session_with_id(organisation=make_organisation(), schedule_id=session.pk) == []


def test_people_come_by_time_with_a_number_and_without_who_cancelled(
    practice, django_assert_num_queries
):
    session = make_schedule()
    first, second, third = make_slots(3, session)
    late = make_appointment(slots=[third])
    early = make_appointment(slots=[first], patient=make_patient())
    gone = make_appointment(slots=[second])
    Appointment.objects.filter(pk=gone.pk).update(status=Appointment.Status.CANCELLED)

    with django_assert_num_queries(2):
        found = people_expected(organisation=practice.organisation, sessions=[session])

    assert found == [early, late]
    assert [each.telephone for each in found] == [
        each.patient.telecoms.get(system="phone").value for each in (early, late)
    ]


def test_slots_that_nobody_has_come_by_time_free_or_blocked_and_withdrawn_ones_do_not(
    practice, django_assert_num_queries
):
    session = make_schedule()
    taken, free, blocked, gone, given_back = make_slots(5, session)
    make_appointment(slots=[taken])
    cancelled = make_appointment(slots=[given_back])
    cancelled.appointment_slots.update(released=True)
    Slot.objects.filter(pk=blocked.pk).update(status=Slot.Status.BUSY_UNAVAILABLE)
    Slot.objects.filter(pk=gone.pk).update(withdrawn=True)

    with django_assert_num_queries(1):
        found = slots_without_patient(organisation=practice.organisation, sessions=[session])

    assert found == [free, blocked, given_back]
