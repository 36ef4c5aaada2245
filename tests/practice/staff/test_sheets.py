"""The pages of spreadsheets: who may, what is shown of a file, what becomes of it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from practice.models import AuditEvent, Patient, SheetImport
from practice.services.sheets import process
from practice.services.sheets.imports import run, uploads
from practice.sheet_files import CSV, XLSX, read_rows, write_rows
from workbench.factories import make_organisation, make_patient, new_nhs_number
from workbench.staff import ADMINISTRATOR, AUDITOR, MANAGER, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db
SHEETS = "/admin/spreadsheets/"
PATIENTS = "/admin/spreadsheets/patients.xlsx"


@pytest.fixture
def administrator(practice, client):
    client.force_login(make_staff(practice.organisation, role=ADMINISTRATOR))
    return client


@pytest.fixture(autouse=True)
def started(monkeypatch) -> list[int]:
    """The imports that a process was begun for."""
    begun: list[int] = []
    monkeypatch.setattr(process, "start", begun.append)
    return begun


def said(answer) -> str:
    """The words of a page, without what marks them up."""
    return unescape(re.sub(r"(<[^>]*>|\s)+", " ", answer.content.decode()))


def send(client, *rows: list[str], format=CSV, name=""):
    header = ["NHS number", "Family name", "Date of birth", "Title"]
    content = write_rows(header, rows, format)
    file = SimpleUploadedFile(name or f"patients.{format}", content)
    return client.post(SHEETS, {"kind": "patients", "file": file})


def preview(client, *rows: list[str], **more):
    answer = send(client, *rows, **more)
    assert answer.status_code == 303
    return client.get(answer["Location"])


def test_only_an_administrator_takes_records_out_or_in(practice, client):
    addresses = [SHEETS, PATIENTS, "/admin/spreadsheets/import/1/", "/admin/changes/spreadsheet/1/"]
    for role in (RECEPTIONIST, MANAGER, AUDITOR, ""):
        client.force_login(make_staff(practice.organisation, role=role))

        assert {client.get(address).status_code for address in addresses} == {403}
        assert send(client, ["", "Fauxley", "1980-02-29", ""]).status_code == 403
    assert not SheetImport.objects.exists()


def test_a_file_is_shown_confirmed_and_imported(practice, administrator, started):
    patient = make_patient()
    new = ["9990000000", "Fauxley", "1980-02-29", ""]
    new[0] = new_nhs_number()

    page = preview(
        administrator,
        [patient.nhs_number, patient.family_name, "1980-02-29", "Dr"],
        new,
        [practice.patient.nhs_number, practice.patient.family_name, "1980-02-29", "Mrs"],
        format=XLSX,
    )

    words = said(page)
    assert "1 new record 1 changed 1 as they are 0 wrong" in words
    assert "Title: Mrs → becomes Dr" in words
    (sheet,) = SheetImport.objects.all()
    address = reverse("admin:sheet", args=[sheet.pk])
    answer = administrator.post(address, {"do": "confirm", "digest": page.context["digest"]})
    assert (answer.status_code, answer["Location"]) == (303, address)
    assert started == [sheet.pk]
    assert "0 of 3 rows are imported" in said(administrator.get(address))
    run(organisation=practice.organisation, sheet_id=sheet.pk, clock=timezone.now)
    assert "3 of 3 rows are imported: 1 new, 1 changed." in said(administrator.get(address))
    assert Patient.objects.filter(nhs_number=new[0]).exists()
    changed = AuditEvent.objects.get(event="patient.change")
    assert changed.user_id.startswith("administrator")


def test_what_is_wrong_is_listed_by_row_and_nothing_can_be_imported(administrator, started):
    page = preview(
        administrator,
        [new_nhs_number(), "Fauxley", "1980-02-29", ""],
        ["123", "Fauxley", "yesterday", ""],
    )

    words = said(page)
    assert "1 row is wrong, so nothing can be imported yet." in words
    assert "3 FAUXLEY NHS number: " in words
    assert "Date of birth: this is not a date; write it as 2026-11-30 or 30/11/2026." in words
    assert "Import " not in words
    (sheet,) = SheetImport.objects.all()
    address = reverse("admin:sheet", args=[sheet.pk])
    refused = administrator.post(address, {"do": "confirm", "digest": page.context["digest"]})
    assert refused.status_code == 409
    assert started == []


def test_what_changed_meanwhile_is_shown_again(practice, administrator, started):
    page = preview(administrator, [practice.patient.nhs_number, "Fauxley", "1980-02-29", "Mrs"])
    Patient.objects.update(family_name="Changed")

    (sheet,) = SheetImport.objects.all()
    answer = administrator.post(
        reverse("admin:sheet", args=[sheet.pk]),
        {"do": "confirm", "digest": page.context["digest"]},
    )

    assert answer.status_code == 409
    assert "The records have changed since you looked." in said(answer)
    assert "Family name: Changed → becomes Fauxley" in said(answer)
    assert started == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("patients.xls", b"x", "Only CSV and XLSX files are read"),
        ("patients.xlsx", b"x", "cannot be read as XLSX"),
        ("patients.csv", b"", "The submitted file is empty."),
        ("patients.csv", b"x" * (5 * 2**20 + 1), "The file is too large: 5 MB at most."),
        ("patients.csv", b"Shoe size\n42", "none of ours"),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_field(administrator, name, content, words):
    file = SimpleUploadedFile(name, content)

    answer = administrator.post(SHEETS, {"kind": "patients", "file": file})

    assert answer.status_code == 422
    assert words in said(answer)


def test_cancelling_removes_the_file(administrator, django_capture_on_commit_callbacks):
    preview(administrator, [new_nhs_number(), "Fauxley", "1980-02-29", ""])
    (sheet,) = SheetImport.objects.all()

    with django_capture_on_commit_callbacks(execute=True):
        administrator.post(reverse("admin:sheet", args=[sheet.pk]), {"do": "cancel"})

    assert not uploads().exists(sheet.stored_as)
    assert SheetImport.objects.get().status == "cancelled"


def test_the_page_asks_how_far_it_is_and_reloads_at_the_end(practice, administrator):
    preview(administrator, [new_nhs_number(), "Fauxley", "1980-02-29", ""])
    SheetImport.objects.update(status="running", seen_at=timezone.now() - timedelta(minutes=2))
    (sheet,) = SheetImport.objects.all()
    address = reverse("admin:sheet_progress", args=[sheet.pk])

    assert "0 of 1 rows are imported" in said(part := administrator.get(address))
    assert "Nothing has happened for a minute." in said(part)
    assert b"<html" not in part.content
    SheetImport.objects.update(status="done")
    assert administrator.get(address)["HX-Refresh"] == "true"


def test_patients_go_out_and_the_trail_names_them(practice, administrator):
    patient = make_patient(given_names="=1+1")

    answer = administrator.get("/admin/spreadsheets/patients.csv")

    assert answer["Content-Disposition"].startswith('attachment; filename="patients-')
    header, *rows = read_rows(answer.content, CSV)
    assert {row.cells[header.cells.index("NHS number")] for row in rows} == {
        practice.patient.nhs_number,
        patient.nhs_number,
    }
    assert b",'=1+1," in answer.content
    event = AuditEvent.objects.get(event="spreadsheet.export")
    assert event.detail["patients"] == sorted([practice.patient.pk, patient.pk])


def test_the_preview_is_in_the_trail_with_whom_it_showed(practice, administrator):
    preview(administrator, [practice.patient.nhs_number, "Fauxley", "1980-02-29", ""])

    event = AuditEvent.objects.get(event="spreadsheet.viewed")
    assert event.detail["patients"] == [practice.patient.pk]


def test_nothing_of_another_practice_goes_out_or_is_found(practice, administrator):
    there = make_organisation()
    theirs = make_patient(there)
    sheet = SheetImport.objects.create(
        organisation=there, kind="patients", uploaded_at=timezone.now(), seen_at=timezone.now()
    )

    assert (
        theirs.nhs_number.encode()
        not in administrator.get("/admin/spreadsheets/patients.csv").content
    )
    assert administrator.get(reverse("admin:sheet", args=[sheet.pk])).status_code == 404
    assert administrator.get(reverse("admin:sheet_progress", args=[sheet.pk])).status_code == 404
    blank = administrator.get(f"{PATIENTS}?blank=1").content
    assert len(read_rows(blank, XLSX)) == 1
    assert administrator.get("/admin/spreadsheets/slots.csv").status_code == 404
    assert administrator.get("/admin/spreadsheets/patients.exe").status_code == 404
