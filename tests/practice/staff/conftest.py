"""Who works at the desk on the Thursday of diary_world, and what they have before them."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from practice.models import Appointment, Slot
from tests.practice.staff.diary_world import DURING, THURSDAY, booked
from workbench.factories import make_schedule, make_slots
from workbench.staff import make_staff


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
