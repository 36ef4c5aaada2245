"""What the factories make is what the models' own validation accepts."""

import json

import pytest

from practice import nhs_number
from practice.models import Appointment, Organisation
from tests import profiles
from tests.shared import needs_shared
from workbench import factories


@pytest.mark.django_db
@pytest.mark.parametrize(
    "make",
    [
        factories.make_organisation,
        factories.make_location,
        factories.make_practitioner,
        factories.make_patient,
        factories.make_access_profile,
        factories.make_template,
        factories.make_closure,
        factories.make_schedule,
        factories.make_slot,
        factories.make_appointment,
    ],
    ids=lambda make: make.__name__,
)
def test_defaults_are_valid_and_unique_and_of_one_practice(make):
    first, second = make(), make()

    first.full_clean()
    second.full_clean()
    assert first.pk != second.pk
    if make is not factories.make_organisation:
        assert Organisation.objects.count() == 1


@pytest.mark.django_db
def test_slots_of_one_session_are_adjacent():
    first = factories.make_slot()

    second, third = factories.make_slots(2, first.schedule)

    assert (first.end, second.end) == (second.start, third.start)
    assert {second.schedule, third.schedule} == {first.schedule}


@pytest.mark.django_db
@pytest.mark.parametrize("door", Appointment.Door)
def test_appointments_are_booked_through_either_door(door):
    slots = factories.make_slots(2)

    appointment = factories.make_appointment(slots, door=door)

    assert appointment.booked_via == door
    assert (appointment.start, appointment.end) == (slots[0].start, slots[1].end)
    assert {slot.status for slot in appointment.slots.all()} == {"busy"}


@needs_shared
def test_the_booking_organisation_keeps_to_its_profile():
    assert profiles.check(json.loads(factories.make_booking_organisation().json)) == []


def test_nhs_numbers_are_of_the_test_range_and_valid():
    number = factories.new_nhs_number()

    assert number.startswith("999")
    assert nhs_number.is_valid(number)
    assert number != factories.new_nhs_number()
