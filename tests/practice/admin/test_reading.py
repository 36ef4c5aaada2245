"""Whoever opens a page of the admin site that names patients is in the trail, once."""

import pytest
from django.urls import reverse

from practice.models import AuditEvent
from tests.practice.admin_world import form_data, make_one_of_each
from workbench import factories
from workbench.staff import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.req("AUD-001", "AUD-007")]


@pytest.fixture
def world(practice):
    return make_one_of_each(practice.organisation)


@pytest.fixture
def client(practice):
    return signed_in(practice.organisation, role="Practice administrator")


def change_page(record) -> str:
    return reverse(f"admin:practice_{record._meta.model_name}_change", args=[record.pk])


def events(**filters) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(door="staff", **filters).exclude(user_id="test"))


@pytest.mark.parametrize("name", ["patient", "appointment", "slot", "schedule"])
def test_opening_a_page_that_names_a_patient_is_recorded(world, client, name):
    appointment = world["practice_appointment"]
    [held] = appointment.appointment_slots.all()
    record = held.slot if name == "slot" else world[f"practice_{name}"]

    assert client.get(change_page(record)).status_code == 200

    [event] = events(event=f"{name}.viewed")
    assert event.organisation == appointment.organisation
    assert event.user_id == client.user.username
    assert event.resource.endswith(f"/{record.pk}")
    assert appointment.patient_id in {event.patient_id, *event.detail.get("patients", [])}


@pytest.mark.parametrize("name", ["slot", "schedule", "location", "practitioner"])
def test_a_page_that_names_nobody_is_not_recorded(practice, client, name):
    record = {
        "slot": factories.make_slot,
        "schedule": factories.make_schedule,
        "location": lambda: practice.location,
        "practitioner": lambda: practice.practitioner,
    }[name]()

    assert client.get(change_page(record)).status_code == 200

    assert events(event__endswith=".viewed") == []


@pytest.mark.parametrize("name", ["patient", "appointment", "slot"])
@pytest.mark.parametrize(("query", "verb"), [({}, "listed"), ({"q": "routine"}, "searched")])
def test_whom_a_list_names_is_recorded_and_nobody_else(world, client, name, query, verb):
    patient = world["practice_patient"]
    if query and name != "slot":
        query = {"q": patient.nhs_number}
    factories.make_patient(factories.make_organisation())

    client.get(reverse(f"admin:practice_{name}_changelist"), query)

    [event] = events(event=f"{name}.{verb}")
    assert event.organisation == patient.organisation
    assert patient.pk in event.detail["patients"]


def test_a_list_that_finds_nobody_is_not_recorded(world, client):
    client.get(reverse("admin:practice_patient_changelist"), {"q": "nobody of that name"})

    assert events(event__startswith="patient.") == []


def test_whom_a_field_suggests_is_recorded(world, client):
    patient = world["practice_patient"]
    asked = {"app_label": "practice", "model_name": "appointment", "field_name": "patient"}

    client.get(reverse("admin:autocomplete"), {**asked, "term": patient.nhs_number})

    [event] = events(event="patient.searched")
    assert event.detail["patients"] == [patient.pk]


@pytest.mark.parametrize("ask", ["cancel", "amend"])
def test_a_page_that_asks_about_an_appointment_is_one_of_its_pages(world, client, ask):
    appointment = world["practice_appointment"]

    client.get(change_page(appointment), {"ask": ask})

    assert len(events(event="appointment.viewed", patient_id=appointment.patient_id)) == 1


def test_saving_records_the_change_and_no_second_view(practice, client):
    patient = practice.patient

    opened = form_data(client.get(change_page(patient)))
    saved = client.post(change_page(patient), {**opened, "preferred_branch": practice.location.pk})

    assert saved.status_code == 302
    assert [event.event for event in events(patient_id=patient.pk)] == [
        "patient.change",
        "patient.viewed",
    ]
