"""Read a patient."""

from datetime import date
from functools import partial

import pytest

from practice import terminology
from tests.fhirapi.answers import in_both_formats
from workbench.consumer import as_dict, diagnostics, spine_code
from workbench.factories import make_location, make_organisation, make_patient

pytestmark = pytest.mark.django_db

STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
CODES = "https://fhir.nhs.uk/STU3/CodeSystem"


def coded(system: str, code: str, display: str) -> dict:
    return {"coding": [{"system": f"{CODES}/{system}", "code": code, "display": display}]}


@pytest.mark.req(
    *("PAT-030", "PAT-060", "PAT-061", "PAT-062", "PAT-063", "PAT-064", "PAT-065", "PAT-066"),
    *("PAT-067", "PAT-068", "PAT-069", "PAT-070", "PAT-073", "PAT-075", "PAT-076", "PAT-080"),
    *("PAT-081", "LOC-033", "GEN-135", "GEN-140", "GEN-143", "GEN-144", "GEN-145"),
)
def test_a_patient_is_read_with_everything_that_is_held(practice, consumer):
    branch = make_location()
    patient = make_patient(
        nhs_number="9476719931",
        prefix="Miss",
        given_names="Jane Mary",
        family_name="Jackson",
        birth_date=date(1952, 5, 31),
        gender="female",
        registration_type="T",
        registration_start=date(2026, 6, 1),
        registration_end=date(2999, 8, 30),
        preferred_branch=branch,
        general_practitioner=practice.practitioner,
        version=5,
        telephone="01454 587554",
        address_line_1="Trevelyan Square",
    )
    patient.telecoms.create(system="phone", value="01262 496000", use="temp", end=date(2999, 8, 30))
    patient.addresses.create(use="temp", address_line_1="Seaview Hotel", end=date(2999, 8, 30))
    patient.languages.create(
        language="bn", preferred=True, mode="ESP", proficiency="G", interpreter_required=False
    )
    patient.contacts.create(
        relationship="Daughter",
        prefix="Ms",
        given_names="Joan",
        family_name="Doe",
        gender="female",
        telephone="07777 123123",
        telephone_use="mobile",
        address_line_1="9 New Street",
        city="Leeds",
    )
    patient.other_names.create(use="maiden", family_name="Former")

    read = partial(consumer.read_patient, patient.pk)

    assert read()["ETag"] == 'W/"5"'
    assert in_both_formats(read) == {
        "resourceType": "Patient",
        "id": str(patient.pk),
        "meta": {"versionId": "5", "profile": [f"{STRUCTURES}/CareConnect-GPC-Patient-1"]},
        "extension": [
            {
                "url": f"{STRUCTURES}/Extension-CareConnect-GPC-RegistrationDetails-1",
                "extension": [
                    {
                        "url": "registrationPeriod",
                        "valuePeriod": {"start": "2026-06-01", "end": "2999-08-30"},
                    },
                    {
                        "url": "registrationType",
                        "valueCodeableConcept": coded(
                            "CareConnect-RegistrationType-1", "T", "Temporary"
                        ),
                    },
                    {
                        "url": "preferredBranchSurgery",
                        "valueReference": {"reference": f"Location/{branch.pk}"},
                    },
                ],
            },
            {
                "url": f"{STRUCTURES}/Extension-CareConnect-GPC-NHSCommunication-1",
                "extension": [
                    {
                        "url": "language",
                        "valueCodeableConcept": coded(
                            "CareConnect-HumanLanguage-1", "bn", "Bengali"
                        ),
                    },
                    {"url": "preferred", "valueBoolean": True},
                    {
                        "url": "modeOfCommunication",
                        "valueCodeableConcept": coded(
                            "CareConnect-LanguageAbilityMode-1", "ESP", "Expressed spoken"
                        ),
                    },
                    {
                        "url": "communicationProficiency",
                        "valueCodeableConcept": coded(
                            "CareConnect-LanguageAbilityProficiency-1", "G", "Good"
                        ),
                    },
                    {"url": "interpreterRequired", "valueBoolean": False},
                ],
            },
        ],
        "identifier": [
            {
                "extension": [
                    {
                        "url": f"{STRUCTURES}/"
                        "Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
                        "valueCodeableConcept": coded(
                            "CareConnect-NHSNumberVerificationStatus-1",
                            "01",
                            "Number present and verified",
                        ),
                    }
                ],
                "system": "https://fhir.nhs.uk/Id/nhs-number",
                "value": "9476719931",
            }
        ],
        "active": True,
        "name": [
            {
                "use": "official",
                "text": "JACKSON Jane Mary (Miss)",
                "family": "Jackson",
                "given": ["Jane", "Mary"],
                "prefix": ["Miss"],
            }
        ],
        "telecom": [
            {"system": "phone", "value": "01454 587554", "use": "home"},
            {
                "system": "phone",
                "value": "01262 496000",
                "use": "temp",
                "period": {"end": "2999-08-30"},
            },
        ],
        "gender": "female",
        "birthDate": "1952-05-31",
        "address": [
            {
                "use": "home",
                "type": "physical",
                "line": ["Trevelyan Square"],
                "city": "Leeds",
                "district": "West Yorkshire",
                "postalCode": "LS6 3HN",
            },
            {"use": "temp", "line": ["Seaview Hotel"], "period": {"end": "2999-08-30"}},
        ],
        "contact": [
            {
                "relationship": [{"text": "Daughter"}],
                "name": {
                    "use": "official",
                    "text": "DOE Joan (Ms)",
                    "family": "Doe",
                    "given": ["Joan"],
                    "prefix": ["Ms"],
                },
                "telecom": [{"system": "phone", "value": "07777 123123", "use": "mobile"}],
                "address": {"use": "home", "line": ["9 New Street"], "city": "Leeds"},
                "gender": "female",
            }
        ],
        "generalPractitioner": [{"reference": f"Practitioner/{practice.practitioner.pk}"}],
        "managingOrganization": {"reference": f"Organization/{practice.organisation.pk}"},
    }


@pytest.mark.req("PAT-071", "PAT-072", "PAT-074")
def test_what_is_not_to_be_sent_of_a_patient_is_not_sent(practice, consumer):
    sent = as_dict(consumer.read_patient(practice.patient.pk))

    assert not sent.keys() & {"maritalStatus", "multipleBirthBoolean", "photo", "animal"}
    assert not sent.keys() & {"communication", "text", "deceasedDateTime"}
    (details,) = sent["extension"]
    assert details["url"] == f"{STRUCTURES}/Extension-CareConnect-GPC-RegistrationDetails-1"
    assert "registrationStatus" not in {part["url"] for part in details["extension"]}


@pytest.mark.req("PAT-081")
def test_every_language_that_can_be_held_is_of_the_published_list():
    """That list is copied from terminology/human_language.json; columns hold its codes."""
    assert dict(terminology.human_languages())["cy"] == "Welsh"
    assert terminology.value_set("human_language").url.endswith("/CareConnect-HumanLanguage-1")


@pytest.mark.req("GEN-025")
def test_every_reference_of_a_patient_can_be_read(practice, consumer):
    patient = make_patient(
        preferred_branch=practice.location, general_practitioner=practice.practitioner
    )

    sent = as_dict(consumer.read_patient(patient.pk))

    branch = sent["extension"][0]["extension"][-1]["valueReference"]["reference"]
    gp = sent["generalPractitioner"][0]["reference"]
    organisation = sent["managingOrganization"]["reference"]
    assert consumer.read_location(branch.removeprefix("Location/")).status_code == 200
    assert consumer.read_practitioner(gp.removeprefix("Practitioner/")).status_code == 200
    assert consumer.read_organisation(organisation.removeprefix("Organization/")).status_code == 200


@pytest.mark.req("PAT-031")
@pytest.mark.parametrize(
    "pk", ["", "0", "-1", "007", "1.0", "null", "99999999", str(2**63), "1%00", "%D9%A1"]
)
def test_an_unknown_or_impossible_id_is_no_patient(consumer, pk):
    response = consumer.read_patient(pk)

    assert (response.status_code, spine_code(response)) == (404, "PATIENT_NOT_FOUND")


@pytest.mark.req("PAT-031", "GEN-147")
def test_an_id_is_known_in_one_spelling_only(practice, consumer):
    response = consumer.read_patient(f"0{practice.patient.pk}")

    assert (response.status_code, spine_code(response)) == (404, "PATIENT_NOT_FOUND")


@pytest.mark.req("PAT-031")
def test_a_patient_of_another_practice_is_not_found(consumer):
    elsewhere = make_patient(make_organisation())

    response = consumer.read_patient(elsewhere.pk)

    assert (response.status_code, spine_code(response)) == (404, "PATIENT_NOT_FOUND")


@pytest.mark.req("PAT-024")
def test_a_sensitive_patient_cannot_be_told_from_an_unknown_one(practice, consumer):
    sensitive = make_patient(sensitive=True)

    hidden, unknown = consumer.read_patient(sensitive.pk), consumer.read_patient(99999999)

    assert diagnostics(hidden)
    assert hidden.content == unknown.content


def test_a_read_takes_the_same_queries_however_much_is_held(
    practice, consumer, django_assert_num_queries
):
    with django_assert_num_queries(7):  # practice, patient, four kinds of parts, audit trail
        consumer.read_patient(practice.patient.pk)
    for number in range(3):
        practice.patient.contacts.create(relationship="Friend", family_name=f"Doe-{number}")
        practice.patient.addresses.create(use="old", address_line_1=f"{number} Quiet Lane")
    with django_assert_num_queries(7):
        consumer.read_patient(practice.patient.pk)
