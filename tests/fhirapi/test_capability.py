"""Get the FHIR capability statement."""

import re
from datetime import date

import pytest

import consumer as client_library
from config import RELEASED, VERSION
from fhirapi import ssp
from fhirapi.filters import SEARCHES
from tests.fhirapi.answers import in_both_formats
from workbench.consumer import ABSENT, as_dict, read_back, spine_code
from workbench.paths import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def statement(consumer) -> dict:
    return as_dict(consumer.read_metadata())


@pytest.fixture
def offered(statement) -> dict:
    """What the statement says of each type of resource."""
    return {each["type"]: each for each in statement["rest"][0]["resource"]}


def codes(resource: dict) -> set[str]:
    return {each["code"] for each in resource["interaction"]}


def parameters(resource: dict) -> dict[str, str]:
    return {each["name"]: each["type"] for each in resource.get("searchParam", [])}


# ---------------------------------------------------------------- the request


@pytest.mark.req("META-001", "META-004", "META-010")
def test_the_statement_is_there_in_both_formats_and_valid(consumer):
    sent = in_both_formats(consumer.read_metadata)

    assert sent["resourceType"] == "CapabilityStatement"


@pytest.mark.req("META-004")
def test_format_parameter_and_unsupported_formats_are_treated_as_elsewhere(consumer):
    as_xml = consumer.read_metadata(query="_format=application/fhir+xml")
    refused = consumer.read_metadata(headers={"Accept": "text/html"})

    assert read_back(as_xml).get_resource_type() == "CapabilityStatement"
    assert (refused.status_code, spine_code(refused)) == (415, "BAD_REQUEST")


@pytest.mark.req("META-002")
def test_the_statement_is_there_while_everything_is_switched_off(practice, consumer):
    practice.organisation.gp_connect_enabled = False
    practice.organisation.appointment_management_enabled = False
    practice.organisation.save()

    assert consumer.read_metadata().status_code == 200


@pytest.mark.req("META-003")
@pytest.mark.parametrize("header", ["Ssp-TraceID", "Ssp-InteractionID", "Authorization"])
def test_the_statement_needs_the_headers_of_every_request(consumer, header):
    response = consumer.read_metadata(headers={header: ABSENT})

    assert (response.status_code, spine_code(response)) == (400, "BAD_REQUEST")


@pytest.mark.req("META-005")
@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_the_statement_is_read_only(consumer, verb):
    response = consumer.read_metadata(verb=verb)

    assert (response.status_code, spine_code(response)) == (400, "BAD_REQUEST")


@pytest.mark.req("META-006")
def test_the_statement_has_no_version_of_its_own(consumer):
    response = consumer.read_metadata()

    assert "ETag" not in response
    assert "meta" not in as_dict(response)


# ---------------------------------------------------------------- the content


@pytest.mark.req("META-011", "META-012", "META-013")
def test_the_statement_says_which_specification_it_is_about(statement):
    fixed = {
        "version": "1.2.7",
        "name": "GP Connect",
        "status": "active",
        "kind": "capability",
        "fhirVersion": "3.0.1",
        "acceptUnknown": "both",
    }

    assert fixed.items() <= statement.items()
    assert date.fromisoformat(statement["date"])


@pytest.mark.req("META-014")
def test_every_format_listed_is_spoken_and_the_other_way_round(consumer, statement):
    assert statement["format"] == ["application/fhir+json", "application/fhir+xml"]
    for media_type in statement["format"]:
        response = consumer.read_metadata(headers={"Accept": media_type})
        assert response["Content-Type"].startswith(media_type)


@pytest.mark.req("META-015", "META-016")
def test_the_statement_names_this_software_and_nothing_in_brackets(statement):
    project = (ROOT / "pyproject.toml").read_text()

    assert statement["publisher"]
    assert statement["contact"][0]["name"]
    assert "1.2.7" in statement["description"]
    assert statement["copyright"]
    assert f'name = "{statement["software"]["name"]}"' in project
    assert statement["software"]["version"] == VERSION
    assert statement["software"]["releaseDate"] == RELEASED
    assert date.fromisoformat(RELEASED)
    assert "implementation" not in statement
    assert not re.search(r"[\[\]]", statement["publisher"] + str(statement["software"]))


def test_the_client_that_goes_elsewhere_has_the_same_version():
    assert client_library.VERSION == VERSION


@pytest.mark.req("META-017", "META-018")
def test_the_statement_lists_the_nine_profiles_and_no_structured_record(statement):
    names = {each["reference"].rsplit("/", 1)[-1] for each in statement["profile"]}

    assert names == {
        *(
            f"CareConnect-GPC-{kind}-1"
            for kind in ("Patient", "Organization", "Practitioner", "PractitionerRole", "Location")
        ),
        *(
            f"GPConnect-{kind}-1"
            for kind in ("OperationOutcome", "Appointment", "Schedule", "Slot")
        ),
    }
    assert {each["reference"].rsplit("/", 1)[0] for each in statement["profile"]} == {
        "https://fhir.nhs.uk/STU3/StructureDefinition"
    }


@pytest.mark.req("META-019")
def test_there_is_one_server_and_it_claims_no_cors(statement):
    (server,) = statement["rest"]

    assert server["mode"] == "server"
    assert server["security"] == {"cors": False}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("Patient", marks=pytest.mark.req("META-020")),
        pytest.param("Organization", marks=pytest.mark.req("META-021")),
        pytest.param("Practitioner", marks=pytest.mark.req("META-022")),
    ],
)
def test_people_and_practices_are_read_and_found_by_identifier(offered, kind):
    assert codes(offered[kind]) == {"read", "search-type"}
    assert parameters(offered[kind]) == {"identifier": "token"}


@pytest.mark.req("META-023")
def test_locations_are_only_read(offered):
    assert codes(offered["Location"]) == {"read"}
    assert parameters(offered["Location"]) == {}


@pytest.mark.req("META-024", "META-025")
def test_appointments_are_created_updated_read_and_searched_by_start(offered):
    assert codes(offered["Appointment"]) == {"read", "create", "update", "search-type"}
    assert offered["Appointment"]["updateCreate"] is False
    assert parameters(offered["Appointment"]) == {"start": "date"}


@pytest.mark.req("META-026")
def test_slots_are_searched_with_all_parameters_and_includes(offered):
    assert codes(offered["Slot"]) == {"search-type"}
    assert parameters(offered["Slot"]) == {
        "start": "date",
        "end": "date",
        "status": "token",
        "searchFilter": "token",
    }
    assert set(offered["Slot"]["searchInclude"]) == {
        "Schedule:actor:Location",
        "Schedule:actor:Practitioner",
        "Slot:schedule",
        "Location:managingOrganization",
    }


@pytest.mark.req("META-027")
def test_registering_a_patient_is_the_one_operation(statement):
    assert statement["rest"][0]["operation"] == [
        {
            "name": "gpc.registerpatient",
            "definition": {
                "reference": "https://fhir.nhs.uk/STU3/OperationDefinition/"
                "GPConnect-RegisterPatient-Operation-1"
            },
        }
    ]


@pytest.mark.req("META-028")
def test_every_interaction_of_the_table_is_claimed_and_nothing_else(offered):
    """The table that guards requests and the statement say the same, row by row."""
    claimed = {(kind, code) for kind, each in offered.items() for code in codes(each)}

    expected = set()
    for interaction in ssp.INTERACTIONS:
        if interaction is ssp.READ_METADATA or "$" in interaction.path:
            continue
        kind = re.findall(r"[A-Z][a-z]+", interaction.path)[-1]
        has_id = interaction.path.endswith("[id]")
        code = {"POST": "create", "PUT": "update", "GET": "read" if has_id else "search-type"}
        expected.add((kind, code[interaction.verb]))
    assert claimed == expected
    assert {kind for kind, code in claimed if code == "search-type"} == set(SEARCHES)


def test_the_statement_needs_nothing_of_the_database_beside_the_guards_and_the_trail(
    consumer, django_assert_num_queries
):
    """A statement that takes long makes the practice vanish from consumers' screens."""
    with django_assert_num_queries(2):
        consumer.read_metadata()
