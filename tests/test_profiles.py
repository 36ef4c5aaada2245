"""The checker itself: it accepts what was published as right, and finds what we spoil.

A checker that finds nothing is worth nothing, so each of its rules is shown at work once.
"""

import copy
import json

import pytest

from tests import profiles
from tests.shared import GPCONNECT, needs_shared

pytestmark = needs_shared

EXAMPLES = GPCONNECT / "examples"
# Published with a code that its own code system lacks: examples/README.md, DEC-002.
NOT_VALID = {"operation_outcome.access_denied"}
VALID = [
    *(EXAMPLES / "corrected").glob("*.json"),
    *(path for path in (EXAMPLES / "appointments").glob("*.json") if "search" not in path.name),
    *(EXAMPLES / "foundations").glob("find_[op]r*.json"),
    *(EXAMPLES / "foundations").glob("read_[op]r*.json"),
]


def example(name):
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(VALID), ids=lambda path: path.stem)
def test_published_examples_are_valid(path):
    resource = json.loads(path.read_text(encoding="utf-8"))

    if path.stem not in NOT_VALID:
        assert profiles.check(resource) == []
        assert profiles.uk_times(resource) == []


@pytest.mark.parametrize(
    ("name", "violation"),
    [
        ("corrected/operation_outcome.access_denied", "'ACCESS_DENIED' is not in"),
        ("appointments/search_for_free_slots.response", "telecom: must be a list"),
        ("foundations/read_location.response", "Location.address: must not be a list"),
        ("foundations/read_patient.response", "needs a code of"),
        ("errors/patient_not_found", "system: must be"),
    ],
)
def test_published_mistakes_are_found(name, violation):
    """The examples that the specification got wrong, as its examples/README.md lists them."""
    assert violation in "\n".join(profiles.check(example(name)))


ROLE = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-PractitionerRole-1"
CHANNEL = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-DeliveryChannel-2"
REMOVED = object()

SPOILED = [
    # cardinality
    ("appointment", "status", REMOVED, "Appointment.status: occurs 0 times, at least 1 required"),
    ("appointment", "slot", REMOVED, "Appointment.slot: occurs 0 times"),
    ("appointment", "participant.0.status", REMOVED, "participant[0].status: occurs 0 times"),
    ("appointment", "incomingReferral", [{"reference": "ReferralRequest/1"}], "is forbidden"),
    ("appointment", "identifier", [{"system": "x"}], "identifier[0].value: occurs 0 times"),
    ("practitioner", "name", [{"family": "A"}, {"family": "B"}], "occurs 2 times, at most 1"),
    ("patient", "address.0.state", "Yorkshire", "address[0].state: is forbidden"),
    # shape
    ("appointment", "serviceType", {"text": "Routine"}, "Appointment.serviceType: must be a list"),
    ("appointment", "status", ["booked"], "Appointment.status: must not be a list"),
    ("appointment", "colour", "blue", "Appointment.colour: is not an element of this profile"),
    ("appointment", "participant.0.actor.colour", "x", "actor.colour: is not an element"),
    ("appointment", "slot.0", "Slot/1", "Appointment.slot[0]: must be an object"),
    # empty values
    ("appointment", "comment", "", "Appointment.comment: is empty"),
    ("appointment", "comment", "  ", "Appointment.comment: is empty"),
    ("appointment", "identifier", [], "Appointment.identifier: is empty"),
    ("appointment", "serviceCategory", {}, "Appointment.serviceCategory: is empty"),
    ("appointment", "comment", None, "Appointment.comment: is empty"),
    # types
    ("appointment", "start", "2017-05-30T10:00:00", "not of type instant"),
    ("appointment", "start", "2017-05-30", "not of type instant"),
    ("appointment", "created", "2017-02-30T10:00:00Z", "not in the calendar"),
    ("appointment", "priority", -1, "Appointment.priority: -1 is not of type unsignedInt"),
    ("appointment", "minutesDuration", True, "True is not of type positiveInt"),
    ("appointment", "id", "a/b", "Appointment.id: 'a/b' is not of type id"),
    ("patient", "active", "true", "Patient.active: 'true' is not of type boolean"),
    ("patient", "birthDate", "1952-05-31T00:00:00Z", "not of type date"),
    # bindings
    ("appointment", "status", "confirmed", "'confirmed' is not in"),
    ("appointment", "participant.0.status", "yes", "participant[0].status: 'yes' is not in"),
    ("appointment", "extension.1.valueCodeableConcept.coding.0.code", "R9999", "'R9999' is not in"),
    ("appointment", "extension.1.valueCodeableConcept.coding.0.display", "GP", "display 'GP' must"),
    ("appointment", "extension.2.valueCode", "in-person", "'in-person' is not in"),
    ("patient", "gender", "F", "Patient.gender: 'F' is not in"),
    ("outcome", "issue.0.code", "oops", "issue[0].code: 'oops' is not in"),
    ("outcome", "issue.0.details.coding.0.code", "OOPS", "details: 'OOPS' is not in"),
    # fixed values
    ("outcome", "issue.0.details.coding.0.system", "urn:x", "coding[0].system: must be 'https"),
    ("register", "type", "collection", "Bundle.type: must be 'searchset'"),
    ("register", "total", 1, "Bundle.total: is forbidden"),
    # extensions and their structure
    ("appointment", "extension.0.url", "urn:unheard-of", "urn:unheard-of is not an extension of"),
    ("slot", "extension", [{"url": ROLE, "valueString": "GP"}], f"{ROLE} is not an extension of"),
    ("slot", "extension", [{"valueCode": "Video"}], "extension[0]: an extension has a url"),
    ("slot", "extension", [{"url": CHANNEL, "valueString": "Video"}], "valueString: is not an"),
    ("slot", "extension", [{"url": CHANNEL, "valueCode": "Video"}] * 2, "deliveryChannel occurs 2"),
    ("patient", "extension.0.extension.0.url", "unheard-of", "unheard-of is not an extension"),
    ("patient", "extension.0.valueString", "x", "extension[0].valueString: is forbidden"),
    # slices
    ("patient", "name.0.use", "usual", "slice official occurs 0 times, between 1 and 1"),
    ("patient", "identifier.0.extension", REMOVED, "slice nhsNumberVerificationStatus occurs 0"),
    ("patient", "identifier.0.use", "official", "identifier[0].use: is forbidden"),
    # references
    ("appointment", "slot.0.reference", "Schedule/1", "must refer to Slot, not Schedule"),
    ("appointment", "slot.0.reference", "1", "'1' is not of the form Type/id"),
    ("appointment", "extension.0.valueReference.reference", "#2", "'#2' is not contained"),
    # profiles
    ("appointment", "meta.profile", REMOVED, "Appointment.meta.profile: is missing"),
    ("appointment", "meta.profile.0", "urn:x", "urn:x is not a profile of GP Connect 1.2.7"),
    ("appointment", "meta.profile.0", profiles.DEFAULTS["Slot"], "is not for Appointment"),
    ("appointment", "contained.0.name", REMOVED, "contained[0].name: occurs 0 times"),
    ("register", "entry.0.resource.name", REMOVED, "entry[0].resource.name: slice official"),
    # constraints
    ("appointment", "contained.0.text", {"status": "empty"}, "constraint dom-1 does not hold"),
    ("appointment", "contained.0.id", "9", "constraint dom-3 does not hold"),
    ("patient", "telecom.0.period", {"start": "2026-02-01", "end": "2026-01-01"}, "per-1"),
]
SOURCES = {
    "appointment": ("corrected/book_appointment.response", ()),
    "outcome": ("corrected/operation_outcome.bad_request", ()),
    "patient": ("corrected/read_patient.response", ()),
    "practitioner": ("foundations/read_practitioner.response", ()),
    "register": ("corrected/register_patient.response", ()),
    "slot": ("corrected/search_for_free_slots.response", ("entry", 0, "resource")),
}


def source(name):
    found = example(SOURCES[name][0])
    for step in SOURCES[name][1]:
        found = found[step]
    return copy.deepcopy(found)


@pytest.mark.parametrize(("name", "at", "value", "violation"), SPOILED)
def test_a_spoiled_example_is_found_out(name, at, value, violation):
    resource = source(name)
    assert profiles.check(resource) == []
    *steps, last = [int(step) if step.isdigit() else step for step in at.split(".")]
    target = resource
    for step in steps:
        target = target[step]

    if value is REMOVED:
        del target[last]
    else:
        target[last] = value

    assert violation in "\n".join(profiles.check(resource))


def test_order_is_checked_when_asked_for():
    """XML takes its order from our dicts; the published JSON is not always in FHIR's order."""
    slot = source("slot")
    spoiled = {"status": slot.pop("status"), **slot}

    assert profiles.check(slot, ordered=True) == [
        "Slot.status: occurs 0 times, at least 1 required"
    ]
    assert profiles.check(spoiled) == []
    assert "Slot.resourceType: comes before status in FHIR" in profiles.check(spoiled, ordered=True)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("2026-10-25T00:59:59+01:00", True),
        ("2026-10-25T01:30:00+01:00", True),
        ("2026-10-25T01:30:00+00:00", True),
        ("2026-10-25T02:00:00+01:00", False),
        ("2026-07-01T09:00:00+01:00", True),
        ("2026-07-01T09:00:00+00:00", False),
        ("2026-01-01T09:00:00Z", False),
        ("2026-01-01T09:00:00.000+00:00", False),
        ("2026-01-01T09:00+00:00", False),
        ("2026-02-30T09:00:00+00:00", False),
        ("2027-03-28T01:30:00+00:00", False),
    ],
)
def test_uk_times_have_the_offset_of_their_own_instant(value, right):
    """Both clock changes: an hour that happens twice has both offsets, a missing one has none."""
    assert profiles.is_uk_time(value) is right
    assert bool(profiles.uk_times({"resourceType": "Slot", "start": value})) is not right
