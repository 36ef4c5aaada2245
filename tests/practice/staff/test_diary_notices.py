"""What stands above a day of the diary: closures, and messages on the day itself."""

from datetime import time, timedelta

import pytest

from practice import clock
from practice.models import DeskMessage, Slot
from practice.staff.diary import View
from practice.staff.diary_notices import notices
from tests.practice.staff.diary_world import MORNING, THURSDAY, booked, words_of
from workbench.factories import (
    make_cancellation_list_entry,
    make_closure,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db


def said(practice, *closures, day=THURSDAY, today=THURSDAY, **view):
    shown = View(day, **view)
    now = clock.instant(today, time(9))
    return notices(practice.organisation, shown, closures, is_empty=False, now=now)


@pytest.fixture
def message(practice):
    slot, _ = make_slots(2, make_schedule(start=MORNING, date=THURSDAY))
    return DeskMessage.objects.create(
        appointment=booked(slot), side="clinician", text="x", written_at=MORNING
    )


def test_messages_are_named_on_the_day_itself_until_they_are_seen(practice, message):
    assert "1 message from clinicians" in said(practice)
    assert said(practice, today=THURSDAY + timedelta(days=1)) == ""
    assert said(practice, week=True) == ""

    DeskMessage.objects.update(seen_at=MORNING)

    assert said(practice).strip() == ""


def test_a_closure_of_the_practice_is_named_with_who_is_still_booked(practice, message):
    closure = make_closure(start_date=THURSDAY, end_date=THURSDAY, name="Training")

    assert "1 appointment still booked" in said(practice, closure)


def test_times_of_the_day_that_came_free_are_told_while_they_can_be_taken(practice):
    slots = make_slots(7, make_schedule(date=THURSDAY, start=MORNING))
    Slot.objects.filter(pk__in=[slots[0].pk, slots[6].pk]).update(changed_by_hand=True)
    assert said(practice) == ""

    make_cancellation_list_entry(now=MORNING)

    told = "Cancellation list. Came free, and would be taken: 10:00 "
    assert words_of(said(practice)) == f"{told}{slots[6].schedule.session_holder}, 1 person"
    assert said(practice, week=True) == ""
