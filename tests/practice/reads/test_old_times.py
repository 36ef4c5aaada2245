"""An old time is free again when free slots fill it without a gap."""

import pytest

from practice.reads.old_times import whole_time
from workbench.factories import make_appointment, make_schedule, make_slots

pytestmark = pytest.mark.django_db


def test_an_old_time_needs_every_minute_of_it(practice):
    first, second, third = make_slots(3, make_schedule())
    old = make_appointment(slots=[first, second])

    assert whole_time(old, [first, second, third]) == [first, second]
    assert whole_time(old, [first, third]) == []
    assert whole_time(old, [second]) == []
    assert whole_time(old, []) == []


def test_an_old_time_is_that_of_the_same_clinician(practice):
    mine, theirs = make_slots(1, make_schedule()), make_slots(1, make_schedule())
    old = make_appointment(slots=mine)

    assert whole_time(old, theirs) == []
