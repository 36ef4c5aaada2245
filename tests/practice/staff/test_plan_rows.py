"""A plan as rows to read: its numbers in words, and what a later page makes of them."""

from datetime import date

import pytest

from practice.staff.plan_rows import Row, as_text, from_text, in_words, parse_moment, starts

DAY = date(2027, 2, 1)


def test_numbers_are_named_in_order_and_nothing_is_not():
    assert in_words({"orphan": 2, "create": 17, "change": 0}) == "create 17, orphan 2"
    assert in_words({}) == ""


def test_what_a_plan_said_is_read_again():
    row = Row(DAY, "Morning surgery", reasons=["Closed: Flood."])
    row.counts["create"] = 6

    assert from_text(as_text([row])) == {row.key: row.as_seen}


@pytest.mark.parametrize("text", ["", "[1", "[1]", '{"a": 1}', "null"])
def test_what_nobody_here_wrote_says_nothing(text):
    assert from_text(text) == {}


def test_many_times_are_cut_short():
    at = [9 * 3600 + 600 * n for n in range(8)]

    assert starts(at).endswith("and 2 more")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2027-02-01T09:00",
        "2027-02-31T09:00Z",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59Z",
    ],
)
def test_a_moment_without_its_zone_or_beyond_all_use_is_none(text):
    assert parse_moment(text) is None
