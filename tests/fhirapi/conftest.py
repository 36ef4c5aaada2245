"""A world to book in, and an appointment as a consumer received it, to be read or changed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse

from fhirapi.developer.requests import Values
from practice.models import Organisation
from tests.fhirapi.appointments import World, appointment_in
from tests.fhirapi.developer.world import make_world, named, sent
from workbench.bodies import appointment_body, booking_organisation
from workbench.factories import (
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

IDENTIFIERS = [
    {"system": "https://x.example/id", "value": "1"},
    {"system": "https://x.example/id", "value": "2"},
]


@pytest.fixture
def received(practice, consumer) -> dict[str, Any]:
    """An appointment of two slots, with everything that a consumer may send, as it was received."""
    slots = make_slots(2)
    for other in (make_location(), make_practitioner(), make_patient()):
        assert other.pk, "somebody and somewhere else, to be named by mistake"
    organisation = booking_organisation(
        identifier=[
            *booking_organisation()["identifier"],
            {"system": "https://x.example/id", "value": "77"},
        ],
        telecom=[
            {"system": "phone", "value": "0113 496 0005"},
            {"system": "email", "value": "desk@example.nhs.uk"},
        ],
        address=[{"line": ["1 Any Street"], "city": "Leeds"}],
    )
    body = appointment_body(
        slots=slots,
        patient=practice.patient,
        organisation=organisation,
        identifier=IDENTIFIERS,
        priority=5,
    )
    return appointment_in(consumer.book(body))


@pytest.fixture
def world(practice) -> World:
    """Three free slots of one session, and somebody and somewhere else to be named by mistake."""
    schedule = make_schedule(session_holder=practice.practitioner)
    elsewhere = make_organisation()
    return World(
        patient=practice.patient,
        schedule=schedule,
        slots=make_slots(3, schedule),
        branch=make_location(),
        colleague=make_practitioner(),
        foreign_slot=make_slot(organisation=elsewhere),
        foreign_patient=make_patient(elsewhere),
        foreign_location=make_location(elsewhere),
    )


@pytest.fixture
def sandbox(db, settings) -> Organisation:
    """The sandbox of a supplier, with something of everything; its pages are switched on."""
    settings.DEVELOPER_PAGES = True
    return make_world(sandbox_of="Mockware")


@pytest.fixture
def values(sandbox) -> Values:
    """What requests to the sandbox can name."""
    return named(sandbox)


@pytest.fixture
def send() -> Callable[..., HttpResponse]:
    """``send(request, values, format)``: the answer to a request of the page, in JSON or XML."""
    return sent
