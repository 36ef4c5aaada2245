"""Old diary that no patient ever had, taken out of the database and into files.

Slots of past sessions that hold no appointment, live or cancelled, and sessions that hold none and
are left without a slot. What belongs to a patient's record stays: appointments, their slots and
their sessions; and so does the audit trail. docs/scaling.md says what it saves, and why no more.

A file holds what goes of one practice and month. It is on the disk and has been read back before a
row is removed, and only what stands in it letter for letter is: so a run may be killed at any
point, and the next one goes on. Rows are removed in short transactions that wait for nobody.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from practice import clock
from practice.exceptions import ArchiveRefused
from practice.models import Appointment, AppointmentSlot, Organisation, Schedule, Slot
from practice.services.audit.recording import Actor, record_done
from practice.services.folders import own_folder, settle
from practice.services.locks import lock_practice

NEAREST_DAYS = 90  # what is younger stays
BATCH = 1000  # rows that one transaction removes
EVENT = "diary.archived"
ABOUT = (
    "Old diary of a GP practice, removed from its appointment book: slots in which no patient ever"
    " had an appointment, and sessions that held none and were left without slots. One JSON object"
    " a line, in UTF-8; dates are those of London, times say their offset. The last line counts the"
    " records."
)

Progress = Callable[[int], object]


@dataclass
class Archived:
    """What was removed, or would be: numbers of sessions and slots, and the files that hold it."""

    sessions: int = 0
    slots: int = 0
    files: list[str] = field(default_factory=list)

    def count(self, kind: "Kind", number: int) -> None:
        setattr(self, kind.plural, getattr(self, kind.plural) + number)


# ---------------------------------------------------------------- what goes


def _own(model: type[models.Model]) -> dict[str, str]:
    return {each.attname: each.attname for each in model._meta.concrete_fields}


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of record in a file: its columns by the names that they have there."""

    name: str
    model: type[Slot] | type[Schedule]
    columns: dict[str, str]

    @property
    def plural(self) -> str:
        return f"{self.name}s"

    def lines(self, found: QuerySet[Any]) -> Iterator[tuple[int, str]]:
        """Each record's id, and the record as it stands in a file."""
        rows = found.order_by("pk").values_list("pk", *self.columns.values())
        for pk, *values in rows.iterator():
            record = {"record": self.name, **dict(zip(self.columns, values, strict=True))}
            yield pk, json.dumps(record, ensure_ascii=False, default=_text)


def _text(value: date) -> str:
    return value.isoformat()


SLOT = Kind(
    "slot",
    Slot,
    {
        **_own(Slot),
        "date": "schedule__date",
        "session_name": "schedule__session_name",
        "location": "schedule__location__name",
        "session_holder": "schedule__session_holder__family_name",
    },
)
SESSION = Kind(
    "session",
    Schedule,
    {
        **_own(Schedule),
        "location": "location__name",
        "session_holder": "session_holder__family_name",
    },
)


@dataclass(frozen=True)
class Span:
    """Sessions of a practice that were over when the day ``before`` began, all or of a month."""

    organisation: Organisation
    before: date
    month: date | None = None

    @property
    def sessions(self) -> QuerySet[Schedule]:
        found = Schedule.objects.filter(
            organisation=self.organisation,
            date__lt=self.before,
            end__lte=clock.day_start(self.before),
        )
        if self.month is None:
            return found
        following = (self.month + timedelta(days=31)).replace(day=1)
        return found.filter(date__gte=self.month, date__lt=following)

    def unused(self, kind: Kind) -> QuerySet[Any]:
        """The slots without an appointment; or the sessions without one that lose all slots."""
        if kind is SLOT:
            here = {"organisation": self.organisation, "schedule__in": self.sessions}
            return Slot.objects.filter(**here).exclude(NEEDED)
        needed = Slot.objects.filter(NEEDED, schedule=OuterRef("pk"))
        appointments = Appointment.objects.filter(schedule=OuterRef("pk"))
        return self.sessions.filter(~Exists(needed), ~Exists(appointments))

    def removable(self, kind: Kind) -> QuerySet[Any]:
        """Those of them that can go at once: a session only after its slots."""
        found = self.unused(kind)
        return found if kind is SLOT else found.filter(slots=None)

    def months(self) -> list["Span"]:
        """The same, month by month, where anything is unused."""
        slots = Slot.objects.filter(schedule=OuterRef("pk")).exclude(NEEDED)
        firsts = {
            first
            for found in (self.sessions.filter(Exists(slots)), self.unused(SESSION))
            for first in found.dates("date", "month")
        }
        return [Span(self.organisation, self.before, first) for first in sorted(firsts)]


# A slot that is busy without an appointment is a fault: check_diary must go on naming it.
NEEDED = Q(Exists(AppointmentSlot.objects.filter(slot=OuterRef("pk")))) | Q(status=Slot.Status.BUSY)


def check_before(before: date, *, now: datetime) -> None:
    """Raise ArchiveRefused when some of the diary before this date is too young to go."""
    latest = clock.today(now) - timedelta(days=NEAREST_DAYS)
    if before > latest:
        raise ArchiveRefused(
            f"The last {NEAREST_DAYS} days stay in the diary: {before} is too late, "
            f"{latest} is the latest date that may be given."
        )


def planned(*, organisation: Organisation, before: date, now: datetime) -> Archived:
    """Count what ``archive`` would remove. Raises ArchiveRefused."""
    check_before(before, now=now)
    span = Span(organisation, before)
    return Archived(span.unused(SESSION).count(), span.unused(SLOT).count())


def archive(
    *,
    organisation: Organisation,
    before: date,
    folder: Path,
    actor: Actor,
    now: datetime,
    progress: Progress | None = None,
) -> Archived:
    """Move a practice's old diary, of days before this one, into files in ``folder``/[ODS code].

    Doing it again moves what is left, and nothing twice. ``progress`` is told the number of rows
    each time some are gone. Each transaction that removes rows records it in the trail (AUD-016).
    Raises ArchiveRefused, also when another run writes into the folder, or when a file there is not
    as it was written.
    """
    check_before(before, now=now)
    span = Span(organisation, before)
    months = span.months()
    done = Archived()
    if not months:
        return done
    with own_folder(folder / organisation.ods_code, ArchiveRefused) as home:
        for month in months:
            _Month(month, home, done, actor, now, progress).archive()
    return done


@dataclass(frozen=True)
class _Month:
    """What is done to one month: written, and removed."""

    span: Span
    home: Path
    done: Archived
    actor: Actor
    now: datetime
    progress: Progress | None

    def archive(self) -> None:
        """Remove what earlier runs wrote and could not remove any more; then the rest."""
        paths = (self.home / part_name(self.span.month, number) for number in count(1))
        parts: list[Part] = []
        for path in paths:
            if not path.exists():
                break
            parts.append(read_part(path))
            self.remove(SLOT, parts[-1])
        written = frozenset().union(*(part.lines for part in parts))
        records = {
            kind: [line for _, line in kind.lines(self.span.unused(kind)) if line not in written]
            for kind in (SESSION, SLOT)
        }
        if any(records.values()):
            write_part(path, _described(self.span, records, now=self.now))
            self.done.files.append(path.name)
            parts.append(read_part(path))
            self.remove(SLOT, parts[-1])
        for part in parts:
            self.remove(SESSION, part)

    def remove(self, kind: Kind, part: "Part") -> None:
        """Remove the records of a kind that stand in a file, batch by batch."""
        found = kind.lines(self.span.removable(kind))
        ids = [pk for pk, line in found if line in part.lines]
        for first in range(0, len(ids), BATCH):
            number = self.remove_batch(kind, part, ids[first : first + BATCH])
            self.done.count(kind, number)
            if self.progress:
                self.progress(number)

    @transaction.atomic
    def remove_batch(self, kind: Kind, part: "Part", ids: list[int]) -> int:
        """Lock, look again, remove. What somebody else has locked, or has changed, is left."""
        if kind is SESSION:
            lock_practice(self.span.organisation)  # nobody adds a slot to a session that goes
        self.say_from_when_the_diary_is_complete()
        records = kind.model._default_manager
        locked = records.filter(pk__in=ids).select_for_update(skip_locked=True).order_by("pk")
        still = self.span.removable(kind).filter(pk__in=list(locked.values_list("pk", flat=True)))
        going = [pk for pk, line in kind.lines(still) if line in part.lines]
        if going:
            records.filter(pk__in=going).delete()
            record_done(
                EVENT,
                actor=self.actor,
                now=self.now,
                practice=self.span.organisation,
                detail={
                    "before": self.span.before.isoformat(),
                    "file": part.path.name,
                    "sha256": part.sha256,
                    kind.plural: len(going),
                },
            )
        return len(going)

    def say_from_when_the_diary_is_complete(self) -> None:
        """The pages that count or show unused slots need to know."""
        said = Q(diary_complete_from__gte=self.span.before)
        Organisation.objects.filter(pk=self.span.organisation.pk).exclude(said).update(
            diary_complete_from=self.span.before
        )


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class Part:
    """A file that is as it was written: its SHA-256, and its records as lines."""

    path: Path
    sha256: str
    lines: frozenset[str]


def part_name(month: date | None, number: int) -> str:
    """2024-03.jsonl.gz; what is left of the month for a later run is 2024-03.2.jsonl.gz."""
    return f"{month:%Y-%m}{f'.{number}' if number > 1 else ''}.jsonl.gz"


def _described(span: Span, records: dict[Kind, list[str]], *, now: datetime) -> Iterator[str]:
    """The lines of a file: what it is, its records, how many they are."""
    about = {
        "record": "about",
        "what": ABOUT,
        "practice": span.organisation.ods_code,
        "name": span.organisation.name,
        "month": f"{span.month:%Y-%m}",
        "before": span.before.isoformat(),
        "written_at": now.isoformat(timespec="seconds"),
    }
    yield json.dumps(about, ensure_ascii=False)
    for lines in records.values():
        yield from lines
    end = {"record": "end", **{kind.plural: len(lines) for kind, lines in records.items()}}
    yield json.dumps(end)


def write_part(path: Path, lines: Iterable[str]) -> None:
    """Write a file, and beside it its checksum as ``sha256sum --check`` reads it, to the disk.

    It has its own name only when it is whole.
    """
    partial = path.with_name(f"{path.name}.partial")
    packed = gzip.compress("".join(f"{line}\n" for line in lines).encode())
    try:
        _to_disk(partial, packed)
        said = f"{hashlib.sha256(packed).hexdigest()}  {path.name}\n"
        _to_disk(_checksum(path), said.encode())
        os.rename(partial, path)
        settle(path.parent)
    except OSError as error:
        raise ArchiveRefused(f"{error.filename or path}: {error.strerror}.") from error


def _to_disk(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    settle(path.parent)


def _checksum(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def read_part(path: Path) -> Part:
    """Read a file back. Raises ArchiveRefused when it is not as it was written."""
    try:
        packed = path.read_bytes()
        expected = _checksum(path).read_text().split()[0]
    except (OSError, IndexError) as error:
        raise ArchiveRefused(f"{path}: the file or its checksum cannot be read.") from error
    if hashlib.sha256(packed).hexdigest() != expected:
        raise ArchiveRefused(f"{path} is not as it was written: its checksum is another.")
    _about, *lines, _end = gzip.decompress(packed).decode().removesuffix("\n").split("\n")
    return Part(path, expected, frozenset(lines))
