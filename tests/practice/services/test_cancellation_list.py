"""Patients join the cancellation list, are asked, and leave it with what they waited for."""

from datetime import date, datetime, time, timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.exceptions import (
    AppointmentNotFound,
    BookedPatientNotFound,
    ChangeRefused,
    NotFound,
    PractitionerNotFound,
)
from practice.models import Appointment, AuditEvent, CancellationListEntry
from practice.services import cancellation_list
from practice.services.appointments.changing import cancel_by_staff
from practice.services.audit.recording import Actor
from practice.services.cancellation_list import Wish
from workbench.factories import (
    make_appointment,
    make_cancellation_list_entry,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db
RITA = Actor(door="staff", user_id="rita", name="Rita Reception", role="Receptionist")


def today() -> date:
    return clock.today(timezone.now())


def which(practice, **more):
    who = {"organisation": practice.organisation, "actor": RITA, "now": timezone.now()}
    return {**who, **more}


def join(practice, patient, **values) -> CancellationListEntry:
    appointment = values.pop("appointment", None)
    wish = Wish(today(), today() + timedelta(days=14))._replace(**values)
    return cancellation_list.join(
        **which(practice, patient_id=patient.pk, wish=wish),
        appointment_id=appointment and appointment.pk,
    )


@pytest.fixture
def slots(practice):
    """Three tomorrow from 09:00, Routine."""
    return make_slots(3, make_schedule(session_holder=practice.practitioner), slot_type="Routine")


# ---------------------------------------------------------------- joining


def test_what_somebody_would_come_for_is_noted_changed_and_withdrawn_on_record(practice):
    gp = practice.practitioner
    entry = join(practice, practice.patient, weekdays=(0, 4), start_time=time(9), note="Near by")
    place = entry.noted_at

    wish = cancellation_list.wish_of(entry)._replace(slot_type="Routine", clinician_ids=(gp.pk,))
    for _ in range(2):  # the second changes nothing
        cancellation_list.change(**which(practice, entry_id=entry.pk, wish=wish))
    cancellation_list.withdraw(**which(practice, entry_id=entry.pk))

    entry = CancellationListEntry.objects.get()
    assert (entry.weekdays, entry.note, entry.slot_type) == ([0, 4], "Near by", "Routine")
    assert entry.noted_at == place
    assert (entry.noted_by_name, entry.ended_by_name) == ("Rita Reception", "Rita Reception")
    assert [each.practitioner for each in entry.clinicians.all()] == [gp]
    events = AuditEvent.objects.filter(event__startswith="cancellation_list.").order_by("pk")
    assert [each.event.partition(".")[2] for each in events] == ["joined", "changed", "withdrawn"]
    assert {each.patient_id for each in events} == {practice.patient.pk}
    assert events[1].detail["changes"] == {
        "slot_type": {"from": "", "to": "Routine"},
        "clinician_ids": {"from": [], "to": [gp.pk]},
    }


def test_what_cannot_be_is_refused(practice, slots):
    other = make_organisation()
    patient, dead = practice.patient, make_patient(deceased_at=timezone.now())
    booked = make_appointment(slots=[slots[0]], patient=patient, door="staff")
    a_week_ago = today() - timedelta(days=7)
    for expected, whom, values in (
        (BookedPatientNotFound, dead, {}),
        (BookedPatientNotFound, make_patient(other), {}),
        (AppointmentNotFound, make_patient(), {"appointment": booked}),
        (ChangeRefused, patient, {"last_day": today() - timedelta(days=1)}),
        (ChangeRefused, patient, {"first_day": a_week_ago, "last_day": today() - timedelta(2)}),
        (ChangeRefused, patient, {"start_time": time(12), "end_time": time(9)}),
        (PractitionerNotFound, patient, {"clinician_ids": (make_practitioner(other).pk,)}),
    ):  # fmt: skip
        with pytest.raises(expected):
            join(practice, whom, **values)
    assert not CancellationListEntry.objects.exists()

    join(practice, patient, appointment=booked)
    with pytest.raises(ChangeRefused, match="on the list for this appointment already"):
        join(practice, patient, appointment=booked)


def test_nothing_is_done_to_an_entry_of_another_practice_or_one_that_has_ended(practice):
    theirs = make_cancellation_list_entry(make_organisation())
    ended = make_cancellation_list_entry(ended_at=timezone.now(), ended_as="withdrawn")
    for entry in (theirs, ended):
        with pytest.raises(NotFound):
            cancellation_list.withdraw(**which(practice, entry_id=entry.pk))
        with pytest.raises(NotFound):
            cancellation_list.note_call(
                **which(practice, entry_id=entry.pk, start=timezone.now(), outcome="declined")
            )
    assert not theirs.calls.exists()


def test_asking_is_remembered_with_who_asked(practice):
    entry = make_cancellation_list_entry()
    start = timezone.now() + timedelta(hours=3)

    ask = which(practice, entry_id=entry.pk, start=start)
    cancellation_list.note_call(**ask, outcome="no-answer")
    with pytest.raises(ChangeRefused):
        cancellation_list.note_call(**ask, outcome="perhaps")

    call = entry.calls.get()
    assert (call.start, call.outcome, call.by_name) == (start, "no-answer", "Rita Reception")
    assert AuditEvent.objects.get(event="cancellation_list.asked").patient_id == entry.patient_id


# ---------------------------------------------------------------- after a closure


def test_whose_time_a_closure_took_joins_with_what_they_had(practice, slots):
    orphan = make_appointment(slots=slots[:2], patient=practice.patient, door="staff")
    with pytest.raises(ChangeRefused, match="still takes place"):
        cancellation_list.join_after_closure(**which(practice, appointment_id=orphan.pk))
    Appointment.objects.filter(pk=orphan.pk).update(orphaned=True)

    entry = cancellation_list.join_after_closure(**which(practice, appointment_id=orphan.pk))

    assert entry.appointment == orphan
    assert (entry.slot_type, entry.minutes) == ("Routine", 20)
    assert (entry.first_day, entry.last_day) == (today(), today() + timedelta(weeks=4))
    with pytest.raises(ChangeRefused):
        cancellation_list.join_after_closure(**which(practice, appointment_id=orphan.pk))


def test_whose_appointment_was_cancelled_waits_without_one(practice, slots):
    gone = make_appointment(slots=[slots[0]], patient=practice.patient, door="staff")
    cancel_by_staff(
        **which(practice, appointment_id=gone.pk), reason="Dr Fauxley is ill", expected_version="1"
    )

    entry = cancellation_list.join_after_closure(**which(practice, appointment_id=gone.pk))

    assert entry.appointment is None
    with pytest.raises(ChangeRefused, match="on the list already"):
        cancellation_list.join_after_closure(**which(practice, appointment_id=gone.pk))
    theirs = make_appointment(slots=make_slots(1, make_schedule(make_organisation())))
    with pytest.raises(AppointmentNotFound):
        cancellation_list.join_after_closure(**which(practice, appointment_id=theirs.pk))


def test_until_the_day_of_the_appointment_is_offered_to_be_noted(practice, slots):
    appointment = make_appointment(slots=[slots[0]], patient=practice.patient, door="staff")
    now: datetime = timezone.now()

    assert cancellation_list.usual_wish(appointment, now=now).last_day == tomorrow()
    assert cancellation_list.usual_wish(None, now=now).last_day == today() + timedelta(weeks=4)
