"""Service filtering as a consumer meets it: GP Connect 1.2.8, once it is switched on."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fhirapi import ssp
from fhirapi.resources.common import DOS_SERVICE_ID, SERVICE_FILTERING_STATUS
from practice import clock
from practice.models import Organisation, Schedule
from practice.services.service_filtering import turn_supplier_switch
from tests.fhirapi.answers import in_both_formats, resources
from workbench.bodies import appointment_body, cancelled, participant
from workbench.consumer import Consumer, as_dict, diagnostics, spine_code
from workbench.factories import (
    filter_by_service,
    make_actor,
    make_appointment,
    make_healthcare_service,
    make_organisation,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db

TODAY = clock.today(timezone.now())
HEALTHCARE_SERVICE = "Schedule:actor:HealthcareService"


@pytest.fixture
def hub(practice):
    """A service of the practice, which filters by service."""
    service = make_healthcare_service(service_id="1000123", name="The Trevelyan GP Hub")
    filter_by_service(practice.organisation)
    practice.organisation.refresh_from_db()
    return service


@pytest.fixture
def diary(practice, hub):
    """Two sessions of tomorrow: one of the hub, one of no service; two slots each."""
    of_hub, of_none = make_schedule(healthcare_service=hub), make_schedule()
    return of_hub, make_slots(2, of_hub), of_none, make_slots(2, of_none)


def query(*, service="", recurse=(), **changes):
    sent = {
        "status": "free",
        "start": f"ge{TODAY}",
        "end": f"le{TODAY + timedelta(days=3)}",
        "_include": "Slot:schedule",
        **({"_include:recurse": list(recurse)} if recurse else {}),
        **({"service.identifier": service} if service else {}),
    }
    return {**sent, **changes}


def token(service) -> str:
    return f"{DOS_SERVICE_ID}|{getattr(service, 'service_id', service)}"


def search(consumer, **asked):
    return in_both_formats(partial(consumer.search_slots, query(**asked)))


def of_type(bundle, kind):
    return [each for each in resources(bundle) if each["resourceType"] == kind]


def slots_in(bundle):
    return {int(each["id"]) for each in of_type(bundle, "Slot")}


def pks(slots):
    return {slot.pk for slot in slots}


def status_in(bundle):
    told = bundle.get("meta", {}).get("extension", [])
    return [each["valueCode"] for each in told if each["url"] == SERVICE_FILTERING_STATUS]


def turn(state, *ods_codes):
    turn_supplier_switch(state=state, ods_codes=ods_codes, actor=make_actor(), now=timezone.now())


# ---------------------------------------------------------------- the search


@pytest.mark.req("SF-020", "SF-021")
def test_only_slots_of_the_service_asked_for_are_found(consumer, hub, diary):
    of_hub, slots, _, others = diary

    assert slots_in(search(consumer, service=token(hub))) == pks(slots)
    assert slots_in(search(consumer)) == pks(slots) | pks(others), "nothing was asked for"


@pytest.mark.req("SF-021")
def test_a_service_without_a_session_is_found_empty(consumer, hub, diary):
    branch = make_healthcare_service()

    found = search(consumer, service=token(branch))

    assert resources(found) == []
    assert status_in(found) == ["enabled"]


@pytest.mark.req("SF-022")
@pytest.mark.parametrize("service", ["|".join(("https://other.example", "1000123")), token("9")])
def test_what_is_no_service_here_is_not_found(consumer, hub, diary, service):
    make_healthcare_service(make_organisation(), service_id="9")

    refused = consumer.search_slots(query(service=service))

    assert (refused.status_code, spine_code(refused)) == (404, "NO_RECORD_FOUND")
    assert "service.identifier" in diagnostics(refused)


@pytest.mark.req("SF-020", "SF-028")
@pytest.mark.parametrize(
    "service", ["1000123", f"{DOS_SERVICE_ID}|", "|1000123", ["a|1", "a|2"]], ids=str
)
def test_a_service_that_is_no_token_is_refused(consumer, hub, service):
    refused = consumer.search_slots(query(service=service))

    assert (refused.status_code, spine_code(refused)) == (422, "INVALID_PARAMETER")


@pytest.mark.req("SF-020", "SF-024", "SF-030")
def test_sessions_name_their_service_which_is_included_once_and_only_if_asked_for(
    consumer, practice, hub, diary
):
    of_hub, _, of_none, _ = diary
    make_slots(1, make_schedule(healthcare_service=hub, session_holder=None))

    found = search(consumer, recurse=[HEALTHCARE_SERVICE])

    actors = {int(each["id"]): each["actor"] for each in of_type(found, "Schedule")}
    assert actors[of_hub.pk] == [
        {"reference": f"Location/{of_hub.location_id}"},
        {"reference": f"Practitioner/{of_hub.session_holder_id}"},
        {"reference": f"HealthcareService/{hub.pk}"},
    ]
    assert len(actors[of_none.pk]) == 2
    assert {len(each) for pk, each in actors.items() if pk not in (of_hub.pk, of_none.pk)} == {2}
    assert of_type(found, "HealthcareService") == [
        {
            "resourceType": "HealthcareService",
            "id": str(hub.pk),
            "meta": {
                "versionId": "1",
                "profile": [
                    "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-HealthcareService-1"
                ],
            },
            "identifier": [{"system": DOS_SERVICE_ID, "value": "1000123"}],
            "providedBy": {"reference": f"Organization/{practice.organisation.pk}"},
            "name": "The Trevelyan GP Hub",
        }
    ]
    assert of_type(search(consumer), "HealthcareService") == []
    assert of_type(search(consumer), "Schedule"), "they name it all the same"


@pytest.mark.req("SF-023", "SF-025")
def test_with_the_practices_switch_off_both_parameters_are_ignored_and_that_is_said(
    consumer, practice, hub, diary
):
    _, slots, _, others = diary
    filter_by_service(practice.organisation, on=False)

    for service in (token(hub), token("404"), "nonsense"):
        found = search(consumer, service=service, recurse=[HEALTHCARE_SERVICE])

        assert slots_in(found) == pks(slots) | pks(others)
        assert "HealthcareService" not in str(found)
        assert status_in(found) == ["organization-disabled"]


@pytest.mark.req("SF-003", "SF-025")
def test_the_status_is_said_only_when_a_service_is_asked_for(consumer, practice, hub, diary):
    ods_code = practice.organisation.ods_code
    assert status_in(search(consumer, service=token(hub))) == ["enabled"]
    assert "meta" not in search(consumer)

    turn("selected", make_organisation().ods_code)
    assert status_in(search(consumer, service=token(hub))) == ["supplier-disabled"]
    turn("selected", ods_code)
    assert status_in(search(consumer, service=token(hub))) == ["enabled"]
    turn("off")
    assert "meta" not in search(consumer, service=token(hub)), "1.2.7 knows no such thing"

    empty = {"start": f"ge{TODAY + timedelta(days=60)}", "end": f"le{TODAY + timedelta(days=61)}"}
    turn("on")
    assert status_in(search(consumer, service=token(hub), **empty)) == ["enabled"]


def test_the_search_asks_two_questions_more_however_many_services_there_are(
    consumer, practice, hub, diary
):
    """One finds the service, one says which session is of which."""
    asked = query(service=token(hub), recurse=[HEALTHCARE_SERVICE])

    def questions():
        consumer.search_slots(asked)  # what is made once is made
        with CaptureQueriesContext(connection) as found:
            consumer.search_slots(asked)
        return len(found)

    filter_by_service(practice.organisation, on=False)
    before = questions()
    filter_by_service(practice.organisation)
    for _ in range(3):
        make_slots(2, make_schedule(healthcare_service=hub))
    assert questions() == before + 2


# ---------------------------------------------------------------- appointments


def services_of(resource) -> list[str]:
    references = [each["actor"]["reference"] for each in resource["participant"]]
    return [each for each in references if each.startswith("HealthcareService/")]


@pytest.mark.req("SF-026")
def test_every_answer_with_an_appointment_names_its_service(consumer, practice, hub, diary):
    _, slots, *_ = diary
    expected = [f"HealthcareService/{hub.pk}"]

    booked = consumer.book(appointment_body(slots=slots[:1], patient=practice.patient))
    resource = as_dict(booked)
    assert (booked.status_code, services_of(resource)) == (201, expected)
    read = consumer.read_appointment(resource["id"])
    assert services_of(as_dict(read)) == expected
    last = str(TODAY + timedelta(days=3))
    retrieved = in_both_formats(partial(consumer.retrieve, practice.patient.pk, str(TODAY), last))
    assert [services_of(each) for each in resources(retrieved)] == [expected]
    amended = consumer.amend(resource["id"], {**as_dict(read), "comment": "By taxi."})
    assert services_of(as_dict(amended)) == expected
    gone = consumer.cancel(resource["id"], cancelled(as_dict(amended)))
    assert (gone.status_code, services_of(as_dict(gone))) == (200, expected)


@pytest.mark.req("SF-023", "SF-026")
def test_with_the_switch_off_or_no_service_no_appointment_names_one(consumer, practice, hub, diary):
    _, slots, _, others = diary
    unlinked = consumer.book(appointment_body(slots=others[:1], patient=practice.patient))
    assert services_of(as_dict(unlinked)) == []
    filter_by_service(practice.organisation, on=False)
    booked = consumer.book(appointment_body(slots=slots[:1], patient=practice.patient))
    assert services_of(as_dict(booked)) == []


@pytest.mark.req("SF-026")
def test_a_consumer_of_1_2_7_may_leave_the_service_out_when_it_amends(
    consumer, practice, hub, diary
):
    _, slots, *_ = diary
    resource = as_dict(consumer.book(appointment_body(slots=slots[:1], patient=practice.patient)))
    known = ("Patient/", "Location/", "Practitioner/")
    without = [
        each for each in resource["participant"] if each["actor"]["reference"].startswith(known)
    ]
    other = [*without, participant(f"HealthcareService/{hub.pk + 1}")]

    assert consumer.amend(resource["id"], {**resource, "participant": without}).status_code == 200
    refused = consumer.amend(resource["id"], {**resource, "participant": other})
    assert spine_code(refused) == "INVALID_RESOURCE"


@pytest.mark.req("SF-026")
def test_a_booking_may_name_the_service_of_its_session_and_no_other(consumer, practice, hub, diary):
    _, slots, *_ = diary
    other = make_healthcare_service()

    def book(pk):
        body = appointment_body(slots=slots[:1], patient=practice.patient)
        named = participant(f"HealthcareService/{pk}")
        return consumer.book({**body, "participant": [*body["participant"], named]})

    assert spine_code(book(other.pk)) == "INVALID_RESOURCE"
    assert spine_code(book(other.pk + 1)) == "REFERENCE_NOT_FOUND"
    assert book(hub.pk).status_code == 201


@pytest.mark.req("SF-026")
def test_what_comes_or_goes_with_a_switch_is_a_new_version(consumer, practice, hub, diary):
    """A consumer that holds a copy learns that it is old (GEN-032)."""
    of_hub, slots, of_none, others = diary
    linked = make_appointment(slots[:1], practice.patient)
    unlinked = make_appointment(others[:1], practice.patient)
    before = linked.version, unlinked.version, Schedule.objects.get(pk=of_hub.pk).version

    turn("off")

    linked.refresh_from_db()
    unlinked.refresh_from_db()
    after = linked.version, unlinked.version, Schedule.objects.get(pk=of_hub.pk).version
    assert after == (before[0] + 1, before[1], before[2] + 1)


# ---------------------------------------------------------------- the services themselves


def find(consumer, service=None, **given):
    asked = {"identifier": service} if service else ""
    return consumer.send(ssp.FIND_SERVICE, query=asked, **given)


def read(consumer, pk, **given):
    return consumer.send(ssp.READ_SERVICE, f"/HealthcareService/{pk}", **given)


@pytest.mark.req("SF-027", "SF-030")
def test_services_are_found_by_their_number_or_all_of_them(consumer, hub):
    other = make_healthcare_service()
    make_healthcare_service(make_organisation(), service_id="77")

    found = resources(in_both_formats(partial(find, consumer)))
    assert [each["id"] for each in found] == [str(hub.pk), str(other.pk)]
    found = resources(in_both_formats(partial(find, consumer, token(hub))))
    assert [each["name"] for each in found] == ["The Trevelyan GP Hub"]
    assert resources(in_both_formats(partial(find, consumer, token("77")))) == []


@pytest.mark.req("SF-027", "SF-030")
def test_a_service_is_read_with_its_version(consumer, hub):
    answer = read(consumer, hub.pk)

    assert (answer.status_code, answer["ETag"]) == (200, 'W/"1"')
    assert in_both_formats(partial(read, consumer, hub.pk))["name"] == "The Trevelyan GP Hub"
    here = f"/HealthcareService/{hub.pk}/_history"
    assert consumer.send(ssp.READ_SERVICE, f"{here}/1").status_code == 200
    assert spine_code(consumer.send(ssp.READ_SERVICE, f"{here}/2")) == "NO_RECORD_FOUND"


@pytest.mark.req("SF-028")
def test_what_cannot_be_answered_about_services_is_refused_as_the_pages_say(
    consumer, practice, hub
):
    foreign = make_healthcare_service(make_organisation())
    for pk in (foreign.pk, hub.pk + 1000, "x"):
        refused = read(consumer, pk)
        assert (refused.status_code, spine_code(refused)) == (404, "NO_RECORD_FOUND")
    for service in ("1000123", f"{DOS_SERVICE_ID}|", "|1"):
        refused = find(consumer, service)
        assert (refused.status_code, spine_code(refused)) == (422, "INVALID_PARAMETER")
    refused = consumer.send(ssp.FIND_SERVICE, verb="POST", body=b"{}")
    assert (refused.status_code, refused["Allow"]) == (400, "GET")
    Organisation.objects.filter(pk=practice.organisation.pk).update(gp_connect_enabled=False)
    for refused in (find(consumer), read(consumer, hub.pk)):
        assert (refused.status_code, spine_code(refused)) == (403, "ACCESS_DENIED")


@pytest.mark.req("SF-029")
def test_with_the_practices_switch_off_there_is_no_service(consumer, practice, hub):
    filter_by_service(practice.organisation, on=False)

    assert resources(as_dict(find(consumer))) == []
    assert resources(as_dict(find(consumer, token(hub)))) == []
    assert spine_code(read(consumer, hub.pk)) == "NO_RECORD_FOUND"


@pytest.mark.req("SF-003", "SF-027", "SF-029")
def test_where_the_supplier_has_it_off_these_addresses_are_none(consumer, hub):
    turn("selected")
    assert resources(as_dict(find(consumer))) == [], "1.2.8 is spoken, and the list is empty"
    turn("off")
    assert find(consumer).status_code == 501
    assert read(consumer, hub.pk).status_code == 501


# ---------------------------------------------------------------- the capability statement


def statement(consumer):
    return in_both_formats(consumer.read_metadata)


def offered(statement, kind):
    kinds = {each["type"]: each for each in statement["rest"][0]["resource"]}
    return kinds.get(kind)


@pytest.mark.req("SF-031")
def test_the_statement_tells_of_1_2_8_and_how_the_switches_stand(consumer, practice, hub):
    told = statement(consumer)
    assert told["version"] == "1.2.8"
    assert told["description"] == "This server implements the GP Connect API version 1.2.8"
    slot, service = offered(told, "Slot"), offered(told, "HealthcareService")
    assert HEALTHCARE_SERVICE in slot["searchInclude"]
    [parameter] = [p for p in slot["searchParam"] if p["name"] == "service.identifier"]
    assert parameter["definition"].endswith("GPConnect-Slot-ServiceIdentifier-1")
    assert [each["code"] for each in service["interaction"]] == ["search-type", "read"]
    assert [each["name"] for each in service["searchParam"]] == ["identifier"]
    assert status_in({"meta": told}) == ["enabled"]

    filter_by_service(practice.organisation, on=False)
    told = statement(consumer)
    assert status_in({"meta": told}) == ["organization-disabled"]
    assert offered(told, "Slot") == slot, "always there"

    turn("selected")
    told = statement(consumer)
    assert status_in({"meta": told}) == ["supplier-disabled"]
    assert offered(told, "HealthcareService") == service


@pytest.mark.req("SF-031", "SF-001")
def test_with_the_suppliers_switch_off_the_statement_is_that_of_1_2_7(consumer, hub):
    turn("off")

    told = statement(consumer)

    assert told["version"] == "1.2.7"
    assert "HealthcareService" not in str(told)
    assert "extension" not in told


@pytest.mark.req("SF-003")
def test_a_neighbour_that_filters_changes_nothing_here(practice, consumer, hub):
    elsewhere = make_organisation()
    filter_by_service(practice.organisation, on=False)
    filter_by_service(elsewhere)
    theirs = make_healthcare_service(elsewhere)

    assert resources(as_dict(find(consumer))) == []
    assert [each["id"] for each in resources(as_dict(find(Consumer(elsewhere))))] == [
        str(theirs.pk)
    ]
