"""Where each address leads under a practice's service root, and where it does not."""

from typing import Any

import pytest
from django.urls import resolve, reverse

from fhirapi import ssp
from fhirapi.views import NotImplementedView
from practice.models import AuditEvent
from workbench.bodies import appointment_body
from workbench.consumer import ABSENT, as_dict, spine_code
from workbench.factories import make_appointment, make_slots

BASE = "/A00001/STU3/1/gpconnect"


def view_of(path: str) -> type:
    func: Any = resolve(BASE + path).func
    return func.view_class


@pytest.mark.req(*(f"SSP-{number:03}" for number in range(20, 35)), "SSP-011")
@pytest.mark.parametrize("interaction", ssp.INTERACTIONS, ids=lambda each: each.name)
def test_every_interaction_has_an_address_that_offers_it(interaction):
    view = view_of(interaction.path.replace("[id]", "9"))

    offered = view.interactions[interaction.verb]

    assert interaction in (offered if isinstance(offered, tuple) else (offered,))


@pytest.mark.req("GEN-010", "GEN-007", "GEN-095", "GEN-117", "READ-008", "GEN-013")
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/metadata/",
        "/Metadata",
        "/slot",
        "/Slot/",
        "/Slot/1",
        "/Schedule",
        "/Schedule/1",
        "/Location",
        "/Appointment/9/",
        "/Appointment/9/_history",
        "/Appointment/9/_history/1/",
        "/Slot/1/_history/1",
        "/Appointment/_history",
        "/Appointment/$validate",
        "/Patient/2/",
        "/Patient/2/Slot",
        "/Patient/2/$everything",
        "/Patient/_search",
        "/Patient/$gpc.registerPatient",
        "/Patient/$gpc.getstructuredrecord",
        "/Patient/$gpc.registerpatient/",
        "/PractitionerRole/1",
        "/HealthcareService/1/",
        "/HealthcareService/1/Slot",
        "/Binary/1",
        "//metadata",
        "/metadata\n",
    ],
)
def test_everything_else_is_not_implemented(path):
    assert view_of(path) is NotImplementedView


def test_our_patterns_leave_other_addresses_their_names():
    """Django looks through all patterns to make an address, and stumbles over some of them."""
    assert reverse("admin:index") == "/admin/"


@pytest.mark.django_db
@pytest.mark.req("GEN-010")
def test_a_search_of_locations_is_not_implemented(consumer):
    response = consumer.send(ssp.READ_LOCATION, "/Location", query="name=x")

    assert response.status_code == 501


@pytest.mark.django_db
@pytest.mark.req("READ-002", "ERR-024", "ERR-025", "ERR-026", "ERR-027")
@pytest.mark.parametrize(
    "pk", ["", "null", "undefined", "0", "-1", "a.b", "9" * 64, "%00", "x" * 65]
)
@pytest.mark.parametrize(
    ("interaction", "code"),
    [
        (ssp.READ_APPOINTMENT, "NO_RECORD_FOUND"),
        (ssp.READ_LOCATION, "NO_RECORD_FOUND"),
        (ssp.READ_PATIENT, "PATIENT_NOT_FOUND"),
        (ssp.RETRIEVE_APPOINTMENTS, "PATIENT_NOT_FOUND"),
        (ssp.READ_PRACTITIONER, "PRACTITIONER_NOT_FOUND"),
        (ssp.READ_ORGANISATION, "ORGANISATION_NOT_FOUND"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_is_no_id_finds_nothing_of_that_type(consumer, interaction, code, pk):
    """DEC-065: such an address names a resource type, and nothing of it."""
    query = "start=ge2099-01-01&start=le2099-01-02"

    response = consumer.send(interaction, interaction.path.replace("[id]", pk), query=query)

    assert response.status_code == 404
    assert spine_code(response) == code


@pytest.mark.django_db
@pytest.mark.req("GEN-011", "ERR-044", "GEN-117")
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/Appointment"),
        ("PUT", "/Appointment"),
        ("POST", "/Appointment/9"),
        ("DELETE", "/Appointment/9"),
        ("PATCH", "/Appointment/9"),
        ("POST", "/Slot"),
        ("POST", "/Patient"),
        ("POST", "/Patient/2"),
        ("PUT", "/Patient/2"),
        ("GET", "/Patient/$gpc.registerpatient"),
        ("POST", "/Patient/2/Appointment"),
        ("POST", "/metadata"),
        ("OPTIONS", "/metadata"),
        ("HEAD", "/Slot"),
        ("HEAD", "/Appointment/9"),
        ("OPTIONS", "/Appointment/9"),
        ("PATCH", "/Patient/2/_history/1"),
    ],
)
def test_a_verb_that_is_not_offered_is_a_bad_request(consumer, verb, path):
    response = consumer.send(ssp.READ_METADATA, path, verb=verb)

    assert response.status_code == 400
    assert set(response["Allow"].split(", ")) == set(view_of(path).interactions)
    if verb != "HEAD":
        assert spine_code(response) == "BAD_REQUEST"


# ---------------------------------------------------------------- the address of a version

READ = {
    ssp.READ_APPOINTMENT: "NO_RECORD_FOUND",
    ssp.READ_LOCATION: "NO_RECORD_FOUND",
    ssp.READ_PATIENT: "PATIENT_NOT_FOUND",
    ssp.READ_PRACTITIONER: "PRACTITIONER_NOT_FOUND",
    ssp.READ_ORGANISATION: "ORGANISATION_NOT_FOUND",
}


@pytest.mark.django_db
@pytest.mark.req("GEN-095", "DEC-068")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("interaction", READ, ids=lambda each: each.name)
def test_the_address_of_a_version_is_served_while_it_is_current(
    practice, consumer, interaction, format
):
    """As Location and Content-Location advertise it: the read, with all that belongs to it.

    READ-008 says 501 of it; GEN-095 was corrected later (DEC-068).
    """
    appointment = make_appointment(make_slots(1), practice.patient)
    ids = {
        ssp.READ_APPOINTMENT: appointment.pk,
        ssp.READ_LOCATION: practice.location.pk,
        ssp.READ_PATIENT: practice.patient.pk,
        ssp.READ_PRACTITIONER: practice.practitioner.pk,
        ssp.READ_ORGANISATION: practice.organisation.pk,
    }
    path = interaction.path.replace("[id]", str(ids[interaction]))
    read = consumer.send(interaction, path, format=format)
    advertised = read["Content-Location"].partition(consumer.base)[2]

    served = consumer.send(interaction, advertised, format=format)

    assert served.status_code == 200
    assert served.content == read.content
    assert served.headers == read.headers
    event = AuditEvent.objects.first()
    assert (event.event, event.outcome) == (interaction.id, "200")
    assert advertised in event.detail["url"]
    for version in ("0", "999", "1.0", "null", ""):
        gone = consumer.send(interaction, f"{path}/_history/{version}", format=format)
        assert (gone.status_code, spine_code(gone)) == (404, READ[interaction]), version
    nobody = consumer.send(interaction, interaction.path.replace("[id]", "999/_history/1"))
    assert (nobody.status_code, spine_code(nobody)) == (404, READ[interaction])


@pytest.mark.django_db
@pytest.mark.req("GEN-095", "GEN-096", "DEC-068")
def test_what_a_booking_advertises_is_there_until_it_is_amended(practice, consumer):
    slots = make_slots(1)
    booked = consumer.book(appointment_body(slots=slots, patient=practice.patient))
    advertised = booked["Location"].partition(consumer.base)[2]
    body = as_dict(booked)

    before = consumer.send(ssp.READ_APPOINTMENT, advertised)
    amended = consumer.amend(body["id"], {**body, "comment": "Blind."})
    after = consumer.send(ssp.READ_APPOINTMENT, advertised)
    current = amended["Content-Location"].partition(consumer.base)[2]

    assert as_dict(before) == body
    assert (after.status_code, spine_code(after)) == (404, "NO_RECORD_FOUND")
    assert as_dict(consumer.send(ssp.READ_APPOINTMENT, current)) == as_dict(amended)


@pytest.mark.django_db
@pytest.mark.req("GEN-011", "DEC-068")
@pytest.mark.parametrize("interaction", [ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT])
def test_nothing_is_changed_at_the_address_of_a_version(practice, consumer, interaction):
    booked = consumer.book(appointment_body(slots=make_slots(1), patient=practice.patient))
    body = as_dict(booked)
    path = f"/Appointment/{body['id']}/_history/1"

    response = consumer.send(interaction, path, verb="PUT", body={**body, "comment": "Blind."})

    assert response.status_code == 400
    assert response["Allow"] == "GET"
    assert as_dict(consumer.read_appointment(body["id"])) == body


@pytest.mark.django_db
@pytest.mark.req("JWT-001", "SSP-001", "SEC-020")
@pytest.mark.parametrize("missing", ["Authorization", "Ssp-TraceID", "Ssp-To"])
@pytest.mark.parametrize("interaction", ssp.INTERACTIONS, ids=lambda each: each.name)
def test_no_interaction_answers_without_its_headers(consumer, interaction, missing):
    path = interaction.path.replace("[id]", "9")

    response = consumer.send(
        interaction, path, body={"resourceType": "Basic"}, headers={missing: ABSENT}
    )

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
