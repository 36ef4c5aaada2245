"""What staff say of a booking is kept with it, in its transaction, and shows nowhere outside."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.exceptions import DiaryRefused, NotFound
from practice.models import Appointment, AuditEvent
from practice.reads.how_booked import of_appointment, reasons_given
from practice.services.appointments.how_booked import Said, say_how_booked
from practice.services.appointments.rescheduling import move_appointment
from workbench.consumer import Consumer
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slot_type,
)

pytestmark = pytest.mark.django_db

LATER = "The patient preferred a later date or a certain time"
PLACE = "The patient preferred a certain place"


@pytest.fixture
def late(practice):
    """A slot three weeks ahead, of a type whose category has reasons."""
    make_slot_type(practice.organisation)
    day = clock.today(timezone.now()) + timedelta(days=21)
    return make_slot(make_schedule(practice.organisation, date=day))


def say(practice, appointment, *reasons, method="telephone", source="practice"):
    say_how_booked(
        organisation=practice.organisation,
        appointment_id=appointment.pk,
        said=Said(method, source, reasons),
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )


def test_it_is_kept_with_the_booking(practice, late):
    booked = make_appointment([late], door="staff", how=Said("online", "other", [LATER, PLACE]))

    assert of_appointment(booked) == ("online", "other")
    assert reasons_given(booked) == sorted([LATER, PLACE])
    [event] = AuditEvent.objects.filter(event="appointment.how-booked")
    assert event.detail["booked"]["to"] == ["online", "other"]


@pytest.mark.parametrize(
    "said",
    [Said("by pigeon"), Said("online", "nobody"), Said("online", reasons=["Because"])],
    ids=["method", "source", "reason"],
)
def test_what_is_unknown_is_refused_and_nothing_is_booked(practice, late, said):
    with pytest.raises(DiaryRefused):
        make_appointment([late], door="staff", how=said)

    assert not Appointment.objects.exists()


def test_it_can_be_said_later_and_otherwise_and_the_version_stays(practice, late):
    booked = make_appointment([late], door="staff")

    say(practice, booked, LATER, PLACE)
    say(practice, booked, PLACE, method="letter")

    assert of_appointment(booked) == ("letter", "practice")
    assert reasons_given(booked) == [PLACE]
    booked.refresh_from_db()
    assert booked.version == 1
    events = AuditEvent.objects.filter(event="appointment.how-booked").order_by("pk")
    assert events[1].detail["reasons"] == {"from": sorted([LATER, PLACE]), "to": [PLACE]}
    say(practice, booked, PLACE, method="letter")
    assert events.count() == 2


def test_a_booking_from_outside_can_have_reasons_only(practice, late):
    booked = make_appointment([late])

    say(practice, booked, LATER, method="telephone", source="other")

    assert of_appointment(booked) == ("gp-connect", "urgent-care")
    assert reasons_given(booked) == [LATER]


def test_a_reason_is_refused_where_none_is_asked_for(practice):
    with pytest.raises(DiaryRefused):
        say(practice, make_appointment(door="staff"), LATER)


def test_a_moved_appointment_is_booked_as_before_and_asks_for_its_own_reasons(practice, late):
    booked = make_appointment([late], door="staff", how=Said("online", reasons=[LATER]))
    other = make_slot(late.schedule)

    moved = move_appointment(
        organisation=practice.organisation,
        appointment_id=booked.pk,
        slot_ids=[other.pk],
        actor=make_actor(door="staff"),
        now=timezone.now(),
    )

    assert of_appointment(moved) == ("online", "practice")
    assert reasons_given(moved) == []


def test_another_practice_says_nothing(practice, late):
    booked = make_appointment([late], door="staff")

    with pytest.raises(NotFound):
        say_how_booked(
            organisation=make_organisation(),
            appointment_id=booked.pk,
            said=Said("online"),
            actor=make_actor(door="staff"),
            now=timezone.now(),
        )


def test_nothing_of_it_shows_outside(practice, late):
    """Byte for byte: what another organisation reads is the same before and after."""
    booked = make_appointment([late])
    consumer = Consumer(practice.organisation)
    before = consumer.read_appointment(booked.pk)

    say(practice, booked, LATER)

    after = consumer.read_appointment(booked.pk)
    assert (after.content, after["ETag"]) == (before.content, before["ETag"])
