"""Closures as pages ask for them, and the appointments that they met."""

from datetime import timedelta

import pytest

from practice.reads import closures
from workbench.factories import make_appointment, make_closure, make_organisation, tomorrow

pytestmark = pytest.mark.django_db


def test_the_closure_of_another_practice_is_not_found(practice):
    theirs = make_closure(make_organisation())

    assert closures.closure_of(organisation=practice.organisation, pk=theirs.pk) is None


def test_closures_that_only_touch_a_stretch_are_in_it(practice):
    day = tomorrow()
    touching = make_closure(start_date=day - timedelta(days=3), end_date=day)
    make_closure(start_date=day - timedelta(days=3), end_date=day - timedelta(days=1))

    found = closures.closures_between(
        day, day + timedelta(days=7), organisation=practice.organisation
    )

    assert list(found) == [touching]


def test_appointments_are_named_at_their_own_practice_only(practice):
    appointment = make_appointment()
    there = make_organisation()

    found = closures.appointments_named([appointment.pk], organisation=practice.organisation)

    assert list(found) == [appointment]
    assert not closures.appointments_named([appointment.pk], organisation=there).exists()
