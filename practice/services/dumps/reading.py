"""Reading a dump a line at a time: the same layout that was written, or a problem with its line."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from practice.exceptions import FilesRefused, Problem
from practice.services.dumps.kinds import MISSING, SECTIONS, VERSION, Column, Entry, Part

LONGEST_LINE = 4_000_000  # characters; an appointment with a long history has some thousand
BEGINNING = re.compile(r'\s*\{\s*"dump"\s*:')


@dataclass(slots=True)
class Read:
    """An entry: its line, its values by column, its parts' values, and what is no column."""

    line: int
    given: Entry
    values: Entry = field(default_factory=dict)
    parts: dict[str, list[Entry]] = field(default_factory=dict)


def is_dump(path: Path) -> bool:
    """Whether a file begins as a dump does; else it is one that a person wrote."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return bool(BEGINNING.match(file.read(100)))


class DumpFile:
    """A dump as it is read: ``practice`` first, then each section in its order, then the end."""

    def __init__(self, name: str, file: TextIO) -> None:
        self.name, self.file = name, file
        self.line = 0
        self.counts: dict[str, int] = {}

    def refuse(self, reason: str) -> FilesRefused:
        """A fault of the layout, behind which nothing can be read."""
        return FilesRefused([Problem(self.name, self.line, reason)])

    def _next(self) -> str:
        self.line += 1
        try:
            text = self.file.readline(LONGEST_LINE)
        except UnicodeDecodeError:
            raise self.refuse("this is not UTF-8.") from None
        if not text.endswith("\n"):
            if len(text) == LONGEST_LINE:
                raise self.refuse("the line is too long.")
            raise self.refuse("the file ends here, in the middle: it was cut off.")
        return text[:-1]

    def _expect(self, wanted: str) -> None:
        if self._next() != wanted:
            raise self.refuse(f"{wanted} is expected: a dump is read as it was written, by line.")

    def _field(self, name: str) -> Read:
        text, beginning = self._next(), f'"{name}": '
        if not text.startswith(beginning):
            raise self.refuse(f'"{name}" is expected: a dump is read as it was written, by line.')
        return self._object(text.removeprefix(beginning).removesuffix(","))

    def _object(self, text: str) -> Read:
        try:
            given = DECODER.decode(text)
        except (ValueError, RecursionError):
            raise self.refuse("this is no JSON.") from None
        if not isinstance(given, dict):
            raise self.refuse("an object is expected.")
        return Read(self.line, given)

    def practice(self) -> Read:
        self._expect("{")
        version = self._field("dump").given.get("version")
        if version != VERSION:
            found = version if isinstance(version, int) else "another one"
            raise self.refuse(
                f"the dump is of version {found}, and this program reads {VERSION}: load it with"
                " the release that wrote it, or dump the practice again with this one."
            )
        return self._field("practice")

    def section(self, name: str) -> Iterator[Read]:
        """The entries of the section that comes next."""
        self._expect(f'"{name}": [')
        number, is_last = 0, None
        while (text := self._next()) not in ("],", "]"):
            if is_last:
                raise self.refuse("a comma is missing in the line before.")
            is_last = not text.endswith(",")
            number += 1
            yield self._object(text.removesuffix(","))
        if is_last is False or text == "]":
            raise self.refuse("there is a comma too many, or one is missing.")
        self.counts[name] = number

    def end(self) -> None:
        """The counts at the end, which say that nothing is missing."""
        told = self._field("end").given
        for section in SECTIONS:
            if told.get(section) != self.counts[section]:
                raise self.refuse(
                    f"{section}: the file says that it has {told.get(section)!r:.20} of them, and"
                    f" holds {self.counts[section]}."
                )
        self._expect("}")
        self.line += 1
        if self.file.read(1):
            raise self.refuse("there is something behind the end.")


def _no_constant(name: str) -> object:
    raise ValueError(name)


DECODER = json.JSONDecoder(parse_constant=_no_constant)


def values_of(
    given: Entry, columns: dict[str, Column], parts: dict[str, Part]
) -> tuple[Entry, list[str]]:
    """The values of an entry by column, and what is wrong with it, in words."""
    values: Entry = {}
    wrong = [
        f"there is no field {name[:40]!r}."
        for name in given
        if name not in columns and name not in parts
    ]
    for name, column in columns.items():
        if name not in given:
            if column.empty is MISSING:
                wrong.append(f"{name} is missing.")
            values[name] = column.empty
            continue
        try:
            values[name] = column.read(given[name])
        except ValueError as error:
            wrong.append(f"{name}: {error}.")
    return values, wrong
