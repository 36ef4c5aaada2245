"""The columns of a spreadsheet: what each is called, how its cells are read and written."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from practice import clock
from practice.exceptions import SheetUnreadable
from practice.sheet_files import Row

# What a row says, by field; a column that is not there says nothing, an empty cell None.
Values = dict[str, Any]
Read = Callable[[str], Any]
Write = Callable[[Any], str]


@dataclass(frozen=True)
class Column:
    """A column: its heading, the field it fills, how a cell that is not empty is read and written.

    ``read`` raises ValueError in words. ``needed``: a file without it cannot be imported.
    """

    heading: str
    field: str
    read: Read = str
    write: Write = str
    needed: bool = False
    hint: str = ""

    def text(self, value: object) -> str:
        """What stands in the cell of a value; nothing where there is none."""
        return "" if value is None or value in ("", []) else self.write(value)


# ---------------------------------------------------------------- kinds of cells


def day(text: str) -> date:
    found = clock.read_typed_date(text)
    if found is None or not re.search(r"\d{4}", text):
        raise ValueError("this is not a date; write it as 2026-11-30 or 30/11/2026")
    if not clock.FIRST_DATE <= found <= clock.LAST_DATE:
        raise ValueError(f"the year must be from {clock.FIRST_DATE.year} to {clock.LAST_DATE.year}")
    return found


def clock_time(text: str) -> time:
    try:
        found = time.fromisoformat(text.zfill(5))
    except ValueError:
        raise ValueError("this is not a time of day; write it as 09:30") from None
    if found.tzinfo or found.second or found.microsecond:
        raise ValueError("full minutes are expected, such as 09:30")
    return found


def whole_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("a whole number is expected")
    if len(text) > 9:
        raise ValueError("this number is too large")
    return int(text)


def record_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValueError("this is not a number that we gave; leave it empty for somebody new")
    return int(text)


YES, NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")


def truth(text: str) -> bool:
    if text.casefold() not in YES + NO:
        raise ValueError("yes or no is expected")
    return text.casefold() in YES


def in_words(value: bool) -> str:
    return "yes" if value else "no"


def choice(
    heading: str, field: str, codes: Callable[[], list[tuple[str, str]]], *, needed: bool = False
) -> Column:
    """A column of one code of a list: its words go out, words or code come in."""

    def read(text: str) -> str:
        known = {label.casefold(): code for code, label in codes()}
        known |= {code.casefold(): code for code, _ in codes()}
        if text.casefold() not in known:
            raise ValueError(f"“{text}” is none of {_some(label for _, label in codes())}")
        return known[text.casefold()]

    def write(code: str) -> str:
        return dict(codes()).get(code, code)

    return Column(heading, field, read, write, needed)


def choices(heading: str, field: str, codes: Callable[[], list[tuple[str, str]]]) -> Column:
    """A column of several of them, with semicolons in between."""
    one = choice(heading, field, codes)

    def read(text: str) -> list[str]:
        return list(
            dict.fromkeys(one.read(part.strip()) for part in text.split(";") if part.strip())
        )

    def write(found: list[str]) -> str:
        return "; ".join(one.write(code) for code in found)

    return Column(heading, field, read, write, hint="Several: with semicolons in between.")


def date_column(heading: str, field: str, *, needed: bool = False) -> Column:
    return Column(heading, field, day, date.isoformat, needed)


def truth_column(heading: str, field: str) -> Column:
    return Column(heading, field, truth, in_words)


def number_column(heading: str, field: str, *, needed: bool = False) -> Column:
    return Column(heading, field, whole_number, str, needed)


def _some(words: Iterable[str], most: int = 12) -> str:
    listed = list(words)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


# ---------------------------------------------------------------- a file by its columns


@dataclass(frozen=True)
class SheetRow:
    """A row of a file: what its cells say by field, None where one is empty, and what is wrong."""

    number: int
    values: Values
    problems: list[str]


def read_sheet(rows: list[Row], columns: Iterable[Column]) -> list[SheetRow]:
    """Return what the rows say; the first has the headings, in any order. Raises SheetUnreadable.

    A column that is not there says nothing of its field.
    """
    header, *rest = rows
    known = {_name(column.heading): column for column in columns}
    found = [known.get(_name(heading)) for heading in header.cells]
    names = ", ".join(column.heading for column in known.values())
    for heading, column in zip(header.cells, found, strict=True):
        if heading and column is None:
            raise SheetUnreadable(
                f"Row {header.number} has the headings, and “{heading}” is none of ours: {names}."
            )
        if column and found.count(column) > 1:
            raise SheetUnreadable(f"The column “{column.heading}” is there twice.")
    if missing := [c.heading for c in known.values() if c.needed and c not in found]:
        raise SheetUnreadable(f"There is no column “{missing[0]}” in row {header.number}.")
    if not rest:
        raise SheetUnreadable("There is nothing below the headings.")
    return [_read_row(row, found) for row in rest]


def _name(heading: str) -> str:
    return "".join(filter(str.isalnum, heading.casefold()))


def _read_row(row: Row, columns: list[Column | None]) -> SheetRow:
    values: Values = {}
    problems = []
    if any(row.cells[len(columns) :]):
        problems.append("There are more cells than headings.")
    cells = [*row.cells, *[""] * (len(columns) - len(row.cells))]
    for column, cell in zip(columns, cells, strict=False):
        if column is None:
            if cell:
                problems.append(f"“{cell}” stands in a column without a heading.")
            continue
        try:
            values[column.field] = column.read(cell) if cell else None
        except ValueError as error:
            problems.append(f"{column.heading}: {error}.")
    return SheetRow(row.number, values, problems)


# ---------------------------------------------------------------- what a row changes


@dataclass(frozen=True)
class Change:
    """What stands in a cell, and what stood there."""

    heading: str
    before: str
    after: str


def set_values(
    record: models.Model, values: Mapping[str, Any], columns: Mapping[str, Column]
) -> tuple[list[Change], list[str]]:
    """Give a record what a row says of its own fields; return what differs, and what is wrong.

    An empty cell is the field's own default where the field cannot be empty.
    """
    changes, problems = [], []
    for name, value in values.items():
        field: Any = record._meta.get_field(name)
        if value is None and not field.null:
            value = field.get_default()
        before = getattr(record, name)
        if value == before or (isinstance(before, str) and value == before.strip()):
            continue
        setattr(record, name, value)
        changes.append(
            Change(columns[name].heading, columns[name].text(before), columns[name].text(value))
        )
        if field.is_relation:
            continue
        try:
            field.clean(value, record)
        except ValidationError as error:
            problems.append(f"{columns[name].heading}: {' '.join(error.messages)}")
    return changes, problems
