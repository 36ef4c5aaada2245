"""The kit's own words about profiles and codes say what the published ones say."""

import json
from datetime import datetime

import pytest

from consumer.check import codes
from consumer.check.profiles import SHAPES
from consumer.check.shapes import faults, is_uk_time, table
from tests.shared import GPCONNECT, needs_shared


def published(path):
    return json.loads((GPCONNECT / path).read_text(encoding="utf-8"))


def resources(value):
    """Every resource of a kind that the kit knows, in a Bundle or alone."""
    if value["resourceType"] == "Bundle":
        return [each for entry in value.get("entry", []) for each in resources(entry["resource"])]
    return [value] if value["resourceType"] in SHAPES else []


# Published as correct, and not in a page's words: another code list spells it so (DEC-002).
EXAMPLES = (
    "book_appointment.response",
    "cancel_appointment.response",
    "find_patient.response",
    "operation_outcome.bad_request",
    "operation_outcome.invalid_parameter",
    "read_location.response",
    "read_patient.response",
    "search_for_free_slots.no_practitioner.response",
    "search_for_free_slots.response",
)


@needs_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_corrected_examples_have_no_fault(name):
    found = resources(published(f"examples/corrected/{name}.json"))

    assert found
    assert [str(each) for one in found for each in faults(one, SHAPES[one["resourceType"]])] == []


@needs_shared
@pytest.mark.parametrize("kind", SHAPES)
def test_what_a_profile_forbids_and_demands_the_table_does_too(kind):
    url = codes.PROFILES[kind]
    data = published(f"profiles/elements/{url.rsplit('/', 1)[-1]}.json")
    known = SHAPES[kind].elements
    everywhere = {"id", "meta", "text", "extension", "modifierExtension", "contained"}
    wrong = []
    for element in data["elements"]:
        name = element["path"].partition(".")[2]
        if not name or "." in name or ":" in element["id"] or name in everywhere:
            continue
        name = name.replace("[x]", "DateTime" if name.startswith("deceased") else "Boolean")
        line = known.get(name)
        if line is None:
            wrong.append(f"{name} is missing")
        elif element["max"] == "0" and line.most:
            wrong.append(f"{name} is forbidden")
        elif element["min"] and not line.least and line.most:
            wrong.append(f"{name} is mandatory")
        elif line.most and line.is_list != (element["baseMax"] not in ("0", "1")):
            wrong.append(f"{name} is a list, or not")

    assert data["url"] == url
    assert wrong == []


@needs_shared
def test_refusals_are_those_of_the_published_table():
    table_of_errors = {
        (each["httpStatus"], each["code"]): each
        for each in published("terminology/error_codes.json")["errors"]
    }

    for refusal in codes.REFUSALS:
        row = table_of_errors[refusal.status, refusal.code]
        assert (refusal.issue_type, codes.DISPLAYS[refusal.code]) == (
            row["issueType"],
            row["display"],
        )


@needs_shared
def test_addresses_are_the_published_ones():
    files = (GPCONNECT / "profiles" / "elements").glob("*.json")
    known = {json.loads(each.read_text(encoding="utf-8"))["url"] for each in files}

    used = {
        *codes.PROFILES.values(),
        *codes.NOT_SENT_OF_PATIENTS,
        *(codes.BOOKING_ORGANISATION, codes.CANCELLATION_REASON, codes.DELIVERY_CHANNEL),
        *(codes.PRACTITIONER_ROLE, codes.REGISTRATION_DETAILS, codes.VERIFICATION),
    }

    assert used - known == set()


def test_a_table_says_how_often_and_what():
    found = table("""
        name 1 string
        alias * string
        mode 0
    """)

    assert (found["name"].least, found["name"].most, found["name"].is_list) == (1, 1, False)
    assert found["alias"].is_list
    assert found["mode"].most == 0


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("2026-10-25T01:30:00+01:00", True),
        ("2026-10-25T01:30:00+00:00", True),  # the hour that comes twice
        ("2026-07-01T09:00:00+01:00", True),
        ("2026-07-01T09:00:00+00:00", False),
        ("2026-07-01T08:00:00Z", False),
        ("2026-07-01T09:00:00.000+01:00", False),
        ("2026-03-29T01:30:00+00:00", False),  # the hour that there is not
        (datetime(2026, 7, 1), False),
    ],
)
def test_uk_times_have_the_offset_of_their_moment(value, right):
    assert is_uk_time(value) is right
