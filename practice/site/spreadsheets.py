"""Files for a spreadsheet, as an answer to a page."""

import csv
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse

from practice.sheet_files import harmless


def spreadsheet(name: str, rows: Iterable[Iterable[Any]]) -> HttpResponse:
    """Answer with a CSV file in which no cell is a formula (practice.sheet_files)."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\N{BYTE ORDER MARK}")  # or spreadsheets guess the encoding, wrongly
    csv.writer(response).writerows([harmless(value) for value in row] for row in rows)
    return response
