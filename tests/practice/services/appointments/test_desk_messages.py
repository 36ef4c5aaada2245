"""Messages between a clinician and reception: on the day, answered, seen, in the trail."""

from datetime import timedelta

import pytest

from practice.exceptions import ChangeRefused, NotFound
from practice.models import AuditEvent, DeskMessage, DiaryChange
from practice.services.appointments.desk_messages import LENGTH, mark_seen, write_message
from workbench.factories import make_actor, make_appointment, make_organisation, make_slot

pytestmark = pytest.mark.django_db
DOCTOR = make_actor(door="staff", name="Dr Ada Specimen")
RITA = make_actor(door="staff", name="Rita Reception")


@pytest.fixture
def appointment(practice):
    return make_appointment(slots=[make_slot()], patient=practice.patient)


def write(appointment, side, text="Please bring a chair", *, now=None, actor=DOCTOR):
    return write_message(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        side=side,
        text=text,
        actor=actor,
        now=now or appointment.start,
    )


def test_who_answers_has_seen_what_was_written(appointment):
    version = appointment.version
    asked = write(appointment, "clinician")
    changes = DiaryChange.objects.filter(schedule_id=appointment.schedule_id).count()

    write(appointment, "reception", "It is there", actor=RITA)

    asked.refresh_from_db()
    assert (asked.seen_by_name, asked.seen_at) == ("Rita Reception", appointment.start)
    [waiting] = DeskMessage.objects.unseen_by("clinician")
    assert waiting.text == "It is there"
    assert not DeskMessage.objects.unseen_by("reception").exists()
    assert DiaryChange.objects.filter(schedule_id=appointment.schedule_id).count() == changes + 1
    appointment.refresh_from_db()
    assert appointment.version == version  # nothing of it is seen outside
    told = AuditEvent.objects.filter(event="appointment.message").order_by("pk")
    assert [event.detail["from"] for event in told] == ["clinician", "reception"]
    assert {event.patient_id for event in told} == {appointment.patient_id}


def test_one_side_says_once_that_it_has_seen_it(appointment):
    write(appointment, "clinician")
    seeing = {
        "organisation": appointment.organisation,
        "appointment_id": appointment.pk,
        "actor": RITA,
        "now": appointment.start,
    }

    with pytest.raises(ChangeRefused):
        mark_seen(side="clinician", **seeing)  # it is their own
    mark_seen(side="reception", **seeing)
    with pytest.raises(ChangeRefused):
        mark_seen(side="reception", **seeing)

    assert DeskMessage.objects.get().seen_by_name == "Rita Reception"


@pytest.mark.parametrize("text", ["", "  ", "x" * (LENGTH + 1)])
def test_a_message_says_something_short(appointment, text):
    with pytest.raises(ChangeRefused):
        write(appointment, "clinician", text)


@pytest.mark.parametrize("days", [-1, 1])
def test_messages_are_about_appointments_of_today(appointment, days):
    with pytest.raises(ChangeRefused):
        write(appointment, "clinician", now=appointment.start + timedelta(days=days))


def test_another_practice_writes_nothing(appointment):
    with pytest.raises(NotFound):
        write_message(
            organisation=make_organisation(),
            appointment_id=appointment.pk,
            side="clinician",
            text="x",
            actor=DOCTOR,
            now=appointment.start,
        )
