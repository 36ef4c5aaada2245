"""The visibility matrix: what each interaction answers for each state of a patient.

Source: requirements/patient.md, "Visibility matrix".
"""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from fhirapi.resources import appointment
from practice import clock
from practice.models import Appointment, AuditEvent, Patient
from practice.reads import appointments
from practice.services.audit.recording import Actor
from practice.services.desk_registration import NewAppointment, NewPatient, register_at_desk
from tests.fhirapi.answers import resources
from workbench.bodies import appointment_body, cancelled, registration_body
from workbench.consumer import as_dict, spine_code
from workbench.factories import make_appointment, make_patient, make_slots, new_nhs_number
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db

STAFF = Actor(door=AuditEvent.Door.STAFF, user_id="rita", name="Rita", role="Receptionist")
NOT_FOUND = (404, "PATIENT_NOT_FOUND")
NO_REFERENCE = (422, "REFERENCE_NOT_FOUND")
NOT_CONFIRMED = (400, "INVALID_PATIENT_DEMOGRAPHICS")
DUPLICATE = (409, "DUPLICATE_REJECTED")
FOUND, EMPTY, OK, BOOKED = "found", "empty", (200, ""), (201, "")

YESTERDAY = clock.today(timezone.now()) - timedelta(days=1)
STATES: dict[str, tuple[Any, ...]] = {
    # state: (fields here, does the national record agree),
    #     find, read, retrieve, book, read or change an appointment, register
    "active, verified": (({}, True), FOUND, OK, OK, BOOKED, OK, DUPLICATE),
    "temporary, verified": (
        ({"registration_type": "T", "registration_end": date(2999, 1, 1)}, True),
        *(FOUND, OK, OK, BOOKED, OK, DUPLICATE),
    ),
    "never verified, check passes": (
        ({"nhs_number_verification": "02"}, True),
        *(FOUND, NOT_FOUND, NOT_FOUND, NO_REFERENCE, OK, DUPLICATE),
    ),
    "never verified, check fails": (
        ({"nhs_number_verification": "02"}, False),
        *(EMPTY, NOT_FOUND, NOT_FOUND, NO_REFERENCE, NOT_FOUND, NOT_CONFIRMED),
    ),
    "inactive": (
        ({"active": False}, True),
        *(EMPTY, NOT_FOUND, NOT_FOUND, NO_REFERENCE, OK, OK),
    ),
    "registration ran out": (
        ({"registration_type": "T", "registration_end": YESTERDAY}, True),
        *(EMPTY, NOT_FOUND, NOT_FOUND, NO_REFERENCE, OK, OK),
    ),
    "deceased": (
        ({"deceased_at": YESTERDAY}, True),
        *(EMPTY, NOT_FOUND, NOT_FOUND, NO_REFERENCE, OK, NOT_CONFIRMED),
    ),
    "sensitive": (
        ({"sensitive": True}, True),
        *(EMPTY, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_CONFIRMED),
    ),
}


@pytest.fixture(params=list(STATES.values()), ids=list(STATES))
def state(request, practice, national_record) -> tuple:
    """A patient with a future appointment, since then come into a state; and the row about it."""
    (fields, agrees), *expected = request.param
    patient = make_patient()
    booked = make_appointment(make_slots(2)[:1], patient)
    Patient.objects.filter(pk=patient.pk).update(**fields)
    patient.refresh_from_db()
    national_record.add_patient(patient, **({} if agrees else {"birth_date": "1901-01-01"}))
    return patient, booked, *expected


def as_received(found: Appointment) -> dict:
    """An appointment as it was sent while its patient could be seen."""
    return appointment.render(
        appointments.appointment_row(found), appointments.slot_ids_of([found.pk])[found.pk]
    )


def answer(response) -> tuple[int, str]:
    """The status, and the code of a refusal."""
    code = "" if response.status_code < 400 else spine_code(response)
    return response.status_code, code


@pytest.mark.req("PAT-010", "PAT-011", "PAT-012", "PAT-013", "PAT-014", "PAT-020")
def test_find(consumer, state):
    patient, _, find, *_ = state

    found = resources(as_dict(consumer.find_patient(patient.nhs_number)))

    assert [each["id"] for each in found] == ([str(patient.pk)] if find == FOUND else [])


@pytest.mark.req("PAT-021", "PAT-032")
def test_read(consumer, state):
    patient, _, _, read, *_ = state

    assert answer(consumer.read_patient(patient.pk)) == read


@pytest.mark.req("PAT-022")
def test_retrieve(consumer, state):
    patient, _, _, _, retrieve, *_ = state
    today = clock.today(timezone.now())

    assert answer(consumer.retrieve(patient.pk, f"{today}", f"{today}")) == retrieve


@pytest.mark.req("PAT-022")
def test_book(consumer, state):
    patient, booked, _, _, _, book, *_ = state
    slot = booked.schedule.slots.get(status="free")

    response = consumer.book(appointment_body(slots=[slot], patient=patient))

    assert answer(response) == book


@pytest.mark.req("PAT-022")
def test_read_amend_and_cancel_an_appointment(consumer, state):
    _, booked, _, _, _, _, expected, _ = state
    amended = {**as_received(booked), "description": "Worse since the morning."}

    assert answer(consumer.read_appointment(booked.pk)) == expected
    assert answer(consumer.amend(booked.pk, amended)) == expected
    assert answer(consumer.cancel(booked.pk, cancelled(amended))) == expected


@pytest.mark.req("PAT-023", "REG-042", "REG-043", "REG-044")
def test_register(consumer, state, national_record):
    patient, *_, register = state
    before = Patient.objects.values().get(pk=patient.pk)
    (person,) = national_record.people

    response = consumer.register(
        registration_body(patient.nhs_number, birthDate=person["birth_date"])
    )

    assert answer(response) == register
    if register == OK:
        (sent,) = resources(as_dict(response))
        assert sent["id"] == str(patient.pk)
        assert answer(consumer.read_patient(patient.pk)) == OK
    else:
        assert Patient.objects.values().get(pk=patient.pk) == before


# ---------------------------------------------------------------- registered at the desk


@pytest.fixture(
    params=[
        {"without_number": "03"},
        {"without_number": "07", "registration_type": "T"},
        {"without_number": "08"},
        {"nhs_number": "unverified"},
        {"nhs_number": "unverified", "registration_type": "IN"},
    ],
    ids=["to be traced", "from abroad", "newborn", "number said", "at once, number said"],
)
def from_the_desk(request, practice, national_record) -> tuple[Patient, Appointment]:
    """Somebody whom reception has just registered and booked; the national record knows nobody."""
    said = dict(request.param)
    if "nhs_number" in said:
        said["nhs_number"] = new_nhs_number()
    new = NewPatient(
        **{
            "given_names": "Zosia",
            "family_name": "Testowska",
            "birth_date": date(1991, 5, 4),
            "gender": "female",
            "registration_type": "R",
            "telephone": "07700 900188",
            **said,
        }
    )
    first = make_slots(2)[0]
    patient, booked = register_at_desk(
        new,
        NewAppointment([first.pk], "Ear ache"),
        organisation=practice.organisation,
        registered_by=make_staff(practice.organisation),
        actor=STAFF,
        now=timezone.now(),
    )
    assert booked
    return patient, booked


def asked_about(consumer, patient, booked) -> dict[str, tuple[int, str]]:
    """What each interaction that names a patient or an appointment answers."""
    today = clock.today(timezone.now())
    slot = booked.schedule.slots.get(status="free")
    amended = {**as_received(booked), "description": "Worse since the morning."}
    return {
        "read": answer(consumer.read_patient(patient.pk)),
        "retrieve": answer(consumer.retrieve(patient.pk, f"{today}", f"{today}")),
        "book": answer(consumer.book(appointment_body(slots=[slot], patient=patient))),
        "read appointment": answer(consumer.read_appointment(booked.pk)),
        "amend": answer(consumer.amend(booked.pk, amended)),
        "cancel": answer(consumer.cancel(booked.pk, cancelled(amended))),
    }


HIDDEN = {
    **dict.fromkeys(("read", "retrieve", "read appointment", "amend", "cancel"), NOT_FOUND),
    "book": NO_REFERENCE,
}


@pytest.mark.req("PAT-011", "PAT-012", "PAT-032", "RETR-018")
def test_whom_the_desk_registered_is_seen_by_nobody_outside(consumer, from_the_desk):
    patient, booked = from_the_desk

    if patient.nhs_number:
        assert resources(as_dict(consumer.find_patient(patient.nhs_number))) == []

    assert asked_about(consumer, patient, booked) == HIDDEN
    booked.refresh_from_db()
    assert (booked.status, booked.description) == ("booked", "Ear ache")


@pytest.mark.req("PAT-011", "PAT-032")
def test_whoever_was_never_verified_stays_hidden_when_they_have_left(consumer, from_the_desk):
    """An appointment of others who have left can be read, so that it can be cancelled (DEC-059)."""
    patient, booked = from_the_desk
    Patient.objects.filter(pk=patient.pk).update(active=False)

    assert asked_about(consumer, patient, booked) == HIDDEN


@pytest.mark.req("PAT-012", "PAT-046")
def test_once_the_number_is_known_and_confirmed_they_are_found(
    consumer, from_the_desk, national_record
):
    """Staff write the number into the record; the next find verifies it."""
    patient, booked = from_the_desk
    if not patient.nhs_number:
        patient.nhs_number, patient.nhs_number_verification = new_nhs_number(), "02"
        patient.save()
    national_record.add_patient(patient)

    (found,) = resources(as_dict(consumer.find_patient(patient.nhs_number)))

    assert found["id"] == str(patient.pk)
    assert answer(consumer.read_patient(patient.pk)) == OK
    assert answer(consumer.read_appointment(booked.pk)) == OK
