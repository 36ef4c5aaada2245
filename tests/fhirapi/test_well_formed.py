"""Bytes are JSON or XML without a doubt, or they are malformed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirapi import parsers
from fhirapi.errors import FHIRError
from fhirapi.well_formed import Malformed, strict_json
from tests.fhirapi.bodies_sent import FHIR, post, refusal

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
    "another encoding": '{"a": "é"}'.encode("latin-1"),
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "raw control character": b'{"a": "\x01"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "name twice": b'{"resourceType": "Appointment", "status": "booked", "status": "cancelled"}',
    "name twice inside": b'{"a": [{"b": 1, "c": 2, "b": 3}]}',
    "name twice by escape": b'{"a": 1, "\\u0061": 2}',
    "name twice, and a colon": b'{"a": 1, "a": ":"}',
    "name twice, and an escaped colon": b'{"a": 1, "a": "\\u003a"}',
    "name twice, and another one": b'{"a": 1, "a": "\\u003A", "b": ":"}',
    "deep lists": b"[" * 200 + b"]" * 200,
    "very deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 200 + b"1" + b"}" * 200,
}


@pytest.mark.req("GEN-058", "ERR-042")
@pytest.mark.parametrize("data", MALFORMED_JSON.values(), ids=MALFORMED_JSON.keys())
def test_malformed_json_is_a_bad_request(rf, data):
    assert refusal(post(rf, data)).error.code == "BAD_REQUEST"


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


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_whatever_are_a_surprise(data):
    for read in (strict_json, parsers.from_xml):
        try:
            read(data)
        except (Malformed, FHIRError):
            continue


texts = st.sampled_from(
    ['"a"', '"b"', '":"', '"a:"', '"\\u003a"', '"\\u003A:"', '"\\u0061"', '"é"']
)
objects = st.recursive(
    st.sampled_from(["1", "null", "[]"]) | texts,
    lambda inside: st.lists(st.tuples(texts, inside), min_size=1, max_size=4).map(
        lambda members: "{" + ", ".join(f"{name} : {value}" for name, value in members) + "}"
    ),
    max_leaves=8,
)


@given(objects)
def test_a_name_that_stands_twice_is_always_found(text):
    def refuse(members):
        if len(dict(members)) < len(members):
            raise Malformed

    try:
        json.loads(text, object_pairs_hook=refuse)
    except Malformed:
        with pytest.raises(Malformed):
            strict_json(text.encode())
    else:
        assert strict_json(text.encode()) == json.loads(text)
