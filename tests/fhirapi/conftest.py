"""A world to book in, and an appointment as a consumer received it, to be read or changed."""

from typing import Any

import pytest

from tests.fhirapi.appointments import World, appointment_in
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
