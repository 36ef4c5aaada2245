"""Access profiles as their page asks for them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.reads import access_profiles
from workbench.factories import (
    make_access_profile,
    make_organisation,
    make_schedule,
    make_slots,
    make_template,
    tomorrow,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("words", "found"),
    [("hub", True), ("x9x01", True), ("hub x9x01", True), ("hub other", False), ("", True)],
)
def test_profiles_are_found_by_name_and_code(practice, words, found):
    make_access_profile(name="Evening hub", ods_codes=["X9X01"])

    rows = access_profiles.profiles(organisation=practice.organisation, words=words)

    assert rows.exists() is found


def test_profiles_of_another_practice_are_not_found(practice):
    make_access_profile(make_organisation())

    assert not access_profiles.profiles(organisation=practice.organisation).exists()


def test_what_names_a_profile_is_counted_once(practice):
    hub, day = make_access_profile(), tomorrow()
    template = make_template(access_profile=hub)
    make_slots(3, make_schedule(access_profile=hub))
    make_slots(2, make_schedule(), access_profile=hub)
    where = {"organisation": practice.organisation}

    assert list(access_profiles.templates_under([hub.pk], today=day, **where)) == [template]
    assert access_profiles.sessions_under([hub.pk], day, day, **where) == [(hub.pk, 1)]
    free = access_profiles.free_under(day + timedelta(days=1), now=timezone.now(), **where)
    assert set(free) == {(None, hub.pk, 3), (hub.pk, hub.pk, 2)}
    of_day = access_profiles.sessions_of_day_under([hub.pk], day, **where)
    assert len(of_day[hub.pk]) == 2
