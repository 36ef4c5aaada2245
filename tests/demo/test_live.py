"""The calls to 111 that make a demo live: by the API's own door, and no more than it can take."""

import re
import threading

import pytest
from django.utils import timezone

from demo import consumer, live
from practice.models import Appointment, AuditEvent, Slot
from workbench.factories import make_patient, make_schedule, make_slots

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def calls(practice, live_server):
    """The caller of a practice that offers one slot more than are kept."""
    make_patient(sensitive=True)
    make_patient(deceased_at=timezone.now())
    make_slots(live.KEPT + 1, make_schedule())
    return live.caller(practice.organisation, live_server.url)


def test_each_call_books_the_next_free_slot_until_few_are_left(calls, practice):
    calls.waiting *= 2

    first = calls.call(timezone.now())
    second = calls.call(timezone.now())

    booked = Appointment.objects.get()
    assert re.fullmatch(r"111 booked \w+ \d+ \w+, \d\d:\d\d, .+", first)
    assert booked.booking_organisation_name == consumer.CONSUMER_NAME
    assert re.search(r"\b111\b", booked.booking_organisation_name)
    assert booked.booked_via == Appointment.Door.GP_CONNECT
    assert AuditEvent.objects.filter(door=AuditEvent.Door.GP_CONNECT).exists()
    assert booked.start == Slot.objects.earliest("start").start
    assert second == f"111: {live.KEPT} slots are left this week; they are kept for you"


def test_each_person_rings_once_and_nobody_whom_others_may_not_see(calls, practice):
    assert calls.waiting == [practice.patient.nhs_number]
    calls.call(timezone.now())
    make_slots(3)

    assert calls.call(timezone.now()).startswith("111: everybody has rung")
    assert Appointment.objects.count() == 1


def test_a_call_that_fails_is_said_and_the_next_is_made(calls, monkeypatch):
    monkeypatch.setattr(live, "EVERY", 0)
    said, stopped = [], threading.Event()
    calls.provider = live.Provider("http://127.0.0.1:9/A/STU3/1/gpconnect", "1")

    def say(words: str) -> None:
        said.append(words)
        if len(said) == 2:
            stopped.set()

    live.ring(calls, say, stopped=stopped)

    assert len(said) == 2
    assert all(words.startswith("111: ") for words in said)
    assert Appointment.objects.count() == 0
