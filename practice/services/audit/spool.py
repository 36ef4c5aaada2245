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
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from practice.models import AuditEvent, Organisation
from practice.services.generation.bulk import batches

logger = logging.getLogger("practice.audit")

BATCH = 500  # events, stored at a time
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
        """Whether an event could be kept here, as far as can be told without trying."""
        paths = (self.folder, *self.folder.parents)
        there = next((path for path in paths if os.access(path, os.F_OK)), self.folder)
        return os.access(there, os.W_OK | os.X_OK)

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


def keep(event: AuditEvent, *, ods_code: str) -> None:
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
    kept.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as opened:
        with kept.lock("writing"):
            file = opened.enter_context(open(kept.lines, "ab", buffering=0, opener=_for_us_only))
            _write(file, text)
        os.fsync(file.fileno())  # without the lock: a disk does several at a time


def _for_us_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


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


def import_spooled(*, now: datetime) -> int:
    """Move what is kept into the trail, all or nothing; return how many events that were.

    Nothing when another process of this machine is at it. Raises DatabaseError, having changed
    nothing: the next call begins again.
    """
    kept = spool()
    if not kept.has_events:
        return 0
    with kept.lock("importing", wait=False) as mine:
        if not mine:
            return 0
        _adopt(kept)
        # One that was killed may have stored all of it, and not have come to removing the file.
        again = kept.importing.exists()
        if not again:
            if not kept.lines.exists():  # another process has just ended
                return 0
            with kept.lock("writing"):
                kept.lines.rename(kept.importing)
        stored, unreadable = 0, list[str]()
        with transaction.atomic(), kept.importing.open(**AS_IT_STANDS) as lines:
            for batch in batches(lines, BATCH):
                events, broken = _events(batch, now=now)
                unreadable += broken
                if again:
                    events = _without_known(events)
                AuditEvent.objects.bulk_create(events)
                stored += len(events)
        _set_aside(kept, unreadable)
        kept.importing.unlink()
    return stored


def _adopt(kept: Spool) -> None:
    """Go on with what the version before left half imported, once no process of it is at it."""
    if not kept.importing_before.exists() or kept.importing.exists():
        return
    with kept.lock("taking", wait=False) as mine:  # the name of its lock
        if mine and kept.importing_before.exists():
            kept.importing_before.rename(kept.importing)


def _events(lines: list[str], *, now: datetime) -> tuple[list[AuditEvent], list[str]]:
    """The events of these lines, and the lines that are none."""
    found, broken = [], []
    for line in lines:
        try:
            told = json.loads(line)
            event = AuditEvent(
                recorded_at=datetime.fromisoformat(told["recorded_at"]),
                **{name: told[name] for name in COLUMNS},
            )
            event.detail |= {KEPT: {"name": told["name"], "stored_at": now.isoformat()}}
            found.append((told["ods_code"], event))
        except (ValueError, KeyError, TypeError):
            broken.append(line)
    practices = Organisation.objects.in_bulk({code for code, _ in found}, field_name="ods_code")
    for code, event in found:
        event.organisation = practices.get(code)
    return [event for _, event in found], broken


KEPT = "kept_aside"  # in the detail of an event: that it was stored later than it happened


def _without_known(events: list[AuditEvent]) -> list[AuditEvent]:
    """Those that the trail does not hold yet."""
    if not events:
        return []
    times = [event.recorded_at for event in events]
    known = set(
        AuditEvent.objects.filter(
            Q(organisation__in={event.organisation_id for event in events} - {None})
            | Q(organisation=None),
            recorded_at__range=(min(times), max(times)),
            **{f"detail__{KEPT}__name__in": [event.detail[KEPT]["name"] for event in events]},
        ).values_list(f"detail__{KEPT}__name", flat=True)
    )
    return [event for event in events if event.detail[KEPT]["name"] not in known]


def _set_aside(kept: Spool, unreadable: list[str]) -> None:
    if not unreadable:
        return
    logger.error("%d lines of the audit spool cannot be read: %s", len(unreadable), kept.unreadable)
    with kept.unreadable.open("a", **AS_IT_STANDS) as file:
        file.writelines(unreadable)


def was_kept_aside(detail: object) -> bool:
    """Whether an event with this detail came into the trail later than it happened."""
    return isinstance(detail, dict) and KEPT in detail
