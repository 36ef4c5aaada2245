"""Read a location."""

from functools import partial

import pytest

from fhirapi import ssp
from practice import clock
from tests.fhirapi.answers import in_both_formats, resources, violations
from tests.shared import needs_shared
from workbench.consumer import as_dict, spine_code
from workbench.factories import make_location, make_organisation, make_schedule, make_slot

pytestmark = pytest.mark.django_db


@pytest.mark.req("LOC-001", "LOC-010", "LOC-011", "LOC-012", "LOC-013", "LOC-014", "LOC-034")
def test_a_location_is_read_with_all_that_a_patient_needs_to_find_it(practice, consumer):
    place = make_location(
        name="Chapel Branch",
        address_line_1="Chapel House",
        address_line_2="2 Chapel Road",
        city="Leeds",
        district="West Yorkshire",
        postal_code="LS7 4AA",
        telephone="0113 496 0007",
        email="chapel@example.nhs.uk",
    )

    response = consumer.read_location(place.pk)

    assert response["ETag"] == 'W/"1"'
    assert in_both_formats(partial(consumer.read_location, place.pk)) == {
        "resourceType": "Location",
        "id": str(place.pk),
        "meta": {
            "versionId": "1",
            "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Location-1"],
        },
        "status": "active",
        "name": "Chapel Branch",
        "telecom": [
            {"system": "phone", "value": "0113 496 0007", "use": "work"},
            {"system": "email", "value": "chapel@example.nhs.uk", "use": "work"},
        ],
        "address": {
            "use": "work",
            "line": ["Chapel House", "2 Chapel Road"],
            "city": "Leeds",
            "district": "West Yorkshire",
            "postalCode": "LS7 4AA",
        },
        "managingOrganization": {"reference": f"Organization/{practice.organisation.pk}"},
    }


@pytest.mark.req("LOC-015", "LOC-016", "LOC-018")
def test_what_is_not_to_be_sent_of_a_location_is_not_sent(practice, consumer):
    sent = as_dict(consumer.read_location(practice.location.pk))

    assert not sent.keys() & {"endpoint", "mode", "identifier"}


@needs_shared
@pytest.mark.req("LOC-010")
@pytest.mark.parametrize("held", ["all", "the least"])
def test_a_location_keeps_to_its_profile(practice, consumer, held):
    nothing = {"address_line_1": "", "city": "", "district": "", "postal_code": ""}
    nothing |= {"telephone": "", "email": ""}
    place = make_location(**(nothing if held == "the least" else {"country": "England"}))

    sent = as_dict(consumer.read_location(place.pk))

    assert violations(sent) == []
    assert ("address" in sent, "telecom" in sent) == ((held == "all"),) * 2


@pytest.mark.req("LOC-004", "LOC-017")
def test_a_closed_location_stays_readable_and_says_so(practice, consumer):
    place = make_location(status="inactive")

    sent = as_dict(consumer.read_location(place.pk))

    assert sent["status"] == "inactive"


@pytest.mark.req("LOC-030")
def test_every_surgery_of_a_practice_names_the_one_organisation(practice, consumer):
    branch = make_location()

    sent = [as_dict(consumer.read_location(pk)) for pk in (practice.location.pk, branch.pk)]

    managing = {each["managingOrganization"]["reference"] for each in sent}
    assert managing == {f"Organization/{practice.organisation.pk}"}


@pytest.mark.req("LOC-031", "GEN-014", "GEN-025")
def test_the_one_location_of_each_session_can_be_read(practice, consumer):
    """A branch is reached through the practice; its sessions name it by the id that is read."""
    branch = make_location(name="Chapel Branch")
    slots = [make_slot(make_schedule(location=place)) for place in (practice.location, branch)]
    day = clock.local(slots[0].start).date()
    query = {"status": "free", "start": f"ge{day}", "end": f"le{day}", "_include": "Slot:schedule"}

    found = resources(as_dict(consumer.search_slots(query)))

    actors = [each["actor"] for each in found if each["resourceType"] == "Schedule"]
    named = [
        [actor["reference"] for actor in each if actor["reference"].startswith("Location/")]
        for each in actors
    ]
    assert sorted(named) == sorted(
        [[f"Location/{practice.location.pk}"], [f"Location/{branch.pk}"]]
    )
    sent = as_dict(consumer.read_location(branch.pk))
    assert sent["name"] == "Chapel Branch"


@pytest.mark.req("LOC-032")
def test_a_room_is_a_location_with_the_address_that_a_patient_needs(practice, consumer):
    room = make_location(name="Room 3, first floor", address_line_1="Village Hall")

    sent = as_dict(consumer.read_location(room.pk))

    assert sent["name"] == "Room 3, first floor"
    assert sent["address"]["line"] == ["Village Hall"]


@pytest.mark.req("LOC-035")
def test_the_organisation_names_its_main_surgery(practice, consumer):
    make_location()

    sent = as_dict(consumer.read_organisation(practice.organisation.pk))

    assert sent["extension"][0]["url"].endswith("/Extension-CareConnect-GPC-MainLocation-1")
    reference = sent["extension"][0]["valueReference"]["reference"]
    assert reference == f"Location/{practice.location.pk}"


@pytest.mark.req("LOC-002")
@pytest.mark.parametrize(
    "pk", ["", "0", "-1", "007", "1.0", "null", "99999999", str(2**63), "1%00", "%D9%A1"]
)
def test_an_unknown_or_impossible_id_is_no_record(consumer, pk):
    response = consumer.read_location(pk)

    assert (response.status_code, spine_code(response)) == (404, "NO_RECORD_FOUND")


@pytest.mark.req("LOC-002")
def test_a_location_of_another_practice_is_no_record(consumer):
    elsewhere = make_location(make_organisation())

    response = consumer.read_location(elsewhere.pk)

    assert (response.status_code, spine_code(response)) == (404, "NO_RECORD_FOUND")


@pytest.mark.req("LOC-003")
@pytest.mark.parametrize("query", ["", "identifier=https://fhir.nhs.uk/Id/ods-site-code|A1"])
def test_there_is_no_search_for_locations(practice, consumer, query):
    response = consumer.send(ssp.READ_LOCATION, "/Location", query=query)

    assert (response.status_code, spine_code(response)) == (501, "NOT_IMPLEMENTED")


def test_reading_a_location_takes_one_query_beside_the_guards_and_the_trail(
    practice, consumer, django_assert_num_queries
):
    with django_assert_num_queries(3):  # practice, location, audit trail
        consumer.read_location(practice.location.pk)
