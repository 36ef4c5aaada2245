"""Bringing spreadsheets in: a file is kept, shown, confirmed, and imported some rows at a time.

Nothing is imported of a file with a fault. What was shown is what is done: when the practice's
records have changed since, it is shown again. Rows are imported a chunk in a transaction, together
with how far the import has come, so that whoever goes on with one that was interrupted neither
leaves out nor repeats a row; and a file that was imported in part can be uploaded again, as rows
that are in already change nothing.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from uuid import uuid4

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import IntegrityError, transaction

from practice.exceptions import NotFound, PracticeError, SheetRefused, SheetUnreadable
from practice.models import Organisation, SheetImport
from practice.services.audit.recording import Actor, record_done
from practice.services.sheets.columns import SheetRow, read_sheet
from practice.services.sheets.kinds import KINDS
from practice.services.sheets.planning import PlannedRow, differing
from practice.sheet_files import format_of, read_rows

logger = logging.getLogger(__name__)

# After this long without a sign of life, somebody else may go on with a running import.
STALE = timedelta(seconds=60)
# So long a file is kept that nobody confirms, and one whose import has stopped.
KEPT = timedelta(hours=4)

Status = SheetImport.Status


def uploads() -> Storage:
    """Where uploaded files are kept; never below an address."""
    return storages["uploads"]


# ---------------------------------------------------------------- a file comes


def upload(
    *,
    organisation: Organisation,
    kind: str,
    file_name: str,
    content: bytes,
    uploaded_by: User,
    actor: Actor,
    now: datetime,
) -> SheetImport:
    """Keep a file until it is confirmed or cancelled. Raises SheetUnreadable, in words."""
    format = format_of(file_name)
    rows = read_sheet(read_rows(content, format), KINDS[kind].columns)
    stored_as = uploads().save(f"{organisation.pk}/{uuid4().hex}.{format}", ContentFile(content))
    try:
        with transaction.atomic():
            sheet = SheetImport.objects.create(
                organisation=organisation,
                kind=kind,
                file_name=file_name[-200:],
                stored_as=stored_as,
                rows=len(rows),
                uploaded_by=uploaded_by,
                uploaded_at=now,
                seen_at=now,
            )
            detail = {"file": sheet.file_name, "kind": kind, "rows": len(rows)}
            record_done("spreadsheet.upload", sheet, actor=actor, now=now, detail=detail)
    except BaseException:
        uploads().delete(stored_as)
        raise
    return sheet


def rows_of(sheet: SheetImport) -> list[SheetRow]:
    """Read the file of an import again."""
    try:
        with uploads().open(sheet.stored_as) as file:
            content = file.read()
    except OSError as error:
        raise SheetUnreadable("The file is no longer there: upload it again.") from error
    return read_sheet(read_rows(content, format_of(sheet.stored_as)), KINDS[sheet.kind].columns)


# ---------------------------------------------------------------- what it would do


@dataclass(frozen=True)
class SheetPlan:
    """What importing a file would do; ``digest`` stands for all of it."""

    rows: list[PlannedRow]

    @property
    def digest(self) -> str:
        text = json.dumps([row.as_seen for row in self.rows], default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def count(self, verdict: str) -> int:
        return sum(row.verdict == verdict for row in self.rows)


def plan(sheet: SheetImport, *, now: datetime) -> SheetPlan:
    """Compare a file with the practice's records. Raises SheetUnreadable."""
    kind = KINDS[sheet.kind](sheet.organisation, now=now)
    found: list[PlannedRow] = []
    for rows in chunks(rows_of(sheet), kind.most_rows):
        found += kind.plan(rows)
    return SheetPlan(found)


def chunks(rows: list[SheetRow], most: int) -> Iterator[list[SheetRow]]:
    remaining = iter(rows)
    while some := list(islice(remaining, most)):
        yield some


# ---------------------------------------------------------------- yes or no


def confirm(
    *, organisation: Organisation, sheet_id: int, digest: str, actor: Actor, now: datetime
) -> SheetImport:
    """Let an import begin that was shown. Raises NotFound, SheetUnreadable, SheetRefused."""
    shown = plan(_own(organisation, sheet_id), now=now)
    if shown.digest != digest:
        raise SheetRefused("The records have changed since you looked. This is how it is now.")
    if shown.count("wrong"):
        raise SheetRefused("Nothing is imported while a row is wrong.")
    return _begin(organisation, sheet_id, Status.UPLOADED, "spreadsheet.confirm", actor, now)


def go_on(*, organisation: Organisation, sheet_id: int, actor: Actor, now: datetime) -> SheetImport:
    """Let an import that has stopped go on with the row that it stopped at."""
    return _begin(organisation, sheet_id, Status.STOPPED, "spreadsheet.continue", actor, now)


@transaction.atomic
def _begin(
    organisation: Organisation, sheet_id: int, at: str, event: str, actor: Actor, now: datetime
) -> SheetImport:
    sheet = _own(organisation, sheet_id, lock=True)
    if sheet.status != at or not sheet.stored_as:
        raise SheetRefused(f"This import is {sheet.get_status_display().lower()}.")
    sheet.status, sheet.error, sheet.seen_at = Status.RUNNING, "", now
    sheet.actor = asdict(actor)
    sheet.save()
    record_done(event, sheet, actor=actor, now=now, detail=_facts(sheet))
    return sheet


@transaction.atomic
def cancel(*, organisation: Organisation, sheet_id: int, actor: Actor, now: datetime) -> None:
    """Give up an import that is not running; what it has imported stays, and the file goes."""
    sheet = _own(organisation, sheet_id, lock=True)
    if sheet.status not in {Status.UPLOADED, Status.STOPPED}:
        raise SheetRefused(f"This import is {sheet.get_status_display().lower()}.")
    _end(sheet, Status.CANCELLED, "spreadsheet.cancel", actor, now)


def _own(organisation: Organisation, sheet_id: int, *, lock: bool = False) -> SheetImport:
    sheets = SheetImport.objects.filter(organisation=organisation, pk=sheet_id)
    if lock:
        sheets = sheets.select_for_update(of=("self",), no_key=True)
    if found := sheets.first():
        return found
    raise NotFound("There is no such import at this practice.")


def _facts(sheet: SheetImport) -> dict[str, object]:
    names = ("kind", "rows", "rows_done", "created", "changed")
    return {"file": sheet.file_name, **{name: getattr(sheet, name) for name in names}}


def _end(sheet: SheetImport, status: str, event: str, actor: Actor, now: datetime) -> None:
    """Say that an import is over, in the caller's transaction; after it, the file goes."""
    stored_as, sheet.stored_as = sheet.stored_as, ""
    sheet.status, sheet.seen_at = status, now
    sheet.save()
    record_done(event, sheet, actor=actor, now=now, detail=_facts(sheet))
    if stored_as:
        transaction.on_commit(partial(uploads().delete, stored_as))


# ---------------------------------------------------------------- doing it


def run(*, organisation: Organisation, sheet_id: int, clock: Callable[[], datetime]) -> SheetImport:
    """Import what is left of a confirmed file, a chunk in a transaction, until it is done or stops.

    Several may do so at once: each chunk is imported by one of them. ``clock`` tells the time.
    """
    try:
        rows = rows_of(_own(organisation, sheet_id))
        while _import_chunk(organisation, sheet_id, rows, clock()):
            pass
    except (PracticeError, IntegrityError) as error:
        logger.info("import %s stopped: %r", sheet_id, error)
        words = str(error) if isinstance(error, PracticeError) else CHANGED
        _stop(organisation, sheet_id, words, clock())
    return _own(organisation, sheet_id)


CHANGED = "Somebody changed the same records at the same moment. Go on, and it is looked at again."


@transaction.atomic
def _import_chunk(
    organisation: Organisation, sheet_id: int, rows: list[SheetRow], now: datetime
) -> bool:
    """Import the next rows and say how far that was; whether anything is left to be done."""
    sheet = _own(organisation, sheet_id, lock=True)
    if sheet.status != Status.RUNNING:
        return False
    actor = Actor(**sheet.actor)
    kind = KINDS[sheet.kind](organisation, now=now)
    some = rows[sheet.rows_done : sheet.rows_done + kind.most_rows]
    planned = kind.plan(some, lock=True)
    if wrong := next((row for row in planned if row.problems), None):
        raise SheetRefused(f"Row {wrong.number}: {' '.join(wrong.problems)}")
    kind.apply(planned, actor=actor, source={"spreadsheet": sheet.pk})
    sheet.rows_done += len(some)
    todo = differing(planned)
    sheet.created += sum(row.is_new for row in todo)
    sheet.changed += sum(not row.is_new for row in todo)
    sheet.seen_at = now
    if sheet.rows_done < len(rows):
        sheet.save()
        return True
    _end(sheet, Status.DONE, "spreadsheet.done", actor, now)
    return False


@transaction.atomic
def _stop(organisation: Organisation, sheet_id: int, words: str, now: datetime) -> None:
    sheet = _own(organisation, sheet_id, lock=True)
    if sheet.status != Status.RUNNING:
        return
    sheet.status, sheet.error, sheet.seen_at = Status.STOPPED, words, now
    sheet.save()
    detail = {**_facts(sheet), "error": words}
    actor = Actor(**sheet.actor)
    record_done("spreadsheet.stop", sheet, actor=actor, now=now, detail=detail, outcome="failed")


# ---------------------------------------------------------------- what was left behind


def interrupted(*, now: datetime) -> list[SheetImport]:
    """Running imports, of all practices in reach, that nobody seems to be at any more."""
    running = SheetImport.objects.filter(status=Status.RUNNING, seen_at__lt=now - STALE)
    return list(running.select_related("organisation").order_by("pk"))


@transaction.atomic
def forget_files(*, actor: Actor, now: datetime) -> int:
    """Cancel what nobody confirmed or went on with for hours, in reach; return how many."""
    left = SheetImport.objects.filter(
        status__in=[Status.UPLOADED, Status.STOPPED], seen_at__lt=now - KEPT
    )
    found = list(left.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk"))
    for sheet in found:
        _end(sheet, Status.CANCELLED, "spreadsheet.expire", actor, now)
    return len(found)
