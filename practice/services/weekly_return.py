"""Making the weekly return: files of a week, whole or not at all, and the record that says so.

A return is a folder: the data as CSV and as NDJSON, and a manifest. The data are the same bytes for
the same data, whoever makes them and when; what is of the moment stands in the manifest. What was
made stays: where the data have changed since, they go into a folder beside it, as a correction.
"""

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.db import transaction

from practice import clock
from practice.db.transactions import snapshot
from practice.exceptions import ReturnRefused
from practice.models import Organisation, WeeklyReturn
from practice.reads import national_data
from practice.reads.weekly_return import (
    APPOINTMENT,
    COLUMNS,
    Row,
    last_return,
    monday_of,
    name_of,
    rows_of_week,
)
from practice.services.audit.recording import Actor, record_done
from practice.services.folders import own_folder, settle
from practice.services.locks import lock_practice
from practice.sheet_files import harmless

EVENT = "weekly_return.made"
MANIFEST = "manifest.json"
KINDS = ("csv", "ndjson")
LAYOUT = 1  # counts up when COLUMNS change


@dataclass
class Contents:
    """What stands in the files of a return."""

    rows: int = 0
    appointments: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    list_versions: set[str] = field(default_factory=set)
    sha256: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        self.rows += 1
        self.appointments += row.kind == APPOINTMENT
        self.statuses[f"{row.kind} {row.status}"] += 1
        if row.mapping:
            self.list_versions.add(row.mapping.list_version)


@dataclass(frozen=True)
class Made:
    """A return, where it stands, and whether it is as it was made before."""

    record: WeeklyReturn
    folder: Path
    is_new: bool


def check_week(*, organisation: Organisation, first_day: date, now: datetime) -> None:
    """Raise ReturnRefused unless the week is over, and the diary real and still holds all of it."""
    if organisation.sandbox_of:
        raise ReturnRefused(f"{organisation} is a sandbox: nothing of it is returned.")
    last_day = first_day + timedelta(days=6)
    if last_day >= clock.today(now):
        raise ReturnRefused(
            f"The week from {first_day} to {last_day} is not over: its return can be made from "
            f"{last_day + timedelta(days=1)} on."
        )
    complete_from = organisation.diary_complete_from
    if complete_from and first_day < complete_from:
        raise ReturnRefused(
            f"Slots of {organisation.ods_code} that nobody booked before {complete_from} have been "
            f"archived: a return of the week from {first_day} would not have them all."
        )


def contents_of_week(*, organisation: Organisation, first_day: date, now: datetime) -> Contents:
    """What a return would hold, without making it. Raises ReturnRefused."""
    check_week(organisation=organisation, first_day=first_day, now=now)
    found = Contents()
    with snapshot():
        for row in rows_of_week(organisation=organisation, first_day=first_day):
            found.add(row)
    return found


def make_return(
    *, organisation: Organisation, day: date, folder: Path, actor: Actor, now: datetime
) -> Made:
    """Write the return of the week of a day into a folder of its own below this one.

    It has its name only once it is whole, on the disk and recorded. Again with the same data makes
    nothing new. Raises ReturnRefused, also where a folder of its name holds something else.
    """
    first_day = monday_of(day)
    check_week(organisation=organisation, first_day=first_day, now=now)
    with own_folder(folder, ReturnRefused), _written_aside(folder, organisation) as aside:
        with snapshot():
            found = _write(aside, f"{organisation.ods_code}-{first_day}", organisation, first_day)
        return _give_name(
            aside, found, organisation=organisation, first_day=first_day, actor=actor, now=now
        )


@contextmanager
def _written_aside(folder: Path, organisation: Organisation) -> Iterator[Path]:
    """A folder beside the others, until it has its name; what a killed run left goes first."""
    aside = folder / f".{organisation.ods_code}.partial"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        yield aside
    except OSError as error:
        raise ReturnRefused(f"{error.filename or folder}: {error.strerror}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class _Hashed:
    """A file that only its owner may read, and its hash while it is written."""

    def __init__(self, path: Path) -> None:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.file: BinaryIO = os.fdopen(number, "wb")
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, text: str) -> None:
        content = text.encode()
        self.file.write(content)
        self.sha256.update(content)
        self.bytes += len(content)

    def close(self) -> None:
        with self.file as file:
            file.flush()
            os.fsync(file.fileno())


def _write(aside: Path, name: str, organisation: Organisation, first_day: date) -> Contents:
    """Write both files at once, row by row."""
    found = Contents()
    files = {kind: _Hashed(aside / f"{name}.{kind}") for kind in KINDS}
    try:
        table = csv.writer(files["csv"], lineterminator="\n")
        table.writerow(column.name for column in COLUMNS)
        for row in rows_of_week(organisation=organisation, first_day=first_day):
            said = {column.name: column.value(row) for column in COLUMNS}
            table.writerow(cell(value) for value in said.values())
            line = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
            files["ndjson"].write(f"{line}\n")
            found.add(row)
    finally:
        for file in files.values():
            file.close()
    found.sha256 = {kind: file.sha256.hexdigest() for kind, file in files.items()}
    found.bytes = {kind: file.bytes for kind, file in files.items()}
    return found


def cell(value: Any) -> Any:
    """A value as a cell of the CSV file holds it: lists by ``|``, and nothing is a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = "|".join(str(each).replace("|", " ") for each in value)
    return harmless(value)


def _give_name(
    aside: Path,
    found: Contents,
    *,
    organisation: Organisation,
    first_day: date,
    actor: Actor,
    now: datetime,
) -> Made:
    """Record it, then let it be seen under its name: as the next one, if its data are others."""
    with transaction.atomic():
        lock_practice(organisation)
        before = last_return(organisation=organisation, first_day=first_day)
        is_new = before is None or _hashes(before) != found.sha256
        record = before
        if before is None or is_new:
            record = WeeklyReturn.objects.create(
                organisation=organisation,
                first_day=first_day,
                number=before.number + 1 if before else 1,
                rows=found.rows,
                appointments=found.appointments,
                csv_sha256=found.sha256["csv"],
                ndjson_sha256=found.sha256["ndjson"],
                list_version=national_data.in_force().version,
                made_at=now,
                made_by_name=actor.name,
            )
        assert record is not None  # noqa: S101 # nosec B101 - for the type checker
        target = aside.parent / name_of(record)
        record_done(
            EVENT,
            record,
            actor=actor,
            now=now,
            detail={
                "week": first_day.isoformat(),
                "number": record.number,
                "rows": found.rows,
                "sha256": found.sha256,
                "as_before": not is_new,
            },
        )
        if target.exists():
            _check_is_the_same(target, record)
        else:
            _write_manifest(aside, found, record, actor=actor, now=now)
            os.rename(aside, target)
            settle(target.parent)
    return Made(record, target, is_new)


def _hashes(record: WeeklyReturn) -> dict[str, str]:
    return {"csv": record.csv_sha256, "ndjson": record.ndjson_sha256}


def _write_manifest(
    aside: Path, found: Contents, record: WeeklyReturn, *, actor: Actor, now: datetime
) -> None:
    organisation, name = record.organisation, f"{record.organisation.ods_code}-{record.first_day}"
    said = {
        "practice": {"ods_code": organisation.ods_code, "name": organisation.name},
        "first_day": record.first_day.isoformat(),
        "last_day": record.last_day.isoformat(),
        "number": record.number,
        "made_at": clock.local(now).isoformat(timespec="seconds"),
        "made_by": actor.name,
        "lists_in_force": record.list_version,
        "lists_used": sorted(found.list_versions),
        "rows": found.rows,
        "appointments": found.appointments,
        "unbooked_slots": found.rows - found.appointments,
        "by_status": dict(sorted(found.statuses.items())),
        "layout": LAYOUT,
        "columns": [column.name for column in COLUMNS],
        "files": [
            {
                "name": f"{name}.{kind}",
                "rows": found.rows,
                "bytes": found.bytes[kind],
                "sha256": found.sha256[kind],
            }
            for kind in KINDS
        ],
    }
    manifest = _Hashed(aside / MANIFEST)
    try:
        manifest.write(json.dumps(said, ensure_ascii=False, indent=2) + "\n")
    finally:
        manifest.close()
    settle(aside)


# ---------------------------------------------------------------- what was made


def path_of(record: WeeklyReturn, kind: str, folder: Path) -> Path:
    """Where a file of a return stands, by its kind: csv, ndjson or manifest."""
    name = f"{record.organisation.ods_code}-{record.first_day}.{kind}"
    return folder / name_of(record) / (MANIFEST if kind == "manifest" else name)


def is_as_made(record: WeeklyReturn, kind: str, folder: Path) -> bool:
    """Whether a file is there, with the hash that it was made with."""
    try:
        with path_of(record, kind, folder).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return False
    return kind == "manifest" or found == _hashes(record)[kind]


def _check_is_the_same(target: Path, record: WeeklyReturn) -> None:
    """Raise ReturnRefused unless what has this name already is this return."""
    for kind in (*KINDS, "manifest"):
        if not is_as_made(record, kind, target.parent):
            raise ReturnRefused(
                f"{target} is there already, and does not hold this return: move it away first."
            )
