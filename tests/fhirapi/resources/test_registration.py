"""Register a patient."""

import json
import threading
from copy import deepcopy
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from fhirapi import renderers
from practice import clock
from practice.models import AuditEvent, Patient
from tests.fhirapi.answers import resources, violations
from tests.shared import GPCONNECT, needs_shared
from workbench.bodies import appointment_body, registration_body
from workbench.consumer import Consumer, as_dict, diagnostics, read_back, spine_code
from workbench.factories import make_patient, make_slot, new_nhs_number

pytestmark = pytest.mark.django_db

STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
STATUS = f"{STRUCTURES}/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1"
LANGUAGE = f"{STRUCTURES}/Extension-CareConnect-GPC-NHSCommunication-1"
SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"

FULL = {
    "gender": "female",
    "address": [
        {
            "use": "home",
            "type": "physical",
            "line": ["1 Withings Lane", "Shadwell"],
            "city": "Leeds",
            "district": "West Yorkshire",
            "postalCode": "LS18 1AE",
        },
        {"use": "temp", "line": ["Seaview Hotel"], "city": "Bridlington", "country": "England"},
    ],
    "telecom": [
        {"system": "phone", "value": "01454 587554", "use": "home", "rank": 1},
        {"system": "phone", "value": "0113 496 0008", "use": "work"},
        {"system": "phone", "value": "07777 111222", "use": "mobile"},
        {"system": "phone", "value": "01262 496000", "use": "temp"},
        {"system": "email", "value": "jane@example.org"},
    ],
}


LANGUAGES = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-HumanLanguage-1"


def language(*codes: str, system: str = LANGUAGES, **parts) -> dict:
    """The language extension, of Bengali if nothing is said; ``parts`` are further parts by url."""
    concepts = [{"coding": [{"system": system, "code": code}]} for code in codes or ["bn"]]
    return {
        "url": LANGUAGE,
        "extension": [
            *({"url": "language", "valueCodeableConcept": concept} for concept in concepts),
            *({"url": url, **value} for url, value in parts.items()),
        ],
    }


def status(code: str, system: str = "https://fhir.nhs.uk/CareConnect-Status-1") -> dict:
    """The verification status beside an NHS number, with whatever system a consumer sends."""
    concept = {"coding": [{"system": system, "code": code}]}
    return {"url": STATUS, "valueCodeableConcept": concept}


# ---------------------------------------------------------------- the answer


@pytest.mark.req(
    *("REG-001", "REG-022", "REG-045", "REG-070", "REG-071", "REG-072", "REG-078"),
    *("GEN-059", "GEN-074"),
)
@pytest.mark.parametrize("format", ["json", "xml"])
def test_a_person_is_registered_and_returned(practice, consumer, national_record, format):
    nhs_number = national_record.add()

    response = consumer.register(registration_body(nhs_number), format=format)

    assert response.status_code == 200
    assert "Location" not in response
    assert "ETag" not in response
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == f"application/fhir+{format};charset=utf-8"
    assert read_back(response).get_resource_type() == "Bundle"
    bundle = as_dict(response)
    assert bundle["meta"] == {"profile": [f"{STRUCTURES}/GPConnect-Searchset-Bundle-1"]}
    (sent,) = resources(bundle)
    assert sent["id"] == str(Patient.objects.get(nhs_number=nhs_number).pk)


@needs_shared
@pytest.mark.req("REG-072", "REG-073")
def test_the_answer_keeps_to_both_profiles(practice, consumer, national_record):
    full = {**FULL, "extension": [language(interpreterRequired={"valueBoolean": True})]}

    sent = [
        as_dict(consumer.register(registration_body(national_record.add(), **overrides)))
        for overrides in ({}, full)
    ]

    assert [violations(each) for each in sent] == [[], []]


@pytest.mark.req("REG-073", "REG-074", "REG-076", "REG-077", "REG-051", "REG-058", "REG-050")
def test_the_patient_returned_is_the_record_made(practice, consumer, national_record):
    nhs_number = national_record.add()
    body = registration_body(
        nhs_number, extension=[language(interpreterRequired={"valueBoolean": True})], **FULL
    )
    today = clock.today(timezone.now())
    expiry = f"{today + timedelta(days=90)}"

    (sent,) = resources(as_dict(consumer.register(body)))

    details, speaks = sent["extension"]
    assert details["extension"] == [
        {"url": "registrationPeriod", "valuePeriod": {"start": f"{today}", "end": expiry}},
        {
            "url": "registrationType",
            "valueCodeableConcept": {
                "coding": [
                    {
                        "system": "https://fhir.nhs.uk/STU3/CodeSystem/"
                        "CareConnect-RegistrationType-1",
                        "code": "T",
                        "display": "Temporary",
                    }
                ]
            },
        },
    ]
    assert speaks["extension"][0]["valueCodeableConcept"]["coding"][0]["display"] == "Bengali"
    assert speaks["extension"][1] == {"url": "interpreterRequired", "valueBoolean": True}
    verification = sent["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert (verification["code"], sent["identifier"][0]["value"]) == ("01", nhs_number)
    assert sent["name"] == [
        {
            "use": "official",
            "text": "JACKSON Jane (Miss)",
            "family": "Jackson",
            "given": ["Jane"],
            "prefix": ["Miss"],
        }
    ]
    home, temporary = FULL["address"]
    assert sent["address"] == [home, {**temporary, "period": {"end": expiry}}]
    assert sent["telecom"] == [
        {"system": "phone", "value": "01454 587554", "use": "home"},
        {"system": "phone", "value": "0113 496 0008", "use": "work"},
        {"system": "phone", "value": "07777 111222", "use": "mobile"},
        {
            "system": "phone",
            "value": "01262 496000",
            "use": "temp",
            "period": {"end": expiry},
        },
        {"system": "email", "value": "jane@example.org", "use": "home"},
    ]
    assert (sent["gender"], sent["birthDate"], sent["active"]) == ("female", "1952-05-31", True)
    assert sent["managingOrganization"] == {"reference": f"Organization/{practice.organisation.pk}"}


@needs_shared
@pytest.mark.req("REG-003")
@pytest.mark.parametrize("folder", ["corrected", "foundations"])
def test_the_published_request_is_accepted(practice, consumer, national_record, folder):
    """The one as published has a wrong system beside the verification status; it is not trusted."""
    national_record.add(nhs_number="9476719931")
    path = GPCONNECT / "examples" / folder / "register_patient.request.json"

    response = consumer.register(json.loads(path.read_text(encoding="utf-8")))

    assert response.status_code == 200, response.content
    assert resources(as_dict(response))[0]["telecom"][1]["value"] == "07777111222"


@pytest.mark.req("REG-079")
def test_the_new_patient_is_found_read_and_booked_for_at_once(practice, consumer, national_record):
    nhs_number = national_record.add()
    slot = make_slot()

    (sent,) = resources(as_dict(consumer.register(registration_body(nhs_number))))

    patient = Patient.objects.get(pk=sent["id"])
    assert resources(as_dict(consumer.find_patient(nhs_number))) == [sent]
    assert as_dict(consumer.read_patient(sent["id"])) == sent
    assert consumer.book(appointment_body(slots=[slot], patient=patient)).status_code == 201


@pytest.mark.req("REG-043", "REG-047", "REG-075")
def test_a_former_patient_comes_back_with_the_preferred_surgery(
    practice, consumer, national_record
):
    former = make_patient(active=False, preferred_branch=practice.location)
    national_record.add_patient(former)
    body = registration_body(former.nhs_number, birthDate="1980-02-29")

    (sent,) = resources(as_dict(consumer.register(body)))

    assert (sent["id"], sent["meta"]["versionId"]) == (str(former.pk), "2")
    branch = sent["extension"][0]["extension"][-1]
    assert branch["valueReference"] == {"reference": f"Location/{practice.location.pk}"}


@pytest.mark.req("REG-057", "ERR-014")
def test_the_trail_and_the_record_say_who_registered_the_patient(
    practice, consumer, national_record
):
    nhs_number = national_record.add()

    consumer.register(registration_body(nhs_number))
    refused = consumer.register(registration_body(nhs_number))

    patient = Patient.objects.get(nhs_number=nhs_number)
    assert patient.registration_provenance["author"] == "Dr Claire Jones"
    assert patient.registration_provenance["organisation"] == "Test Hospital (A1001)"
    assert patient.registration_provenance["interaction"].endswith("gpc.registerpatient-1")
    second, first = AuditEvent.objects.all()
    assert (first.outcome, first.patient_id) == ("200", patient.pk)
    assert (second.outcome, second.spine_code) == ("409", "DUPLICATE_REJECTED")
    assert second.detail["nhs_number"] == nhs_number
    assert nhs_number not in diagnostics(refused)


# ---------------------------------------------------------------- tolerated


@pytest.mark.req("REG-016", "REG-019")
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"id": "7"}, id="an id"),
        pytest.param(
            {
                "meta": {
                    "versionId": "3",
                    "profile": ["http://x", f"{STRUCTURES}/CareConnect-GPC-Patient-1"],
                }
            },
            id="a version and another profile",
        ),
        *(
            pytest.param({"status": code}, id=f"verification status {code}")
            for code in ("01", "02", "08")
        ),
        pytest.param(
            {
                "name": [
                    {
                        "use": "official",
                        "text": "Dr Jane Jackson",
                        "family": "Jackson",
                        "given": ["Jane", "Mary"],
                        "prefix": ["Dr"],
                        "suffix": ["OBE"],
                        "period": {"start": "2001-01-01"},
                    }
                ]
            },
            id="all parts of a name",
        ),
        pytest.param({"extension": [language()]}, id="a language alone"),
    ],
)
def test_what_is_no_forbidden_field_is_tolerated(practice, consumer, national_record, overrides):
    nhs_number = national_record.add()
    body = registration_body(nhs_number, **overrides)
    if "status" in overrides:
        del body["parameter"][0]["resource"]["status"]
        body["parameter"][0]["resource"]["identifier"][0] |= {
            "extension": [status(overrides["status"])]
        }

    response = consumer.register(body)

    assert response.status_code == 200, response.content
    (sent,) = resources(as_dict(response))
    assert (sent["id"], sent["meta"]["versionId"]) != ("7", "3")
    verification = sent["identifier"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert verification["code"] == "01", "determined here, never taken from the request"


# ---------------------------------------------------------------- refused


def patient_in(body: dict) -> dict:
    return body["parameter"][0]["resource"]


def spoil_parameters(body: dict, **changes) -> dict:
    body["parameter"][0].update(changes)
    return body


@pytest.mark.req("REG-001", "REG-002")
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(patient_in, id="another resource type"),
        pytest.param(lambda body: {"resourceType": "Parameters"}, id="no parameter"),
        pytest.param(partial(spoil_parameters, name="registerpatient"), id="misspelt"),
        pytest.param(lambda body: {**body, "parameter": body["parameter"] * 2}, id="repeated"),
        pytest.param(
            lambda body: {
                **body,
                "parameter": [*body["parameter"], {"name": "extra", "valueString": "x"}],
            },
            id="extra",
        ),
        pytest.param(
            lambda body: {**body, "parameter": [{"name": "registerPatient"}]}, id="no resource"
        ),
        pytest.param(
            lambda body: {
                **body,
                "parameter": [{"name": "registerPatient", "valueString": "Jane"}],
            },
            id="a value in place of the resource",
        ),
        pytest.param(
            partial(
                spoil_parameters,
                resource={"resourceType": "Practitioner", "name": [{"family": "Jackson"}]},
            ),
            id="a resource of another type",
        ),
        pytest.param(
            partial(spoil_parameters, part=[{"name": "more", "valueString": "x"}]), id="parts"
        ),
    ],
)
@pytest.mark.parametrize("format", ["json", "xml"])
def test_another_envelope_is_refused(consumer, national_record, spoil, format):
    body = spoil(registration_body(national_record.add()))

    response = consumer.register(body, format=format)

    assert (response.status_code, spine_code(response)) == (422, "INVALID_RESOURCE")
    assert diagnostics(response)
    assert Patient.objects.count() == 1


HOME = {"use": "home", "line": ["1 Withings Lane"]}
PHONE = {"system": "phone", "value": "01454 587554", "use": "home"}
NAME = {"use": "official", "family": "Jackson", "given": ["Jane"]}
UNKNOWN = {"url": "https://x", "valueString": "y"}
TOMORROW = clock.today(timezone.now()) + timedelta(days=2)


OTHER_NUMBER: dict[str, Any] = {
    "use": "secondary",
    "type": {"text": "Hospital number"},
    "system": "https://hospital.example/patients",
    "value": "H-77",
}


@pytest.mark.req("REG-007", "REG-018")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("official_first", [True, False], ids=["first", "last"])
def test_further_numbers_and_names_are_accepted_and_not_stored(
    practice, consumer, national_record, format, official_first
):
    """Who knows more of a patient than we keep need not take it out first."""
    nhs_number = national_record.add()
    names = [NAME, {"use": "maiden", "family": "Nash"}, {"use": "nickname", "given": ["Janey"]}]
    numbers = [{"system": SYSTEM, "value": nhs_number}, OTHER_NUMBER, {"value": "no system"}]
    step = 1 if official_first else -1
    body = registration_body(nhs_number, name=names[::step], identifier=numbers[::step])

    response = consumer.register(body, format=format)

    assert response.status_code == 200, response.content
    (sent,) = resources(as_dict(response))
    assert [name["family"] for name in sent["name"]] == ["Jackson"]
    assert [each["value"] for each in sent["identifier"]] == [nhs_number]


def refused(requirement: str, element: str, /, case: str = "", **overrides: Any):
    """A case: with these elements of the patient, the diagnostics name ``element``."""
    label = f"{requirement} {case or element}"
    return pytest.param(overrides, element, marks=pytest.mark.req(requirement), id=label)


TOO_LONG: dict[str, dict[str, Any]] = {
    "Patient.name.family": {"name": [{**NAME, "family": "J" * 101}]},
    "Patient.name.given": {"name": [{**NAME, "given": ["J" * 60, "K" * 60]}]},
    "Patient.name.prefix": {"name": [{**NAME, "prefix": ["M" * 36]}]},
    "Patient.telecom[0].value": {"telecom": [{**PHONE, "value": "0" * 101}]},
    "Patient.address[0].line": {"address": [{**HOME, "line": ["A" * 40] * 5}]},
    "Patient.address[0].city": {"address": [{**HOME, "city": "A" * 61}]},
    "Patient.address[0].postalCode": {"address": [{**HOME, "postalCode": "A" * 11}]},
}
REFUSED = [
    refused("REG-004", "Patient.meta.profile", meta=None),
    refused("REG-004", "Patient.meta.profile", case="another", meta={"profile": ["http://x"]}),
    refused("REG-005", "Patient.identifier", identifier=None),
    refused("REG-005", "Patient.name", name=None),
    refused("REG-005", "Patient.name.family", name=[{"use": "official", "given": ["Jane"]}]),
    refused("REG-005", "Patient.name.given", name=[{"use": "official", "family": "Jackson"}]),
    refused("REG-005", "Patient.name", case="no use", name=[{**NAME, "use": None}]),
    refused("REG-005", "Patient.birthDate", birthDate=None),
    refused("REG-006", "Patient.name", name=[NAME, NAME]),
    refused("REG-005", "Patient.name", case="only another", name=[{**NAME, "use": "usual"}]),
    refused("REG-008", "Patient.gender", gender="f"),
    refused("REG-009", "Patient.address[1]", address=[HOME, HOME]),
    refused("REG-010", "Patient.telecom[1]", telecom=[PHONE, PHONE]),
    refused("REG-010", "Patient.telecom[0].use", telecom=[{**PHONE, "use": None}]),
    refused("REG-010", "Patient.telecom[0].value", telecom=[{**PHONE, "value": None}]),
    refused(
        *("REG-011", "Patient.telecom[1]"),
        telecom=[{**PHONE, "system": "email"}, {**PHONE, "system": "email", "use": "work"}],
    ),
    refused("REG-012", "Patient.extension", extension=[language(), language("cy")]),
    refused("REG-012", "Patient.extension", case="code", extension=[language("xx")]),
    refused(
        *("REG-012", "interpreterRequired"),
        extension=[language(interpreterRequired={"valueString": "yes"})],
    ),
    refused(
        *("REG-012", "Patient.extension"),
        case="no language",
        extension=[{"url": LANGUAGE, "extension": [{"url": "x", "valueBoolean": True}]}],
    ),
    refused(
        *("REG-012", "Patient.extension"),
        case="another part",
        extension=[language(preferred={"valueBoolean": True})],
    ),
    refused(
        *("REG-012", "Patient.extension"),
        case="two languages in one",
        extension=[language("bn", "cy")],
    ),
    refused("REG-012", "Patient.extension", case="system", extension=[language(system="http://x")]),
    refused("REG-013", "Patient.address[1]", address=[{**HOME, "use": "temp"}] * 2),
    refused("REG-013", "Patient.address[0]", case="nowhere", address=[{"use": "temp"}]),
    refused("REG-014", "Patient.telecom[1]", telecom=[{**PHONE, "use": "temp"}] * 2),
    refused("REG-015", "Patient.active", active=True),
    refused("REG-015", "Patient.maritalStatus", maritalStatus={"text": "Married"}),
    refused("REG-015", "Patient.multipleBirthBoolean", multipleBirthBoolean=False),
    refused("REG-015", "Patient.deceasedBoolean", deceasedBoolean=False),
    refused("REG-015", "Patient.contact", contact=[{"name": {"family": "Doe"}}]),
    refused(
        *("REG-015", "Patient.generalPractitioner"),
        generalPractitioner=[{"reference": "Practitioner/1"}],
    ),
    refused(
        *("REG-015", "Patient.managingOrganization"),
        managingOrganization={"reference": "Organization/1"},
    ),
    refused(
        "REG-015", "Patient.link", link=[{"other": {"reference": "Patient/1"}, "type": "seealso"}]
    ),
    refused("REG-015", "Patient.photo", photo=[{"url": "https://x"}]),
    refused(
        *("REG-015", "Patient.communication"),
        communication=[{"language": {"text": "Bengali"}}],
    ),
    refused("REG-015", "Patient.animal", animal={"species": {"text": "Cat"}}),
    refused(
        *("REG-015", "Patient.text"),
        text={
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">Jane</div>',
        },
    ),
    refused(
        "REG-015",
        "Patient.contained",
        contained=[{"resourceType": "Organization", "id": "o", "name": "Hospital"}],
    ),
    refused(
        *("REG-015", "Patient.extension"),
        case="registration details",
        extension=[
            {
                "url": f"{STRUCTURES}/Extension-CareConnect-GPC-RegistrationDetails-1",
                "extension": [{"url": "registrationPeriod", "valuePeriod": {"start": "2020"}}],
            }
        ],
    ),
    refused(
        *("REG-015", "Patient.extension"),
        case="an unknown extension",
        extension=[UNKNOWN],
    ),
    refused(
        *("REG-015", "Patient.birthDate"),
        case="birth time",
        _birthDate={
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                    "valueDateTime": "1952-05-31T10:00:00Z",
                }
            ]
        },
    ),
    refused(
        *("REG-015", "Patient.name.given"),
        case="a given name that is only an extension",
        name=[
            {
                **NAME,
                "given": [None],
                "_given": [{"extension": [UNKNOWN]}],
            }
        ],
    ),
    *(
        refused("REG-015", f"{path}.extension", case="", **overrides)
        for path, overrides in {
            "Patient.name": {"name": [{**NAME, "extension": [UNKNOWN]}]},
            "Patient.telecom[0]": {"telecom": [{**PHONE, "extension": [UNKNOWN]}]},
            "Patient.address[0]": {"address": [{**HOME, "extension": [UNKNOWN]}]},
        }.items()
    ),
    refused("REG-015", "Patient.telecom[0].system", telecom=[{**PHONE, "system": "fax"}]),
    refused("REG-015", "Patient.telecom[0].use", telecom=[{**PHONE, "use": "old"}]),
    refused("REG-015", "Patient.address[0].use", address=[{**HOME, "use": "work"}]),
    refused("REG-015", "Patient.address[0].use", case="none", address=[{"line": ["A"]}]),
    refused("REG-015", "Patient.address[0].state", address=[{**HOME, "state": "York"}]),
    refused("REG-015", "Patient.address[0].text", address=[{**HOME, "text": "Here"}]),
    refused("REG-003", "Patient.address[0].type", address=[{**HOME, "type": "castle"}]),
    refused("REG-003", ".given is not an element", given=["Jane"]),
    refused("REG-003", ".name[0].family", name=[{**NAME, "family": ""}]),
    refused("REG-018", "Patient.identifier", identifier=[{"system": "http://x", "value": "1"}]),
    refused("REG-018", "Patient.identifier", case="no system", identifier=[{"value": "1"}]),
    refused("REG-018", "Patient.identifier.value", identifier=[{"system": SYSTEM}]),
    refused(
        *("REG-018", "Patient.identifier"),
        case="two",
        identifier=[{"system": SYSTEM, "value": "9476719931"}] * 2,
    ),
    refused(
        *("REG-015", "Patient.identifier.use"),
        identifier=[{"system": SYSTEM, "value": "9476719931", "use": "official"}],
    ),
    refused(
        *("REG-019", "Patient.identifier.extension"),
        identifier=[{"system": SYSTEM, "value": "9476719931", "extension": [status("99")]}],
    ),
    refused(
        *("REG-015", "Patient.identifier.extension"),
        case="another",
        identifier=[
            {
                "system": SYSTEM,
                "value": "9476719931",
                "extension": [UNKNOWN],
            }
        ],
    ),
    refused("REG-021", "Patient.birthDate", case="year and month", birthDate="1952-05"),
    refused("REG-021", "Patient.birthDate", case="in the future", birthDate=f"{TOMORROW}"),
    refused("REG-021", ".birthDate", case="impossible", birthDate="1953-06-31"),
    refused("REG-021", ".birthDate", case="with a time", birthDate="1952-05-31T10:00:00Z"),
    refused(
        *("REG-018", "Patient.identifier"),
        case="two beside another",
        identifier=[OTHER_NUMBER, *[{"system": SYSTEM, "value": "9476719931"}] * 2],
    ),
    refused(
        *("REG-015", "Patient.identifier.extension"),
        case="of another identifier",
        identifier=[
            {"system": SYSTEM, "value": "9476719931"},
            {**OTHER_NUMBER, "extension": [UNKNOWN]},
        ],
    ),
    refused(
        *("REG-003", "Patient.identifier[1].use"),
        identifier=[
            {"system": SYSTEM, "value": "9476719931"},
            {**OTHER_NUMBER, "use": "no-such-code"},
        ],
    ),
    refused("REG-003", "Patient.name[1].use", name=[NAME, {**NAME, "use": "no-such-code"}]),
    *(
        refused("REG-003", element, case=f"{element} too long", **overrides)
        for element, overrides in TOO_LONG.items()
    ),
]


@pytest.mark.req("REG-020", "ERR-010", "ERR-013")
@pytest.mark.parametrize(("overrides", "element"), REFUSED)
def test_what_the_page_forbids_or_misses_is_refused_by_name(
    practice, consumer, national_record, overrides, element
):
    nhs_number = national_record.add()
    body = strip_nothing(registration_body(nhs_number, **deepcopy(overrides)))

    response = consumer.register(body)

    assert (response.status_code, spine_code(response)) == (422, "INVALID_RESOURCE")
    assert element in diagnostics(response)
    assert "Jackson" not in diagnostics(response)
    assert Patient.objects.get() == practice.patient


@pytest.mark.req("REG-002", "GEN-035")
@pytest.mark.parametrize(
    "says",
    [
        {"implicitRules": "https://x.example/rules"},
        {"language": "en"},
        {"parameter": {"modifierExtension": [UNKNOWN]}},
    ],
    ids=["rules of its own", "a language", "what changes its meaning"],
)
def test_the_parameters_say_nothing_else(practice, consumer, national_record, says):
    body = registration_body(national_record.add())
    body["parameter"][0].update(says.pop("parameter", {}))

    response = consumer.register({**body, **says})

    assert (response.status_code, spine_code(response)) == (422, "INVALID_RESOURCE")
    assert Patient.objects.get() == practice.patient


def strip_nothing(value):
    """The same without the members that a case replaced with None."""
    if isinstance(value, dict):
        return {name: strip_nothing(each) for name, each in value.items() if each is not None}
    return [strip_nothing(each) for each in value] if isinstance(value, list) else value


@pytest.mark.req("REG-020", "ERR-064")
def test_every_problem_is_named_at_once(consumer, national_record):
    body = registration_body(national_record.add(), active=True, birthDate="1952", gender="f")

    response = consumer.register(body)

    for element in ("Patient.active", "Patient.birthDate", "Patient.gender"):
        assert element in diagnostics(response)


@pytest.mark.req("REG-017")
@pytest.mark.parametrize("value", ["9476719932", "947671993", "947 671 9931", "abc"])
def test_an_invalid_nhs_number_has_a_code_of_its_own(consumer, national_record, value):
    response = consumer.register(registration_body(value))

    assert (response.status_code, spine_code(response)) == (400, "INVALID_NHS_NUMBER")
    assert value not in diagnostics(response)


@pytest.mark.parametrize(
    ("national", "status", "code"),
    [
        pytest.param(
            None,
            *(400, "INVALID_PATIENT_DEMOGRAPHICS"),
            marks=pytest.mark.req("REG-031"),
            id="not found",
        ),
        pytest.param(
            {"birth_date": "1999-01-01"},
            *(400, "INVALID_PATIENT_DEMOGRAPHICS"),
            marks=pytest.mark.req("REG-031"),
            id="not verified",
        ),
        pytest.param(
            {"flags": ["deceased"]},
            *(400, "INVALID_PATIENT_DEMOGRAPHICS"),
            marks=pytest.mark.req("REG-032"),
            id="deceased",
        ),
        pytest.param(
            {"flags": ["sensitive"]},
            *(400, "INVALID_PATIENT_DEMOGRAPHICS"),
            marks=pytest.mark.req("REG-033", "PAT-023"),
            id="sensitive",
        ),
        pytest.param(
            {"flags": ["invalid"]},
            *(400, "INVALID_NHS_NUMBER"),
            marks=pytest.mark.req("REG-034"),
            id="invalid",
        ),
        pytest.param(
            {"flags": ["superseded"]},
            *(400, "INVALID_NHS_NUMBER"),
            marks=pytest.mark.req("REG-034"),
            id="superseded",
        ),
        *(
            pytest.param(
                {"flags": [flag], "birth_date": "1999-01-01", "family_name": "Another"},
                *(400, "INVALID_NHS_NUMBER"),
                marks=pytest.mark.req("REG-034", "DEC-069"),
                id=f"{flag}, and not verified either",
            )
            for flag in ("invalid", "superseded")
        ),
    ],
)
def test_whom_the_national_record_does_not_confirm_is_refused(
    practice, consumer, national_record, national, status, code
):
    nhs_number = new_nhs_number()
    if national is not None:
        national_record.add(nhs_number=nhs_number, **national)

    response = consumer.register(registration_body(nhs_number))

    assert (response.status_code, spine_code(response)) == (status, code)
    assert Patient.objects.get() == practice.patient


@pytest.mark.req("PAT-024")
def test_the_cause_of_a_refusal_cannot_be_told_from_its_words(practice, consumer, national_record):
    causes = [{"flags": ["sensitive"]}, {"flags": ["deceased"]}, {"birth_date": "1999-01-01"}]
    numbers = [new_nhs_number(), *(national_record.add(**cause) for cause in causes)]

    answers = {consumer.register(registration_body(number)).content for number in numbers}

    assert len(answers) == 1


@pytest.mark.req("REG-035")
def test_a_national_record_out_of_reach_is_our_fault(practice, consumer, national_record):
    nhs_number = national_record.add()
    national_record.vanish()

    response = consumer.register(registration_body(nhs_number))

    assert (response.status_code, spine_code(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert diagnostics(response)
    assert Patient.objects.get() == practice.patient


@pytest.mark.req("REG-042")
def test_an_active_patient_is_not_registered_twice(practice, consumer, national_record):
    national_record.add_patient(practice.patient)
    body = registration_body(practice.patient.nhs_number, birthDate="1980-02-29")

    response = consumer.register(body)

    assert (response.status_code, spine_code(response)) == (409, "DUPLICATE_REJECTED")


# ---------------------------------------------------------------- formats and rivals


@pytest.mark.req("REG-001")
def test_the_same_registration_in_json_and_xml_makes_the_same_record(
    practice, consumer, national_record
):
    """Everything that may be sent, through the XML reader and the JSON reader."""
    extension = [language(interpreterRequired={"valueBoolean": False})]
    answers = []
    for format in ("json", "xml"):
        body = registration_body(national_record.add(), extension=extension, **FULL)
        (sent,) = resources(as_dict(consumer.register(body, format=format)))
        del sent["id"], sent["identifier"][0]["value"]
        answers.append(sent)

    assert answers[0] == answers[1]


@pytest.mark.race
@pytest.mark.req("REG-048")
@pytest.mark.django_db(transaction=True)
def test_of_eight_requests_for_one_number_one_registers_and_the_rest_are_duplicates(
    practice, national_record
):
    body = renderers.render(registration_body(national_record.add()), renderers.Format.JSON)
    outcomes, barrier = [], threading.Barrier(8)

    def rival():
        try:
            consumer = Consumer(practice.organisation)
            barrier.wait(timeout=20)
            response = consumer.register(body)
            code = "" if response.status_code == 200 else spine_code(response)
            outcomes.append((response.status_code, code))
        finally:
            connection.close()

    rivals = [threading.Thread(target=rival) for _ in range(8)]
    for each in rivals:
        each.start()
    for each in rivals:
        each.join(timeout=60)

    assert sorted(outcomes) == [(200, "")] + [(409, "DUPLICATE_REJECTED")] * 7
    assert Patient.objects.count() == 2, "the fixture's patient and the new one"
    assert AuditEvent.objects.count() == 8
