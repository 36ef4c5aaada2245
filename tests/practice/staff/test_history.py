"""What happened to an appointment, a slot or a session, in words, for whoever may see it."""

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.models import AuditEvent
from practice.services import sessions, slots
from practice.services.appointments import changing
from tests.practice.staff.diary_world import words_of
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)
from workbench.staff import AUDITOR, MANAGER, RECEPTIONIST, signed_in

pytestmark = pytest.mark.django_db


def staff(name: str):
    return make_actor(door="staff", name=name, role="Receptionist")


def address(record) -> str:
    return reverse(f"admin:practice_{record._meta.model_name}_history", args=[record.pk])


def test_an_appointment_tells_whoever_sees_it_what_became_of_it(practice):
    appointment = make_appointment(description="Sore throat")
    changing.amend_appointment(
        appointment=appointment,
        description="Sore ear",
        comment="",
        actor=staff("Rita Reception"),
        now=timezone.now(),
    )
    receptionist = signed_in(practice.organisation, role=RECEPTIONIST)

    said = words_of(receptionist.get(address(appointment)).content.decode())

    assert "Amended Description: “Sore throat” became “Sore ear” Rita Reception" in said
    event = AuditEvent.objects.get(event="appointment.viewed")
    assert event.patient_id == appointment.patient_id


def test_a_slot_tells_what_was_done_to_it_alone_and_among_many(practice):
    slot, other = make_slots(2)
    usual = {"organisation": practice.organisation, "now": timezone.now()}
    both, alone, elsewhere = [slot.pk, other.pk], [slot.pk], [other.pk]
    slots.block_slots(slot_ids=both, actor=staff("Rita"), note="Tutorial", **usual)
    slots.unblock_slots(slot_ids=alone, actor=staff("Sami"), **usual)
    slots.withdraw_slots(slot_ids=elsewhere, actor=staff("Nobody Here"), **usual)
    appointment = make_appointment(slots=[slot])
    auditor = signed_in(practice.organisation, role=AUDITOR)

    page = auditor.get(address(slot)).content.decode()

    said = words_of(page)
    assert "Blocked Note: “Tutorial” Status: “free” became “busy-unavailable” Rita" in said
    assert "Unblocked" in said
    assert "Sami" in said
    assert "Nobody Here" not in said
    assert reverse("admin:practice_appointment_change", args=[appointment.pk]) in page
    assert str(appointment.patient) not in page


def test_a_session_tells_who_had_it(practice):
    session = make_schedule()
    locum = make_practitioner(practice.organisation)
    sessions.change_session_holder(
        organisation=practice.organisation,
        schedule_id=session.pk,
        practitioner_id=locum.pk,
        actor=staff("Mo Manager"),
        now=timezone.now(),
    )
    manager = signed_in(practice.organisation, role=MANAGER)

    said = words_of(manager.get(address(session)).content.decode())

    assert "Given to another session holder" in said
    assert "Mo Manager" in said


def test_a_look_into_the_trail_is_in_the_trail(practice):
    slot = make_slot()

    signed_in(practice.organisation, role=MANAGER).get(address(slot))

    event = AuditEvent.objects.get(event="auditevent.searched")
    assert event.detail == {"resource": f"Slot/{slot.pk}"}


def test_who_may_not_read_the_trail_sees_no_history_out_of_it(practice):
    receptionist = signed_in(practice.organisation, role=RECEPTIONIST)

    for record in (make_slot(), make_schedule()):
        assert receptionist.get(address(record)).status_code == 403


def test_nothing_of_another_practice_has_a_history_here(practice):
    other = make_organisation()
    session = make_schedule(other)
    slot, taken = make_slots(2, session)
    appointment = make_appointment(slots=[taken], patient=make_patient(other))
    manager = signed_in(practice.organisation, role=MANAGER)

    for record in (session, slot, appointment):
        assert manager.get(address(record)).status_code == 404
