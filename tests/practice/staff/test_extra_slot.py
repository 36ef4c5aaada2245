"""The extra slot: one rule for where it lies and how long it lasts, whoever adds it."""

from datetime import time, timedelta
from urllib.parse import parse_qs, urlparse

import pytest
from django.urls import reverse

from practice import clock
from practice.models import Slot
from practice.services.by_hand import LONGEST_SLOT_MINUTES
from workbench.factories import make_organisation, make_schedule, tomorrow
from workbench.staff import MANAGER, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(practice):
    return signed_in(practice.organisation, role=MANAGER)


def add(client, session, **values):
    usual = {
        "session": session.pk,
        "at": f"{clock.local(session.start):%H:%M}",
        "minutes": 5,
        "slot_type": "Extra",
        "reason": "Baby of a patient already here.",
    }
    return client.post(reverse("admin:practice_slot_add"), {**usual, **values})


def test_an_extra_slot_is_added_with_a_reason_and_never_offered(manager):
    session = make_schedule()

    refused = add(manager, session, reason="")
    answer = add(manager, session, delivery_channel="Telephone")

    slot = Slot.objects.get()
    assert "This field is required" in refused.content.decode()
    assert (slot.overbooked, slot.gp_connect_bookable) == (True, False)
    assert (slot.start, slot.end - slot.start) == (session.start, timedelta(minutes=5))
    assert (slot.note, slot.delivery_channel) == ("Baby of a patient already here.", "Telephone")
    assert answer.url == reverse("admin:practice_slot_change", args=[slot.pk])


def test_an_extra_slot_for_a_patient_leads_on_to_booking_it(manager, practice):
    answer = add(manager, make_schedule(), patient=practice.patient.pk)

    onward = urlparse(answer.url)
    assert onward.path == reverse("admin:practice_appointment_add")
    assert parse_qs(onward.query) == {
        "slot": [str(Slot.objects.get().pk)],
        "patient": [str(practice.patient.pk)],
    }


def test_a_time_after_midnight_belongs_to_a_night_session(manager):
    """F1: 01:00 in a session from 22:00 to 06:00 is in its night, wherever one asks from."""
    start = clock.instant(tomorrow(), time(22))
    night = make_schedule(start=start, end=start + timedelta(hours=8))

    add(manager, night, at="01:00")
    refused = add(manager, night, at="21:00")

    slot = Slot.objects.get()
    assert slot.start == clock.instant(tomorrow() + timedelta(days=1), time(1))
    assert "An extra slot starts within its session." in refused.content.decode()


@pytest.mark.parametrize("minutes", [241, LONGEST_SLOT_MINUTES])
def test_a_long_extra_slot_is_added(manager, minutes):
    """F1: one page let 240 minutes pass, another 480."""
    add(manager, make_schedule(), minutes=minutes)

    slot = Slot.objects.get()
    assert slot.end - slot.start == timedelta(minutes=minutes)


@pytest.mark.parametrize("minutes", [0, LONGEST_SLOT_MINUTES + 1])
def test_an_extra_slot_that_is_too_short_or_too_long_is_said_beside_its_field(manager, minutes):
    answer = add(manager, make_schedule(), minutes=minutes)

    assert answer.status_code == 422
    assert 'class="error"' in answer.content.decode()
    assert not Slot.objects.exists()


def test_the_page_of_a_session_leads_here_with_the_session_chosen(manager):
    far_ahead = make_schedule(date=tomorrow() + timedelta(days=60))
    address = reverse("admin:practice_schedule_change", args=[far_ahead.pk])
    onward = f"{reverse('admin:practice_slot_add')}?session={far_ahead.pk}"

    assert onward in manager.get(address).content.decode()
    form = manager.get(onward).context["form"]
    assert form["session"].value() == far_ahead.pk
    assert far_ahead in form.fields["session"].queryset


def test_a_session_of_another_practice_is_no_choice(manager):
    theirs = make_schedule(make_organisation())

    assert add(manager, theirs).status_code == 422
    page = manager.get(reverse("admin:practice_slot_add"), {"session": theirs.pk})
    assert theirs not in page.context["form"].fields["session"].queryset
    assert not Slot.objects.exists()


def test_a_receptionist_may_not_overbook(practice):
    receptionist = signed_in(practice.organisation, role="Receptionist")

    assert receptionist.get(reverse("admin:practice_slot_add")).status_code == 403
    assert add(receptionist, make_schedule()).status_code == 403
