"""Another time for a patient: both appointments tell of each other, and nothing is half moved."""

import pytest
from django.utils import timezone

from practice.exceptions import SlotNotFree
from practice.models import AuditEvent, Slot
from practice.services.appointments import rescheduling
from practice.services.audit.recording import Actor
from workbench.factories import make_appointment, make_patient, make_slot, make_slots

RECEPTION = Actor(door="staff", user_id="reception", name="Rita Reception", role="Receptionist")

pytestmark = pytest.mark.django_db


def move(appointment, slots):
    return rescheduling.move_appointment(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        slot_ids=[slot.pk for slot in slots],
        actor=RECEPTION,
        now=timezone.now(),
    )


def status_of(*slots: Slot) -> list[str]:
    return [Slot.objects.get(pk=slot.pk).status for slot in slots]


def test_a_moved_appointment_keeps_its_words_and_its_origin(practice):
    old_slot, *new_slots = make_slots(3)
    old = make_appointment(slots=[old_slot], patient=practice.patient)

    new = move(old, new_slots)

    old.refresh_from_db()
    assert new.moved_from == old
    assert (new.patient, new.description, new.created) == (
        old.patient,
        old.description,
        old.created,
    )
    assert new.booking_organisation_json == old.booking_organisation_json
    assert (old.status, old.version) == ("cancelled", 2)
    assert old.cancellation_reason.startswith("Moved to ")
    assert status_of(old_slot, *new_slots) == ["free", "busy", "busy"]
    moved = AuditEvent.objects.get(event="appointment.moved")
    assert moved.detail == {"from": f"Appointment/{old.pk}", "to": f"Appointment/{new.pk}"}


def test_an_appointment_moves_to_slots_that_overlap_its_own_only_once_they_are_free(practice):
    slot = make_slot()
    old = make_appointment(slots=[slot], patient=practice.patient)

    with pytest.raises(SlotNotFree):
        move(old, [slot])

    old.refresh_from_db()
    assert old.status == "booked"


def test_a_move_to_a_slot_that_was_taken_meanwhile_changes_nothing(practice):
    old_slot, taken = make_slots(2)
    old = make_appointment(slots=[old_slot], patient=practice.patient)
    make_appointment(slots=[taken], patient=make_patient())

    with pytest.raises(SlotNotFree):
        move(old, [taken])

    old.refresh_from_db()
    assert (old.status, old.version) == ("booked", 1)
    assert status_of(old_slot, taken) == ["busy", "busy"]
