"""Rules that no single interaction owns, each seen where several of them meet."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.models import Appointment, Organisation
from practice.services.appointments import changing
from practice.services.audit.recording import Actor
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import as_dict, spine_code
from workbench.factories import make_access_profile, make_appointment, make_patient, make_slots

pytestmark = pytest.mark.django_db

TODAY = clock.today(timezone.now())
SEARCH = {
    "status": "free",
    "start": f"ge{TODAY}",
    "end": f"le{TODAY + timedelta(days=14)}",
    "_include": "Slot:schedule",
}


def without(name: str) -> dict:
    return {key: value for key, value in SEARCH.items() if key != name}


def slots_in(response) -> list[str]:
    resources = [entry["resource"] for entry in as_dict(response).get("entry", [])]
    return [each["id"] for each in resources if each["resourceType"] == "Slot"]


@pytest.mark.req("ERR-046", "ERR-050")
@pytest.mark.parametrize("name", SEARCH)
def test_a_parameter_that_is_missing_is_another_fault_than_one_that_is_wrong(consumer, name):
    missing = consumer.search_slots(without(name))
    wrong = consumer.search_slots({**SEARCH, name: "nonsense"})

    assert (missing.status_code, spine_code(missing)) == (400, "BAD_REQUEST")
    if name == "_include":  # a value that is not understood is ignored, and so it is missing
        assert (wrong.status_code, spine_code(wrong)) == (400, "BAD_REQUEST")
    else:
        assert (wrong.status_code, spine_code(wrong)) == (422, "INVALID_PARAMETER")


@pytest.mark.req("ERR-046", "ERR-050")
@pytest.mark.parametrize(
    "find", ["find_patient", "find_practitioner", "find_organisation"], ids=lambda name: name
)
def test_an_identifier_that_is_missing_is_another_fault_than_one_that_is_wrong(consumer, find):
    missing = getattr(consumer, find)("", query={})
    wrong = getattr(consumer, find)("", query={"identifier": "nonsense"})

    assert (missing.status_code, spine_code(missing)) == (400, "BAD_REQUEST")
    assert (wrong.status_code, spine_code(wrong)) == (422, "INVALID_PARAMETER")


@pytest.mark.req("ERR-053", "GEN-026")
@pytest.mark.parametrize("kind", ["Patient", "Location", "Practitioner", "Slot"])
def test_what_a_booking_refers_to_must_exist_here(practice, consumer, kind):
    body = appointment_body(slots=make_slots(1), patient=practice.patient)
    nobody = {"reference": f"{kind}/999999"}
    if kind == "Slot":
        body["slot"] = [nobody]
    else:
        others = [p for p in body["participant"] if kind not in p["actor"]["reference"]]
        body["participant"] = [*others, {"actor": nobody, "status": "accepted"}]

    response = consumer.book(body)

    assert (response.status_code, spine_code(response)) == (422, "REFERENCE_NOT_FOUND")
    assert not Appointment.objects.exists()


@pytest.mark.req("JWT-071", "AUD-030", "AUD-031")
def test_every_change_keeps_who_made_it_for_whom_and_with_what(practice, consumer):
    booked = as_dict(consumer.book(appointment_body(slots=make_slots(1), patient=practice.patient)))
    amended = as_dict(consumer.amend(booked["id"], {**booked, "description": "Worse."}))
    consumer.cancel(booked["id"], cancelled(amended))

    entries = Appointment.objects.get().provenance

    assert [entry["action"] for entry in entries] == ["booked", "amended", "cancelled"]
    for entry in entries:
        assert (entry["door"], entry["user_id"]) == ("gp-connect", "111222333444")
        assert entry["name"] == "Dr Claire Jones"
        assert entry["organisation"] == "Test Hospital (A1001)"
        assert "Consumer product 5.3.0" in entry["device"]


@pytest.mark.req("JWT-072")
def test_who_may_see_a_slot_is_asked_of_the_search_and_not_of_the_token(practice, consumer):
    """The token's organisation is A1001; a profile that admits A1001 alone is not opened by it."""
    make_slots(1, access_profile=make_access_profile(ods_codes=["A1001"]))
    by_filter = {**SEARCH, "searchFilter": "https://fhir.nhs.uk/Id/ods-organization-code|A1001"}

    assert slots_in(consumer.search_slots(SEARCH)) == []
    assert len(slots_in(consumer.search_slots(by_filter))) == 1


@pytest.mark.req("ENA-015")
def test_what_was_booked_from_outside_stays_when_the_switch_is_turned_off(practice, consumer):
    body = appointment_body(slots=make_slots(1), patient=practice.patient)
    pk = int(as_dict(consumer.book(body))["id"])
    Organisation.objects.update(gp_connect_enabled=False)
    staff = {
        "actor": Actor(door="staff", user_id="rita", name="Rita Reception"),
        "now": timezone.now(),
    }

    locked = changing.appointment_for_change(
        organisation=practice.organisation, appointment_id=pk, **staff
    )
    ended = changing.cancel_appointment(appointment=locked, reason="Rang to say so.", **staff)

    assert ended.status == "cancelled"
    assert consumer.read_appointment(pk).status_code == 403


@pytest.mark.req("ENA-014", "GEN-063", "META-002")
def test_the_capability_statement_says_what_the_software_can_whatever_the_switches(consumer):
    on = as_dict(consumer.read_metadata())
    Organisation.objects.update(gp_connect_enabled=False, appointment_management_enabled=False)
    off = as_dict(consumer.read_metadata())

    assert on == off
    assert on["format"] == ["application/fhir+json", "application/fhir+xml"]


@pytest.mark.req("SSP-010", "SSP-055", "GEN-025")
def test_every_reference_of_a_search_resolves_below_the_service_root_that_was_asked(
    practice, consumer
):
    """The proxy's own prefix never shows, and one base serves every interaction."""
    make_slots(1)
    recursive = ["Schedule:actor:Practitioner", "Schedule:actor:Location"]
    found = as_dict(consumer.search_slots({**SEARCH, "_include:recurse": recursive}))
    resources = [entry["resource"] for entry in found["entry"]]
    schedule = next(each for each in resources if each["resourceType"] == "Schedule")
    location = next(each for each in resources if each["resourceType"] == "Location")
    readers = {
        "Practitioner": consumer.read_practitioner,
        "Location": consumer.read_location,
        "Organization": consumer.read_organisation,
    }

    for reference in (*schedule["actor"], location["managingOrganization"]):
        kind, pk = reference["reference"].split("/")
        assert as_dict(readers[kind](pk))["id"] == pk

    booked = consumer.book(appointment_body(slots=make_slots(1), patient=practice.patient))
    assert booked["Location"].startswith(f"http://testserver{consumer.base}/Appointment/")


@pytest.mark.req("SSP-056", "SSP-052")
def test_a_practice_holds_what_the_proxy_knows_it_by(practice, consumer):
    organisation = practice.organisation

    assert (organisation.ods_code, organisation.asid) == (
        consumer.base.split("/")[1],
        consumer.organisation.asid,
    )
    for switch in ("gp_connect_enabled", "appointment_management_enabled"):
        assert Organisation._meta.get_field(switch).default is False


@pytest.mark.req("GEN-022")
def test_business_identifiers_are_no_logical_ids(practice, consumer):
    patient = make_patient()

    assert consumer.read_patient(patient.nhs_number).status_code == 404
    assert consumer.read_organisation(practice.organisation.ods_code).status_code == 404
    assert consumer.read_practitioner(practice.practitioner.sds_user_id).status_code == 404


@pytest.mark.req("GEN-080")
def test_no_answer_carries_headers_beyond_those_of_http_and_fhir(practice, consumer):
    appointment = make_appointment(slots=make_slots(1), patient=practice.patient)

    headers = {name.lower() for name in consumer.read_appointment(appointment.pk).headers}

    assert not [name for name in headers if name.startswith(("ssp-", "x-ssp"))]
    assert headers >= {"content-type", "content-length", "cache-control", "etag"}


@pytest.mark.req("GEN-161", "GEN-163")
def test_no_flag_of_ours_stands_between_an_organisation_and_an_active_patient(practice, consumer):
    """There is no dissent flag and no list of organisations: the proxy upholds the agreements."""
    stranger = {"requesting_organization": {**organisation_claim(), "name": "Never heard of"}}

    response = consumer.read_patient(practice.patient.pk, claims=stranger)

    assert response.status_code == 200


def organisation_claim() -> dict:
    return {
        "resourceType": "Organization",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Q9Q"}],
    }


@pytest.mark.req("GEN-142", "GEN-137")
def test_an_address_is_sent_in_its_parts_and_never_as_one_text(practice, consumer):
    location = as_dict(consumer.read_location(practice.location.pk))
    patient = as_dict(consumer.read_patient(practice.patient.pk))

    for address in (location["address"], *patient["address"]):
        assert "text" not in address
        assert {"line", "city", "postalCode"} <= address.keys()
