"""The page of national categories counts, suggests, and warns of what does not fit."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Appointment, Slot
from practice.reads.mapping import UNMAPPED, mapping_overview
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slot_type,
    make_slots,
)

pytestmark = pytest.mark.django_db

ACUTE = "General Consultation Acute"
ADMIN = "Administration and Practice Staff Activity"
NOW = timezone.now() + timedelta(days=3)  # what the factories make for tomorrow is over


def overview(practice):
    return mapping_overview(organisation=practice.organisation, now=NOW)


def of(practice, name):
    [found] = [each for each in overview(practice).types if each.slot_type.name == name]
    return found


def warned(practice, name):
    return {each.kind: each.words for each in of(practice, name).warnings}


def test_what_is_not_mapped_comes_first_with_what_it_is_used_for(practice):
    make_slot_type(practice.organisation)
    make_slot_type(practice.organisation, "Flu jab", category=None)
    make_slot_type(practice.organisation, "Old", archived=True)
    make_appointment([make_slot(slot_type="Flu jab")])
    cancelled = make_appointment([make_slot(slot_type="Flu jab")])
    Appointment.objects.filter(pk=cancelled.pk).update(status="cancelled")
    for slot in make_slots(3, slot_type="Routine"):
        Slot.objects.filter(pk=slot.pk).update(
            start=NOW + timedelta(days=1), end=NOW + timedelta(days=1, minutes=10), overbooked=True,
            gp_connect_bookable=False,
        )  # fmt: skip
    make_appointment([make_slot()])
    make_appointment([make_slot(make_schedule(make_organisation()))])

    found = overview(practice)

    names = [(each.slot_type.name, each.past, each.coming) for each in found.types]
    assert names == [("Flu jab", 1, 0), ("Routine", 1, 3), ("Old", 0, 0)]
    assert [each.slot_type.name for each in found.unmapped] == ["Flu jab"]
    assert found.by_category == [("General Consultation Routine", 1), (UNMAPPED, 1)]
    assert found.percent_mapped == 50.0


def test_a_suggestion_gives_its_reason_and_is_not_applied(practice):
    make_slot_type(practice.organisation, "Flu jab", category=None)

    flu = of(practice, "Flu jab")

    assert flu.suggested.category == "Planned Clinics"
    assert flu.suggested.reason == "Because the name says “flu”"
    assert flu.mapping is None


def test_a_name_that_says_something_else_is_warned_of(practice):
    make_slot_type(practice.organisation, "Urgent")
    make_slot_type(practice.organisation, "Acute", category=ACUTE)

    assert warned(practice, "Urgent") == {
        "name": f"Its name says “urgent”, which suggests {ACUTE}."
    }
    assert warned(practice, "Acute") == {}


@pytest.mark.parametrize(("name", "mode"), [("Telephone", ""), ("Talk", "Telephone/Audio")])
def test_a_telephone_type_held_in_person_is_warned_of(practice, name, mode):
    make_slot_type(practice.organisation, name, mode=mode)
    make_appointment([make_slot(slot_type=name, delivery_channel="Telephone")])
    assert warned(practice, name) == {}

    make_appointment([make_slot(slot_type=name, delivery_channel="In-person")])

    assert warned(practice, name)["channel"].endswith("1 of 2 were in person.")


def test_patients_in_what_involves_none_are_warned_of(practice):
    make_slot_type(practice.organisation, "Catch-up", category=ADMIN, mode="Not an Appointment")
    make_appointment([make_slot(slot_type="Catch-up")])

    assert "1 appointments were booked" in warned(practice, "Catch-up")["context"]


def test_what_was_called_right_is_not_warned_of_again(practice):
    urgent = make_slot_type(practice.organisation, "Urgent")
    urgent.mappings.update(accepted=["name"])

    assert warned(practice, "Urgent") == {}


def test_as_many_queries_for_twenty_types_as_for_two(practice, django_assert_num_queries):
    for n in range(20):
        make_slot_type(practice.organisation, f"Type {n}")

    with django_assert_num_queries(5):
        assert len([each.warnings for each in overview(practice).types]) == 20
