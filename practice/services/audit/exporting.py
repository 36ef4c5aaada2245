"""Searching a practice's trail, and handing it out; itself recorded in the trail."""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, TextIO

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from practice import clock
from practice.exceptions import PatientNotFound
from practice.models import AuditEvent, Organisation, Patient
from practice.services.audit.recording import Actor, record_done

SEARCHED, EVENT = "audit.searched", "audit.export"
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
    # What a hash covers beside these: so the file can be checked where the database is not.
    "organisation_id": "organisation_id",
    "format": "seal__format",
}


OUTCOMES = {
    "done": r"^(ok|2\d\d)$",
    "refused": r"^(refused|[34]\d\d)$",
    "failed": r"^(failed|5\d\d)$",
}


@dataclass(frozen=True)
class Search:
    """Which events of a practice are wanted; what is empty or None narrows nothing.

    ``from_date`` and ``to_date`` are London dates, both included. ``user`` is a user ID or part of
    a name, ``user_organisation`` and ``event`` a part of theirs, ``outcome`` a key of OUTCOMES;
    ``trace_id`` and ``resource`` ("Appointment/9") are exact.
    """

    from_date: date | None = None
    to_date: date | None = None
    nhs_number: str = ""
    user: str = ""
    user_organisation: str = ""
    event: str = ""
    outcome: str = ""
    door: str = ""
    trace_id: str = ""
    resource: str = ""

    def patient(self, organisation: Organisation) -> Patient | None:
        """Return the patient asked for, if any. Raises PatientNotFound."""
        if not self.nhs_number:
            return None
        found = Patient.with_tests.filter(organisation=organisation, nhs_number=self.nhs_number)
        if patient := found.first():
            return patient
        raise PatientNotFound

    def events(self, organisation: Organisation, patient: Patient | None) -> QuerySet[AuditEvent]:
        """Return what a practice's trail holds of it, in the order of recording."""
        found = AuditEvent.objects.filter(organisation=organisation).order_by("pk")
        if self.from_date:
            found = found.filter(recorded_at__gte=clock.day_start(self.from_date))
        if self.to_date:
            found = found.filter(recorded_at__lt=clock.day_end(self.to_date))
        if patient:
            found = found.filter(concerns(patient))
        if self.user:
            found = found.filter(Q(user_id=self.user) | Q(user_name__icontains=self.user))
        if self.outcome:
            found = found.filter(outcome__regex=OUTCOMES[self.outcome])
        for column in ("user_organisation", "event"):
            if value := getattr(self, column):
                found = found.filter(**{f"{column}__icontains": value})
        exact = {name: getattr(self, name) for name in ("door", "trace_id", "resource")}
        return found.filter(**{name: value for name, value in exact.items() if value})

    def record(
        self,
        *,
        organisation: Organisation,
        patient: Patient | None,
        actor: Actor,
        now: datetime,
        event: str,
        **detail: Any,
    ) -> None:
        """Write down who looked for what: also this look into the trail is in the trail."""
        asked = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
            if value and name != "nhs_number"
        }
        record_done(
            event,
            *filter(None, [patient]),
            actor=actor,
            now=now,
            practice=organisation,
            detail={**asked, **detail},
        )


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
    search: Search,
) -> int:
    """Write events to ``output`` as ``csv`` or ``json``, record the export, return how many.

    The record comes first, so that nothing is handed out unrecorded, and is not part of what is
    written. Raises PatientNotFound.
    """
    patient = search.patient(organisation)
    found = search.events(organisation, patient)
    last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    search.record(
        organisation=organisation,
        patient=patient,
        actor=actor,
        now=now,
        event=EVENT,
        format=format,
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


def _cell(value: object) -> object:
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
