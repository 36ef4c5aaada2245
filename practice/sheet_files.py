"""Spreadsheets as files: rows of texts out of CSV and XLSX, and into them.

What comes in is bounded before it is read: bytes, what they unpack to, rows, columns, the length of
a cell. What goes out begins no formula: such a cell is text, and comes back in as it was.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from practice.exceptions import SheetUnreadable

CSV, XLSX = "csv", "xlsx"
CONTENT_TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MOST_BYTES = 5 * 1024 * 1024
MOST_UNPACKED = 60 * 1024 * 1024
MOST_PARTS = 500  # of the archive that an XLSX file is; a workbook of one sheet has ten
MOST_ROWS = 10_000
MOST_COLUMNS = 60
MOST_CHARACTERS = 1000  # of a cell
LAST_ROW = 200_000  # that is looked at: a file may have many empty ones in between
NOT_STORED = re.compile("[\x00\ud800-\udfff]")
NOT_AS_IT_IS = {"'", "\t", "\r"}  # would come back from a workbook as something else
BEGINS_FORMULA = re.compile(r"'*[=+\-@\t\r]")
NOTHING = (None,) * (MOST_COLUMNS + 1)
UNREADABLE = "This file cannot be read as {}. Open it in the spreadsheet program and save it again."


class Row(NamedTuple):
    """A row that is not empty: its number as spreadsheet programs show it, and its cells."""

    number: int
    cells: list[str]


# ---------------------------------------------------------------- reading


def format_of(name: str) -> str:
    """Return the format of a file by its name; raises SheetUnreadable for any but the two."""
    ending = name.rpartition(".")[2].lower()
    if ending not in CONTENT_TYPES:
        raise SheetUnreadable("Only CSV and XLSX files are read: save it as one of these.")
    return ending


def read_rows(content: bytes, format: str) -> list[Row]:
    """Return the rows of a CSV file, or of a workbook's first sheet: the first has the headings.

    Raises SheetUnreadable, in words, for what is no such file, or is too large.
    """
    if len(content) > MOST_BYTES:
        raise SheetUnreadable(f"The file is too large: {MOST_BYTES // 2**20} MB at most.")
    found: list[Row] = []
    for number, cells in _CELLS[format](content):
        if number > LAST_ROW:
            raise SheetUnreadable(f"The file goes on below row {LAST_ROW:,}. Remove what is there.")
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(found) > MOST_ROWS:
            raise SheetUnreadable(f"More than {MOST_ROWS:,} rows: divide them among several files.")
        _check_cells(number, cells)
        found.append(Row(number, cells))
    if not found:
        raise SheetUnreadable("The file is empty.")
    return found


def _check_cells(number: int, cells: list[str]) -> None:
    if len(cells) > MOST_COLUMNS:
        raise SheetUnreadable(f"Row {number} has more than {MOST_COLUMNS} columns.")
    if any(len(cell) > MOST_CHARACTERS for cell in cells):
        raise SheetUnreadable(f"Row {number} has a cell of more than {MOST_CHARACTERS} characters.")
    if any(NOT_STORED.search(cell) for cell in cells):
        raise SheetUnreadable(f"Row {number} has a character that cannot be stored.")


def plain(text: str) -> str:
    """A cell without blanks around it, and without the escape that it was given on its way out."""
    if text.startswith("'") and BEGINS_FORMULA.match(text):
        return text[1:]
    return text.strip()


def _csv_cells(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, start=1):
            yield number, [plain(cell) for cell in row]
    except csv.Error as error:
        raise SheetUnreadable(UNREADABLE.format("CSV")) from error


def _decoded(content: bytes) -> str:
    """Programs write UTF-8, Excel in Britain Windows-1252 too, and its "Unicode text" UTF-16."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SheetUnreadable("This is a workbook with the name of a CSV file.")
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _xlsx_cells(content: bytes) -> Iterator[tuple[int, list[str]]]:
    _check_archive(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl leaves out, such as validations
            yield from _cells_of_workbook(content)
    except SheetUnreadable:
        raise
    except Exception as error:  # whatever its many parts raise over a file that is not right
        raise SheetUnreadable(UNREADABLE.format("XLSX")) from error


def _cells_of_workbook(content: bytes) -> Iterator[tuple[int, list[str]]]:
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size is not believed
        rows = sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
        for number, values in enumerate(rows, start=1):
            yield number, [] if values == NOTHING else [_text_of(value) for value in values]
    finally:
        book.close()


def _check_archive(content: bytes) -> None:
    """Refuse what would unpack to more than we read; no part unpacks to more than it says."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise SheetUnreadable(UNREADABLE.format("XLSX")) from error
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise SheetUnreadable(f"The file unpacks to more than {MOST_UNPACKED // 2**20} MB.")


def _text_of(value: Any) -> str:
    """A cell as a person reads it: a date as 2026-11-30, a time as 09:30, a number without .0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        midnight = value.time() == time.min
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, time):
        return value.isoformat("minutes")
    return value.isoformat() if isinstance(value, date) else plain(str(value))


_CELLS = {CSV: _csv_cells, XLSX: _xlsx_cells}

# ---------------------------------------------------------------- writing


def harmless(value: Any) -> Any:
    """A text as a CSV file may hold it: what came from outside must not become a formula."""
    if isinstance(value, str) and BEGINS_FORMULA.match(value):
        return f"'{value}"
    return value


def write_rows(header: Sequence[str], rows: Iterable[Sequence[str]], format: str) -> bytes:
    """Return a file of the format with these rows of texts below their header."""
    return _WRITERS[format](header, rows)


def _written_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    output = io.StringIO(newline="")
    writer = csv.writer(output)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return output.getvalue().encode("utf-8-sig")  # Excel takes it for UTF-8 only with the mark


def _written_xlsx(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet 1")
    sheet.freeze_panes = "A2"
    headings = [_cell(sheet, heading) for heading in header]
    for heading in headings:
        heading.font = Font(bold=True)
    sheet.append(headings)
    for row in rows:
        sheet.append([_cell(sheet, cell) for cell in row])
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _cell(sheet: Any, text: str) -> WriteOnlyCell:
    """A cell that holds text, whatever it looks like: openpyxl would make a formula of ``=...``.

    So it needs no escape, but where it has what looks like one, or what XML loses.
    """
    text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", text)
    cell = WriteOnlyCell(sheet, harmless(text) if text[:1] in NOT_AS_IT_IS else text)
    cell.data_type = "s"
    return cell


_WRITERS = {CSV: _written_csv, XLSX: _written_xlsx}
