"""Find a patient."""

from functools import partial

import pytest

from practice.models import AuditEvent, Patient
from tests.fhirapi.answers import in_both_formats, resources, violations
from tests.shared import needs_shared
from workbench.consumer import as_dict, diagnostics, spine_code
from workbench.factories import make_location, make_organisation, make_patient, new_nhs_number

pytestmark = pytest.mark.django_db

SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"


# ---------------------------------------------------------------- the parameter


@pytest.mark.req("PAT-001", "PAT-060", "PAT-061")
def test_a_patient_is_found_by_nhs_number(practice, consumer):
    find = partial(consumer.find_patient, practice.patient.nhs_number)

    (found,) = resources(in_both_formats(find))

    assert "ETag" not in find()
    assert found["id"] == str(practice.patient.pk)
    assert found["meta"] == {
        "versionId": "1",
        "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1"],
    }
    assert found["identifier"][0]["value"] == practice.patient.nhs_number


@pytest.mark.req("PAT-008", "GEN-071")
@pytest.mark.parametrize("pipe", ["|", "%7C"])
def test_the_pipe_may_be_encoded_or_not(practice, consumer, pipe):
    query = f"identifier={SYSTEM}{pipe}{practice.patient.nhs_number}"

    plain = consumer.find_patient("", query=query)
    encoded = consumer.find_patient("", query=query.replace(":", "%3A").replace("/", "%2F"))

    assert len(resources(as_dict(plain))) == 1
    assert as_dict(plain) == as_dict(encoded)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        pytest.param("", 400, "BAD_REQUEST", marks=pytest.mark.req("PAT-002"), id="PAT-002"),
        pytest.param(
            f"identifier={SYSTEM}|9476719931&identifier={SYSTEM}|9476719931",
            *(400, "BAD_REQUEST"),
            marks=pytest.mark.req("PAT-002"),
            id="PAT-002 repeated",
        ),
        pytest.param(
            f"Identifier={SYSTEM}|9476719931",
            *(400, "BAD_REQUEST"),
            marks=pytest.mark.req("PAT-002"),
            id="PAT-002 misspelt",
        ),
        pytest.param(
            "identifier=9476719931",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PAT-003"),
            id="PAT-003 no pipe",
        ),
        pytest.param(
            "identifier=",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PAT-003"),
            id="PAT-003 empty",
        ),
        pytest.param(
            f"identifier={SYSTEM}|",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PAT-003"),
            id="PAT-003 no value",
        ),
        pytest.param(
            "identifier=|9476719931",
            *(422, "INVALID_PARAMETER"),
            marks=pytest.mark.req("PAT-004", "DEC-066"),
            id="PAT-004 empty",
        ),
        pytest.param(
            "identifier=http://fhir.nhs.net/Id/nhs-number|9476719931",
            *(400, "INVALID_IDENTIFIER_SYSTEM"),
            marks=pytest.mark.req("PAT-004"),
            id="PAT-004 retired",
        ),
        pytest.param(
            f"identifier={SYSTEM.upper()}|9476719931",
            *(400, "INVALID_IDENTIFIER_SYSTEM"),
            marks=pytest.mark.req("PAT-004", "GEN-116"),
            id="PAT-004 case counts",
        ),
        *(
            pytest.param(
                f"identifier={SYSTEM}|{value}",
                *(400, "INVALID_NHS_NUMBER"),
                marks=pytest.mark.req(requirement),
                id=f"{requirement} {value}",
            )
            for requirement, value in [
                ("PAT-005", "9476719932"),
                ("PAT-005", "947671993"),
                ("PAT-005", "94767199311"),
                ("PAT-005", "947671993X"),
                ("PAT-005", "%D9%A9476719931"),
                ("PAT-005", f"9476719931,{SYSTEM}|9476719931"),
                ("PAT-006", "947 671 9931"),
                ("PAT-006", "947-671-9931"),
                ("PAT-006", "9476719931%20"),
            ]
        ),
    ],
)
def test_a_find_without_a_proper_identifier_is_refused(consumer, query, status, code):
    response = consumer.find_patient("", query=query)

    assert (response.status_code, spine_code(response)) == (status, code)
    assert "947" not in diagnostics(response)


@pytest.mark.req("PAT-007", "GEN-110", "GEN-111")
def test_no_match_is_an_empty_bundle(consumer):
    find = partial(consumer.find_patient, new_nhs_number())

    assert in_both_formats(find) == {"resourceType": "Bundle", "type": "searchset"}


def test_a_patient_of_another_practice_is_not_found(consumer):
    elsewhere = make_patient(make_organisation())

    assert resources(as_dict(consumer.find_patient(elsewhere.nhs_number))) == []


@pytest.mark.req("PAT-070")
def test_a_patient_of_two_practices_is_found_as_this_one_has_them(practice, consumer):
    make_patient(make_organisation(), nhs_number=practice.patient.nhs_number, family_name="Other")

    (found,) = resources(as_dict(consumer.find_patient(practice.patient.nhs_number)))

    assert found["id"] == str(practice.patient.pk)
    managing = found["managingOrganization"]["reference"]
    assert managing == f"Organization/{practice.organisation.pk}"


# ---------------------------------------------------------------- verification


@pytest.mark.req("PAT-012", "PAT-040", "PAT-046")
def test_a_patient_never_verified_is_verified_and_returned(practice, consumer, national_record):
    patient = make_patient(nhs_number_verification="02")
    national_record.add_patient(patient)

    (found,) = resources(as_dict(consumer.find_patient(patient.nhs_number)))

    assert found["meta"]["versionId"] == "2"
    status = found["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert status["code"] == "01"
    assert consumer.read_patient(patient.pk)["ETag"] == 'W/"2"'


@pytest.mark.req("PAT-048")
def test_a_find_fails_when_the_national_record_cannot_be_reached(
    practice, consumer, national_record
):
    patient = make_patient(nhs_number_verification="02")
    national_record.vanish()

    response = consumer.find_patient(patient.nhs_number)

    assert (response.status_code, spine_code(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert diagnostics(response)
    assert Patient.objects.get(pk=patient.pk).nhs_number_verification == "02"
    assert AuditEvent.objects.get().spine_code == "INTERNAL_SERVER_ERROR"


# ---------------------------------------------------------------- the trail and the cost


def test_the_trail_says_who_was_found(practice, consumer):
    consumer.find_patient(practice.patient.nhs_number)

    event = AuditEvent.objects.get()
    assert (event.patient_id, event.outcome) == (practice.patient.pk, "200")
    assert event.resource == f"Patient/{practice.patient.pk}"


def test_a_find_takes_the_same_queries_however_much_is_held(
    practice, consumer, django_assert_num_queries
):
    with django_assert_num_queries(7):  # practice, patient, four kinds of parts, audit trail
        consumer.find_patient(practice.patient.nhs_number)
    add_everything(practice.patient)
    with django_assert_num_queries(7):
        consumer.find_patient(practice.patient.nhs_number)


def add_everything(patient: Patient) -> None:
    """Give a patient everything that may be held, some of it twice."""
    patient.addresses.create(use="temp", address_line_1="Seaview Hotel", start="2026-05-01")
    patient.telecoms.create(system="email", value="edie@example.org", use="home")
    patient.telecoms.create(system="phone", value="07777 111222", use="mobile")
    patient.languages.create(language="en", preferred=False, mode="ESP", proficiency="F")
    patient.languages.create(language="cy", preferred=True, interpreter_required=True)
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
    patient.contacts.create(relationship="Neighbour", family_name="Roe")


@needs_shared
@pytest.mark.req("PAT-060", "PAT-072", "PAT-074", "PAT-075", "PAT-076")
@pytest.mark.parametrize("held", ["all", "the least"])
def test_a_patient_keeps_to_the_profile(practice, consumer, held):
    if held == "all":
        patient = practice.patient
        patient.general_practitioner = practice.practitioner
        patient.preferred_branch = make_location()
        patient.registration_end = "2999-12-31"
        patient.save()
        add_everything(patient)
    else:
        bare = {"prefix": "", "given_names": "", "registration_start": None}
        patient = make_patient(telephone="", address_line_1="", **bare)

    found = as_dict(consumer.find_patient(patient.nhs_number))

    assert violations(found) == []
    assert len(resources(found)[0].get("contact", [])) == (2 if held == "all" else 0)
