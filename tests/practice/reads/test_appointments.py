"""What was booked, and which of it another organisation may read."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.exceptions import AppointmentInPast, AppointmentNotFound, PatientNotFound
from practice.models import Appointment, AppointmentSlot, Patient
from practice.reads import appointments
from workbench.factories import make_appointment, make_organisation, make_slots

pytestmark = pytest.mark.django_db


def test_an_appointment_at_hand_and_one_in_a_query_have_the_same_row(practice):
    booked = make_appointment(make_slots(2))

    at_hand = appointments.appointment_row(booked)

    columns = appointments.APPOINTMENT_COLUMNS
    assert [at_hand] == [*Appointment.objects.filter(pk=booked.pk).values_list(*columns)]
    for name in at_hand._fields:
        of_session = name in ("session_holder_id", "healthcare_service_id")
        source = booked.schedule if of_session else booked
        assert getattr(at_hand, name) == getattr(source, name), name


def test_slots_are_told_by_their_start_also_those_that_were_given_back(practice):
    slots = make_slots(3)
    one, two = make_appointment([slots[1], slots[0]]), make_appointment([slots[2]])
    AppointmentSlot.objects.filter(appointment=one).update(released=True)

    assert appointments.slot_ids_of([two.pk, one.pk]) == {
        one.pk: [slots[0].pk, slots[1].pk],
        two.pk: [slots[2].pk],
    }
    assert appointments.slot_ids_of([]) == {}


def test_an_appointment_is_found_at_its_own_practice_with_its_patient_and_session(
    practice, django_assert_num_queries
):
    booked = make_appointment(make_slots(1))
    pk = booked.pk

    with django_assert_num_queries(1):
        found = appointments.appointment_by_id(
            organisation=practice.organisation, appointment_id=pk
        )
        assert found is not None
        assert (found.patient, found.schedule) == (booked.patient, booked.schedule)
    elsewhere = make_organisation()
    assert appointments.appointment_by_id(organisation=elsewhere, appointment_id=pk) is None


@pytest.mark.req("READ-003", "READ-004", "READ-007")
def test_what_may_not_be_read_says_why(practice):
    booked = make_appointment(make_slots(1))
    now = booked.start - timedelta(minutes=1)

    assert appointments.check_may_be_read(booked, asked_by="A1001", now=now) is booked
    with pytest.raises(AppointmentNotFound):
        appointments.check_may_be_read(None, asked_by="A1001", now=now)
    with pytest.raises(AppointmentInPast):
        appointments.check_may_be_read(booked, asked_by="A1001", now=booked.start)
    booked.patient.sensitive = True
    with pytest.raises(PatientNotFound):
        appointments.check_may_be_read(booked, asked_by="A1001", now=now)


@pytest.mark.req("RETR-018", "RETR-033")
def test_a_patients_appointments_come_by_their_start_if_the_patient_may_be_seen(practice):
    slots = make_slots(2)
    patient, now = practice.patient, timezone.now()
    later, earlier = (make_appointment([slot], patient) for slot in reversed(slots))
    day = clock.local(slots[0].start).date()

    def found():
        return appointments.patient_appointments_later(
            ods_code=practice.organisation.ods_code,
            patient_id=patient.pk,
            first=day,
            last=day,
            now=now,
        ).found()

    assert [(row.pk, held) for row, held in found()] == [
        (earlier.pk, [slots[0].pk]),
        (later.pk, [slots[1].pk]),
    ]
    Patient.objects.filter(pk=patient.pk).update(sensitive=True)
    with pytest.raises(PatientNotFound):
        found()
