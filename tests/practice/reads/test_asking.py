"""Who counts as silent, and who as a stranger that gets nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from practice.models import AccessProfile, AskingOrganisation, AskingWatch, Promise
from practice.reads.asking import find

NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=20)


def found(asking, *, promises=(), profiles=()):
    watch = AskingWatch(organisation_id=1, began_at=LONG_AGO, read_at=NOW)
    findings = find(watch=watch, asking=asking, promises=promises, profiles=profiles, now=NOW)
    return [(each.kind, each.who) for each in findings]


def asked(code, *, ago=timedelta(hours=1), nothing=True, types=("urgent-care",)):
    return AskingOrganisation(
        organisation_id=1,
        ods_code=code,
        for_ods_codes=[code],
        for_organisation_types=list(types),
        last_search_at=NOW - ago,
        nothing_since=NOW - ago if nothing else None,
    )


def promise(**whom):
    return Promise(pk=7, name="NHS 111", made_at=LONG_AGO, silent_after_days=2, **whom)


def test_each_organisation_that_a_profile_promises_to_must_search():
    """A profile that names one that no longer asks, beside the one that took over."""
    profile = AccessProfile(ods_codes=["X9X01", "X9X07"])

    assert found([asked("X9X07")], promises=[promise(access_profile=profile)]) == [
        ("silent", "X9X01")
    ]


def test_one_of_a_type_is_enough_where_a_type_was_promised_something():
    promises = [promise(organisation_type="urgent-care")]

    assert found([asked("X9X07")], promises=promises) == []
    assert found([asked("X9X07", types=["gp-practice"], nothing=False)], promises=promises) == [
        ("silent", "urgent-care")
    ]


def test_one_that_searches_in_the_name_of_who_was_promised_something_is_heard():
    hub = asked("HUB01")
    hub.for_ods_codes = ["X9X01"]

    assert found([hub], promises=[promise(ods_code="X9X01")]) == []


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"ods_codes": ["X9X01"], "organisation_types": ["urgent-care"]}, [("nothing", "X9X07")]),
        ({"organisation_types": ["urgent-care"]}, []),
        ({"ods_codes": ["X9X07"]}, []),
        ({}, [("nothing", "X9X07")]),
    ],
    ids=["its type, but not its code", "its type", "its code", "a profile that restricts nothing"],
)
def test_a_stranger_is_whom_no_profile_lets_in(profile, expected):
    assert found([asked("X9X07")], profiles=[AccessProfile(**profile)]) == expected


def test_a_stranger_who_stopped_asking_is_forgotten_after_a_week():
    assert found([asked("X9X07", ago=timedelta(days=8))]) == []
