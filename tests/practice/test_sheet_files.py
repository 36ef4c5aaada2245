"""Spreadsheets as files: what is read, what is refused before it is, and what goes out harmless."""

import io
import zipfile
from datetime import date, datetime, time

import pytest
from openpyxl import Workbook, load_workbook

from practice import sheet_files
from practice.exceptions import SheetUnreadable
from practice.sheet_files import CSV, XLSX, read_rows, write_rows

FORMULAS = ["=1+1", "+44 7700 900123", "-2", "@SUM(A1)", "\tx", "\rx", "'=1", "''@x"]
TEXTS = [*FORMULAS, "'t Hooft", "O'Neil", 'Zoë, “the” "first"', "0123", "two\nlines"]


def workbook(*rows) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


@pytest.mark.parametrize("format", [CSV, XLSX])
def test_what_goes_out_comes_back_in_as_it_was(format):
    rows = [["name", "other"], *([text, "x"] for text in TEXTS)]

    back = read_rows(write_rows(rows[0], rows[1:], format), format)

    assert [row.cells for row in back] == rows
    assert [row.number for row in back] == list(range(1, len(rows) + 1))


def test_no_cell_of_a_csv_file_begins_a_formula():
    content = write_rows(["name"], [[text] for text in FORMULAS], CSV).decode("utf-8-sig")

    assert content.splitlines()[1].startswith("'=1+1")
    assert all(not line.lstrip('"').startswith(tuple("=+-@\t")) for line in content.splitlines())


def test_no_cell_of_a_workbook_is_a_formula():
    content = write_rows(["name"], [[text] for text in FORMULAS], XLSX)

    cells = [row[0] for row in load_workbook(io.BytesIO(content)).active.iter_rows(min_row=2)]

    assert {cell.data_type for cell in cells} == {"s"}
    assert cells[0].value == "=1+1"


def test_cells_of_a_workbook_are_read_as_people_see_them():
    content = workbook(
        ["a"],
        [9990000018, 1.0, 2.5, date(1980, 2, 29), datetime(2026, 11, 30), time(9, 30), True, None],
        [],
        ["", "last"],
    )

    _, row, last = read_rows(content, XLSX)

    assert row.cells == ["9990000018", "1", "2.5", "1980-02-29", "2026-11-30", "09:30", "yes"]
    assert (last.number, last.cells) == (4, ["", "last"])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("name;town\nZoë;Leeds\n".encode(), id="semicolons"),
        pytest.param("name\ttown\nZoë\tLeeds\n".encode("utf-16"), id="Unicode text of Excel"),
        pytest.param("name,town\r\nZoë,Leeds\r\n".encode("cp1252"), id="Windows-1252"),
        pytest.param("name,town\nZoë,Leeds".encode("utf-8-sig"), id="UTF-8 with its mark"),
    ],
)
def test_csv_is_read_however_a_program_wrote_it(content):
    assert [row.cells for row in read_rows(content, CSV)] == [["name", "town"], ["Zoë", "Leeds"]]


def packed(**parts: str) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return output.getvalue()


def with_part(content: bytes, name: str, text: str) -> bytes:
    """The workbook with one of its parts replaced."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(output, "w") as new:
        for part in old.namelist():
            new.writestr(part, text if part == name else old.read(part))
    return output.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
OPENING = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    f'{OPENING}<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row>'
    "</sheetData></worksheet>"
)
FAR_DOWN = (
    f'{OPENING}<row r="99999999999"><c r="A99999999999"><v>1</v></c></row></sheetData></worksheet>'
)


@pytest.mark.parametrize(
    ("format", "content", "said"),
    [
        (CSV, b"", "empty"),
        (CSV, b"\n , \n", "empty"),
        (CSV, b"a\n" + b"x" * sheet_files.MOST_BYTES, "too large"),
        (CSV, b"a\nb\n" * 6000, "More than 10,000 rows"),
        (CSV, b"a" + b"\n" * 200_001, "below row 200,000"),
        (CSV, b"," * 60 + b"x", "more than 60 columns"),
        (CSV, b"x" * 1001, "more than 1000 characters"),
        (CSV, b"a\nb\x00c", "cannot be"),
        (CSV, b'a\n"b', "cannot be read as CSV"),
        (CSV, workbook(["a"]), "a workbook with the name of a CSV file"),
        (XLSX, b"a,b", "cannot be read as XLSX"),
        (XLSX, workbook(["a"])[:-200], "cannot be read as XLSX"),
        (XLSX, packed(a="b"), "cannot be read as XLSX"),
        (XLSX, with_part(workbook(["a"]), SHEET, "<nothing/>"), "cannot be read|empty"),
        (XLSX, with_part(workbook(["a"]), SHEET, ENTITIES), "cannot be read as XLSX"),
        (XLSX, with_part(workbook(["a"]), SHEET, FAR_DOWN), "below row 200,000"),
        (XLSX, packed(bomb="0" * 61 * 2**20), "unpacks to more than"),
        (XLSX, packed(**{str(n): "" for n in range(501)}), "unpacks to more than"),
        (XLSX, workbook(["x"] * 61), "more than 60 columns"),
    ],
)
def test_what_is_no_spreadsheet_or_too_large_is_refused_in_words(format, content, said):
    with pytest.raises(SheetUnreadable, match=said):
        read_rows(content, format)


@pytest.mark.parametrize("name", ["patients.xls", "patients.ods", "patients", "patients.csv.exe"])
def test_only_the_two_formats_are_read(name):
    assert sheet_files.format_of("a.CSV") == CSV
    with pytest.raises(SheetUnreadable, match="Only CSV and XLSX"):
        sheet_files.format_of(name)
