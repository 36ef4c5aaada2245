"""Accounts by their exact name, and every practice where somebody works, once each."""

import pytest

from practice.reads.accounts import practices_of_user, user_named
from workbench.factories import make_organisation
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


def test_a_name_is_found_exactly_as_it_is_written(practice):
    user = make_staff(practice.organisation)

    assert user_named(user.username) == user
    assert user_named(user.username.upper()) is None
    assert user_named("") is None


def test_practices_are_those_of_the_memberships(practice):
    other, _ = make_organisation(), make_organisation()
    user = make_staff(practice.organisation, other)

    assert set(practices_of_user(user)) == {practice.organisation, other}
