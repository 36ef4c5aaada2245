"""The sandbox of a supplier with something of everything, and a real practice just like it."""

from typing import Any

import orjson
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from consumer import tokens
from fhirapi import formats
from fhirapi.developer.requests import Request, Values, claims, values_of
from practice.models import Organisation
from workbench.consumer import TYPES
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
)

HOST = "http://testserver"


def make_world(**overrides: Any) -> Organisation:
    """A practice with a surgery, a GP, a patient, free slots and two appointments."""
    organisation = make_organisation(**overrides)
    location = make_location(organisation)
    holder = make_practitioner(organisation)
    schedule = make_schedule(organisation=organisation, location=location, session_holder=holder)
    slots = make_slots(6, schedule)
    patient = make_patient(organisation)
    for slot in slots[4:]:
        make_appointment([slot], patient)
    return organisation


def named(organisation: Organisation, host: str = HOST) -> Values:
    """What requests to a practice can name; the page asks this for sandboxes only."""
    root = f"{host}/{organisation.ods_code}/STU3/1/gpconnect"
    return values_of(organisation, root=root, now=timezone.now())


def sent(request: Request, values: Values, format: str = "json") -> HttpResponse:
    """The answer to a request of the page, in JSON or XML."""
    token = tokens.encode(
        claims(
            scope=request.interaction.scope,
            audience=values.root,
            issued_at=int(timezone.now().timestamp()),
        )
    )
    body: Any = request.text.encode()
    if request.body is not None:
        written = formats.to_xml if format == "xml" else orjson.dumps
        body = written(request.body)
    answer: Any = Client().generic(
        request.interaction.verb,
        request.address(values).removeprefix(HOST),
        data=body,
        content_type=TYPES[format],
        query_params=query_of(request),
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": TYPES[format],
            **request.headers_for(values),
        },
    )
    return answer


def query_of(request: Request) -> dict[str, list[str]]:
    """The query as Django's client wants it."""
    query: dict[str, list[str]] = {}
    for name, value in request.query:
        query.setdefault(name, []).append(value)
    return query
