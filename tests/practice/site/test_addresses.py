"""Whatever stands in an address is an id, a date, or neither: never a traceback."""

from datetime import date

import pytest

from practice.site.addresses import number, read_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("007", 7), ("", 0), (None, 0), ("-1", 0), ("1.5", 0), ("x", 0), ("9" * 19, 0)],
)
def test_an_id_is_digits_that_a_database_can_hold(text, expected):
    assert number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29", date(2026, 3, 29)),
        ("", None),
        ("29/03/2026", None),
        ("2026-02-30", None),
        ("9999-12-31", None),
        ("0001-01-01", None),
    ],
)
def test_a_date_is_a_day_that_there_is_and_that_has_neighbours(text, expected):
    assert read_date(text) == expected
