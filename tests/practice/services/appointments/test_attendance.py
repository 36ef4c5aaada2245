"""The day of an appointment: arrived, seen, did not attend, undone, and the night after."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from practice.exceptions import ChangeRefused, VersionConflict
from practice.models import Appointment, AuditEvent
from practice.services.appointments import attendance
from practice.services.audit.recording import Actor
from workbench.factories import make_appointment, make_patient, make_slot

RECEPTION = Actor(door="staff", user_id="reception", name="Rita Reception", role="Receptionist")

pytestmark = pytest.mark.django_db


@pytest.fixture
def appointment(practice) -> Appointment:
    return make_appointment(slots=[make_slot()], patient=practice.patient)


def mark(appointment: Appointment, status: str, *, now: datetime) -> Appointment:
    return attendance.mark(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        status=status,
        actor=RECEPTION,
        now=now,
    )


def undo(appointment: Appointment, *, now: datetime) -> Appointment:
    return attendance.undo(
        organisation=appointment.organisation,
        appointment_id=appointment.pk,
        actor=RECEPTION,
        now=now,
    )


def test_a_patient_arrives_and_is_seen_each_step_a_version_of_its_own(appointment):
    arrived = mark(appointment, "arrived", now=appointment.start - timedelta(minutes=5))
    seen = mark(appointment, "fulfilled", now=appointment.end)

    assert (arrived.status, seen.status) == ("arrived", "fulfilled")
    assert seen.version == appointment.version + 2
    assert [e["action"] for e in seen.provenance] == ["booked", "marked", "marked"]
    events = AuditEvent.objects.filter(event="appointment.marked")
    assert {e.patient_id for e in events} == {appointment.patient_id}


@pytest.mark.parametrize(
    ("status", "after_start"),
    [
        pytest.param("noshow", timedelta(minutes=-1), id="has not started"),
        pytest.param("arrived", timedelta(days=-1), id="a day early"),
        pytest.param("fulfilled", timedelta(days=-1), id="seen a day early"),
        pytest.param("arrived", timedelta(days=1), id="a day late"),
    ],
)
def test_a_step_at_the_wrong_time_is_refused(appointment, status, after_start):
    with pytest.raises(ChangeRefused):
        mark(appointment, status, now=appointment.start + after_start)

    appointment.refresh_from_db()
    assert (appointment.status, appointment.version) == ("booked", 1)


def test_nobody_who_was_seen_is_marked_as_not_having_come(appointment):
    mark(appointment, "fulfilled", now=appointment.end)

    with pytest.raises(ChangeRefused, match="seen"):
        mark(appointment, "noshow", now=appointment.end)


def test_undo_brings_back_the_status_before(appointment):
    mark(appointment, "arrived", now=appointment.start)
    mark(appointment, "fulfilled", now=appointment.end)

    assert undo(appointment, now=appointment.end).status == "arrived"
    assert undo(appointment, now=appointment.end).status == "booked"
    with pytest.raises(ChangeRefused, match="nothing to undo"):
        undo(appointment, now=appointment.end)


def test_a_step_on_a_copy_that_is_out_of_date_is_refused(appointment):
    mark(appointment, "arrived", now=appointment.start)

    with pytest.raises(VersionConflict):
        attendance.undo(
            organisation=appointment.organisation,
            appointment_id=appointment.pk,
            actor=RECEPTION,
            now=appointment.start,
            expected_version="1",
        )


def test_closing_the_day_marks_what_is_still_booked_and_doing_it_again_changes_nothing(practice):
    late = make_appointment(slots=[make_slot()], patient=practice.patient)
    today = make_appointment(
        slots=[make_slot(start=late.start + timedelta(days=2))], patient=make_patient()
    )
    nightfall = late.start + timedelta(days=1)

    def close() -> list[Appointment]:
        return attendance.close_day(
            organisation=practice.organisation, status="noshow", actor=RECEPTION, now=nightfall
        )

    assert [closed.pk for closed in close()] == [late.pk]
    assert close() == []
    today.refresh_from_db()
    assert today.status == "booked"
    assert AuditEvent.objects.filter(event="appointment.closed").count() == 1
    assert nightfall > timezone.now()


def test_closing_the_day_accuses_nobody_whose_session_did_not_take_place(practice):
    orphan = make_appointment(slots=[make_slot()], patient=practice.patient)
    Appointment.objects.filter(pk=orphan.pk).update(orphaned=True)

    closed = attendance.close_day(
        organisation=practice.organisation,
        status="noshow",
        actor=RECEPTION,
        now=orphan.start + timedelta(days=1),
    )

    assert closed == []


def test_whom_nobody_ticked_is_marked_as_seen_on_a_later_day_too(appointment):
    """Else only "did not attend" would be left for one who came."""
    later = appointment.start + timedelta(days=3)
    attendance.close_day(
        organisation=appointment.organisation, status="noshow", actor=RECEPTION, now=later
    )

    undone = undo(appointment, now=later)
    seen = mark(appointment, "fulfilled", now=later)

    assert (undone.status, seen.status) == ("booked", "fulfilled")


@pytest.mark.parametrize("status", ["fulfilled", "noshow"])
def test_an_orphan_of_which_it_is_said_what_became_of_it_is_off_the_worklist(appointment, status):
    """Cancelling, which was the other way out, is refused from then on."""
    Appointment.objects.update(orphaned=True)

    marked = mark(appointment, status, now=appointment.start)
    waiting = Appointment.objects.on_worklist().exists()
    undone = undo(appointment, now=appointment.end)

    assert (marked.orphaned, waiting) == (False, False)
    assert (undone.status, undone.orphaned) == ("booked", True)
