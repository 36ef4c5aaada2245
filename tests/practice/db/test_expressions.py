"""Expressions say on both databases what they say in Python."""

from datetime import UTC, datetime

import pytest
from django.db.models import F

from practice.db.expressions import Epoch
from practice.models import Slot
from workbench.factories import make_schedule, make_slots


@pytest.mark.django_db
@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 15, tzinfo=UTC),
    ],
    ids=["before the clock goes back", "after it", "beyond 32 bits"],
)
def test_an_epoch_is_the_seconds_since_1970_and_can_be_subtracted(practice, start):
    (slot,) = make_slots(1, make_schedule(start=start))

    (found,) = Slot.objects.annotate(
        seconds=Epoch("start"), length=Epoch("end") - Epoch("start")
    ).filter(seconds__lte=F("seconds"))

    assert type(found.seconds) is int
    assert found.seconds == int(start.timestamp())
    assert found.length == int((slot.end - slot.start).total_seconds())
