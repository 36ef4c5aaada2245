"""Spreadsheets with a browser, with and without scripts: look, put right, confirm, and wait."""

from threading import Thread

import pytest
from django.db import connection
from django.utils import timezone

from practice.models import Patient
from practice.services.sheets import imports, process
from practice.sheet_files import CSV, XLSX, read_rows, write_rows
from workbench.factories import make_patient, new_nhs_number
from workbench.staff import ADMINISTRATOR, make_staff

HEADER = ["NHS number", "Family name", "Date of birth", "Title"]


@pytest.fixture
def begun(monkeypatch) -> list[int]:
    """The imports that were begun: here no process of its own carries them out."""
    started: list[int] = []
    monkeypatch.setattr(process, "start", started.append)
    return started


def carried_out(organisation, sheet_id: int) -> None:
    """Import a file as its process would, on a connection of its own."""

    def work() -> None:
        try:
            imports.run(organisation=organisation, sheet_id=sheet_id, clock=timezone.now)
        finally:
            connection.close()

    thread = Thread(target=work)
    thread.start()
    thread.join()


def uploaded(page, *rows, format=XLSX) -> None:
    content = write_rows(HEADER, rows, format)
    page.goto("/admin/spreadsheets/")
    page.get_by_label("File").set_input_files(
        {"name": f"list.{format}", "mimeType": "text/plain", "buffer": content}
    )
    page.get_by_role("button", name="Show what it would change").click()


@pytest.mark.parametrize(("width", "scripts"), [(1400, True), (390, False)])
def test_a_file_is_looked_at_put_right_and_imported(practice, page_for, axe, begun, width, scripts):
    patient = make_patient(family_name="Fauxley")
    user = make_staff(practice.organisation, role=ADMINISTRATOR)
    page = page_for(user, width, javascript=scripts, dark=not scripts)
    known = [patient.nhs_number, "Fauxley", "1980-02-29", "Dr"]

    uploaded(page, known, ["123", "Specimen", "yesterday", ""])
    assert page.get_by_role("alert").inner_text().startswith("1 row is wrong")
    wrong = page.get_by_role("row", name="3 SPECIMEN").inner_text()
    assert "Date of birth: this is not a date" in wrong
    assert page.get_by_role("button", name="Import").count() == 0
    assert not scripts or axe(page) == []
    page.get_by_role("button", name="Cancel and remove the file").click()

    number = new_nhs_number()
    uploaded(page, known, [number, "=Specimen", "29/02/1980", ""])
    assert "Title: Mrs" in page.get_by_role("row", name="2 FAUXLEY").inner_text()
    assert not scripts or axe(page) == []
    page.get_by_role("button", name="Import 2 rows").click()
    progress = page.get_by_text("0 of 2 rows are imported")
    progress.wait_for()
    assert not scripts or axe(page) == []
    carried_out(practice.organisation, *begun)
    page.get_by_text("2 of 2 rows are imported: 1 new, 1 changed.").wait_for()
    assert page.get_by_role("heading", name="Done").is_visible()
    assert Patient.objects.get(nhs_number=number).family_name == "=Specimen"

    page.goto("/admin/spreadsheets/")
    assert not scripts or axe(page) == []
    with page.expect_download() as download:
        page.locator('a[href$="patients.csv"]').click()
    content = download.value.path().read_bytes()
    assert b",'=Specimen," in content
    header, *rows = read_rows(content, CSV)
    names = {row.cells[header.cells.index("Family name")] for row in rows}
    assert {"=Specimen", "Fauxley"} <= names
