"""Cells and headings: how they are read, and what is said of those that cannot be."""

from datetime import date, time

import pytest

from practice import terminology
from practice.exceptions import SheetUnreadable
from practice.services.sheets import columns
from practice.services.sheets.columns import Column, choice, choices, read_sheet
from practice.sheet_files import Row

NAME = Column("Family name", "family_name", needed=True)
GENDER = choice("Gender", "gender", terminology.administrative_genders)
TYPES = choices("Types", "types", terminology.organisation_types)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (columns.day, "2026-11-30", date(2026, 11, 30)),
        (columns.day, "30/11/2026", date(2026, 11, 30)),
        (columns.day, "30 Nov 2026", date(2026, 11, 30)),
        (columns.clock_time, "9:30", time(9, 30)),
        (columns.clock_time, "09:30:00", time(9, 30)),
        (columns.whole_number, "12", 12),
        (columns.truth, "Yes", True),
        (columns.truth, "0", False),
        (GENDER.read, "FEMALE", "female"),
        (TYPES.read, "gp-practice; ; gp-practice", ["gp-practice"]),
    ],
)
def test_a_cell_is_read_as_people_write_it(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (columns.day, "30/11/26"),
        (columns.day, "31/11/2026"),
        (columns.day, "1066-10-14"),
        (columns.clock_time, "25:00"),
        (columns.clock_time, "09:30:30"),
        (columns.clock_time, "noon"),
        (columns.whole_number, "-1"),
        (columns.whole_number, "²"),
        (columns.truth, "perhaps"),
        (GENDER.read, "lady"),
        (TYPES.read, "gp-practice; pub"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(read, text):
    with pytest.raises(ValueError, match="[a-z]{3}"):
        read(text)


def test_headings_stand_in_any_order_and_a_column_left_out_says_nothing():
    (row,) = read_sheet(
        [Row(1, ["gender", "FAMILY NAME"]), Row(4, ["Male", "Fauxley"])], [NAME, GENDER]
    )
    (short,) = read_sheet([Row(1, ["Family name"]), Row(2, ["Fauxley"])], [NAME, GENDER])

    assert (row.number, row.values) == (4, {"gender": "male", "family_name": "Fauxley"})
    assert short.values == {"family_name": "Fauxley"}


def test_cells_without_a_heading_are_faults_of_their_row():
    rows = [Row(1, ["Family name", "", "Gender"]), Row(2, ["A", "b"]), Row(3, ["A", "", "", "d"])]

    between, beyond = read_sheet(rows, [NAME, GENDER])

    assert between.problems == ["“b” stands in a column without a heading."]
    assert beyond.problems == ["There are more cells than headings."]


def test_a_heading_that_is_not_ours_is_named_with_those_that_are():
    with pytest.raises(SheetUnreadable, match="“Size” is none of ours: Family name, Gender"):
        read_sheet([Row(1, ["Family name", "Size"]), Row(2, ["a", "b"])], [NAME, GENDER])
