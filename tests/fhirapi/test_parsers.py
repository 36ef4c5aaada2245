"""Bytes become one checked dict, in whichever format they came, or a refusal without quotes."""

import gzip
import json
import re
from codecs import BOM_UTF8
from io import BytesIO
from typing import Any
from unittest.mock import Mock

import orjson
import pytest
from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from gunicorn.http.errors import InvalidChunkSize
from hypothesis import given
from hypothesis import strategies as st

from fhirapi import errors, parsers
from fhirapi.errors import FHIRError
from fhirapi.formats import to_xml
from fhirapi.resources import appointment, organization
from fhirapi.resources.common import LARGEST_ID
from fhirapi.validation import problems_of
from fhirapi.well_formed import Malformed
from practice.services.appointments.booking import COMMENT_LENGTH, DESCRIPTION_LENGTH
from tests.fhirapi.bodies_sent import BOOKING, FHIR, changed, post, refusal, sent
from tests.shared import GPCONNECT, needs_shared
from workbench.paths import ROOT

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


@pytest.mark.req("GEN-070")
@pytest.mark.parametrize("name", ["json", "xml"])
def test_a_byte_order_mark_says_nothing(rf, name):
    """Libraries of some platforms write it before UTF-8."""
    data = to_xml(BOOKING) if name == "xml" else orjson.dumps(BOOKING)
    request = post(rf, BOM_UTF8 + data, f"application/fhir+{name}")

    assert parsers.parse_body(request, expected="Appointment") == BOOKING


# ---------------------------------------------------------------- how large it may be


def largest_booking() -> dict[str, Any]:
    """Every text as long as anybody would write one, and each of its letters escaped in JSON."""

    def text(length: int) -> str:
        return "\u2019" * length

    def reference(kind: str) -> dict[str, Any]:
        return {"reference": f"{kind}/{LARGEST_ID}", "display": text(100)}

    system, long = "https://" + "x" * 192, text(200)
    period = {"start": "2020-01-01T00:00:00+00:00", "end": "2030-01-01T00:00:00+00:00"}
    concept = {"coding": [{"system": system, "code": "c" * 50, "display": long}], "text": long}
    place = {
        **{"use": "work", "type": "physical", "text": text(500), "line": [long] * 5, "city": long},
        **{"district": long, "postalCode": text(20), "country": long, "period": period},
    }
    contact_point = {"system": "phone", "value": long, "use": "mobile", "period": period}
    organisation = {
        "resourceType": "Organization",
        "id": "x" * 64,
        "meta": {"profile": [organization.PROFILE]},
        "identifier": [
            {"use": "secondary", "type": concept, "system": system, "value": long, "period": period}
        ]
        * 10,
        "type": [concept],
        "name": long,
        "alias": [long] * 10,
        "telecom": [contact_point] * 10,
        "address": [place] * 5,
        "partOf": reference("Organization"),
        "contact": [
            {
                "purpose": concept,
                "name": {"text": long, "family": long, "given": [long] * 2},
                "telecom": [contact_point] * 3,
                "address": place,
            }
        ]
        * 2,
    }
    minutes_of_a_day = 24 * 60
    return {
        "resourceType": "Appointment",
        "meta": {"profile": [appointment.PROFILE]},
        "contained": [organisation],
        "identifier": [{"system": system, "value": long}] * 20,
        "description": "\U0001f600" * DESCRIPTION_LENGTH,
        "comment": "\U0001f600" * COMMENT_LENGTH,
        "slot": [{"reference": f"Slot/{LARGEST_ID}"}] * minutes_of_a_day,
        "participant": [
            {"actor": reference(kind), "status": "accepted", "type": [concept]}
            for kind in ("Patient", "Location", "Practitioner")
        ],
    }


@pytest.mark.req("SEC-022")
def test_the_limit_is_what_the_largest_legal_booking_needs():
    """Not less, so that it is accepted, and not much more, so that nobody is flooded."""
    needed = len(json.dumps(largest_booking()))

    assert needed < parsers.LARGEST_BODY < 2 * needed


@pytest.mark.req("SEC-022")
def test_nginx_has_the_same_limit():
    template = (ROOT / "deploy/nginx/appointments.conf.template").read_text("utf-8")
    door = template[template.index("server_name ${FHIR_NAME}") :]
    limit = re.search(r"client_max_body_size (\d+)k;", door)

    assert limit
    assert int(limit[1]) * 1024 == parsers.LARGEST_BODY


@pytest.mark.req("SEC-022", "GEN-073")
@pytest.mark.parametrize("chunked", [True, False])
def test_what_is_larger_is_not_read(rf, chunked):
    request = post(rf, b" " * (parsers.LARGEST_BODY + 1))
    if chunked:
        request.META.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})
        del request.META["CONTENT_LENGTH"]

    with pytest.raises(RequestDataTooBig):
        parsers.parse_body(request, expected="Appointment")


@pytest.mark.req("GEN-073", "ERR-042")
def test_a_broken_chunk_is_the_senders_fault(rf):
    """Behind nginx there are none: it puts chunks together, or refuses them."""
    request = post(rf, b"")
    request.META.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})
    request.META["wsgi.input"] = Mock(read=Mock(side_effect=InvalidChunkSize(b"zz")))

    with pytest.raises(UnreadablePostError) as broken:
        parsers.parse_body(request, expected="Appointment")

    assert errors.from_exception(broken.value, trace_id="t").error == errors.BAD_REQUEST


# ---------------------------------------------------------------- malformed: 400 and 415


@pytest.mark.req("GEN-056", "GEN-077")
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "identity, gzip"])
def test_a_compressed_body_is_a_format_that_is_not_supported(rf, encoding):
    """415, and not malformed (RFC 7231, section 3.1.2.2)."""
    request = post(rf, gzip.compress(orjson.dumps(BOOKING)))
    request.META["HTTP_CONTENT_ENCODING"] = encoding

    error = refusal(request)

    assert (error.error.status, error.error.code) == (415, "BAD_REQUEST")
    assert "Content-Encoding" in error.diagnostics[0]


def test_a_body_that_is_said_to_be_as_it_is_is_read(rf):
    request = post(rf, orjson.dumps(BOOKING))
    request.META["HTTP_CONTENT_ENCODING"] = "identity"

    assert parsers.parse_body(request, expected="Appointment") == BOOKING


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


def test_xml_that_declares_utf16_but_is_utf8_is_read(rf):
    """As .NET's string writers do."""
    data = to_xml(BOOKING).replace(b"encoding='UTF-8'", b"encoding='utf-16'")

    parsed = parsers.parse_body(post(rf, data, "application/fhir+xml"), expected="Appointment")

    assert parsed == BOOKING


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
