"""Numbering and sealing the audit trail, so that a change of it can be found afterwards.

Whoever records an event adds one row and takes no lock. The sealer comes after, in short batches:
it gives the events that wait the next numbers of their practice's trail, without gaps, and chains
them: each hash covers every column of the event, the seal's own, and the hash before it. Numbers
follow the order of sealing, which is that of recording but for transactions that overlapped.
practice.services.audit.verifying finds what was changed. practice.services.audit.heads publishes
the last hashes in the log, out of the database's reach. Until an event is sealed nothing protects
it but the database's triggers and rights, so that the wait is short and watched (``lag``).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Min, QuerySet

from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting

BATCH = 500  # events: a few dozen milliseconds of a lock that only sealers want

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


def _instant(value: object) -> str:
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
            head.save(update_fields=["sequence", "hash", "sealed_at"])
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
