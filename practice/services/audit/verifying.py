"""Proving that nothing in the audit trail was changed since it was sealed.

What a check finds: an altered, removed, inserted or re-ordered event or seal; a removed end (by
AuditHead, kept apart); an event removed while it waited, or slipped in past the queue. What it
cannot find by itself: somebody who may switch the triggers off and forges all of it consistently,
the end or the whole chain from some point on. For that the heads are published in the log, out of
the database's reach, and a check can hold the trail to what was published.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting, Organisation
from practice.services.audit.sealing import FORMATS, NOBODY, Lag, Published, digest, lag
from practice.services.audit.spool import was_kept_aside

PAGE = 2000  # events read at a time
# A request records its beginning, so a little disorder is no news.
DISORDER = timedelta(hours=1)

Columns = Mapping[str, Any]  # a row of the trail: the names of its columns, and their values


class Kind:
    """What can be wrong with a record of the trail."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "re-ordered"
    END_REMOVED = "end removed"
    NOT_AS_PUBLISHED = "not as published"
    UNPROTECTED = "unprotected"


@dataclass(frozen=True)
class Fault:
    """A broken record: its number in the trail, the event's id, and what is wrong, in words."""

    kind: str
    sequence: int | None
    event_id: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


@dataclass
class Trail:
    """What the check of one practice's trail found. ``faults`` are in the order of the trail."""

    practice: str
    sealed: int = 0
    hash: str = ""
    waiting: Lag = field(default_factory=lambda: Lag(0, None))
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def fault(
        self, kind: str, message: str, *, sequence: int | None = None, event_id: int | None = None
    ) -> None:
        self.faults.append(Fault(kind, sequence, event_id, message))


def verify(
    *, organisation: Organisation | None = None, published: Iterable[Published] = ()
) -> list[Trail]:
    """Check the trail of a practice, or all of them and that of requests to no practice.

    ``published``: heads from the log, which the trails must still contain. Reads only, takes no
    lock, and may run beside requests and sealers.
    """
    named: dict[str, dict[int, str]] = {}
    for head in published:
        named.setdefault(head.practice, {})[head.sequence] = head.hash
    practices: list[Organisation | None]
    if organisation is not None:
        practices = [organisation]
    else:
        practices = [None, *Organisation.objects.order_by("ods_code")]
    trails = [
        verify_trail(each, published=named.get(each.ods_code if each else NOBODY, {}))
        for each in practices
    ]
    for name in unprotected():
        trails[0].fault(Kind.UNPROTECTED, f"the trigger {name} is missing or switched off")
    return trails


def verify_trail(organisation: Organisation | None, *, published: Mapping[int, str]) -> Trail:
    """Check one trail from its first number to its last, then what it has no number for."""
    trail = Trail(organisation.ods_code if organisation else NOBODY)
    mine = {"organisation": organisation}
    before = AuditHead.objects.filter(**mine).first()
    _Chain(trail, head=before, published=published).follow(_sealed_events(mine))
    _check_end(trail, before, AuditHead.objects.filter(**mine).first())
    for sequence in sorted(number for number in published if number > trail.sealed):
        trail.fault(
            Kind.END_REMOVED,
            f"number {sequence} was published, but the trail ends at {trail.sealed}",
            sequence=sequence,
        )
    _check_unsealed(trail, mine)
    trail.waiting = lag(AuditWaiting.objects.filter(**mine))
    return trail


class _Chain:
    """One trail, followed from seal to seal; what is wrong with each goes into ``trail``.

    Behind a broken record it goes on from what is stored, so as to name every one.
    """

    def __init__(
        self, trail: Trail, *, head: AuditHead | None, published: Mapping[int, str]
    ) -> None:
        self.trail, self.head, self.published = trail, head, published
        self.is_known = True  # whether trail.hash is that of the number just before
        self.latest: datetime | None = None
        self.early = 0

    def follow(self, records: Iterable[tuple[Columns, Columns | None]]) -> None:
        """Check each seal of a trail, by number, with its event."""
        for seal, event in records:
            self._check_number(seal)
            self._check_hash(seal, event)
            self._check_published(seal)
            if event is not None and not was_kept_aside(event["detail"]):
                self._check_date(seal, event)
            self.trail.sealed, self.trail.hash = seal["sequence"], seal["hash"]
            self.is_known = True
            self._check_head(seal)
        if self.early > 1:
            self.trail.warnings.append(
                f"{self.early} events are dated earlier than one before them."
            )

    def _fault(self, kind: str, seal: Columns, what: str) -> None:
        sequence = seal["sequence"]
        self.trail.fault(
            kind, f"number {sequence}{what}", sequence=sequence, event_id=seal["event_id"]
        )

    def _check_number(self, seal: Columns) -> None:
        first, last = self.trail.sealed + 1, seal["sequence"] - 1
        if first == last + 1:
            return
        numbers = f"number {first}" if first == last else f"numbers {first} to {last}"
        self.trail.fault(Kind.REMOVED, f"{numbers} of the trail: missing", sequence=first)
        self.is_known = False

    def _check_hash(self, seal: Columns, event: Columns | None) -> None:
        event_id = seal["event_id"]
        if event is None:
            self._fault(Kind.REMOVED, seal, f": its event {event_id} is missing")
        elif seal["format"] not in FORMATS:
            self._fault(Kind.ALTERED, seal, ": its seal has no known format")
        elif self.is_known and seal["hash"] != digest(
            self.trail.hash,
            sequence=seal["sequence"],
            sealed_at=seal["sealed_at"],
            event=event,
            format=seal["format"],
        ):
            self._fault(
                Kind.ALTERED, seal, f", event {event_id}: it, its seal or their order was changed"
            )

    def _check_published(self, seal: Columns) -> None:
        if self.published.get(seal["sequence"], seal["hash"]) != seal["hash"]:
            self._fault(
                Kind.NOT_AS_PUBLISHED,
                seal,
                ": another hash was published, so all up to it may be forged",
            )

    def _check_date(self, seal: Columns, event: Columns) -> None:
        """Warn once of an event that is dated well before one that stands before it."""
        at, latest = event["recorded_at"], self.latest
        if latest and at < latest - DISORDER:
            self.early += 1
            if self.early == 1:
                self.trail.warnings.append(
                    f"number {seal['sequence']}, event {seal['event_id']}, is dated {at:%c},"
                    f" but stands behind one of {latest:%c}: recorded with an earlier clock?"
                )
        self.latest = max(latest or at, at)

    def _check_head(self, seal: Columns) -> None:
        head = self.head
        if head and seal["sequence"] == head.sequence and seal["hash"] != head.hash:
            self._fault(Kind.ALTERED, seal, ": not the hash that the head remembers")


def _sealed_events(mine: Mapping[str, Any]) -> Iterator[tuple[Columns, Columns | None]]:
    """Each seal of a trail by number, with its event or None: two queries a page."""
    seals = AuditSeal.objects.filter(**mine).order_by("sequence")
    columns = {name for names in FORMATS.values() for name in names}
    last = None
    while True:
        page = seals if last is None else seals.filter(sequence__gt=last)
        found = list(page.values("sequence", "event_id", "sealed_at", "format", "hash")[:PAGE])
        if not found:
            return
        ends = (found[0]["sequence"], found[-1]["sequence"])
        events = AuditEvent.objects.filter(
            seal__organisation=mine["organisation"], seal__sequence__range=ends
        ).values(*columns)
        by_id = {event["id"]: event for event in events}
        for seal in found:
            yield seal, by_id.get(seal["event_id"])
        last = ends[1]


def _check_end(trail: Trail, before: AuditHead | None, after: AuditHead | None) -> None:
    """The trail must reach the head that was read before it, and not pass the one read after."""
    promised = before.sequence if before else 0
    if trail.sealed < promised:
        trail.fault(
            Kind.END_REMOVED,
            f"the trail ends at {trail.sealed}, but was sealed up to {promised}",
            sequence=trail.sealed + 1,
        )
    allowed = after.sequence if after else 0
    if trail.sealed > allowed:
        trail.fault(
            Kind.INSERTED,
            f"the trail goes on to {trail.sealed}, but was sealed only up to {allowed}",
            sequence=allowed + 1,
        )


def _check_unsealed(trail: Trail, mine: Mapping[str, Any]) -> None:
    """What has no seal must wait for one, and what waits must exist and have none."""
    waits = AuditWaiting.objects.filter(event_id=OuterRef("pk"))
    is_sealed = AuditSeal.objects.filter(event_id=OuterRef("pk"))
    slipped_in = AuditEvent.objects.filter(~Exists(waits), ~Exists(is_sealed), **mine)
    for pk in slipped_in.order_by("pk").values_list("pk", flat=True)[:PAGE]:
        trail.fault(
            Kind.INSERTED,
            f"event {pk} has no seal and never waited for one: it came in past the trigger",
            event_id=pk,
        )
    waiting = AuditWaiting.objects.filter(**mine).order_by("pk")
    exists = AuditEvent.objects.filter(pk=OuterRef("event_id"), **mine)
    for pk in waiting.filter(~Exists(exists)).values_list("pk", flat=True)[:PAGE]:
        trail.fault(
            Kind.REMOVED, f"event {pk}: removed, or moved elsewhere, while it waited", event_id=pk
        )
    twice = waiting.filter(event__seal__sequence__isnull=False)
    for pk in twice.values_list("pk", flat=True)[:PAGE]:
        trail.fault(
            Kind.INSERTED, f"event {pk} has a seal and yet is in the queue again", event_id=pk
        )


# ---------------------------------------------------------------- published heads

IN_A_LOG = re.compile(r"audit head practice=([A-Z0-9]+|-) sequence=(\d+) hash=([0-9a-f]{64})")


def published_in(lines: Iterable[str]) -> list[Published]:
    """Return the heads that a log holds, whatever its format."""
    found = (match for line in lines for match in IN_A_LOG.finditer(line))
    return [Published(match[1], int(match[2]), match[3]) for match in found]


# ---------------------------------------------------------------- the triggers

EVENT, SEAL, HEAD = (model._meta.db_table for model in (AuditEvent, AuditSeal, AuditHead))
POSTGRESQL_TRIGGERS = {
    *((table, "audit_append_only") for table in (EVENT, SEAL, HEAD)),
    *((table, "audit_no_truncate") for table in (EVENT, SEAL, HEAD)),
    (HEAD, "audit_grows"),
    (EVENT, "audit_queue"),
}
SQLITE_TRIGGERS = {
    *((table, f"{table}_no_{verb}") for table in (EVENT, SEAL) for verb in ("update", "delete")),
    (HEAD, f"{HEAD}_no_delete"),
    (HEAD, f"{HEAD}_grows"),
    (EVENT, f"{EVENT}_queue"),
}


def unprotected() -> list[str]:
    """Return the names of the triggers of the trail that are missing or switched off."""
    if connection.vendor == "postgresql":
        wanted = POSTGRESQL_TRIGGERS
        query = (
            "SELECT t.tgrelid::regclass::text, t.tgname FROM pg_trigger t "
            "WHERE t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal"
        )
    else:
        wanted = SQLITE_TRIGGERS
        query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        there = set(cursor.fetchall())
    return sorted(f"{name} on {table}" for table, name in wanted - there)
