"""The forms that find a patient and a free time: what they refuse, and how times are grouped."""

from datetime import timedelta

import pytest

from practice import clock
from practice.staff.searches import PatientSearch, by_day
from workbench.factories import make_schedule, make_slot, make_slots, tomorrow

pytestmark = pytest.mark.django_db


def test_digits_that_are_no_nhs_number_are_refused_and_names_are_not(practice):
    mistyped, name = PatientSearch({"q": "999 012 3450"}), PatientSearch({"q": "fauxley e"})

    assert not mistyped.is_valid()
    assert "This is not an NHS number" in str(mistyped.errors["q"])
    assert name.is_valid()
    assert not name.is_empty


def test_a_search_for_nothing_is_empty(practice):
    search = PatientSearch({})

    assert search.is_valid()
    assert search.is_empty


def test_times_are_grouped_by_their_day_in_london(practice):
    today = make_slots(2, make_schedule(date=tomorrow()))
    later = make_slot(make_schedule(date=tomorrow() + timedelta(days=1)))

    found = by_day([*today, later])

    assert found == [
        (clock.local(today[0].start).date(), today),
        (clock.local(later.start).date(), [later]),
    ]
