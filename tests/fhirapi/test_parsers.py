"""Bytes become one checked dict, in whichever format they came, or a refusal without quotes."""

import copy
import json
from io import BytesIO
from typing import Any

import orjson
import pytest
from django.core.exceptions import RequestDataTooBig
from hypothesis import given
from hypothesis import strategies as st

from fhirapi import parsers, validation
from fhirapi.errors import FHIRError
from fhirapi.renderers import to_xml
from fhirapi.validation import problems_of
from fhirapi.well_formed import Malformed, strict_json
from tests.shared import GPCONNECT, needs_shared

BOOKING = {
    "resourceType": "Appointment",
    "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-Appointment-1"]},
    "contained": [{"resourceType": "Organization", "id": "1", "name": "Hub", "active": True}],
    "extension": [{"url": "https://fhir.nhs.uk/x", "valueReference": {"reference": "#1"}}],
    "status": "booked",
    "priority": 1,
    "description": "Free text",
    "start": "2030-05-30T10:00:00+01:00",
    "end": "2030-05-30T10:25:00+01:00",
    "slot": [{"reference": "Slot/1"}],
    "created": "2030-05-25T13:48:41.123Z",
    "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The booking with one value set; ``path`` such as "slot.0.reference"."""
    body = copy.deepcopy(BOOKING)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = body
    for step in steps:
        place = place[step]
    place[last] = value
    return body


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in BOOKING.items() if key != name}


def post(rf, data: bytes, content_type="application/fhir+json;charset=utf-8"):
    request = rf.generic("POST", "/", data=data, content_type=content_type)
    request.META["CONTENT_TYPE"] = content_type
    return request


def refusal(request, expected="Appointment") -> FHIRError:
    with pytest.raises(FHIRError) as caught:
        parsers.parse_body(request, expected=expected)
    return caught.value


def sent(rf, body: dict[str, Any], name: str):
    """A request with the body in JSON or XML."""
    data = to_xml(body) if name == "xml" else orjson.dumps(body)
    return post(rf, data, f"application/fhir+{name}")


# ---------------------------------------------------------------- what is accepted


@pytest.mark.req("GEN-050", "GEN-051")
@pytest.mark.parametrize("name", ["json", "xml"])
def test_a_body_is_the_same_dict_in_either_format(rf, name):
    assert parsers.parse_body(sent(rf, BOOKING, name), expected="Appointment") == BOOKING


@needs_shared
@pytest.mark.parametrize("name", ["json", "xml"])
@pytest.mark.parametrize(
    "path",
    sorted(GPCONNECT.glob("examples/*/*.request.json")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_published_request_is_accepted(rf, path, name):
    body = json.loads(path.read_text())

    assert parsers.parse_body(sent(rf, body, name), expected=body["resourceType"]) == body


@pytest.mark.req("GEN-060", "GEN-061")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/fhir+json",
        "application/fhir+json;charset=utf-8",
        "application/fhir+json; charset=UTF-8",
        'application/fhir+json ; charset="utf-8"',
        "application/json",
        "Application/FHIR+JSON",
        "text/json",
    ],
)
def test_a_content_type_may_be_spelt_in_several_ways(rf, content_type):
    request = post(rf, orjson.dumps(BOOKING), content_type)

    assert parsers.parse_body(request, expected="Appointment") == BOOKING


@pytest.mark.req("GEN-079")
@pytest.mark.parametrize("name", ["json", "xml"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("extension.0", {"url": "urn:unknown", "valueString": "kept"}),
        ("extension.0", {"url": "urn:unknown", "extension": [{"url": "a", "valueBoolean": False}]}),
        ("slot.0", {"extension": [{"url": "urn:u", "valueCode": "c"}], "reference": "Slot/1"}),
        ("_description", {"extension": [{"url": "urn:u", "valueInteger": 3}]}),
        ("meta._profile", [{"extension": [{"url": "urn:u", "valueDecimal": 2.5}]}]),
        ("participant.0.id", "p1"),
        ("comment", " spaces, tabs\tand\nlines at will "),
        ("text", {"status": "empty", "div": '<div xmlns="http://www.w3.org/1999/xhtml">é</div>'}),
    ],
)
def test_what_open_profiles_allow_is_kept(rf, name, path, value):
    body = changed(path, value)

    assert parsers.parse_body(sent(rf, body, name), expected="Appointment") == body


@pytest.mark.req("GEN-073")
def test_a_chunked_body_is_read_to_its_end_and_can_be_read_again(rf):
    data = orjson.dumps(BOOKING)
    request = post(rf, b"")
    request.META.update(
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    )

    request.META["wsgi.input"] = BytesIO(data)

    first = parsers.parse_body(request, expected="Appointment")
    again = parsers.parse_body(request, expected="Appointment")

    assert first == again == BOOKING


@pytest.mark.req("GEN-073", "SEC-022")
def test_a_chunked_body_has_a_limit(rf, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    request = post(rf, b"")
    request.META.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})
    request.META["wsgi.input"] = BytesIO(b" " * 11)

    with pytest.raises(RequestDataTooBig):
        parsers.parse_body(request, expected="Appointment")


# ---------------------------------------------------------------- malformed: 400 and 415


@pytest.mark.req("GEN-057", "GEN-056", "GEN-070")
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 400),
        ("text/plain", 415),
        ("application/json+fhir", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/fhir+json; charset=iso-8859-1", 415),
        ("json", 415),
    ],
)
def test_a_body_in_no_known_format_is_refused(rf, content_type, status):
    error = refusal(post(rf, orjson.dumps(BOOKING), content_type))

    assert (error.error.status, error.error.code) == (status, "BAD_REQUEST")
    assert "Content-Type" in error.diagnostics[0]


MALFORMED_JSON = {
    "empty": b"",
    "blank": b" \n",
    "cut off": b'{"resourceType": "Appoint',
    "trailing comma": b'{"a": 1,}',
    "two values": b"{} {}",
    "single quotes": b"{'a': 1}",
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "too large a number": b'{"a": 1e999}',
    "comment": b'{"a": 1} // b',
    "byte order mark": b'\xef\xbb\xbf{"resourceType": "Appointment"}',
    "another encoding": '{"a": "é"}'.encode("latin-1"),
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "raw control character": b'{"a": "\x01"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "name twice": b'{"resourceType": "Appointment", "status": "booked", "status": "cancelled"}',
    "name twice inside": b'{"a": [{"b": 1, "c": 2, "b": 3}]}',
    "name twice by escape": b'{"a": 1, "\\u0061": 2}',
    "deep lists": b"[" * 200 + b"]" * 200,
    "very deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 200 + b"1" + b"}" * 200,
}


@pytest.mark.req("GEN-058", "ERR-042")
@pytest.mark.parametrize("data", MALFORMED_JSON.values(), ids=MALFORMED_JSON.keys())
def test_malformed_json_is_a_bad_request(rf, data):
    assert refusal(post(rf, data)).error.code == "BAD_REQUEST"


FHIR = 'xmlns="http://hl7.org/fhir"'
ENTITY = '<!DOCTYPE a [<!ENTITY e "booked">]>'
MALFORMED_XML = {
    "cut off": f"<Appointment {FHIR}><status",
    "not closed": f"<Appointment {FHIR}><status></Appointment>",
    "json": '{"resourceType": "Appointment"}',
    "two roots": f"<Appointment {FHIR}/><Appointment {FHIR}/>",
    "undefined entity": f'<Appointment {FHIR}><status value="&booked;"/></Appointment>',
    "document type": f"<!DOCTYPE Appointment><Appointment {FHIR}/>",
    "internal entity": f'{ENTITY}<Appointment {FHIR}><status value="&e;"/></Appointment>',
    "external entity": f'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a {FHIR}>&e;</a>',
    "null character": f'<Appointment {FHIR}><status value="&#0;"/></Appointment>',
    "name twice": f'<Appointment {FHIR}><status value="a" value="b"/></Appointment>',
    "deep": f"<Appointment {FHIR}>" + "<extension>" * 300 + "</extension>" * 300 + "</Appointment>",
    "nested too deep": f"<Appointment {FHIR}>"
    + '<extension url="u">' * 100
    + "</extension>" * 100
    + "</Appointment>",
}


@pytest.mark.req("GEN-058", "ERR-042", "SEC-021")
@pytest.mark.parametrize("data", MALFORMED_XML.values(), ids=MALFORMED_XML.keys())
def test_malformed_xml_is_a_bad_request(rf, data):
    assert refusal(post(rf, data.encode(), "application/fhir+xml")).error.code == "BAD_REQUEST"


def test_no_entity_is_expanded_whatever_the_encoding(rf):
    data = f'{ENTITY}<Appointment {FHIR}><status value="&e;"/></Appointment>'.encode("utf-16")

    assert refusal(post(rf, data, "application/fhir+xml")).error.code == "BAD_REQUEST"


def test_xml_that_declares_utf16_but_is_utf8_is_read(rf):
    """As .NET's string writers do."""
    data = to_xml(BOOKING).replace(b"encoding='UTF-8'", b"encoding='utf-16'")

    parsed = parsers.parse_body(post(rf, data, "application/fhir+xml"), expected="Appointment")

    assert parsed == BOOKING


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
    "too long": ("description", "a" * 1_048_577, "Appointment.description is too long"),
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


INVALID_XML = {
    "no namespace": ("<Appointment/>", "not in the FHIR namespace"),
    "another namespace": ('<Appointment xmlns="urn:hl7-org:v3"/>', "not in the FHIR namespace"),
    "another namespace inside": (
        f'<Appointment {FHIR}><status xmlns="urn:x" value="booked"/></Appointment>',
        "not in the FHIR namespace",
    ),
    "no resource": (f"<Period {FHIR}/>", "not a resource of a known type"),
    "unknown resource": (f"<Foo {FHIR}/>", "not a resource of a known type"),
    "unknown element": (f'<Appointment {FHIR}><colour value="x"/></Appointment>', "colour is not"),
    "unknown attribute": (f'<Appointment {FHIR} version="1"/>', "has an attribute"),
    "unknown attribute inside": (
        f'<Appointment {FHIR}><slot value="x"/></Appointment>',
        "Appointment.slot has an attribute",
    ),
    "text": (f"<Appointment {FHIR}>text</Appointment>", "must not contain text"),
    "text after": (
        f'<Appointment {FHIR}><status value="booked"/>text</Appointment>',
        "must not contain text",
    ),
    "text in a primitive": (
        f"<Appointment {FHIR}><status>booked</status></Appointment>",
        "Appointment.status must not contain text",
    ),
    "repeated": (
        f'<Appointment {FHIR}><status value="a"/><status value="b"/></Appointment>',
        "Appointment.status must not be repeated",
    ),
    "id as a child": (
        f'<Appointment {FHIR}><slot><id value="1"/></slot></Appointment>',
        "Appointment.slot.id is not an element",
    ),
    "two resources in one": (
        f'<Appointment {FHIR}><contained><Basic><id value="1"/></Basic><Basic/></contained>'
        "</Appointment>",
        "Appointment.contained must contain one resource",
    ),
    "no resource in one": (
        f"<Appointment {FHIR}><contained/></Appointment>",
        "Appointment.contained must contain one resource",
    ),
    "narrative elsewhere": (
        f"<Appointment {FHIR}><text><div>x</div></text></Appointment>",
        "Appointment.text.div is not in the XHTML namespace",
    ),
    "no value": (f"<Appointment {FHIR}><status/></Appointment>", "status must not be empty"),
    "yes for true": (
        f'<Appointment {FHIR}><contained><Patient><active value="yes"/></Patient></contained>'
        "</Appointment>",
        "Appointment.contained[0].active must be true or false",
    ),
    "a fraction for a number": (
        f'<Appointment {FHIR}><priority value="1.5"/></Appointment>',
        "Appointment.priority must be a whole number",
    ),
    "leading zero": (
        f'<Appointment {FHIR}><priority value="01"/></Appointment>',
        "Appointment.priority must be a whole number",
    ),
}


@pytest.mark.req("GEN-079", "ERR-032", "ERR-051", "GEN-147")
@pytest.mark.parametrize(("data", "problem"), INVALID_XML.values(), ids=INVALID_XML.keys())
def test_xml_that_is_not_fhir_is_refused_by_name(rf, data, problem):
    error = refusal(post(rf, data.encode(), "application/fhir+xml"))

    assert error.error.code == "INVALID_RESOURCE"
    assert problem in " ".join(error.diagnostics)


@pytest.mark.parametrize(
    "data",
    [
        f'<Appointment {FHIR} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:schemaLocation="http://hl7.org/fhir fhir.xsd">{}</Appointment>',
        f"<!-- note --><?pi?><Appointment {FHIR}>\n  <!-- note -->{{}}<?pi?>\n</Appointment>",
        '<f:Appointment xmlns:f="http://hl7.org/fhir">{}</f:Appointment>',
    ],
    ids=["schema location", "comments and instructions", "prefix"],
)
def test_xml_may_hold_what_says_nothing(data):
    prefix = "f:" if "f:Appointment" in data else ""
    inside = f'<{prefix}status value="booked"/>'

    parsed = parsers.from_xml(data.replace("{}", inside).encode())

    assert parsed == {"resourceType": "Appointment", "status": "booked"}


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


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_whatever_are_a_surprise(data):
    for read in (strict_json, parsers.from_xml):
        try:
            read(data)
        except (Malformed, FHIRError):
            continue


XML_PIECES = [
    '<status value="booked"/>',
    "<slot>",
    "</slot>",
    '<reference value="Slot/1"/>',
    "<contained>",
    "</contained>",
    "<Patient>",
    "</Patient>",
    '<extension url="u">',
    "</extension>",
    '<valueBoolean value="true"/>',
    "text",
    "&lt;",
    "<!-- -->",
    "<text>",
    "</text>",
]


@given(st.lists(st.sampled_from(XML_PIECES), max_size=12))
def test_no_xml_whatever_is_a_surprise(pieces):
    data = f"<Appointment {FHIR}>{''.join(pieces)}</Appointment>".encode()
    try:
        resource = parsers.from_xml(data)
    except (Malformed, FHIRError):
        return

    problems_of(resource, "Appointment")
