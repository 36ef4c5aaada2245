"""Registering at the desk: with the booking or not at all; and who has no number."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.exceptions import AlreadyRegistered, SlotNotFree
from practice.models import Appointment, AuditEvent, Patient
from practice.services.audit.recording import Actor
from practice.services.desk_registration import (
    WITHOUT_NUMBER,
    NewAppointment,
    NewPatient,
    register_at_desk,
)
from workbench.factories import make_appointment, make_patient, make_slot, new_nhs_number
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db

RITA = Actor(door=AuditEvent.Door.STAFF, user_id="rita", name="Rita Reception", role="Receptionist")
ZOSIA = {
    "given_names": "Zosia",
    "family_name": "Testowska",
    "birth_date": date(1991, 5, 4),
    "gender": "female",
    "registration_type": "R",
    "telephone": "07700 900188",
}


def register(practice, slots=(), **said):
    return register_at_desk(
        NewPatient(**{**ZOSIA, **said}),
        NewAppointment([slot.pk for slot in slots], "Ear ache") if slots else None,
        organisation=practice.organisation,
        registered_by=make_staff(practice.organisation),
        actor=RITA,
        now=timezone.now(),
    )


def test_somebody_is_registered_and_booked_in_one(practice):
    slot = make_slot()

    patient, booked = register(
        practice, [slot], address_line_1="17 Mock Street", postal_code="LS1 4ZZ"
    )

    assert Appointment.objects.get() == booked
    assert (booked.patient, booked.description) == (patient, "Ear ache")
    assert patient.registration_start == clock.today(timezone.now())
    assert patient.registration_end is None
    assert (patient.telecoms.get().value, patient.telecoms.get().use) == ("07700 900188", "mobile")
    assert patient.addresses.get().postal_code == "LS1 4ZZ"
    assert patient.registration_provenance["author"] == "Rita Reception"
    events = AuditEvent.objects.filter(patient_id=patient.pk).order_by("pk")
    assert [each.event for each in events] == ["patient.registered", "appointment.booked"]


def test_nobody_is_registered_where_the_time_is_gone(practice):
    slot = make_slot()
    make_appointment([slot])
    before = Patient.objects.count()

    with pytest.raises(SlotNotFree):
        register(practice, [slot])

    assert Patient.objects.count() == before
    assert not AuditEvent.objects.filter(event="patient.registered").exists()


@pytest.mark.parametrize("reason", WITHOUT_NUMBER)
def test_several_people_may_have_no_number(practice, reason):
    for _ in range(2):
        patient, _booked = register(practice, without_number=reason)
        patient.refresh_from_db()
        assert (patient.nhs_number, patient.nhs_number_verification) == (None, reason)


def test_a_number_is_not_verified_by_being_said(practice):
    number = new_nhs_number()

    patient, _ = register(practice, nhs_number=number)

    assert (patient.nhs_number, patient.nhs_number_verification) == (number, "02")
    with pytest.raises(AlreadyRegistered):
        register(practice, nhs_number=make_patient().nhs_number)


@pytest.mark.parametrize(("kind", "days"), [("T", 90), ("IN", 14)])
def test_who_is_here_for_a_time_is_registered_for_a_time(practice, kind, days):
    patient, _ = register(practice, registration_type=kind)

    assert patient.registration_end == clock.today(timezone.now()) + timedelta(days=days)
