"""The files in which the Organisation Data Service (ODS) publishes practices, branches and GPs.

epraccur, ebranchs and egpcur share one layout: no header, 27 columns in a fixed order, all of
England in one file. So they are read a row at a time, and only the rows of one practice are kept.
Everything is in capitals; what is kept is written as people write it.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from practice.exceptions import FilesRefused, Problem

COLUMNS = 27


class PublishedRow(NamedTuple):
    """The columns of the layout that are read, by their place in it."""

    code: str
    name: str
    lines: tuple[str, str, str]
    city: str
    county: str
    postcode: str
    closed: str  # a date such as 20240331
    status: str  # A, C closed, D dormant, P proposed, B retired; branches have none
    parent: str  # of a practice who commissions it, else the practice
    left_parent: str
    telephone: str
    setting: str  # of a practice: what it is
    line: int

    @classmethod
    def read(cls, row: list[str], line: int) -> "PublishedRow":
        text = [" ".join(_decoded(cell).split()) for cell in row]
        return cls(
            code=text[0].upper(),
            name=text[1],
            lines=(text[4], text[5], text[6]),
            city=text[7],
            county=text[8],
            postcode=text[9],
            closed=text[11],
            status=text[12].upper(),
            parent=text[14].upper(),
            left_parent=text[16],
            telephone=text[17],
            setting=text[25],
            line=line,
        )

    @property
    def address(self) -> dict[str, str]:
        """The address in the columns of ours, without gaps between its lines."""
        lines = [*filter(None, self.lines), "", "", ""]
        return {
            **{f"address_line_{n}": in_words(line) for n, line in enumerate(lines[:3], 1)},
            "city": in_words(self.city),
            "district": in_words(self.county),
            "postal_code": self.postcode.upper(),
        }


def _decoded(text: str) -> str:
    """A cell; where it is no UTF-8, the files are of Windows."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8").replace("\0", "")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace").replace("\0", "")


@dataclass
class Published:
    """What the files say of one practice, and what of it was passed over, counted by why."""

    practice: PublishedRow
    branches: list[PublishedRow] = field(default_factory=list)
    gps: list[PublishedRow] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    rows: dict[str, int] = field(default_factory=dict)


def read_published(
    ods_code: str, *, organisations: Path, branches: Path | None, gps: Path | None
) -> Published:
    """Read what the files say of a practice. Raises FilesRefused, and OSError of the system."""
    counts: dict[str, int] = {}
    found = [row for row in rows_of(organisations, counts) if row.code == ods_code]
    if not found:
        raise _refused(organisations, counts[str(organisations)], f"{ods_code} is not in the file.")
    practice = found[-1]
    if practice.status == "C" or practice.closed:
        since = f", since {_day(practice.closed)}" if practice.closed else ""
        words = f"{ods_code} is closed{since}"
        raise _refused(organisations, practice.line, f"{words}: nothing is taken.")
    published = Published(practice, rows=counts)
    if practice.status not in ("A", ""):
        published.passed_over["the practice is not active yet, or no longer"] += 1
    if practice.setting not in ("4", ""):
        published.passed_over["the practice is no GP practice by its setting"] += 1
    for path, kept in ((branches, published.branches), (gps, published.gps)):
        for row in rows_of(path, counts) if path else ():
            if row.parent != ods_code:
                continue
            if why := _why_not(row):
                published.passed_over[why] += 1
            else:
                kept.append(row)
    return published


def _why_not(row: PublishedRow) -> str:
    """Why a row of the practice is not taken; empty: it is."""
    if "COVID" in row.name.upper() and "VACCINATION" in row.name.upper():
        return "vaccination sites"
    if row.closed or row.status == "C":
        return "closed"
    if row.left_parent:
        return "no longer of this practice"
    if row.status == "P":
        return "proposed"
    if row.status in ("B", "D"):
        return "retired or dormant"
    return ""


def rows_of(path: Path, counts: dict[str, int]) -> Iterator[PublishedRow]:
    """Every row of a file; ``counts`` hears how many. Raises FilesRefused for another layout."""
    number = 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file)
        try:
            for row in rows:
                if not row:
                    continue
                if len(row) != COLUMNS:
                    words = f"there are {len(row)} columns, and {COLUMNS} in the published layout."
                    raise _refused(path, rows.line_num, words)
                number += 1
                yield PublishedRow.read(row, rows.line_num)
        except csv.Error as error:
            raise _refused(path, rows.line_num, f"this is no CSV: {error}.") from None
    counts[str(path)] = number


def _refused(path: Path, line: int, reason: str) -> FilesRefused:
    return FilesRefused([Problem(str(path), line, reason)])


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if re.fullmatch(r"\d{8}", text) else text


# ---------------------------------------------------------------- as people write it

SMALL = {"and", "at", "by", "in", "le", "next", "of", "on", "the", "under", "upon", "with"}
CAPITALS = {"NHS", "GP", "PCN", "II", "III", "IV", "UK", "HMP"}


def in_words(text: str) -> str:
    """A name or a line of an address in capitals as people write it; any other as it stands."""
    if text != text.upper():
        return text
    parts = re.split(r"([ \-/()]+)", text)
    written = [_word(part, is_first=n == 0) for n, part in enumerate(parts)]
    return "".join(written)


def _word(word: str, *, is_first: bool) -> str:
    if word in CAPITALS or any(letter.isdigit() for letter in word):
        return word
    if not is_first and word.lower() in SMALL:
        return word.lower()
    if re.fullmatch(r"MC[A-Z]{3,}", word):
        return f"Mc{word[2:].capitalize()}"
    if re.match(r"[OD]'[A-Z]{2}", word):
        return f"{word[:2]}{word[2:].capitalize()}"
    return word.capitalize()


def surname_and_initials(name: str) -> tuple[str, str]:
    """The two of "SPECIMEN A B" or "SPECIMEN AB", as they are published: Specimen, and A B."""
    words = name.split()
    initials: list[str] = []
    while len(words) > 1 and len(words[-1]) <= MOST_INITIALS and words[-1].isalpha():
        if initials and len(words[-1]) > 1:
            break
        initials = [*words.pop(), *initials]
    return in_words(" ".join(words)), " ".join("".join(initials))


MOST_INITIALS = 3  # in a word: longer ones are names
