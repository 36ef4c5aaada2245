"""The patient's page: who it is, what is booked, what to know; and what can be done from it."""

from html import unescape

import pytest
from django.urls import reverse

from practice.models import AuditEvent, Patient
from workbench.factories import make_appointment, make_organisation, make_patient, make_slot
from workbench.staff import AUDITOR, make_staff, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def receptionist(practice, client):
    client.force_login(make_staff(practice.organisation, first_name="Rita", last_name="Reception"))
    return client


@pytest.fixture
def address(practice):
    return reverse("admin:practice_patient_page", args=[practice.patient.pk])


def text(response) -> str:
    return unescape(response.content.decode())


def test_who_it_is_stands_there_to_be_asked_and_is_recorded(practice, receptionist, address):
    page = text(receptionist.get(address))
    asked = {"do": "identity", "asked": ["name", "born", "telephone"]}
    too_little = receptionist.post(address, {"do": "identity", "asked": ["name"]})
    said = text(receptionist.post(address, asked, follow=True))

    patient = practice.patient
    for words in (f"Edie {patient.family_name}", "29 Feb 1980", "3 Quiet Lane", "003"):
        assert f"<strong>{words}" in page
    assert too_little.status_code == 422
    assert "Ask for 3 of these" in text(too_little)
    assert "Recorded: the caller is who they say." in said
    assert AuditEvent.objects.get(event="patient.identified").patient_id == patient.pk


def test_everything_booked_leads_on_and_back(practice, receptionist, address):
    booked = make_appointment([make_slot()], practice.patient)

    page = receptionist.get(address).content.decode()

    back = f"back={address.replace('/', '%2F')}"
    cancel = reverse("admin:practice_appointment_change", args=[booked.pk])
    links = [
        f"{reverse('admin:move', args=[booked.pk])}?{back}",
        f"{cancel}?ask=cancel&amp;{back}",
        f"{reverse('admin:booked', args=[booked.pk])}?back={address}",
        f"{reverse('admin:practice_appointment_add')}?patient={practice.patient.pk}&amp;{back}",
    ]
    assert [link for link in links if f'href="{link}"' not in page] == []
    detail = receptionist.get(cancel, {"ask": "cancel", "back": address}).content.decode()
    assert f'href="{address}#a{booked.pk}">Back to the patient' in detail


def test_a_note_is_added_and_removed(practice, receptionist, address):
    added = text(
        receptionist.post(address, {"do": "note", "text": "Prefers mornings"}, follow=True)
    )
    note = practice.patient.notes.get()
    removed = text(receptionist.post(address, {"do": "end_note", "note": note.pk}, follow=True))

    assert "Prefers mornings" in added
    assert "Rita Reception" in added
    assert "Prefers mornings" not in removed
    empty = receptionist.post(address, {"do": "note", "text": " "})
    assert empty.status_code == 422
    assert "This field is required" in text(empty)


def test_what_prevents_a_mix_up_is_said(practice, receptionist, address):
    Patient.objects.filter(pk=practice.patient.pk).update(nhs_number_verification="02")
    other = make_patient(family_name=practice.patient.family_name, birth_date="1961-07-04")

    page = text(receptionist.get(address))

    assert f"Same name: another Edie {other.family_name}" in page
    assert "born 4 Jul 1961" in page
    assert "Other organisations do not see this patient" in page
    event = AuditEvent.objects.get(event="patient.viewed")
    assert (event.patient_id, event.detail["patients"]) == (practice.patient.pk, [other.pk])


def test_nobody_books_for_somebody_who_has_left(practice, receptionist, address):
    Patient.objects.filter(pk=practice.patient.pk).update(active=False)

    page = text(receptionist.get(address))

    assert "is not registered at the practice any more" in page
    assert "Book an appointment</a>" not in page.partition("</h2>")[2]


def test_it_is_reached_from_lists_search_and_appointment(practice, receptionist, address):
    booked = make_appointment([make_slot()], practice.patient)
    day = booked.start.date()

    for name, query in (
        ("practice_patient_changelist", {}),
        ("clinic_list", {"date": day}),
        ("practice_appointment_add", {"q": practice.patient.family_name}),
    ):
        assert address in receptionist.get(reverse(f"admin:{name}"), query).content.decode(), name
    change = reverse("admin:practice_appointment_change", args=[booked.pk])
    assert address in receptionist.get(change).content.decode()


def test_who_may_only_read_changes_nothing(practice, address):
    auditor = signed_in(practice.organisation, role=AUDITOR)

    page = text(auditor.get(address))

    assert "Add the note" not in page
    assert auditor.post(address, {"do": "note", "text": "x"}).status_code == 403


def test_patients_of_another_practice_have_no_page_here(receptionist):
    theirs = make_patient(make_organisation())
    address = reverse("admin:practice_patient_page", args=[theirs.pk])

    assert receptionist.get(address).status_code == 404
    assert receptionist.post(address, {"do": "note", "text": "x"}).status_code == 404
    assert not theirs.notes.exists()


def test_somebody_without_a_number_is_named_without_one(practice, receptionist):
    patient = make_patient(
        nhs_number=None,
        nhs_number_verification="03",
        registration_end=None,
    )
    address = reverse("admin:practice_patient_page", args=[patient.pk])

    assert 'NHS number <strong class="nowrap">not known' in text(receptionist.get(address))
