"""Nothing is stored and sent back that a strict reader of the next answer would refuse."""

import json
import os
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.STU3 import get_fhir_model_class

from fhirapi import validation
from fhirapi.errors import FHIRError
from fhirapi.resources import appointment
from fhirapi.resources.common import ODS_CODE
from fhirapi.validation import definitions_of, resource_class
from practice import terminology
from tests import profiles
from tests.fhirapi.answers import violations
from tests.fhirapi.appointments import (
    FULL_ORGANISATION,
    INVALID,
    NO_REFERENCE,
    answer,
    appointment_in,
    assert_refused,
    diary,
)
from tests.shared import needs_shared
from workbench.bodies import booking_organisation, cancelled, participant
from workbench.consumer import diagnostics
from workbench.factories import make_location, make_organisation

pytestmark = pytest.mark.django_db

STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
MAIN_LOCATION = f"{STRUCTURES}/Extension-CareConnect-GPC-MainLocation-1"
ROLE = f"{STRUCTURES}/Extension-GPConnect-PractitionerRole-1"
CHANNEL = f"{STRUCTURES}/Extension-GPConnect-DeliveryChannel-2"


def full_body(world) -> dict[str, Any]:
    """A legal booking that says everything that a booking may say."""
    here = world.patient.organisation_id
    place = world.schedule.location_id
    organisation: dict[str, Any] = deepcopy(FULL_ORGANISATION)
    organisation["language"] = "en-GB"
    organisation["extension"].append(
        {"url": MAIN_LOCATION, "valueReference": {"reference": f"Location/{place}"}}
    )
    organisation["partOf"] = {"reference": f"Organization/{here}", "display": "The Trust"}
    organisation["endpoint"] = [{"display": "Their system"}]
    organisation["address"][0]["type"] = "physical"
    organisation["contact"][0]["name"]["use"] = "usual"
    organisation["contact"][0]["address"] = {"use": "work", "type": "postal", "line": ["Desk 1"]}
    organisation["identifier"][1]["assigner"] = {"reference": f"Organization/{here}"}
    body = world.body(organisation=organisation)
    body["participant"][0].update(required="required")
    roles = terminology.value_set("practitioner_role")
    role = {"system": roles.system, "code": next(iter(roles.codes))}
    body["extension"] += [
        {"url": ROLE, "valueCodeableConcept": {"coding": [role]}},
        {"url": CHANNEL, "valueCode": "In-person"},
    ]
    return body


Path = tuple[str | int, ...]


def coded(value: Any, klass: Any, path: Path = ()) -> Iterator[Path]:
    """Where the elements of type ``code`` are."""
    klass = resource_class(value.get("resourceType")) or klass
    for name, member in value.items():
        element = definitions_of(klass).get(name)
        for index, item in enumerate(member if isinstance(member, list) else [member]):
            where = (*path, name, index) if isinstance(member, list) else (*path, name)
            if element and element.type_name == "code":
                yield where
            elif isinstance(item, dict):
                inner = element.type_name if element else "Resource"
                yield from coded(item, get_fhir_model_class(inner), where)


def spelled(path: Path) -> str:
    return "Appointment" + "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path)


def put(body: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of the body with one value set."""
    copy = deepcopy(body)
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


# ---------------------------------------------------------------- codes


@pytest.mark.req("BOOK-031", "GEN-035", "GEN-136")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_every_code_that_is_not_of_its_list_is_refused_by_name(consumer, world, format):
    """The organisation's type excepted, which may be of a code that nobody knows (BOOK-036)."""
    body = full_body(world)
    paths = [path for path in coded(body, None) if "type" not in path[:-1]]
    assert len(paths) > 18, paths
    before = diary()

    for path in paths:
        response = consumer.book(put(body, path, "no-such-code"), format=format)

        assert answer(response) == INVALID, path
        assert spelled(path) in diagnostics(response)
    assert diary() == before
    assert consumer.book(body, format=format).status_code == 201


@pytest.mark.req("BOOK-031", "GEN-136")
def test_codes_have_one_case(consumer, world):
    body = put(full_body(world), ("contained", 0, "telecom", 0, "system"), "Phone")

    assert answer(consumer.book(body)) == INVALID


@needs_shared
@pytest.mark.req("BOOK-031", "GEN-035")
def test_what_was_booked_with_everything_keeps_to_the_profile_when_it_is_read(consumer, world):
    booked = appointment_in(consumer.book(full_body(world)))

    assert violations(booked) == []
    assert violations(appointment_in(consumer.read_appointment(booked["id"]))) == []


ORGANISATION_SAYS: dict[str, tuple[dict[str, Any], str]] = {
    # what the contained organisation says: (its elements, what the diagnostics name)
    "a telecom of home (org-3)": (
        {"telecom": [{"system": "phone", "value": "1", "use": "home"}]},
        "telecom[0].use",
    ),
    "an address of home (org-2)": ({"address": [{"use": "home", "city": "L"}]}, "address[0].use"),
    "a number of no kind (cpt-2)": (
        {"telecom": [{"system": "phone", "value": "1"}, {"value": "2"}]},
        "telecom[1]",
    ),
    "a period that ends before it begins (per-1)": (
        {
            "identifier": [
                {"system": ODS_CODE, "value": "A1001"},
                {"system": "u", "value": "1", "period": {"start": "2020-02", "end": "2020-01-31"}},
            ]
        },
        "identifier[1].period",
    ),
    "a contact's name without family": (
        {"contact": [{"name": {"text": "Desk"}}]},
        "contact[0].name.family",
    ),
    "a contact's state": (
        {"contact": [{"address": {"state": "Yorkshire"}}]},
        "contact[0].address.state",
    ),
    "two main locations": (
        {"extension": [{"url": MAIN_LOCATION, "valueReference": {"display": "x"}}] * 2},
        MAIN_LOCATION,
    ),
    "a main location in words": (
        {"extension": [{"url": MAIN_LOCATION, "valueString": "the first floor"}]},
        "extension[0]",
    ),
    "an extension of nothing (ext-1)": (
        {"extension": [{"url": "https://x.example/e"}]},
        "extension[0]",
    ),
    "rules of its own": ({"implicitRules": "https://x.example/rules"}, "implicitRules"),
    "what changes its meaning": (
        {"modifierExtension": [{"url": "https://x.example/not", "valueBoolean": True}]},
        "modifierExtension",
    ),
    "what changes the meaning of a contact": (
        {
            "contact": [
                {
                    "name": {"family": "Desk"},
                    "modifierExtension": [{"url": "https://x.example/not", "valueBoolean": True}],
                }
            ]
        },
        "contact[0].modifierExtension",
    ),
    "a language that is none": ({"language": "plain words"}, "language"),
}


@pytest.mark.req("BOOK-031", "GEN-035")
@pytest.mark.parametrize(
    ("says", "named"), ORGANISATION_SAYS.values(), ids=ORGANISATION_SAYS.keys()
)
def test_the_booking_organisation_keeps_to_its_profile(consumer, world, says, named):
    body = world.body(organisation=booking_organisation(**says))
    before = diary()

    response = consumer.book(body)

    assert_refused(response, INVALID, named, before=before)


MODIFIER = [{"url": "https://x.example/not", "valueBoolean": True}]


@pytest.mark.req("GEN-035")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("implicitRules",), "https://x.example/rules"),
        (("modifierExtension",), MODIFIER),
        (("participant", 0, "modifierExtension"), MODIFIER),
    ],
    ids=["rules", "appointment", "participant"],
)
def test_what_would_change_the_meaning_of_a_booking_is_refused(consumer, world, path, value):
    """Whoever does not understand a modifier must not go on (FHIR STU3, "Extensibility")."""
    before = diary()

    response = consumer.book(put(world.body(), path, value))

    assert_refused(response, INVALID, spelled(path), before=before)


@pytest.mark.req("GEN-035", "AMEND-002", "CANC-004")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("change", ["amend", "cancel"])
def test_a_copy_sent_back_is_held_to_the_same(consumer, received, change, format):
    body = cancelled(received) if change == "cancel" else received
    send = getattr(consumer, change)

    for path, value in (
        (("participant", 0, "modifierExtension"), MODIFIER),
        (("participant", 0, "required"), "no-such-code"),
        (("contained", 0, "telecom", 0, "system"), "telephone"),
    ):
        response = send(received["id"], put(body, path, value), format=format)

        assert answer(response) == INVALID
        assert spelled(path) in diagnostics(response)


# ---------------------------------------------------------------- whatever is accepted may be sent

INPUTS = min(2000, int(os.environ.get("FUZZ_INPUTS", "150")))
SEED = int(os.environ.get("FUZZ_SEED", "20261128"))
VALUES: tuple[Any, ...] = (
    *("no-such-code", "home", "work", "temp", "phone", "Phone", "official", "#1", "#2", "#", "en"),
    *("Organization/1", "Location/1", "Patient/1", "https://x.example/Organization/1", "x y", " "),
    *("2020", "2021-01-01", "2019-12-31T23:59:59Z", MAIN_LOCATION, CHANNEL, True, 7, -1, 2.5),
    *({"reference": "Endpoint/1"}, {"value": "1"}, {"start": "2021", "end": "2020-12"}, []),
    *({"url": MAIN_LOCATION, "valueCode": "x"}, {"use": "home"}, {"state": "York"}, {}, None),
)
NAMES = (
    "use",
    "system",
    "state",
    "type",
    "period",
    "reference",
    "implicitRules",
    "modifierExtension",
)


def places(value: Any) -> Iterator[tuple[Any, str | int]]:
    """Every member and item, as what holds it and where in it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in list(pairs):
        yield value, step
        if isinstance(inner, (dict, list)):
            yield from places(inner)


def spoilt(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """One to three things in the contained organisation taken out, exchanged or added."""
    found = deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        holder, step = chance.choice(list(places(found["contained"][0])))
        way = chance.random()
        if way < 0.2:
            del holder[step]
        elif way < 0.4 and isinstance(holder, dict):
            holder[chance.choice(NAMES)] = deepcopy(chance.choice(VALUES))
        else:
            holder[step] = deepcopy(chance.choice(VALUES))
    return found


def kept(body: dict[str, Any]) -> Any:
    """The organisation that is stored of a body, or None where the body is refused."""
    try:
        if validation.problems_of(body, "Appointment"):
            return None
        return json.loads(appointment.parse(body)["booking_organisation"].json)
    except FHIRError:
        return None


@needs_shared
@pytest.mark.req("BOOK-031", "GEN-035")
def test_whatever_is_accepted_of_an_organisation_keeps_to_the_published_profile(world):
    """Held to a second reader, which knows the published profile and nothing of our rules."""
    body, chance, accepted = full_body(world), random.Random(SEED), 0

    for _ in range(INPUTS):
        attempt = spoilt(body, chance)
        if found := kept(attempt):
            accepted += 1
            # A code that is no organisation type is allowed (BOOK-036), as are further extensions.
            wrong = [
                each
                for each in profiles.check(found, ordered=True)
                if ".type.coding" not in each
                and "GPConnect-OrganisationType-1" not in each
                and "is not an extension of this element" not in each
            ]
            assert wrong == [], found

    assert 0.05 < accepted / INPUTS < 0.75, "some pass, some do not"


# ---------------------------------------------------------------- references

OUR_ROOT = "http://testserver/{ods_code}/STU3/1/gpconnect"
ABROAD = {
    "another server": "https://elsewhere.example/A20047/STU3/1/gpconnect/{0}",
    "another practice": "http://testserver/Z99999/STU3/1/gpconnect/{0}",
    "a uuid": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
    "a version": "{0}/_history/1",
    "no id": "Organization/",
    "another type": "Patient/1",
}
REFERENCES: dict[str, Path] = {
    "slot": ("slot", 0),
    "actor": ("participant", 1, "actor"),
    "part of": ("contained", 0, "partOf"),
    "main location": ("contained", 0, "extension", 1, "valueReference"),
    "endpoint": ("contained", 0, "endpoint", 0),
    "assigner": ("contained", 0, "identifier", 1, "assigner"),
}


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


@pytest.mark.req("GEN-023", "GEN-024", "DEC-067")
@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("path", REFERENCES.values(), ids=REFERENCES.keys())
def test_no_reference_leads_out_of_here(consumer, world, path, format):
    """Those inside contained resources included."""
    body = full_body(world)
    before = diary()

    for words, abroad in ABROAD.items():
        where = at(body, path).get("reference", "Endpoint/1")
        spoilt = put(body, (*path, "reference"), abroad.format(where))
        if words == "another type" and path[0] == "participant":
            continue  # then there are two patients, which is another rule
        response = consumer.book(spoilt, format=format)

        assert answer(response) == INVALID, words
        assert ("slot" if path[0] == "slot" else spelled(path[2:])[11:]) in diagnostics(response)
    assert diary() == before


@pytest.mark.req("GEN-024", "DEC-067")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_an_address_below_our_own_root_is_the_local_reference_that_it_is(consumer, world, format):
    root = OUR_ROOT.format(ods_code=consumer.organisation.ods_code)
    body = full_body(world)
    for path in REFERENCES.values():
        if "reference" in at(body, path):
            body = put(body, (*path, "reference"), f"{root}/{at(body, path)['reference']}")
    body = put(
        body,
        ("participant", 0, "actor", "reference"),
        f"{root}/{body['participant'][0]['actor']['reference']}",
    )

    booked = appointment_in(consumer.book(body, format=format))

    assert booked["slot"][0]["reference"] == f"Slot/{world.slots[0].pk}"
    assert root not in json.dumps(booked)
    sent_back = deepcopy(booked)
    for each in sent_back["participant"]:
        each["actor"]["reference"] = f"{root}/{each['actor']['reference']}"
    assert consumer.amend(booked["id"], sent_back, format=format).status_code == 200


@pytest.mark.req("GEN-026")
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("part of", "Organization/999999"),
        ("part of", "Organization/{elsewhere}"),
        ("main location", "Location/999999"),
        ("main location", "Location/{their_place}"),
        ("endpoint", "Endpoint/1"),
        ("assigner", "Organization/null"),
    ],
)
def test_what_the_booking_organisation_refers_to_is_here(consumer, world, name, reference):
    elsewhere = make_organisation()
    their_place = make_location(elsewhere)
    named = reference.format(elsewhere=elsewhere.pk, their_place=their_place.pk)
    body = put(full_body(world), (*REFERENCES[name], "reference"), named)
    before = diary()

    response = consumer.book(body)

    assert_refused(response, NO_REFERENCE, "booking organisation", before=before)


@pytest.mark.req("GEN-024", "BOOK-037")
def test_the_booking_organisation_refers_to_no_other_contained_resource(consumer, world):
    """It alone is kept."""
    body = put(full_body(world), ("contained", 0, "partOf", "reference"), "#2")
    body["contained"].append({**booking_organisation(), "id": "2"})

    assert answer(consumer.book(body)) == INVALID


@pytest.mark.req("BOOK-056")
@pytest.mark.parametrize("kind", ["HealthcareService", "RelatedPerson", "Device"])
def test_an_actor_that_is_not_held_here_is_called_what_it_is(consumer, world, kind):
    body = world.body()
    body["participant"].append(participant(f"{kind}/7"))
    before = diary()

    response = consumer.book(body)

    assert_refused(response, NO_REFERENCE, kind, before=before)
    assert "practitioner" not in diagnostics(response).lower()
