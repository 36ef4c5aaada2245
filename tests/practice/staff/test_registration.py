"""Somebody not registered yet: one form, after a look at who is here; nothing typed is lost."""

import re
from datetime import date
from html import unescape

import pytest
from django.urls import reverse

from practice.models import Appointment, AuditEvent, Patient
from workbench.factories import make_appointment, make_organisation, make_patient, make_slots
from workbench.staff import AUDITOR, make_staff, signed_in

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/practice/patient/add/"
ZOSIA = {
    "given_names": "Zosia",
    "family_name": "Testowska",
    "birth_date": "4/5/91",
    "gender": "female",
    "telephone": "07700 900188",
    "registration_type": "R",
    "description": "Ear ache",
    "books": "1",
}


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation, first_name="Rita", last_name="Reception"))
    return client


def text(response) -> str:
    return unescape(response.content.decode())


def register(client, slots=(), **said):
    return client.post(ADDRESS, {**ZOSIA, "slot": [slot.pk for slot in slots], **said})


def test_what_was_searched_for_is_in_the_form_already(receptionist):
    (slot,) = make_slots(1)
    search = {"q": "zosia testowska 4 may 1991", "slot": slot.pk}
    found = text(receptionist.get(reverse("admin:practice_appointment_add"), search))
    link = re.search(rf'href="({ADDRESS}[^"]*)"', found)
    assert link

    page = text(receptionist.get(link[1]))

    for name, value in {
        "given_names": "Zosia",
        "family_name": "Testowska",
        "birth_date": "04/05/1991",
    }.items():
        assert re.search(rf'name="{name}" value="{value}"', page), name
    assert f'name="slot" value="{slot.pk}"' in page


def test_somebody_is_registered_and_booked(receptionist):
    (slot,) = make_slots(1)

    answer = register(receptionist, [slot])

    booked = Appointment.objects.get()
    assert answer.url == reverse("admin:booked", args=[booked.pk])
    assert booked.patient.birth_date == date(1991, 5, 4)
    assert booked.patient.nhs_number is None
    assert "Zosia Testowska, born 04 May 1991" in text(receptionist.get(answer.url))


def test_somebody_is_registered_without_booking(receptionist):
    answer = register(receptionist, books="")

    patient = Patient.objects.get(family_name="Testowska")
    assert answer.url == reverse("admin:practice_patient_page", args=[patient.pk])


def test_who_may_be_here_already_is_offered_first_and_once(practice, receptionist):
    (slot,) = make_slots(1)
    held = make_patient(given_names="Zofia", family_name="Testowska", birth_date="1991-05-04")

    first = register(receptionist, [slot])
    second = register(receptionist, [slot], seen=held.pk)

    assert first.status_code == 409
    said = text(first)
    assert "is it one of these?" in said
    assert "None of these: register and book" in said
    assert f"?patient={held.pk}&slot={slot.pk}" in said
    assert f'name="seen" value="{held.pk}"' in said
    assert 'value="07700 900188"' in said
    assert AuditEvent.objects.get(event="patient.searched").detail["patients"] == [held.pk]
    assert second.status_code == 302


def test_a_number_that_is_here_is_not_registered_again(receptionist):
    held = make_patient()

    answer = register(receptionist, nhs_number=held.nhs_number, seen=held.pk, books="")

    assert answer.status_code == 409
    assert "is registered here already" in text(answer)
    assert ">None of these" not in text(answer)
    assert not Patient.objects.filter(family_name="Testowska").exists()


def test_a_time_that_was_taken_meanwhile_loses_nothing_that_was_typed(receptionist):
    taken, other = make_slots(2)
    make_appointment([taken])

    answer = register(receptionist, [taken])

    said = text(answer)
    assert answer.status_code == 409
    assert "Somebody else has just taken this time. Nobody was registered" in said
    assert not Patient.objects.filter(family_name="Testowska").exists()
    assert 'value="Zosia"' in said
    assert f'type="checkbox" name="slot" value="{other.pk}"' in said
    nothing_ticked = register(receptionist)
    assert "Tick a time first" in text(nothing_ticked)
    assert register(receptionist, [other]).status_code == 302


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"birth_date": "31/2/1991"}, "This is not a date"),
        ({"birth_date": "1/1/2999"}, "The year must be|in the future"),
        ({"telephone": "ring the neighbour"}, "This is not a telephone number"),
        ({"nhs_number": "999 012 3450"}, "This is not an NHS number"),
        ({"gender": ""}, "This field is required"),
        ({"family_name": ""}, "This field is required"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_said_beside_its_field(receptionist, wrong, said):
    (slot,) = make_slots(1)

    answer = register(receptionist, [slot], **wrong)

    assert answer.status_code == 422
    assert re.search(said, text(answer))
    assert not Patient.objects.filter(given_names="Zosia").exists()


def test_slots_and_patients_of_another_practice_are_out_of_reach(receptionist):
    there = make_organisation()
    make_patient(there, given_names="Zosia", family_name="Testowska", birth_date="1991-05-04")

    assert register(receptionist, books="").status_code == 302


def test_who_may_not_register_is_not_offered_to(practice):
    auditor = signed_in(practice.organisation, role=AUDITOR)

    assert auditor.get(ADDRESS).status_code == 403
    assert auditor.post(ADDRESS, ZOSIA).status_code == 403
