"""Handing out a practice's trail, or who saw one patient and why; itself recorded in the trail."""

import csv
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, TextIO

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from practice import clock
from practice.exceptions import PatientNotFound
from practice.models import AuditEvent, Organisation, Patient
from practice.services import audit
from practice.services.audit import Actor

EVENT = "audit.export"
COLUMNS = {
    "number": "seal__sequence",
    "id": "id",
    "recorded_at": "recorded_at",
    "door": "door",
    "event": "event",
    "outcome": "outcome",
    "spine_code": "spine_code",
    "diagnostics": "diagnostics",
    "trace_id": "trace_id",
    "user_id": "user_id",
    "user_name": "user_name",
    "user_role": "user_role",
    "user_organisation": "user_organisation",
    "on_authority_of": "on_authority_of",
    "device": "device",
    "address": "address",
    "patient_id": "patient_id",
    "resource": "resource",
    "detail": "detail",
    "sealed_at": "seal__sealed_at",
    "hash": "seal__hash",
}


def events(
    *, organisation: Organisation, from_date: date | None = None, to_date: date | None = None
) -> QuerySet[AuditEvent]:
    """Return a practice's events in the order of recording, from one London date to another."""
    found = AuditEvent.objects.filter(organisation=organisation).order_by("pk")
    if from_date:
        found = found.filter(recorded_at__gte=clock.day_start(from_date))
    if to_date:
        found = found.filter(recorded_at__lt=clock.day_end(to_date))
    return found


class _Shows(Func):
    """Whether ``detail`` lists a patient among those whom a page of the staff's showed."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler,
            connection,
            template="EXISTS (SELECT 1 FROM json_each(%(expressions)s))",
            arg_joiner=", '$.patients') AS shown WHERE shown.value = (",
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler,
            connection,
            template="COALESCE(%(expressions)s::bigint), FALSE)",
            arg_joiner="->'patients' @> to_jsonb(",
        )


def concerns(patient: Patient) -> Q:
    """Say which events concern a patient: pages of many and requests by number included."""
    return (
        Q(patient_id=patient.pk)
        | Q(_Shows(F("detail"), Value(patient.pk)))
        | Q(detail__url__icontains=patient.nhs_number)
    )


def export(
    *,
    organisation: Organisation,
    output: TextIO,
    format: str,
    actor: Actor,
    now: datetime,
    from_date: date | None = None,
    to_date: date | None = None,
    nhs_number: str = "",
) -> int:
    """Write events to ``output`` as ``csv`` or ``json``, record the export, return how many.

    Of a range of dates, both included; or of one patient, whatever the dates if none are given.
    The record comes first, so that nothing is handed out unrecorded, and is not part of what is
    written. Raises PatientNotFound.
    """
    found = events(organisation=organisation, from_date=from_date, to_date=to_date)
    patient = None
    if nhs_number:
        patient = Patient.objects.filter(organisation=organisation, nhs_number=nhs_number).first()
        if patient is None:
            raise PatientNotFound
        found = found.filter(concerns(patient))
    last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    audit.record(
        organisation=organisation,
        actor=actor,
        event=EVENT,
        outcome="ok",
        now=now,
        patient_id=patient.pk if patient else None,
        resource=f"Patient/{patient.pk}" if patient else "",
        detail={
            "format": format,
            "from": from_date.isoformat() if from_date else "",
            "to": to_date.isoformat() if to_date else "",
        },
    )
    rows = found.filter(pk__lte=last).values_list(*COLUMNS.values()).iterator(chunk_size=2000)
    return WRITERS[format](output, rows)


def _write_csv(output: TextIO, rows: Iterator[tuple[Any, ...]]) -> int:
    writer = csv.writer(output)
    writer.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - counted for the caller
        writer.writerow(_cell(value) for value in row)
    return count


def _cell(value: Any) -> Any:
    """A value as a spreadsheet may see it: text from outside must not become a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _write_json(output: TextIO, rows: Iterator[tuple[Any, ...]]) -> int:
    """One JSON array, an event a line, written as it is read."""
    output.write("[\n")
    count = 0
    for count, row in enumerate(rows, 1):
        event = dict(zip(COLUMNS, row, strict=True))
        text = json.dumps(event, ensure_ascii=False, default=datetime.isoformat)
        output.write(f"{',' if count > 1 else ''}{text}\n")
    output.write("]\n")
    return count


WRITERS = {"csv": _write_csv, "json": _write_json}
