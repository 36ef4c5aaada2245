"""Limits of an access profile that cannot be meant."""

import pytest

from practice.models import AccessProfile
from practice.services.access_profiles import contradictions


@pytest.mark.parametrize(
    ("limits", "fields"),
    [
        ({}, []),
        ({"slots_per_session": 1, "slots_per_day": 2, "slots_per_week": 2}, []),
        ({"slots_per_day": 0}, ["slots_per_day"]),
        ({"slots_per_day": 3, "slots_per_week": 2}, ["slots_per_week"]),
        ({"slots_per_session": 3, "slots_per_day": 2}, ["slots_per_day"]),
    ],
)
def test_a_longer_time_has_no_lower_limit_and_none_is_nought(limits, fields):
    assert [name for name, _ in contradictions(AccessProfile(**limits))] == fields
