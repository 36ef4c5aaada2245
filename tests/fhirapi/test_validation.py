"""A resource is valid STU3, or refused with the name of the element and no value."""

from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.STU3 import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from fhirapi import validation
from fhirapi.validation import problems_of
from tests.fhirapi.bodies_sent import BOOKING, changed, post, refusal, sent, without
from tests.fuzzing import JUNK_TEXTS, JUNK_VALUES

# ---------------------------------------------------------------- not valid FHIR: 422

INVALID = {
    "unknown element": ("colour", "red", "Appointment.colour is not an element"),
    "unknown element inside": ("slot.0.colour", "red", "Appointment.slot[0].colour is not"),
    "unknown in contained": ("contained.0.colour", 1, "Appointment.contained[0].colour is not"),
    "element of another type": (
        "participant.0.birthDate",
        "2000-01-01",
        "participant[0].birthDate",
    ),
    "empty string": ("description", "", "Appointment.description must not be empty"),
    "blank string": ("description", " \t", "Appointment.description must not be empty"),
    "empty object": ("slot.0", {}, "Appointment.slot[0] must not be empty"),
    "code with spaces": ("status", " booked", "Appointment.status must not begin or end"),
    "code with two spaces": ("status", "a  b", "Appointment.status does not have the form"),
    "id with a slash": ("id", "a/b", "Appointment.id is not a FHIR id"),
    "id too long": ("id", "a" * 65, "Appointment.id is not a FHIR id"),
    "url with a space": ("meta.profile", ["a b"], "Appointment.meta.profile[0] is not a URI"),
    "positive number": ("minutesDuration", 0, "Appointment.minutesDuration does not have the form"),
    "too large a number": ("priority", 2**31, "Appointment.priority does not have the form"),
    "date for instant": ("start", "2030-05-30", "Appointment.start does not have the form"),
    "no offset": ("start", "2030-05-30T10:00:00", "Appointment.start does not have the form"),
    "no seconds": ("start", "2030-05-30T10:00+01:00", "Appointment.start does not have the form"),
    "no such day": ("created", "2030-02-30", "Appointment.created does not have the form"),
    "no such hour": ("end", "2030-05-30T24:00:00Z", "Appointment.end does not have the form"),
    "an unknown resource": (
        "contained.0.resourceType",
        "Foo",
        "Appointment.contained[0] must be a",
    ),
    "a type for a resource": (
        "contained.0.resourceType",
        "Period",
        "Appointment.contained[0] must",
    ),
    "two values": (
        "extension.0.valueString",
        "x",
        "Appointment.extension[0] must have exactly one",
    ),
    "extension without url": ("extension.0", {"valueCode": "a"}, "Appointment.extension[0].url is"),
    "wrong type of value": (
        "extension.0.valueFoo",
        "a",
        "Appointment.extension[0].valueFoo is not",
    ),
    "base64": ("extension.0", {"url": "u", "valueBase64Binary": "%"}, "valueBase64Binary is not"),
}
ONLY_IN_JSON: dict[str, tuple[str, Any, str]] = {
    "text for a narrative": ("text", {"status": "empty", "div": "x"}, "text.div is not a well-"),
    "broken narrative": ("text", {"status": "empty", "div": "<div><p></div>"}, "text.div is not a"),
    "another narrative": ("text", {"status": "empty", "div": "<p>x</p>"}, "text.div is not a well"),
    "null": ("description", None, "Appointment.description must not be null"),
    "null in a list": ("slot", [None], "Appointment.slot[0] must not be null"),
    "empty list": ("slot", [], "Appointment.slot must not be empty"),
    "number for string": ("description", 5, "Appointment.description must be a string"),
    "number for instant": ("start", 1793000000, "Appointment.start must be a string"),
    "number for reference": ("slot.0.reference", 1, "Appointment.slot[0].reference must be a"),
    "true for string": ("comment", True, "Appointment.comment must be a string"),
    "string for number": ("priority", "1", "Appointment.priority must be a whole number"),
    "fraction for number": ("priority", 1.0, "Appointment.priority must be a whole number"),
    "true for number": ("priority", True, "Appointment.priority must be a whole number"),
    "string for true": ("contained.0.active", "true", "contained[0].active must be true or false"),
    "number for true": ("contained.0.active", 1, "contained[0].active must be true or false"),
    "string for decimal": (
        "extension.0",
        {"url": "u", "valueDecimal": "1.5"},
        "valueDecimal must be a number",
    ),
    "object for list": ("slot", {"reference": "Slot/1"}, "Appointment.slot must be a list"),
    "list for object": ("meta", [{}], "Appointment.meta must not be a list"),
    "list for string": ("description", ["x"], "Appointment.description must not be a list"),
    "object for string": ("description", {"a": 1}, "Appointment.description must be a string"),
    "string for object": ("meta", "x", "Appointment.meta must be an object"),
    "json text for object": ("meta", '{"versionId":"1"}', "Appointment.meta must be an object"),
    "string for resource": ("contained.0", "x", "Appointment.contained[0] must be a resource"),
    "no type of resource": ("contained.0", {"id": "1"}, "Appointment.contained[0] must be a"),
    "object for type": ("contained.0.resourceType", {}, "Appointment.contained[0] must be a"),
    "type on an element": (
        "slot.0.resourceType",
        "Slot",
        "Appointment.slot[0].resourceType is not",
    ),
    "python's own names": ("resource_type", "Appointment", "(an unknown name) is not an element"),
    "comments of old": ("fhir_comments", ["x"], "(an unknown name) is not an element"),
    "a strange name": ("NHS 9476719931", "x", "Appointment.(an unknown name) is not an element"),
    "escaped control": (
        "description",
        "a\x00b",
        "Appointment.description must not contain control",
    ),
    "extension of an object": ("_slot", [{"id": "1"}], "Appointment._slot is not an element"),
    "unknown beside": ("_status", {"colour": "red"}, "Appointment._status.colour is not an"),
    "list beside": ("_status", [{"id": "1"}], "Appointment._status must be an object"),
    "null beside": ("_status", None, "Appointment._status must be an object"),
    "empty beside": ("_status", {}, "Appointment._status must not be empty"),
    "object beside a list": ("meta._profile", {"id": "1"}, "Appointment.meta._profile must be a"),
    "nothing beside a list": ("meta._profile", [None], "Appointment.meta._profile must be a list"),
}


@pytest.mark.req("GEN-035", "GEN-079", "GEN-133", "GEN-134", "ERR-032", "ERR-010", "ERR-051")
@pytest.mark.parametrize("name", ["json", "xml"])
@pytest.mark.parametrize(("path", "value", "problem"), INVALID.values(), ids=INVALID.keys())
def test_a_body_that_is_not_fhir_is_refused_by_name(rf, path, value, problem, name):
    error = refusal(sent(rf, changed(path, value), name))

    assert error.error.code == "INVALID_RESOURCE"
    assert problem.removesuffix(".") in " ".join(error.diagnostics) or (
        # XML stops at what has no place in JSON, and says it in fewer words.
        name == "xml" and "is not" in error.diagnostics[0]
    )


@pytest.mark.req("GEN-035", "GEN-079", "GEN-133", "ERR-032", "ERR-010", "ERR-051")
@pytest.mark.parametrize(("path", "value", "problem"), ONLY_IN_JSON.values(), ids=ONLY_IN_JSON)
def test_json_of_the_wrong_kind_is_refused_by_name(rf, path, value, problem):
    error = refusal(sent(rf, changed(path, value), "json"))

    assert error.error.code == "INVALID_RESOURCE"
    assert problem in " ".join(error.diagnostics)


@pytest.mark.req("ERR-032")
@pytest.mark.parametrize("name", ["participant"])
def test_a_required_element_is_missed_by_name(rf, name):
    assert refusal(sent(rf, without(name), "json")).diagnostics == (
        f"Appointment.{name} is required.",
    )


def test_a_required_element_inside_is_missed_by_name(rf):
    body = changed("participant.0", {"actor": {"reference": "Patient/1"}})

    assert refusal(sent(rf, body, "json")).diagnostics == (
        "Appointment.participant[0].status is required.",
    )


@pytest.mark.req("ERR-032", "ERR-051")
@pytest.mark.parametrize(
    "data",
    [b"[]", b'"x"', b"null", b"1", b"{}", b'{"resourceType": "Slot"}', b'{"resourceType": 1}'],
)
def test_another_resource_than_expected_is_refused(rf, data):
    error = refusal(post(rf, data))

    assert error.error.code == "INVALID_RESOURCE"
    assert error.diagnostics == ("A resource of type Appointment is expected.",)


@pytest.mark.req("ERR-064")
def test_all_problems_are_named_up_to_a_limit(rf):
    body = {**BOOKING, **{f"x{n}": 1 for n in range(30)}}

    assert len(refusal(sent(rf, body, "json")).diagnostics) == validation.MOST_PROBLEMS


@pytest.mark.req("ERR-008")
@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("description", 9476719931, "json"),
        ("slot.0", "9476719931", "json"),
        ("NHS9476719931", "x", "json"),
        ("NHS9476719931", "x", "xml"),
        ("start", "9476719931", "json"),
        ("start", "9476719931", "xml"),
        ("status", "9476719931  Mr Smith", "json"),
        ("status", "9476719931  Mr Smith", "xml"),
        ("extension.0.valueString", "9476719931", "json"),
        ("contained.0.resourceType", "NHS9476719931", "json"),
        ("contained.0.resourceType", "NHS9476719931", "xml"),
    ],
)
def test_no_diagnostics_repeat_what_was_sent(rf, path, value, name):
    error = refusal(sent(rf, changed(path, value), name))

    assert "9476719931" not in " ".join(error.diagnostics)


# ---------------------------------------------------------------- anything at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "extension",
                    "url",
                    "reference",
                    "status",
                    "_status",
                    "valueCode",
                ]
            ),
            inside,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(sorted({*BOOKING, "_status", "text", "identifier"})), json_values)
def test_no_value_whatever_is_a_surprise(name, value):
    """Either there are problems, and words for them, or fhir.resources agrees."""
    problems = problems_of({**BOOKING, name: value}, "Appointment")

    assert all(problem.endswith(".") for problem in problems)


# ---------------------------------------------------------------- what is like something valid

URL = "https://fhir.nhs.uk/x"
LONG_WINDED: dict[str, Any] = {
    **BOOKING,
    "id": "9",
    "identifier": [{"system": URL, "value": "1", "period": {"start": "2030-01-01"}}],
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "comment": "Free text",
    "minutesDuration": 10,
    "serviceType": [{"coding": [{"system": URL, "code": "a", "display": "A"}], "text": "A"}],
    "extension": [
        {"url": URL, "valueReference": {"reference": "#1", "display": "Hub"}},
        {"url": URL, "valueString": "Free text"},
        {"url": URL, "valueMarkdown": "Free text"},
        {"url": URL, "valueInstant": "2030-05-30T10:00:00+01:00"},
        {"url": URL, "valueDateTime": "2030-05-30"},
        {"url": URL, "valueDate": "2030-05-30"},
        {"url": URL, "valueTime": "10:00:00"},
        {"url": URL, "valueDecimal": 1.5},
        {"url": URL, "extension": [{"url": "a", "valueCode": "a"}]},
    ],
    "contained": [
        {
            "resourceType": "Organization",
            "id": "1",
            "name": "Hub",
            "active": True,
            "telecom": [{"system": "phone", "value": "0113 496 0005", "rank": 1}],
            "address": [{"line": ["1 Street"], "period": {"end": "2030-05-30T10:00:00Z"}}],
            "contact": [{"name": {"family": "Jones", "given": ["Claire"]}}],
        }
    ],
}
ODD_WORDS = (
    *("x", "x y", " ", " x", "x ", "x\u00a0", "\u00a0", "x\u2028y", "x\u0085", "x\x0by", "x\x0cy"),
    *(
        "x\ty",
        "x\ny",
        "x\ry",
        "x\x7f",
        "x" * 1000,
        "x" * 1001,
        "#1",
        "Patient/1",
        "http://x.x/a b",
    ),
    *("2030-02-28T10:00:00Z", "2030-02-29T10:00:00Z", "2030-04-31T00:00:00Z"),
    *("1900-02-29T10:00:00Z", "2000-02-29T10:00:00Z", "2030-05-30T10:00:00"),
    *("2030-05-30T23:59:60Z", "2030-05-30T10:00:00.1234567Z", "2030-05-30T10:00:00.Z", "10:00:00"),
    *("2030-05-30T10:00:00+13:59", "2030-05-30T10:00:00-14:00", "2030-05-30T10:00:00+14:01"),
    *("2030-05-30 10:00:00Z", "2030-05-30T10:00Z", "2030-05", "2199-12-31T23:59:59-13:59"),
    *("2030-05-30T10:00:00z", "2030-05-30T10:00:00Z\n", "\u0662030-05-30T10:00:00Z"),
)


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The path of everything in a body, and what stands there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for step, member in inside:
        here = f"{path}.{step}".removeprefix(".")
        yield here, member
        if isinstance(member, dict | list):
            yield from places(member, here)


def test_what_is_remembered_of_valid_bodies_lets_no_other_pass():
    """Each odd value in each place: after all of them were seen, nothing invalid looks valid."""
    appointment = get_fhir_model_class("Appointment")
    invalid, number = {}, 0
    for path, value in places(LONG_WINDED):
        texts = (*JUNK_TEXTS[::9], *ODD_WORDS) if isinstance(value, str) else ("", "x")
        for junk in (*texts, *JUNK_VALUES[::3]):
            body = changed(path, junk, LONG_WINDED)
            if body["resourceType"] == "Appointment":
                number += 1
                if validation.all_problems(body, appointment, "Appointment"):
                    invalid[f"{path}: {junk!r:.40}"] = validation.outline(body, appointment)
                else:
                    assert problems_of(body, "Appointment") == []

    assert problems_of(LONG_WINDED, "Appointment") == []
    assert number - len(invalid) > 1.5 * len(validation.valid_outlines.kept) > 500
    for name, drawn in invalid.items():
        assert drawn is None or not validation.valid_outlines.get(drawn)[1], name


def test_a_body_like_one_that_was_valid_is_not_looked_at_again(monkeypatch):
    problems_of(BOOKING, "Appointment")
    monkeypatch.setattr(validation, "all_problems", lambda *given: ["looked at"])

    again = changed("description", "Other words")
    again["contained"][0]["id"] = "2"
    again["slot"][0]["reference"] = "Slot/2"
    again["start"], again["end"] = "2031-05-30T10:00:00Z", "2031-05-30T10:25:00Z"
    assert problems_of(again, "Appointment") == []

    for path, value in (("status", "cancelled"), ("priority", 2), ("comment", "more")):
        assert problems_of(changed(path, value), "Appointment") == ["looked at"]


def test_nothing_is_remembered_of_what_is_not_valid():
    for _ in range(2):
        assert problems_of(changed("status", "a  b"), "Appointment") != []

    assert validation.valid_outlines.kept == {}
