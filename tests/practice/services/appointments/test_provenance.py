"""Each step of an appointment says who did it, when and how."""

from dataclasses import replace
from datetime import datetime

import pytest
from django.utils import timezone

from practice.models import Appointment
from tests.practice.services.appointments.diary_of_june import CALL_CENTRE, DAY, NOW, book
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import as_dict, make_claims
from workbench.factories import make_slot, make_slots


@pytest.mark.req("AUD-030", "AUD-031", "AUD-032")
@pytest.mark.django_db
def test_booked_amended_and_cancelled_from_outside_each_step_says_who_when_and_how(
    consumer, practice
):
    slots = make_slots(1)
    booked = as_dict(consumer.book(appointment_body(slots=slots, patient=practice.patient)))
    amended = as_dict(consumer.amend(booked["id"], {**booked, "comment": "Uses a wheelchair."}))
    consumer.cancel(booked["id"], cancelled(amended))

    appointment = Appointment.objects.get()
    assert [entry["action"] for entry in appointment.provenance] == [
        "booked",
        "amended",
        "cancelled",
    ]
    for entry in appointment.provenance:
        assert entry["door"] == "gp-connect"
        assert entry["user_id"] == "111222333444"
        assert entry["name"] == "Dr Claire Jones"
        assert entry["role"] == "444555666777"
        assert entry["organisation"] == "Test Hospital (A1001)"
        assert entry["device"] == "CONS-APP-4 Consumer product 5.3.0"
        assert entry["interaction"].startswith("urn:nhs:names:services:gpconnect:fhir:rest:")
        assert len(entry["at"]) == len("2026-11-25T19:00:00+00:00")
    assert appointment.provenance[1]["changes"]["comment"]["to"] == "Uses a wheelchair."
    assert appointment.booked_via == "gp-connect"


@pytest.mark.req("AUD-033")
@pytest.mark.django_db
def test_the_booking_organisation_is_stored_and_returned(consumer, practice):
    slots = make_slots(1)

    booked = as_dict(consumer.book(appointment_body(slots=slots, patient=practice.patient)))

    appointment = Appointment.objects.get()
    assert appointment.booking_organisation_ods_code == "A1001"
    assert appointment.booking_organisation_name == "Test Hospital"
    assert booked["contained"][0]["name"] == "Test Hospital"


@pytest.mark.req("AUD-034")
@pytest.mark.django_db
def test_provenance_without_a_smartcard_role_says_unknown(consumer, practice):
    practitioner = make_claims(scope="")["requesting_practitioner"]
    practitioner["identifier"] = practitioner["identifier"][:1]

    consumer.book(
        appointment_body(slots=make_slots(1), patient=practice.patient),
        claims={"requesting_practitioner": practitioner},
    )

    assert Appointment.objects.get().provenance[0]["role"] == "unknown"


@pytest.mark.django_db
def test_an_actor_without_role_or_device_leaves_no_empty_entries(practice):
    actor = replace(CALL_CENTRE, role="", device="")

    booked = book(make_slot(start=NOW + DAY), actor=actor)

    (entry,) = booked.provenance
    assert "role" not in entry
    assert "device" not in entry
    assert timezone.is_aware(datetime.fromisoformat(entry["at"]))
