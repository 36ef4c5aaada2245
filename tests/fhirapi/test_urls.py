"""Where each address leads under a practice's service root, and where it does not."""

from typing import Any

import pytest
from django.urls import resolve, reverse

from fhirapi import ssp
from fhirapi.views import NotImplementedView
from workbench.consumer import ABSENT, spine_code

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
        "/Appointment/9/_history/1",
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
        "/HealthcareService",
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
    ],
)
def test_a_verb_that_is_not_offered_is_a_bad_request(consumer, verb, path):
    response = consumer.send(ssp.READ_METADATA, path, verb=verb)

    assert response.status_code == 400
    if verb != "HEAD":
        assert spine_code(response) == "BAD_REQUEST"


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
