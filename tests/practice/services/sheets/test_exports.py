"""What goes out, and that the trail says so."""

import pytest
from django.utils import timezone

from practice.models import AuditEvent
from practice.services.audit.recording import Actor
from practice.services.sheets.exports import blank, export
from practice.services.sheets.kinds import KINDS
from practice.sheet_files import CSV, XLSX, read_rows
from workbench.factories import make_organisation, make_patient

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", KINDS)
def test_a_practice_takes_out_its_own_records_and_the_trail_says_so(practice, kind):
    make_patient(make_organisation())

    content = export(
        organisation=practice.organisation,
        kind=kind,
        format=CSV,
        actor=Actor(door="staff", user_id="ada"),
        now=timezone.now(),
    )

    header, *rows = read_rows(content, CSV)
    assert header.cells == [column.heading for column in KINDS[kind].columns]
    (event,) = AuditEvent.objects.filter(event="spreadsheet.export")
    assert (event.detail["kind"], event.detail["rows"]) == (kind, len(rows))
    if kind == "patients":
        assert event.detail["patients"] == [practice.patient.pk]


@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_file_has_the_headings_only(kind):
    (header,) = read_rows(blank(kind=kind, format=XLSX), XLSX)

    assert header.cells == [column.heading for column in KINDS[kind].columns]
