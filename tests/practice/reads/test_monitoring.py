"""What an operator watches: how far the diary reaches, what is free, how old it is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import GenerationRun
from practice.reads import monitoring
from workbench.factories import (
    make_organisation,
    make_slot,
    make_slots,
    tomorrow,
)

pytestmark = pytest.mark.django_db


def test_the_days_of_diary_left(practice):
    slot = make_slot()
    make_slot(start=slot.start + timedelta(days=9), withdrawn=True)
    make_organisation()  # never had a diary

    (end,) = monitoring.diary_ends(now=timezone.now())

    assert (end.practice, end.last) == (practice.organisation.ods_code, tomorrow())
    assert end.days_left == 1


def test_free_slots_are_counted_by_the_day_in_london(practice):
    make_slots(3)
    make_slot(status="busy-unavailable")
    make_slot(withdrawn=True)

    assert monitoring.free_slots_by_day(now=timezone.now(), days=3) == {0: 0, 1: 3, 2: 0}


def test_the_age_of_the_diary_is_that_of_the_last_run_that_succeeded(practice):
    now = timezone.now()
    for status, hours in (("done", 5), ("done", 3), ("failed", 1)):
        GenerationRun.objects.create(
            organisation=practice.organisation,
            status=status,
            from_date=tomorrow(),
            to_date=tomorrow(),
            started_at=now - timedelta(hours=hours),
            finished_at=now - timedelta(hours=hours),
        )

    assert monitoring.generation_ages(now=now) == {practice.organisation.ods_code: 3 * 3600}
