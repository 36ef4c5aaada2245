"""Free times that staff can book: every wish narrows them, and what is no time is left out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Slot
from practice.reads.free_times import Wanted, free_times, types_to_choose
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slot_type,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db


def found(practice, most: int = 50, **wanted):
    return free_times(
        Wanted(**wanted), organisation=practice.organisation, now=timezone.now(), most=most
    )


def test_what_nobody_can_have_is_no_free_time(practice):
    free, taken, withdrawn, blocked = make_slots(4)
    make_appointment(slots=[taken])
    Slot.objects.filter(pk=withdrawn.pk).update(withdrawn=True)
    Slot.objects.filter(pk=blocked.pk).update(status="busy-unavailable")
    make_slot(start=timezone.now() - timedelta(hours=2))
    make_slot(make_schedule(withdrawn=True))
    make_slot(make_schedule(make_organisation()))

    assert found(practice) == [free]


def test_each_wish_narrows_the_times(practice):
    branch = make_location(practice.organisation)
    holder = make_practitioner(practice.organisation)
    later = tomorrow() + timedelta(days=3)
    make_slot(make_schedule(session_holder=practice.practitioner))
    fits = make_slot(
        make_schedule(
            date=later, location=branch, session_holder=holder, practitioner_role="R0600"
        ),
        slot_type="Urgent",
        delivery_channel="Video",
    )

    for wish in (
        {"first": later},
        {"slot_type": "Urgent"},
        {"holder": holder},
        {"role": "R0600"},
        {"channel": "Video"},
        {"location": branch},
    ):
        assert found(practice, **wish) == [fits], wish
    assert fits not in found(practice, last=tomorrow())


def test_the_earliest_come_first_and_no_more_than_wanted(practice):
    slots = make_slots(3)

    assert found(practice, most=2) == slots[:2]


def test_types_to_choose_from_are_those_in_use(practice):
    make_slot(slot_type="Urgent")
    make_slot_type(name="Not planned yet")
    for name in ("Archived", "Archived and to come"):
        make_slot_type(name=name, archived=True)
    make_slot(slot_type="Archived", status="busy")
    make_slot(slot_type="Archived and to come")
    make_slot(make_schedule(make_organisation()), slot_type="Theirs")
    here = {"organisation": practice.organisation}

    assert types_to_choose(now=timezone.now(), **here) == [
        "Archived and to come",
        "Not planned yet",
        "Urgent",
    ]
