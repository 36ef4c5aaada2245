"""What stands on a patient's page: what is coming, a year of the past, and namesakes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Appointment
from practice.reads.patient_page import Attendance, days_ahead, namesakes, patient_file
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db


def booked(patient, days, status="booked"):
    """An appointment so many days from today, in whichever state."""
    session = make_schedule(date=tomorrow() + timedelta(days=days - 1))
    (slot,) = make_slots(1, session)
    made = make_appointment([slot], patient, door="staff", now=slot.start - timedelta(days=1))
    Appointment.objects.filter(pk=made.pk).update(status=status)
    return made


def file_of(patient, organisation=None):
    return patient_file(
        organisation=organisation or patient.organisation,
        patient_id=patient.pk,
        now=timezone.now(),
    )


def test_coming_and_past_are_told_apart_and_missed_ones_counted(practice):
    patient = practice.patient
    later, soon = booked(patient, 9), booked(patient, 2)
    cancelled = booked(patient, 3, "cancelled")
    seen, missed = booked(patient, -3, "fulfilled"), booked(patient, -30, "noshow")
    booked(patient, -400, "noshow")
    booked(patient, -4, "entered-in-error")
    booked(make_patient(), 2)

    found = file_of(patient)

    assert found.coming == [soon, later]
    assert found.past == [cancelled, seen, missed]
    assert found.attendance == Attendance(expected=2, missed=1)
    assert days_ahead(soon, now=timezone.now()) == 2


def test_a_namesake_is_of_the_practice_and_somebody_else():
    patient = make_patient(family_name="Faux", given_names="Omar Lee")
    other = make_patient(family_name="FAUX", given_names="Omar")
    make_patient(family_name="Faux", given_names="Rosa")
    make_patient(make_organisation(), family_name="Faux", given_names="Omar")

    assert namesakes(patient) == [other]


def test_there_is_no_page_of_another_practices_patient(practice):
    assert file_of(make_patient(make_organisation()), practice.organisation) is None


def test_as_many_queries_for_many_appointments_as_for_one(practice, django_assert_num_queries):
    for days in range(1, 5):
        booked(practice.patient, days)

    with django_assert_num_queries(10):
        file_of(practice.patient)
