"""Find a practitioner, read a practitioner."""

from functools import partial

import pytest

from practice.models import Practitioner
from tests.fhirapi.answers import in_both_formats, resources, violations
from tests.shared import needs_shared
from workbench.consumer import as_dict, spine_code
from workbench.factories import make_organisation, make_practitioner, make_schedule

pytestmark = pytest.mark.django_db

SYSTEM = "https://fhir.nhs.uk/Id/sds-user-id"
ROLE_PROFILE = "https://fhir.nhs.uk/Id/sds-role-profile-id"
STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"


def speaks(code: str, display: str) -> dict:
    coding = {
        "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-HumanLanguage-1",
        "code": code,
        "display": display,
    }
    return {
        "url": f"{STRUCTURES}/Extension-CareConnect-GPC-NHSCommunication-1",
        "extension": [{"url": "language", "valueCodeableConcept": {"coding": [coding]}}],
    }


@pytest.fixture
def clinician(practice) -> Practitioner:
    """Somebody of whom everything is known, with a role elsewhere too and one that has ended."""
    found = make_practitioner(
        sds_user_id="G13579135",
        prefix="Dr",
        given_names="Ada Jane",
        family_name="Specimen",
        languages=["en", "cy"],
    )
    organisation = practice.organisation
    found.roles.update(sds_role_profile_id="PT1001")
    found.roles.create(organisation=organisation, role="R0270", sds_role_profile_id="PT1002")
    found.roles.create(
        organisation=organisation, role="R0600", sds_role_profile_id="PT1003", active=False
    )
    found.roles.create(organisation=make_organisation(), role="R0260", sds_role_profile_id="PT2001")
    return found


def rendered(clinician: Practitioner) -> dict:
    return {
        "resourceType": "Practitioner",
        "id": str(clinician.pk),
        "meta": {
            "versionId": "1",
            "profile": [f"{STRUCTURES}/CareConnect-GPC-Practitioner-1"],
        },
        "extension": [speaks("en", "English"), speaks("cy", "Welsh")],
        "identifier": [
            {"system": SYSTEM, "value": "G13579135"},
            {"system": ROLE_PROFILE, "value": "PT1001"},
            {"system": ROLE_PROFILE, "value": "PT1002"},
        ],
        "active": True,
        "name": [{"family": "Specimen", "given": ["Ada", "Jane"], "prefix": ["Dr"]}],
        "gender": "female",
    }


@pytest.mark.req("PRAC-001", "PRAC-007", "PRAC-020", "PRAC-021", "PRAC-022", "PRAC-023")
def test_a_practitioner_is_found_by_sds_user_id(clinician, consumer):
    find = partial(consumer.find_practitioner, "G13579135")

    found = resources(in_both_formats(find))

    assert "ETag" not in find()
    assert found == [rendered(clinician)]


@pytest.mark.req("PRAC-008", "PRAC-024", "PRAC-025", "PRAC-029")
def test_a_practitioner_is_read_by_id(clinician, consumer):
    read = partial(consumer.read_practitioner, clinician.pk)

    assert in_both_formats(read) == rendered(clinician)
    assert read()["ETag"] == 'W/"1"'


@pytest.mark.req("PRAC-026", "PRAC-027", "PRAC-028")
def test_what_is_not_to_be_sent_of_a_practitioner_is_not_sent(clinician, consumer):
    sent = as_dict(consumer.read_practitioner(clinician.pk))

    assert not sent.keys() & {"telecom", "address", "birthDate", "photo", "qualification"}
    assert "communication" not in sent
    assert "R0260" not in str(sent), "the role travels with Schedule and Appointment"


@needs_shared
@pytest.mark.req("PRAC-020")
def test_a_practitioner_keeps_to_the_profile(clinician, consumer):
    bare = make_practitioner(
        sds_user_id=None, prefix="", given_names="", gender="", works_here=False
    )
    bare.roles.update(sds_role_profile_id="")

    sent = [as_dict(consumer.read_practitioner(each.pk)) for each in (clinician, bare)]

    assert [violations(each) for each in sent] == [[], []]
    assert sent[1].keys() == {"resourceType", "id", "meta", "active", "name"}


@pytest.mark.req("PRAC-011")
def test_a_practitioner_who_left_stays_readable(practice, consumer):
    gone = make_practitioner(works_here=False)
    make_schedule(session_holder=gone)

    sent = as_dict(consumer.read_practitioner(gone.pk))

    assert sent["active"] is False
    assert [each["system"] for each in sent["identifier"]] == [SYSTEM]


@pytest.mark.req("PRAC-006")
def test_no_match_is_an_empty_bundle(practice, consumer):
    make_practitioner(make_organisation(), sds_user_id="G2468")
    make_practitioner(role=None, sds_user_id="G2469")

    for sds_user_id in ("G2468", "G2469", "NOBODY"):
        find = partial(consumer.find_practitioner, sds_user_id)
        assert resources(in_both_formats(find)) == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param("", 400, "BAD_REQUEST", marks=pytest.mark.req("PRAC-002"), id="PRAC-002"),
        pytest.param(
            f"identifier={SYSTEM}|G1&identifier={SYSTEM}|G2",
            *(400, "BAD_REQUEST"),
            marks=pytest.mark.req("PRAC-002"),
            id="PRAC-002 repeated",
        ),
        pytest.param(
            "identifier=G1",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PRAC-003"),
            id="PRAC-003 no pipe",
        ),
        pytest.param(
            f"identifier={SYSTEM}|",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PRAC-003"),
            id="PRAC-003 no value",
        ),
        pytest.param(
            "identifier=|G1",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PRAC-004", "DEC-066"),
            id="PRAC-004 empty",
        ),
        pytest.param(
            f"identifier={ROLE_PROFILE}|G1",
            *(400, "INVALID_IDENTIFIER_SYSTEM"),
            marks=pytest.mark.req("PRAC-004"),
            id="PRAC-004 unsupported",
        ),
        pytest.param(
            f"identifier={SYSTEM}|G 1",
            *(400, "INVALID_IDENTIFIER_VALUE"),
            marks=pytest.mark.req("PRAC-005"),
            id="PRAC-005",
        ),
    ],
)
def test_a_find_without_a_proper_identifier_is_refused(consumer, query, status, code):
    response = consumer.find_practitioner("", query=query)

    assert (response.status_code, spine_code(response)) == (status, code)


@pytest.mark.req("PRAC-009")
@pytest.mark.parametrize("pk", ["", "0", "-1", "007", "null", "99999999", str(2**63)])
def test_an_unknown_or_impossible_id_is_no_practitioner(consumer, pk):
    response = consumer.read_practitioner(pk)

    assert (response.status_code, spine_code(response)) == (404, "PRACTITIONER_NOT_FOUND")


@pytest.mark.req("PRAC-009")
def test_a_practitioner_of_another_practice_is_not_found(consumer):
    elsewhere = make_practitioner(make_organisation())

    response = consumer.read_practitioner(elsewhere.pk)

    assert (response.status_code, spine_code(response)) == (404, "PRACTITIONER_NOT_FOUND")


def test_a_practitioner_takes_one_query_beside_the_guards_and_the_trail(
    clinician, consumer, django_assert_num_queries
):
    with django_assert_num_queries(3):  # practice, practitioner with roles, audit trail
        consumer.read_practitioner(clinician.pk)
    with django_assert_num_queries(3):
        consumer.find_practitioner("G13579135")
