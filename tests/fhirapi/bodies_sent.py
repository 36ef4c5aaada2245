"""Bodies of requests, right and wrong, for the tests of what reads them."""

import copy
from typing import Any

import orjson
import pytest

from fhirapi import parsers
from fhirapi.errors import FHIRError
from fhirapi.formats import to_xml

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


def changed(path: str, value: Any, whole: dict[str, Any] = BOOKING) -> dict[str, Any]:
    """A booking with one value set; ``path`` such as "slot.0.reference"."""
    body = copy.deepcopy(whole)
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


FHIR = 'xmlns="http://hl7.org/fhir"'
