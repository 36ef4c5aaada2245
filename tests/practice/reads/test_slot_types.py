"""What a practice's slot types count as, asked once; and which may be planned with."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from practice.reads import slot_types
from practice.reads.slot_types import Mappings, Periods
from practice.services.audit.recording import Actor
from practice.services.slot_types import CountsAs, map_slot_types
from workbench.factories import make_organisation, make_slot_type, tomorrow

pytestmark = pytest.mark.django_db


def test_forms_offer_what_is_mapped_and_not_archived(practice):
    make_slot_type(practice.organisation)
    make_slot_type(practice.organisation, "Old", archived=True)
    make_slot_type(practice.organisation, "New", category=None)
    make_slot_type(make_organisation(), "Theirs")

    offered = slot_types.on_offer(organisation=practice.organisation)

    assert [(each.name, each.category) for each in offered] == [
        ("Routine", "General Consultation Routine")
    ]
    assert slot_types.number_unmapped(organisation=practice.organisation) == 1


def test_all_days_are_looked_up_with_two_queries(practice, django_assert_num_queries):
    for name in ("One", "Two", "Three"):
        make_slot_type(practice.organisation, name)

    with django_assert_num_queries(2):
        mappings = Mappings(practice.organisation)
        for name in ("One", "Two", "Three", "None"):
            for day in range(10):
                mappings.on(name, date(2026, 1, 1) + timedelta(days=day))


def test_a_stretch_is_parted_where_a_type_counts_as_another(practice):
    one = make_slot_type(practice.organisation, "One")
    day = tomorrow()
    map_slot_types(
        organisation=practice.organisation,
        wanted={one.pk: CountsAs("Planned Clinics", "Other")},
        first_day=day,
        actor=Actor(door="staff"),
        now=timezone.now(),
    )
    mappings = Mappings(practice.organisation)

    first = day - timedelta(days=30)
    assert Periods(mappings, first, day).first_days == [first, day]
    assert Periods(mappings, first, day - timedelta(days=1)).first_days == [first]
    assert Periods(mappings, day, day + timedelta(days=9)).first_days == [day]
