"""Proving that nothing in the audit trail was changed since it was sealed.

What a check finds: an altered, removed, inserted or re-ordered event or seal; a removed end (by
AuditHead, kept apart); an event removed while it waited, or slipped in past the queue; triggers
that are not as they were made. What it cannot find by itself: somebody who may switch the triggers
off and forges all of it consistently, the end or the whole chain from some point on, or removes a
whole practice. For that the heads are published in the log, out of the database's reach
(practice.services.audit.heads), and a check can hold the trails to what was published. What nothing
finds is done to an event before it has its seal; docs/runbook.md has a table of all of it.
"""

import heapq
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, Model, OuterRef

from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting, Organisation
from practice.services.audit.heads import NOBODY, Head
from practice.services.audit.protection import unprotected
from practice.services.audit.sealing import FORMATS, Lag, digest, lag
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


Hashes = Mapping[int, set[str]]  # what was published of a trail: the hashes of each number


def verify(
    *, organisation: Organisation | None = None, published: Iterable[Head] = ()
) -> list[Trail]:
    """Check the trail of a practice, or all of them and that of requests to no practice.

    ``published``: heads from the log, which the trails must still contain. Reads only, takes no
    lock, and may run beside requests and sealers.
    """
    heads = defaultdict[int | None, list[Head]](list)
    for head in published:
        heads[head.trail].append(head)
    told = sorted(pk for pk in heads if pk is not None)
    names: dict[int | None, str]
    if organisation is None:
        there = names = _names()
    else:
        names = {organisation.pk: organisation.ods_code}
        there = dict(Organisation.objects.filter(pk__in=told).values_list("pk", "ods_code"))
    trails = [
        verify_trail(pk, name=name, published=heads.get(pk, ())) for pk, name in names.items()
    ]
    for pk in told:
        called = {head.practice for head in heads[pk]}
        if pk not in there and (organisation is None or organisation.ods_code in called):
            trails.append(_gone(heads[pk]))
    for what in unprotected():
        trails[0].fault(Kind.UNPROTECTED, what)
    return trails


def _names() -> dict[int | None, str]:
    """Every trail that there is or could be, by the id of its practice, and how it is called.

    Also those whose practice was removed, which the database does not let happen by itself.
    """
    found: dict[int | None, str] = {None: NOBODY}
    found |= dict(Organisation.objects.order_by("ods_code").values_list("pk", "ods_code"))
    models: tuple[type[Model], ...] = (AuditHead, AuditSeal, AuditWaiting, AuditEvent)
    for model in models:
        rows = model._base_manager.exclude(organisation_id__in=[pk for pk in found if pk])
        for pk in rows.order_by().values_list("organisation_id", flat=True).distinct():
            found.setdefault(pk, f"practice {pk}, which is not there")
    return found


def _gone(heads: list[Head]) -> Trail:
    """The trail of a practice of which nothing is left but what was published."""
    last = max(heads, key=lambda head: head.sequence)
    trail = Trail(last.practice)
    trail.fault(
        Kind.END_REMOVED,
        f"number {last.sequence} of practice {last.trail} ({last.practice}) was published, but"
        " nothing is left of it",
        sequence=last.sequence,
    )
    return trail


def verify_trail(
    organisation_id: int | None, *, name: str, published: Iterable[Head] = ()
) -> Trail:
    """Check one trail from its first number to its last, then what it has no number for."""
    trail = Trail(name)
    told = list(published)
    hashes = defaultdict[int, set[str]](set)
    for head in told:
        hashes[head.sequence].add(head.hash)
    mine = {"organisation_id": organisation_id}
    before = AuditHead.objects.filter(**mine).first()
    _Chain(trail, head=before, published=hashes).follow(_sealed_events(mine))
    _check_end(trail, before, AuditHead.objects.filter(**mine).first())
    for sequence in sorted(hashes):
        if len(hashes[sequence]) > 1:
            trail.fault(
                Kind.NOT_AS_PUBLISHED,
                f"number {sequence} was published with {len(hashes[sequence])} different hashes:"
                " there were two trails",
                sequence=sequence,
            )
        elif sequence > trail.sealed:
            trail.fault(
                Kind.END_REMOVED,
                f"number {sequence} was published, but the trail ends at {trail.sealed}",
                sequence=sequence,
            )
    _check_unsealed(trail, mine)
    trail.waiting = lag(AuditWaiting.objects.filter(**mine))
    for other in sorted({head.practice for head in told} - {name}):
        trail.warnings.append(f"published as {other}: the practice was renamed.")
    return trail


class _Chain:
    """One trail, followed from seal to seal; what is wrong with each goes into ``trail``.

    Behind a broken record it goes on from what is stored, so as to name every one.
    """

    def __init__(self, trail: Trail, *, head: AuditHead | None, published: Hashes) -> None:
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
        if seal["hash"] not in self.published.get(seal["sequence"], {seal["hash"]}):
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
            seal__organisation_id=mine["organisation_id"], seal__sequence__range=ends
        ).values(*columns)
        by_id = {event["id"]: event for event in events}
        for seal in found:
            yield seal, by_id.get(seal["event_id"])
        last = ends[1]


# ---------------------------------------------------------------- a trail that was handed out


def verify_export(lines: Iterable[str], *, name: str, published: Iterable[Head] = ()) -> Trail:
    """Check a whole trail that ``export_audit --format json`` wrote, away from its database.

    As ``verify_trail``, but that nobody knows where it should end: ``published`` says it, heads of
    its log. Memory does not grow with the file. Raises ValueError when this is no such file.
    """
    trail = Trail(name)
    hashes = defaultdict[int, set[str]](set)
    told = list(published)
    of_practice: set[int | None] = set()

    def sealed() -> Iterator[tuple[Columns, Columns | None]]:
        for event in _by_sequence(_exported(lines, trail)):
            if event["organisation_id"] not in of_practice:
                of_practice.add(event["organisation_id"])
                for head in told:
                    if head.trail == event["organisation_id"]:
                        hashes[head.sequence].add(head.hash)
            seal = {
                "sequence": event["number"],
                "event_id": event["id"],
                "sealed_at": event["sealed_at"],
                "format": event["format"],
                "hash": event["hash"],
            }
            yield seal, event

    _Chain(trail, head=None, published=hashes).follow(sealed())
    if len(of_practice) > 1:
        trail.fault(Kind.INSERTED, "there are events of several practices in it")
    for sequence in sorted(hashes):
        if sequence > trail.sealed:
            trail.fault(
                Kind.END_REMOVED,
                f"number {sequence} was published, but the file ends at {trail.sealed}",
                sequence=sequence,
            )
    if told and not hashes:
        trail.warnings.append("nothing that was published is of this practice.")
    return trail


EXPORTED = {*(name for names in FORMATS.values() for name in names), "number", "sealed_at", "hash"}
MOST_AHEAD = 20_000  # events that may stand before one with a lower number


def _exported(lines: Iterable[str], trail: Trail) -> Iterator[dict[str, Any]]:
    """The sealed events of a file, in its order; those without a seal are counted as waiting."""
    waiting, oldest, is_whole = 0, None, False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if number == 1 and text == "[":
            continue
        if text == "]":
            is_whole = True
            continue
        try:
            event = json.loads(text.removeprefix(","))
            if is_whole or not EXPORTED | {"format"} <= event.keys():
                raise ValueError
            event["recorded_at"] = datetime.fromisoformat(event["recorded_at"])
            if event["number"] is None:
                waiting += 1
                oldest = oldest or event["recorded_at"]
                continue
            event["sealed_at"] = datetime.fromisoformat(event["sealed_at"])
            if any(type(event[key]) is not int for key in ("number", "id", "format")):
                raise ValueError
            hash(event["organisation_id"])
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise ValueError(
                f"line {number} is no event of a whole trail as export_audit --format json"
                " writes it"
            ) from None
        yield event
    if not is_whole:
        trail.fault(Kind.END_REMOVED, "the file was cut off: its end is missing")
    trail.waiting = Lag(waiting, oldest)


def _by_sequence(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Events by their numbers. In a file they stand as they were recorded, which is nearly that."""
    ahead: list[tuple[int, int, dict[str, Any]]] = []
    expected = 1
    for place, event in enumerate(events):
        heapq.heappush(ahead, (event["number"], place, event))
        while ahead and (ahead[0][0] <= expected or len(ahead) > MOST_AHEAD):
            number, _, found = heapq.heappop(ahead)
            expected = number + 1
            yield found
    while ahead:
        yield heapq.heappop(ahead)[2]


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
