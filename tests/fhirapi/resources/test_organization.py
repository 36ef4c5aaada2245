"""Find an organisation, read an organisation."""

from functools import partial

import pytest

from tests.fhirapi.answers import in_both_formats, resources, violations
from tests.shared import needs_shared
from workbench.consumer import as_dict, spine_code
from workbench.factories import make_location, make_organisation

pytestmark = pytest.mark.django_db

SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"


def rendered(organisation, main_location) -> dict:
    return {
        "resourceType": "Organization",
        "id": str(organisation.pk),
        "meta": {
            "versionId": "1",
            "profile": [
                "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Organization-1"
            ],
        },
        "extension": [
            {
                "url": "https://fhir.nhs.uk/STU3/StructureDefinition/"
                "Extension-CareConnect-GPC-MainLocation-1",
                "valueReference": {"reference": f"Location/{main_location.pk}"},
            }
        ],
        "identifier": [{"system": SYSTEM, "value": organisation.ods_code}],
        "type": [
            {
                "coding": [
                    {
                        "system": "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1",
                        "code": "gp-practice",
                        "display": "GP Practice",
                    }
                ]
            }
        ],
        "name": organisation.name,
        "telecom": [
            {"system": "phone", "value": organisation.telephone, "use": "work"},
            {"system": "email", "value": organisation.email, "use": "work"},
        ],
        "address": [
            {
                "use": "work",
                "line": [organisation.address_line_1],
                "city": "Leeds",
                "district": "West Yorkshire",
                "postalCode": "LS1 6AE",
            }
        ],
    }


@pytest.mark.req("ORG-001", "ORG-007", "ORG-010", "ORG-020", "ORG-021", "ORG-022", "ORG-023")
def test_the_practice_is_found_by_its_own_ods_code(practice, consumer):
    find = partial(consumer.find_organisation, practice.organisation.ods_code)

    found = resources(in_both_formats(find))

    assert "ETag" not in find()
    assert found == [rendered(practice.organisation, practice.location)]


@pytest.mark.req("ORG-008")
def test_the_practice_is_read_by_its_id(practice, consumer):
    read = partial(consumer.read_organisation, practice.organisation.pk)

    assert in_both_formats(read) == rendered(practice.organisation, practice.location)
    assert read()["ETag"] == 'W/"1"'


@pytest.mark.req("ORG-024", "ORG-025", "ORG-026", "ORG-027")
def test_what_is_not_to_be_sent_of_an_organisation_is_not_sent(practice, consumer):
    sent = as_dict(consumer.read_organisation(practice.organisation.pk))

    assert not sent.keys() & {"contact", "endpoint"}
    assert len(sent["type"]) == 1
    assert sent["name"]
    assert {each["use"] for each in [*sent["telecom"], *sent["address"]]} == {"work"}


@needs_shared
@pytest.mark.req("ORG-020")
@pytest.mark.parametrize("held", ["all", "the least"])
def test_an_organisation_keeps_to_its_profile(practice, consumer, held):
    if held == "the least":
        nothing = ("address_line_1", "city", "district", "postal_code", "telephone", "email")
        for name in nothing:
            setattr(practice.organisation, name, "")
        practice.organisation.save()
        practice.organisation.locations.update(is_main=False)

    sent = as_dict(consumer.read_organisation(practice.organisation.pk))

    assert violations(sent) == []
    assert ("address" in sent, "telecom" in sent, "extension" in sent) == ((held == "all"),) * 3


@pytest.mark.req("ORG-006")
def test_no_match_is_an_empty_bundle(practice, consumer):
    make_organisation(ods_code="Z99999")

    for ods_code in ("Z99999", "NOBODY", practice.organisation.ods_code.lower()):
        assert resources(in_both_formats(partial(consumer.find_organisation, ods_code))) == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param("", 400, "BAD_REQUEST", marks=pytest.mark.req("ORG-002"), id="ORG-002"),
        pytest.param(
            f"identifier={SYSTEM}|A1&identifier={SYSTEM}|A1",
            *(400, "BAD_REQUEST"),
            marks=pytest.mark.req("ORG-002"),
            id="ORG-002 repeated",
        ),
        pytest.param(
            "identifier=A1",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("ORG-003"),
            id="ORG-003 no pipe",
        ),
        pytest.param(
            f"identifier={SYSTEM}|",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("ORG-003"),
            id="ORG-003 no value",
        ),
        pytest.param(
            "identifier=|A1",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("ORG-004", "DEC-066"),
            id="ORG-004 empty",
        ),
        pytest.param(
            "identifier=https://fhir.nhs.uk/Id/ods-site-code|A1",
            *(400, "INVALID_IDENTIFIER_SYSTEM"),
            marks=pytest.mark.req("ORG-004"),
            id="ORG-004 unsupported",
        ),
        pytest.param(
            f"identifier={SYSTEM}|A1-2",
            *(400, "INVALID_IDENTIFIER_VALUE"),
            marks=pytest.mark.req("ORG-005"),
            id="ORG-005",
        ),
    ],
)
def test_a_find_without_a_proper_identifier_is_refused(consumer, query, status, code):
    response = consumer.find_organisation("", query=query)

    assert (response.status_code, spine_code(response)) == (status, code)


@pytest.mark.req("ORG-009")
@pytest.mark.parametrize("pk", ["", "0", "-1", "007", "null", "99999999", str(2**63)])
def test_an_unknown_or_impossible_id_is_no_organisation(consumer, pk):
    response = consumer.read_organisation(pk)

    assert (response.status_code, spine_code(response)) == (404, "ORGANISATION_NOT_FOUND")


@pytest.mark.req("ORG-009")
def test_another_practice_is_not_read_through_this_one(consumer):
    elsewhere = make_organisation()
    make_location(elsewhere)

    response = consumer.read_organisation(elsewhere.pk)

    assert (response.status_code, spine_code(response)) == (404, "ORGANISATION_NOT_FOUND")


def test_an_organisation_takes_one_query_beside_the_guards_and_the_trail(
    practice, consumer, django_assert_num_queries
):
    make_location()
    with django_assert_num_queries(3):  # practice, organisation, audit trail
        consumer.read_organisation(practice.organisation.pk)
    with django_assert_num_queries(3):
        consumer.find_organisation(practice.organisation.ods_code)
