"""Audit events that the database cannot take, kept in a file of this machine until it can.

While the database is away a request is refused, and that too belongs into the trail (AUD-002,
AUD-003). Each such event is one line of JSON in the spool (setting ``AUDIT_SPOOL``), complete and
on the disk before the request is answered. Whoever seals the trail on this machine imports the
lines first: each once, under the time at which it happened. What cannot be read is set aside, never
thrown away.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import Q

from practice.db.rows import batches
from practice.models import AuditEvent, Organisation
from practice.models.audit import NewEvent

logger = logging.getLogger("practice.audit")

BATCH = 500  # events, stored at a time
ENOUGH = 64 * 1024  # bytes: more than any event, the longest address and details included
AS_IT_STANDS: Any = {"encoding": "ascii", "errors": "surrogateescape"}
COLUMNS = [
    field.attname
    for field in AuditEvent._meta.concrete_fields
    if field.attname not in {"id", "organisation_id", "recorded_at"}
]


@dataclass(frozen=True)
class Spool:
    """The files of a spool.

    ``importing`` is what is being imported, or was when the process that did it was killed.
    """

    folder: Path

    @property
    def lines(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def importing(self) -> Path:
        return self.folder / "importing.jsonl"

    @property
    def importing_before(self) -> Path:
        """What ``importing`` was called by the version before, which may have left one here."""
        return self.folder / "taking.jsonl"

    @property
    def unreadable(self) -> Path:
        return self.folder / "unreadable.jsonl"

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold a lock against this machine's other processes; False: another one has it."""
        with (self.folder / name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    @property
    def has_events(self) -> bool:
        return any(path.exists() for path in (self.lines, self.importing, self.importing_before))

    @property
    def is_writable(self) -> bool:
        """Whether an event can be kept here: tried, with one that is thrown away."""
        try:
            self.make()
            with TemporaryFile(dir=self.folder, buffering=0) as file:
                _write(file, b" " * ENOUGH)
                os.fsync(file.fileno())
        except OSError:
            return False
        return True

    def make(self) -> None:
        """Make the folder, for us only, if it is not there yet."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def count_unreadable(self) -> int:
        """How many lines were set aside, for somebody to look at."""
        try:
            with self.unreadable.open("rb") as file:
                return sum(1 for _ in file)
        except OSError:
            return 0

    def seconds(self, now: datetime) -> float:
        """For how long the oldest of the events that are kept here has waited; 0: none does."""
        for path in (self.importing_before, self.importing, self.lines):
            try:
                with path.open(**AS_IT_STANDS) as file:
                    first, written = file.readline(), os.fstat(file.fileno()).st_mtime
            except OSError:  # most often there is none
                continue
            try:
                oldest = datetime.fromisoformat(json.loads(first)["recorded_at"])
            except (ValueError, KeyError, TypeError):
                oldest = datetime.fromtimestamp(written, UTC)
            return max((now - oldest).total_seconds(), 0.0)
        return 0.0


def spool() -> Spool:
    """The spool of this machine, whose folder need not be there yet."""
    return Spool(Path(settings.AUDIT_SPOOL))


# ---------------------------------------------------------------- keeping


def keep(event: NewEvent, *, ods_code: str) -> None:
    """Write an event down that was not stored. Raises OSError when that cannot be done either.

    ``ods_code`` is that of the practice that was addressed: whether there is such a one is asked
    when the event is imported.
    """
    line = {
        "name": uuid4().hex,
        "ods_code": ods_code,
        "recorded_at": event.recorded_at.isoformat(),
        **{name: getattr(event, name) for name in COLUMNS},
    }
    text = json.dumps(line).encode() + b"\n"
    kept = spool()
    kept.make()
    with ExitStack() as opened:
        with kept.lock("writing"):
            file = opened.enter_context(open(kept.lines, "a+b", buffering=0, opener=_for_us_only))
            # One that a machine did not finish when it stopped must not spoil this one too.
            _write(file, text if _is_whole(file) else b"\n" + text)
        os.fsync(file.fileno())  # without the lock: a disk does several at a time


def _for_us_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_whole(file: FileIO) -> bool:
    """Whether a file ends with the end of a line, or is empty."""
    length = file.seek(0, os.SEEK_END)
    return not length or os.pread(file.fileno(), 1, length - 1) == b"\n"


def _write(file: FileIO, text: bytes) -> None:
    """Add a whole line, or nothing of it. Raises OSError."""
    before = file.seek(0, os.SEEK_END)
    try:
        if file.write(text) < len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        file.truncate(before)
        raise


# ---------------------------------------------------------------- importing


@dataclass(frozen=True)
class Imported:
    """How many events were moved into the trail, and how many lines were set aside."""

    stored: int = 0
    unreadable: int = 0


def import_spooled(*, now: datetime) -> Imported:
    """Move what is kept into the trail, all or nothing; what is no event is set aside.

    Nothing when another process of this machine is at it. Raises DatabaseError, having changed
    nothing: the next call begins again.
    """
    kept = spool()
    if not kept.has_events:
        return Imported()
    with kept.lock("importing", wait=False) as mine:
        if not mine:
            return Imported()
        _adopt(kept)
        # One that was killed may have stored all of it, and not have come to removing the file.
        again = kept.importing.exists()
        if not again:
            if not kept.lines.exists():  # another process has just ended
                return Imported()
            with kept.lock("writing"):
                kept.lines.rename(kept.importing)
        stored, unreadable = 0, list[str]()
        with transaction.atomic(), kept.importing.open(**AS_IT_STANDS) as lines:
            for batch in batches(lines, BATCH):
                number, broken = _import(batch, now=now, again=again)
                stored += number
                unreadable += broken
        _set_aside(kept, unreadable)
        kept.importing.unlink()
    return Imported(stored, len(unreadable))


# What the database, or Django on the way there, says of a value that it cannot store. Whatever else
# it says is not the fault of a line.
NOT_STORABLE = (DataError, IntegrityError, ValueError, TypeError, OverflowError)


def _import(lines: list[str], *, now: datetime, again: bool) -> tuple[int, list[str]]:
    """Store the events of these lines; how many, and the lines that are none.

    All at once, and if that fails one by one, to find those that cannot be stored.
    """
    events, broken = _events(lines, now=now)
    if again:
        events = _without_known(events)
    try:
        with transaction.atomic():
            AuditEvent.objects.bulk_create(event for event, _ in events)
        return len(events), broken
    except NOT_STORABLE:
        stored = 0
    for event, line in events:
        try:
            with transaction.atomic():
                event.pk = None
                AuditEvent.objects.bulk_create([event])
            stored += 1
        except NOT_STORABLE:
            broken.append(line)
    return stored, broken


def _adopt(kept: Spool) -> None:
    """Go on with what the version before left half imported, once no process of it is at it."""
    if not kept.importing_before.exists() or kept.importing.exists():
        return
    with kept.lock("taking", wait=False) as mine:  # the name of its lock
        if mine and kept.importing_before.exists():
            kept.importing_before.rename(kept.importing)


Line = tuple[AuditEvent, str]  # an event, and the line that it stood in


def _events(lines: list[str], *, now: datetime) -> tuple[list[Line], list[str]]:
    """The events of these lines, and the lines that are none."""
    found, broken = list[tuple[str, Line]](), list[str]()
    for line in lines:
        try:
            told = json.loads(line)
            code, name = told["ods_code"], told["name"]
            at = datetime.fromisoformat(told["recorded_at"])
            if not isinstance(code, str) or not isinstance(name, str) or at.tzinfo is None:
                raise TypeError
            columns = {column: told[column] for column in COLUMNS}
            event = AuditEvent(recorded_at=at.astimezone(UTC), **columns)
            event.detail |= {KEPT: {"name": name, "stored_at": now.isoformat()}}
            found.append((code, (event, line)))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            broken.append(line)
    codes = {code for code, _ in found if code.isascii() and code.isprintable()}
    practices = Organisation.objects.in_bulk(codes, field_name="ods_code")
    for code, (event, _) in found:
        event.organisation = practices.get(code)
    return [each for _, each in found], broken


KEPT = "kept_aside"  # in the detail of an event: that it was stored later than it happened


def _without_known(lines: list[Line]) -> list[Line]:
    """Those that the trail does not hold yet."""
    if not lines:
        return []
    events = [event for event, _ in lines]
    times = [event.recorded_at for event in events]
    known = set(
        AuditEvent.objects.filter(
            Q(organisation__in={event.organisation_id for event in events} - {None})
            | Q(organisation=None),
            recorded_at__range=(min(times), max(times)),
            **{f"detail__{KEPT}__name__in": [event.detail[KEPT]["name"] for event in events]},
        ).values_list(f"detail__{KEPT}__name", flat=True)
    )
    return [each for each in lines if each[0].detail[KEPT]["name"] not in known]


def _set_aside(kept: Spool, unreadable: list[str]) -> None:
    if not unreadable:
        return
    logger.error("%d lines of the audit spool cannot be read: %s", len(unreadable), kept.unreadable)
    with open(kept.unreadable, "a", opener=_for_us_only, **AS_IT_STANDS) as file:
        file.writelines(line if line.endswith("\n") else f"{line}\n" for line in unreadable)
        file.flush()
        os.fsync(file.fileno())


def was_kept_aside(detail: object) -> bool:
    """Whether an event with this detail came into the trail later than it happened."""
    return isinstance(detail, dict) and KEPT in detail
