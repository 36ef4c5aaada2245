"""Staff say how a booking came, for whom, and why so late: when they book, or on its page."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Appointment
from practice.reads.how_booked import of_appointment, reasons_given
from tests.practice.admin_world import words
from workbench.factories import make_appointment, make_schedule, make_slot, make_slot_type
from workbench.staff import RECEPTIONIST, signed_in

pytestmark = pytest.mark.django_db

BOOK = "/admin/practice/appointment/add/"
LATER = "The patient preferred a later date or a certain time"
ASKED = "Why more than 14 days ahead"


@pytest.fixture
def rita(practice):
    return signed_in(practice.organisation, role=RECEPTIONIST)


def slot_in(practice, days):
    day = clock.today(timezone.now()) + timedelta(days=days)
    return make_slot(make_schedule(practice.organisation, date=day))


@pytest.mark.parametrize(("days", "asked"), [(21, True), (7, False)])
def test_booking_asks_for_a_reason_where_one_may_be_given(practice, rita, days, asked):
    make_slot_type(practice.organisation)
    chosen = {"patient": practice.patient.pk, "slot": slot_in(practice, days).pk}

    page = words(rita.get(BOOK, chosen))

    assert "How it was booked" in page
    assert (ASKED in page) == asked


def test_what_is_said_when_booking_is_kept(practice, rita):
    make_slot_type(practice.organisation)
    chosen = {"patient": practice.patient.pk, "slot": slot_in(practice, 21).pk}

    rita.post(
        BOOK,
        {**chosen, "description": "x", "method": "online", "source": "other", "reasons": [LATER]},
    )

    booked = Appointment.objects.get()
    assert of_appointment(booked) == ("online", "other")
    assert reasons_given(booked) == [LATER]


def test_it_is_said_later_on_the_page_of_the_appointment(practice, rita):
    make_slot_type(practice.organisation)
    booked = make_appointment([slot_in(practice, 21)], practice.patient)
    page = reverse("admin:practice_appointment_change", args=[booked.pk])
    form = words(rita.get(page, {"ask": "how"}))
    assert ASKED in form
    assert "How it was booked</label>" not in form  # from outside: the door says it

    rita.post(page, {"do": "how", "reasons": [LATER]})

    assert reasons_given(booked) == [LATER]
    shown = words(rita.get(page))
    assert LATER in shown
    assert "NHS 111 or urgent care" in shown
