"""The demo's past: a year of it, sound, once, and with something for each measure."""

from collections import Counter
from datetime import time, timedelta

import pytest
from django.utils import timezone

from demo import past
from practice import clock
from practice.models import Appointment, AuditEvent, Slot
from practice.reads import diary_check, measures
from workbench.factories import make_actor, make_patient, make_slot_type, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def today(practice):
    """A practice with patients enough and a template for each working day, urgent slots in it."""
    now = timezone.now()
    make_slot_type()
    make_slot_type(name="Urgent", category="General Consultation Acute")
    working_days = list(range(5))
    make_template(
        practice.organisation,
        weekdays=working_days,
        session_holder=practice.practitioner,
        blocks=[{}, {"slot_type": "Urgent", "start": time(12), "end": time(13)}],
    )
    for _ in range(28):
        make_patient(registration_start=None)
    return clock.today(now)


def made(practice):
    now = timezone.now()
    return past.give_a_past(
        organisation=practice.organisation, actor=make_actor(door="command"), now=now
    )


def test_each_month_has_its_measures_and_not_all_are_fulfilled(practice, today):
    made(practice)

    months = measures.last_twelve_months(organisation=practice.organisation, today=today)

    assert all(shares["urgent_same_day"].total for _, shares in months[1:])
    assert all(shares["routine_7_days"].total for _, shares in months[1:])
    for key in ("urgent_same_day", "routine_7_days", "routine_14_days"):
        late = sum(shares[key].missing for _, shares in months)
        assert 0 < late < sum(shares[key].fulfilled for _, shares in months), key


def test_it_is_sound_and_lies_behind_us_and_nobody_came_twice_on_a_day(practice, today):
    number = made(practice)

    appointments = Appointment.objects.all()
    assert diary_check.check(now=timezone.now()).faults == []
    assert number == len(appointments) > 200
    assert max(each.start for each in appointments) < clock.day_start(today)
    assert min(each.created for each in appointments) > timezone.now() - timedelta(days=400)
    assert all(each.created < each.start for each in appointments)
    by_day = Counter((each.patient_id, clock.local(each.start).date()) for each in appointments)
    assert set(by_day.values()) == {1}
    assert AuditEvent.objects.filter(event="appointment.loaded").count() == number
    assert Slot.objects.free().count() > 0


def test_it_is_given_once(practice, today):
    first = made(practice)

    assert first
    assert made(practice) == 0
    assert Appointment.objects.count() == first
