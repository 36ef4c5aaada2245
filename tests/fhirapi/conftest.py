"""A booked appointment as a consumer received it: where reading, amending and cancelling begin."""

from typing import Any

import pytest

from tests.fhirapi.appointments import appointment_in
from workbench.bodies import appointment_body, booking_organisation
from workbench.factories import make_location, make_patient, make_practitioner, make_slots

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
