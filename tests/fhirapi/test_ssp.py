"""The four headers of the proxy, and the table of interactions."""

import json

import pytest
from django.test import Client

from fhirapi import ssp
from fhirapi.errors import FHIRError
from fhirapi.ssp import INTERACTIONS
from practice.models import AuditEvent
from tests.shared import GPCONNECT, needs_shared
from workbench.consumer import ABSENT, Consumer, diagnostics, spine_code
from workbench.factories import make_organisation

ASID = "200000000116"
HEADERS = {
    "Ssp-TraceID": "629ea9ba",
    "Ssp-From": "200000000115",
    "Ssp-To": ASID,
    "Ssp-InteractionID": ssp.READ_APPOINTMENT.id,
}


def published_interactions() -> list[dict]:
    path = GPCONNECT / "terminology" / "interaction_ids.json"
    return json.loads(path.read_text())["interactions"] if path.exists() else []


def check(headers: dict, *offered: ssp.Interaction) -> ssp.Interaction:
    return ssp.check(headers, offered=offered or (ssp.READ_APPOINTMENT,), asid=ASID)


# ---------------------------------------------------------------- the table


@needs_shared
@pytest.mark.req(
    *(f"SSP-{number:03}" for number in range(20, 36)),
    *("JWT-060", "JWT-061", "JWT-062", "JWT-063", "ENA-012"),
)
@pytest.mark.parametrize(
    "row", published_interactions(), ids=lambda row: row["interactionId"].rpartition(":")[2]
)
def test_each_published_interaction_is_in_the_table(row):
    [interaction] = [each for each in INTERACTIONS if each.id == row["interactionId"]]

    assert interaction.name == row["useCase"]
    assert interaction.verb == row["verb"]
    assert interaction.path == row["path"].partition("?")[0]
    assert interaction.scope == row["scope"]
    assert interaction.is_command == (row["performanceClass"] == "command")
    assert interaction.success_status == row["successStatus"]
    switched = {"Foundations": ssp.FOUNDATIONS, "Appointment Management": ssp.APPOINTMENTS}
    expected = switched[row["capability"]] if row["subjectToEnablementSwitch"] else None
    assert interaction.capability == expected


@needs_shared
@pytest.mark.req("SSP-035")
def test_the_table_holds_nothing_else():
    published = [row["interactionId"] for row in published_interactions()]

    assert sorted(each.id for each in INTERACTIONS) == sorted(published)


# ---------------------------------------------------------------- the headers


def test_headers_in_order_name_the_interaction():
    assert check(HEADERS) is ssp.READ_APPOINTMENT


@pytest.mark.req("SSP-001", "SSP-002", "ERR-043")
@pytest.mark.parametrize("value", [None, "", "  "], ids=["absent", "empty", "blank"])
@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_absent_or_empty_is_refused_by_name(name, value):
    headers = {**HEADERS, name: value}
    if value is None:
        del headers[name]

    with pytest.raises(FHIRError) as refusal:
        check(headers)

    assert refusal.value.error.code == "BAD_REQUEST"
    assert name in refusal.value.diagnostics[0]


@pytest.mark.req("SSP-005", "SSP-006", "ERR-043")
@pytest.mark.parametrize("asid", ["200000000115", "20000000011", "2000000001166", "UNK"])
def test_another_asid_than_the_practices_is_refused(asid):
    with pytest.raises(FHIRError) as refusal:
        check({**HEADERS, "Ssp-To": asid})

    assert refusal.value.error.code == "BAD_REQUEST"
    assert "Ssp-To" in refusal.value.diagnostics[0]
    assert asid not in refusal.value.diagnostics[0]


def test_a_practice_without_an_asid_accepts_nobody():
    with pytest.raises(FHIRError):
        ssp.check(HEADERS, offered=(ssp.READ_APPOINTMENT,), asid="")


@pytest.mark.req("SSP-007", "SSP-008", "SSP-011", "ERR-045")
@pytest.mark.parametrize(
    "interaction_id",
    [
        *(each.id for each in INTERACTIONS if each is not ssp.READ_APPOINTMENT),
        ssp.READ_APPOINTMENT.id.upper(),
        ssp.READ_APPOINTMENT.id.removesuffix("-1"),
        ssp.READ_APPOINTMENT.id + "0",
        "urn:nhs:names:services:gpconnect:fhir:rest:read:slot-1",
        "nonsense",
    ],
)
def test_an_interaction_id_that_does_not_fit_is_refused(interaction_id):
    with pytest.raises(FHIRError) as refusal:
        check({**HEADERS, "Ssp-InteractionID": interaction_id})

    assert refusal.value.error.code == "BAD_REQUEST"
    assert "Ssp-InteractionID" in refusal.value.diagnostics[0]


@pytest.mark.req("SSP-012", "SSP-032", "SSP-033")
@pytest.mark.parametrize("interaction", [ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT])
def test_the_id_tells_an_amendment_from_a_cancellation(interaction):
    headers = {**HEADERS, "Ssp-InteractionID": interaction.id}

    assert check(headers, ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT) is interaction


# ---------------------------------------------------------------- through the URL


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("SSP-001", "SSP-007", "META-003")
@pytest.mark.parametrize("name", HEADERS)
def test_every_url_wants_the_headers(practice, name):
    response = Consumer(practice.organisation).read_metadata(headers={name: ABSENT})

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
    assert name in diagnostics(response)


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("SSP-008")
def test_header_names_are_read_in_any_case(practice):
    consumer = Consumer(practice.organisation)
    lower = {"ssp-to": practice.organisation.asid, "SSP-TRACEID": "1", "Ssp-To": ABSENT}

    assert consumer.read_metadata(headers={**lower, "Ssp-TraceID": ABSENT}).status_code == 200


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("SSP-003", "SSP-004", "SSP-009")
def test_trace_id_and_sender_are_recorded_whatever_their_form(practice):
    headers = {"Ssp-TraceID": "not-a-guid", "Ssp-From": "unheard of"}

    response = Consumer(practice.organisation).read_metadata(headers=headers)

    assert response.status_code == 200
    event = AuditEvent.objects.get()
    assert event.trace_id == "not-a-guid"
    assert event.detail["ssp_from"] == "unheard of"
    assert event.detail["ssp_to"] == practice.organisation.asid


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("GEN-008", "SSP-005", "SSP-006")
def test_the_asid_of_another_practice_does_not_lead_there(practice):
    other = make_organisation()

    response = Consumer(practice.organisation).read_metadata(headers={"Ssp-To": other.asid})

    assert response.status_code == 400
    assert AuditEvent.objects.get().organisation == practice.organisation


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
def test_a_client_that_knows_nothing_of_the_proxy_is_refused(practice):
    response = Client().get(f"/{practice.organisation.ods_code}/STU3/1/gpconnect/metadata")

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
