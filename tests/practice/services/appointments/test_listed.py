"""Who was booked or moved to what they waited for is off the cancellation list, however it came."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent, CancellationListEntry
from practice.services import cancellation_list
from practice.services.appointments.booking import book_appointment
from practice.services.appointments.rescheduling import move_appointment
from practice.services.audit.recording import Actor
from practice.services.cancellation_list import Wish
from workbench.factories import make_appointment, make_patient, make_schedule, make_slots

pytestmark = pytest.mark.django_db
RITA = Actor(door="staff", user_id="rita", name="Rita Reception", role="Receptionist")


def which(practice, **more):
    who = {"organisation": practice.organisation, "actor": RITA, "now": timezone.now()}
    return {**who, **more}


def join(practice, patient, *, appointment=None, **values) -> CancellationListEntry:
    today = clock.today(timezone.now())
    return cancellation_list.join(
        **which(practice, patient_id=patient.pk),
        wish=Wish(today, today + timedelta(days=14), **values),
        appointment_id=appointment and appointment.pk,
    )


def book(practice, patient, slot) -> Appointment:
    ids = {"patient_id": patient.pk, "slot_ids": [slot.pk]}
    return book_appointment(description="", **which(practice, **ids))


def move(practice, appointment, slot) -> Appointment:
    ids = {"appointment_id": appointment.pk, "slot_ids": [slot.pk]}
    return move_appointment(**which(practice, **ids))


@pytest.fixture
def slots(practice):
    """Three tomorrow from 09:00, Routine."""
    return make_slots(3, make_schedule(session_holder=practice.practitioner), slot_type="Routine")


def test_who_is_booked_what_they_waited_for_is_off_the_list(practice, slots):
    met = join(practice, practice.patient, slot_type="Routine")
    other = join(practice, practice.patient, slot_type="Urgent")
    somebody = join(practice, make_patient())

    booked = book(practice, practice.patient, slots[0])

    met.refresh_from_db()
    assert (met.ended_as, met.met_by, met.ended_by_name) == ("met", booked, "Rita Reception")
    assert {other, somebody} == set(CancellationListEntry.objects.filter(ended_at=None))
    assert AuditEvent.objects.get(event="cancellation_list.met").patient_id == practice.patient.pk


def test_a_move_to_an_earlier_time_meets_and_one_to_a_later_time_keeps_waiting(practice, slots):
    appointment = make_appointment(slots=[slots[1]], patient=practice.patient, door="staff")
    entry = join(practice, practice.patient, appointment=appointment, slot_type="Routine")

    later = move(practice, appointment, slots[2])
    entry.refresh_from_db()
    assert (entry.appointment, entry.ended_at) == (later, None)

    earlier = move(practice, later, slots[0])
    entry.refresh_from_db()
    assert (entry.ended_as, entry.met_by) == ("met", earlier)


def test_a_booking_for_something_else_leaves_the_wait_for_an_earlier_time(practice, slots):
    appointment = make_appointment(slots=[slots[1]], patient=practice.patient, door="staff")
    entry = join(practice, practice.patient, appointment=appointment)

    book(practice, practice.patient, slots[0])

    entry.refresh_from_db()
    assert (entry.appointment, entry.ended_at) == (appointment, None)
