"""Schemathesis: what is sent by the description, or against it, is answered by the description.

``make fuzz`` sends ten requests of each kind to each operation (DESCRIBED); every run sends a few.

What is not checked, because GP Connect wants otherwise than HTTP or than other interfaces do:
a verb that an address does not offer is refused with 400, not 405 (ERR-044), and a missing header
with 400 in an order of its own (ERR-043, ERR-062), which the checks of verbs and headers do not
expect; nor can data that keeps to the description be expected to be accepted, as ids, slots and
NHS numbers that somebody makes up are rightly refused. Nor must what is sent against it be refused:
parameters that nobody knows are ignored (GEN-078).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.specs.openapi import checks

from config.wsgi import application
from consumer import tokens
from fhirapi import formats, parsers, ssp
from fhirapi.developer.requests import REQUESTS, claims
from fhirapi.formats import Format
from practice.models import Organisation
from workbench.consumer import ASID

pytestmark = [pytest.mark.django_db, pytest.mark.req("ERR-001", "ERR-040", "ERR-042", "ERR-050")]

INPUTS = int(os.environ.get("DESCRIBED_INPUTS", "0"))
# What every run tries, three times each: two searches and a command.
SMOKE = ("rest.search.slot-1", "rest.search.patient-1", "rest.create.appointment-1")
SEED = int(os.environ.get("FUZZ_SEED", "20261125"))
SCOPES = {each.id: each.scope for each in ssp.INTERACTIONS}
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@schemathesis.serializer(Format.XML.value)
def write_xml(context: Any, value: Any) -> bytes:
    """A body in FHIR's XML; what has none is sent as it is, for the parser to refuse."""
    try:
        return formats.to_xml(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        return orjson.dumps(value, default=str)


@schemathesis.deserializer(Format.XML.value)
def read_xml(context: Any, response: Response) -> Any:
    """An answer in XML as the JSON that says the same: the schemas are of that."""
    return parsers.from_xml(response.content)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """A request that is served ends with the test's own connection, as with Django's client."""
    ends = (signals.request_started, signals.request_finished)
    for each in ends:
        each.disconnect(close_old_connections)
    yield
    for each in ends:
        each.connect(close_old_connections)


@dataclass(frozen=True)
class Known:
    """What there is in the sandbox: ids by their names in addresses, and parts of a booking."""

    practice: Organisation
    ids: dict[str, str]
    booking: dict[str, Any]


def sent(case: Case, known: Known, *, is_real: bool) -> Response:
    """The answer to a case, which comes from a consumer whose headers are in order.

    ``is_real``: what it names is there, so that it is not refused for that.
    """
    headers: dict[str, Any] = dict(case.headers or {})
    named = str(headers.get(ssp.INTERACTION_ID, ""))
    if named not in SCOPES:
        choices = case.operation.definition.raw["x-interactions"]
        named = choices[0]["id"]
    issued_at = int(timezone.now().timestamp())
    made = claims(scope=SCOPES[named], audience="http://localhost", issued_at=issued_at)
    headers.update(
        {
            ssp.TRACE_ID: "described",
            ssp.SENT_FROM: ASID,
            ssp.SENT_TO: known.practice.asid,
            ssp.INTERACTION_ID: named,
            "Authorization": f"Bearer {tokens.encode(made)}",
            "Accept-Encoding": "identity",  # nothing unpacks an answer that comes by WSGI
        }
    )
    headers.pop("Prefer", None)  # an answer without a body has no Content-Type to be checked
    case.headers = headers  # type: ignore[assignment]  # any mapping will do
    if is_real:
        case.path_parameters = {
            name: known.ids.get(name, value) for name, value in (case.path_parameters or {}).items()
        }
        if isinstance(case.body, dict) and "slot" in case.body:
            case.body = {**case.body, **known.booking}
    return case.call()


def described(operation: Any, mode: GenerationMode, known: Known) -> None:
    """Send cases of a mode to an operation, and hold each answer to the description."""

    @seed(SEED)
    @settings(
        max_examples=INPUTS or 3,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans())
    def each(case: Case, is_real: bool) -> None:
        answer = sent(case, known, is_real=is_real)
        assert answer.status_code < 500 or answer.status_code == 501, answer.content
        case.validate_response(answer, checks=CHECKS)

    each()


def test_every_answer_is_as_described(sandbox, values, one_connection):
    address = f"/developer/openapi.json?practice={sandbox.ods_code}"
    schema = schemathesis.openapi.from_wsgi(address, application)
    ids = {
        "patient_id": values.patient,
        "appointment_id": str(values.amendable["id"]),
        "practitioner_id": values.practitioner,
        "organisation_id": values.organisation,
        "location_id": values.location,
        "version": "1",
    }
    good = REQUESTS[ssp.BOOK_APPOINTMENT](values).body or {}
    booking = {name: good[name] for name in ("slot", "participant", "start", "end")}
    known = Known(sandbox, ids, booking)

    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if INPUTS or operation.definition.raw["operationId"] in SMOKE:
            for mode in GenerationMode:
                described(operation, mode, known)
            tried += 1

    # Amend and cancel are one operation.
    assert tried >= len(ssp.INTERACTIONS) - 1 if INPUTS else tried == len(SMOKE)
