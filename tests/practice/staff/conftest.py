"""Who is at the desk, on the Thursday of diary_world or today, and what they have before them."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from practice import clock
from practice.models import Appointment, Practitioner, Slot
from tests.practice.staff.diary_world import DURING, THURSDAY, booked
from workbench.factories import (
    make_appointment,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)
from workbench.staff import MANAGER, make_staff


@pytest.fixture
def manager(practice, client: Client) -> Client:
    """The browser of a practice manager, signed in."""
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    return client


@pytest.fixture
def monday() -> date:
    """The Monday after next, at least a week ahead."""
    today = clock.today(timezone.now())
    return today + timedelta(days=14 - today.weekday())


@pytest.fixture
def sick(practice) -> tuple[Practitioner, list[Slot], Appointment, Appointment]:
    """A GP with four slots tomorrow, two of them booked: one patient has no telephone."""
    gp = make_practitioner()
    slots = make_slots(4, make_schedule(session_holder=gp))
    with_number = make_appointment(slots=[slots[0]], patient=make_patient())
    without = make_appointment(slots=[slots[1]], patient=make_patient(telephone=""))
    return gp, slots, with_number, without


@pytest.fixture
def receptionist(practice, client: Client, monkeypatch) -> User:
    """Signed in at 09:25 of the Thursday."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: DURING)
    user = make_staff(practice.organisation)
    client.force_login(user)
    return user


@pytest.fixture
def at(receptionist, client: Client, monkeypatch) -> Callable[[datetime], None]:
    """Set the clock: ``at(moment)``. The receptionist signs in then."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
        client.force_login(receptionist)

    return set_clock


@pytest.fixture
def appointment(practice, receptionist) -> Appointment:
    """Booked at 09:20 of the day, by staff."""
    return booked(make_slots(4, make_schedule(date=THURSDAY))[2], given_names="Max")


@pytest.fixture
def slot(practice, receptionist) -> Slot:
    """Free at 10:00 of the day, and GP Connect bookable."""
    return make_slots(7, make_schedule(date=THURSDAY))[6]
