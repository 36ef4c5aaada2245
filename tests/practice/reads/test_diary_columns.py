"""What stands in the columns of the diary: the state of each slot, ages and kinds in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from practice.reads import diary_columns
from workbench.factories import make_schedule, make_slot

NOW = datetime(2027, 2, 1, 8, tzinfo=UTC)
STARTS = NOW + timedelta(hours=2)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "free"),
        ({"embargo_minutes": 121}, "free"),
        ({"embargo_minutes": 119}, "embargoed"),
        ({"embargo_minutes": 119, "gp_connect_bookable": False}, "free"),
        ({"embargo_minutes": 119, "status": "busy-unavailable"}, "blocked"),
        ({"status": "busy-unavailable", "withdrawn": True}, "withdrawn"),
    ],
)
def test_the_state_of_a_slot_that_nobody_has(practice, fields, state):
    slot = make_slot(make_schedule(start=STARTS), start=STARTS, **fields)

    found, until = diary_columns.slot_state(slot, practice.organisation, now=NOW)

    assert found == state
    assert until == (STARTS - timedelta(minutes=119) if state == "embargoed" else None)


@pytest.mark.django_db
def test_a_slot_of_a_session_that_does_not_take_place_is_withdrawn(practice):
    slot = make_slot(make_schedule(start=STARTS, withdrawn=True), start=STARTS)

    assert diary_columns.slot_state(slot, practice.organisation, now=NOW) == ("withdrawn", None)


@pytest.mark.parametrize(
    ("born", "years"),
    [(date(1990, 2, 1), 37), (date(1990, 2, 2), 36), (date(2027, 2, 1), 0)],
)
def test_an_age_counts_the_birthdays_that_have_been(born, years):
    assert diary_columns.age(born, NOW) == years


@pytest.mark.parametrize(
    ("slot_type", "channel", "words"),
    [
        ("Routine", "In-person", "Routine"),
        ("Routine", "Telephone", "Routine · Tel"),
        ("Telephone call", "Telephone", "Telephone call"),
        ("", "Video", "Video"),
    ],
)
def test_a_kind_names_its_channel_once(slot_type, channel, words):
    assert diary_columns.kind(slot_type, channel) == words
