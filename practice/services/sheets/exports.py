"""Taking a practice's records out as a spreadsheet."""

from datetime import datetime

from practice.models import Organisation, Patient, SheetImport
from practice.services.audit.recording import Actor, record_done
from practice.services.sheets.kinds import KINDS
from practice.sheet_files import write_rows


def export(
    *, organisation: Organisation, kind: str, format: str, actor: Actor, now: datetime
) -> bytes:
    """Return a file with all of the practice's records of a kind, and write down that it went out.

    Of patients the trail names each, as if a page had shown them.
    """
    records = KINDS[kind](organisation, now=now)
    rows = list(records.rows())
    detail: dict[str, object] = {"kind": kind, "format": format, "rows": len(rows)}
    if kind == SheetImport.Kind.PATIENTS:
        own = Patient.objects.filter(organisation=organisation)
        detail["patients"] = sorted(own.values_list("pk", flat=True))
    record_done("spreadsheet.export", actor=actor, now=now, detail=detail, practice=organisation)
    return write_rows([column.heading for column in records.columns], rows, format)


def blank(*, kind: str, format: str) -> bytes:
    """Return a file with the headings only, to be filled in."""
    return write_rows([column.heading for column in KINDS[kind].columns], [], format)
