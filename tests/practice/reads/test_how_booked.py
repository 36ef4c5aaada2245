"""How an appointment was booked and by whom: from outside, the door and the organisation say it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from practice.models.booking import HowBooked
from practice.reads.how_booked import of_appointment, reasons_asked_for, wait_days
from workbench.factories import (
    make_appointment,
    make_booking_organisation,
    make_slot_type,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("types", "source"),
    [
        (["urgent-care"], "urgent-care"),
        (["gp-practice"], "gp-practice"),
        (["gp-practice", "urgent-care"], "urgent-care"),
        ([], "other"),
    ],
)
def test_from_outside_the_type_of_the_organisation_says_who(practice, types, source):
    booked = make_appointment(
        booking_organisation=make_booking_organisation(organisation_types=types)
    )

    assert of_appointment(booked) == ("gp-connect", source)


def test_inside_it_is_what_staff_said_or_nothing(practice):
    booked = make_appointment(door="staff")
    assert of_appointment(booked) == ("", "practice")

    HowBooked.objects.create(appointment=booked, method="online", source="urgent-care")

    assert of_appointment(booked) == ("online", "urgent-care")


@pytest.mark.parametrize(
    ("created", "start", "days"),
    [
        # By the London calendar: these are the 29th and the 30th of March, an hour apart.
        ((2026, 3, 29, 22, 30), (2026, 3, 29, 23, 30), 1),
        ((2026, 10, 24, 23, 30), (2026, 10, 26, 0, 30), 1),
        ((2026, 1, 5, 8), (2026, 1, 5, 18), 0),
        ((2026, 1, 6, 8), (2026, 1, 5, 18), -1),
    ],
)
def test_a_wait_is_counted_in_london_days(created, start, days):
    assert wait_days(datetime(*created, tzinfo=UTC), datetime(*start, tzinfo=UTC)) == days


@pytest.mark.parametrize(
    ("slot_type", "days", "asked"),
    [("Routine", 15, 4), ("Routine", 14, 0), ("Urgent", 15, 0), ("Nothing", 15, 0)],
)
def test_a_reason_is_asked_for_a_long_wait_in_a_category_that_has_them(
    practice, slot_type, days, asked
):
    make_slot_type(practice.organisation)
    make_slot_type(practice.organisation, "Urgent", category="General Consultation Acute")
    make_slot_type(practice.organisation, "Nothing", category=None)
    now = timezone.now().replace(hour=12)

    found = reasons_asked_for(
        organisation=practice.organisation,
        slot_type=slot_type,
        created=now,
        start=now + timedelta(days=days),
    )

    assert len(found) == asked
