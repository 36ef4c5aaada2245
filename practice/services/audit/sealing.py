"""Numbering and sealing the audit trail, and proving that nothing in it was changed since.

Whoever records an event adds one row and takes no lock. The sealer comes after, in short batches:
it gives the events that wait the next numbers of their practice's trail, without gaps, and chains
them: each hash covers every column of the event, the seal's own, and the hash before it. Numbers
follow the order of sealing, which is that of recording but for transactions that overlapped.

What a check finds: an altered, removed, inserted or re-ordered event or seal; a removed end (by
AuditHead, kept apart); an event removed while it waited, or slipped in past the queue. What it
cannot find by itself: somebody who may switch the triggers off and forges all of it consistently,
the end or the whole chain from some point on. For that the heads are published in the log, out of
the database's reach, and a check can hold the trail to what was published.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, Min, OuterRef, QuerySet

from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting, Organisation
from practice.services.audit.spool import was_kept_aside

logger = logging.getLogger("practice.audit")

BATCH = 500  # events: a few dozen milliseconds of a lock that only sealers want
PAGE = 2000  # events read at a time by a check
NOBODY = "-"  # stands for the trail of requests to no practice hosted here
# A request records its beginning, so a little disorder is no news.
DISORDER = timedelta(hours=1)

# The columns that a hash covers, by format. A new column of AuditEvent needs a new format; seals
# are checked by the one that they were made with.
FORMATS: dict[int, tuple[str, ...]] = {
    1: (
        "id",
        "organisation_id",
        "recorded_at",
        "door",
        "event",
        "outcome",
        "spine_code",
        "diagnostics",
        "trace_id",
        "user_id",
        "user_name",
        "user_role",
        "user_organisation",
        "on_authority_of",
        "device",
        "address",
        "patient_id",
        "resource",
        "detail",
    )
}
FORMAT = max(FORMATS)


def digest(
    previous: str,
    *,
    sequence: int,
    sealed_at: datetime,
    event: Mapping[str, Any],
    format: int = FORMAT,
) -> str:
    """Return the hash of an event in its place: hexadecimal SHA-256.

    Over the previous hash, a line break, and one line of JSON in ASCII with sorted keys and no
    spaces; instants in UTC with microseconds. ``event`` maps the columns of the format.
    """
    sealed = {
        "format": format,
        "sequence": sequence,
        "sealed_at": sealed_at,
        "event": {name: event[name] for name in FORMATS[format]},
    }
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), default=_instant)
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def _instant(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    raise TypeError(f"{type(value).__name__} has no canonical form")


# ---------------------------------------------------------------- sealing


def seal_everything(*, now: datetime) -> dict[int | None, int]:
    """Seal all that waits, batch by batch; return how many of each trail, by practice id.

    A trail on which another sealer works at this moment is left to it. Stopped at any point, it
    has sealed whole batches, and the next call goes on.
    """
    sealed: dict[int | None, int] = {}
    trails = AuditWaiting.objects.order_by("organisation").values_list("organisation_id", flat=True)
    for organisation_id in trails.distinct():
        batch = Batch()
        while batch.is_full:
            batch = seal_batch(organisation_id, now=now, after=batch.last)
            if batch.sealed:
                sealed[organisation_id] = sealed.get(organisation_id, 0) + batch.sealed
    return sealed


@dataclass(frozen=True)
class Batch:
    """What one step did: how many events it sealed, the last id it saw, whether more may wait."""

    sealed: int = 0
    last: int = 0
    is_full: bool = True


def seal_batch(organisation_id: int | None, *, now: datetime, after: int = 0) -> Batch:
    """Seal at most BATCH waiting events of one trail, in one transaction.

    The same queries however many events. ``after``: the last id of the batch before; what was
    committed late with a lower one is for the next round. Nothing when another sealer is at it.
    """
    mine: dict[str, Any] = {"organisation_id": organisation_id}
    AuditHead.objects.get_or_create(**mine)
    with transaction.atomic():
        rows = AuditHead.objects.filter(**mine)
        head = rows.select_for_update(skip_locked=True, no_key=True).first()
        if head is None:
            return Batch(is_full=False)
        waiting = AuditWaiting.objects.filter(**mine, pk__gt=after)
        ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:BATCH])
        # What was removed while it waited, moved to another trail, or queued a second time is left
        # out, and stays in the queue as evidence for the check.
        intact = AuditEvent.objects.filter(**mine, pk__in=ids, seal__isnull=True)
        events = list(intact.order_by("pk").values(*FORMATS[FORMAT]))
        seals = []
        for event in events:
            head.sequence += 1
            head.hash = digest(head.hash, sequence=head.sequence, sealed_at=now, event=event)
            seals.append(
                AuditSeal(
                    event_id=event["id"],
                    organisation_id=organisation_id,
                    sequence=head.sequence,
                    sealed_at=now,
                    format=FORMAT,
                    hash=head.hash,
                )
            )
        if seals:
            AuditSeal.objects.bulk_create(seals)
            AuditWaiting.objects.filter(pk__in=[event["id"] for event in events]).delete()
            head.sealed_at = now
            head.save()
    return Batch(sealed=len(seals), last=ids[-1] if ids else after, is_full=len(ids) == BATCH)


@dataclass(frozen=True)
class Lag:
    """How far sealing is behind: how many events wait, and since when the oldest does."""

    waiting: int
    oldest: datetime | None

    def seconds(self, now: datetime) -> float:
        """For how long the oldest has waited; 0 when none does."""
        return max((now - self.oldest).total_seconds(), 0.0) if self.oldest else 0.0


def lag(trail: QuerySet[AuditWaiting] | None = None) -> Lag:
    """Return how far sealing is behind, on all trails or on those of a queryset; one query."""
    waiting = AuditWaiting.objects.all() if trail is None else trail
    return Lag(**waiting.aggregate(waiting=Count("pk"), oldest=Min("event__recorded_at")))


# ---------------------------------------------------------------- publishing the heads


@dataclass(frozen=True)
class Published:
    """A head as it was published: up to which number, and with which hash, a trail was sealed."""

    practice: str
    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"audit head practice={self.practice} sequence={self.sequence} hash={self.hash}"


IN_A_LOG = re.compile(r"audit head practice=([A-Z0-9]+|-) sequence=(\d+) hash=([0-9a-f]{64})")


def heads() -> list[Published]:
    """Return the present ends of all trails."""
    rows = AuditHead.objects.filter(sequence__gt=0).order_by("organisation__ods_code")
    return [
        Published(ods_code or NOBODY, sequence, hash)
        for ods_code, sequence, hash in rows.values_list(
            "organisation__ods_code", "sequence", "hash"
        )
    ]


def publish(found: Iterable[Published]) -> None:
    """Write heads into the log, where whoever rules over the database cannot change them."""
    for head in found:
        logger.info("%s", head)


def published_in(lines: Iterable[str]) -> list[Published]:
    """Return the heads that a log holds, whatever its format."""
    found = (match for line in lines for match in IN_A_LOG.finditer(line))
    return [Published(match[1], int(match[2]), match[3]) for match in found]


# ---------------------------------------------------------------- checking


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
    _walk(trail, mine, head=before, published=published)
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


def _walk(
    trail: Trail,
    mine: Mapping[str, Any],
    *,
    head: AuditHead | None,
    published: Mapping[int, str],
) -> None:
    """Follow the chain. Behind a broken record it goes on from what is stored, to name them all."""
    known = True  # whether trail.hash is that of the number just before
    latest: datetime | None = None
    early = 0
    for seal, event in _sealed_events(mine):
        sequence, event_id = seal["sequence"], seal["event_id"]
        place = {"sequence": sequence, "event_id": event_id}
        if sequence != trail.sealed + 1:
            first, last = trail.sealed + 1, sequence - 1
            numbers = f"number {first}" if first == last else f"numbers {first} to {last}"
            trail.fault(Kind.REMOVED, f"{numbers} of the trail: missing", sequence=first)
            known = False
        if event is None:
            trail.fault(
                Kind.REMOVED, f"number {sequence}: its event {event_id} is missing", **place
            )
        elif seal["format"] not in FORMATS:
            trail.fault(Kind.ALTERED, f"number {sequence}: its seal has no known format", **place)
        elif known and seal["hash"] != digest(
            trail.hash,
            sequence=sequence,
            sealed_at=seal["sealed_at"],
            event=event,
            format=seal["format"],
        ):
            trail.fault(
                Kind.ALTERED,
                f"number {sequence}, event {event_id}: it, its seal or their order was changed",
                **place,
            )
        if published.get(sequence, seal["hash"]) != seal["hash"]:
            trail.fault(
                Kind.NOT_AS_PUBLISHED,
                f"number {sequence}: another hash was published, so all up to it may be forged",
                **place,
            )
        if event is not None and not was_kept_aside(event["detail"]):
            if latest and event["recorded_at"] < latest - DISORDER:
                early += 1
                if early == 1:
                    trail.warnings.append(
                        f"number {sequence}, event {event_id}, is dated {event['recorded_at']:%c},"
                        f" but stands behind one of {latest:%c}: recorded with an earlier clock?"
                    )
            latest = max(latest or event["recorded_at"], event["recorded_at"])
        trail.sealed, trail.hash, known = sequence, seal["hash"], True
        if head and sequence == head.sequence and seal["hash"] != head.hash:
            trail.fault(
                Kind.ALTERED, f"number {sequence}: not the hash that the head remembers", **place
            )
    if early > 1:
        trail.warnings.append(f"{early} events are dated earlier than one before them.")


def _sealed_events(
    mine: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
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
