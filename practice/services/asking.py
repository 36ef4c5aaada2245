"""Counting from the audit trail who asks, and telling people what they should know of it.

Events are read once, when they have been sealed: the seals of a trail are numbered without gaps, so
that none is missed or counted twice, whatever order they were committed in. A search is not slowed.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, Q

from practice import clock
from practice.models import (
    AccessProfile,
    AskingOrganisation,
    AskingWatch,
    AuditEvent,
    AuditHead,
    AuditSeal,
    Organisation,
    Promise,
)
from practice.reads.asking import SHOWN_DAYS, Finding, all_asking, find, finding_of, stored
from practice.reads.promises import by_practice

logger = logging.getLogger(__name__)

SEARCH, BOOKING = "rest:search:slot-1", "rest:create:appointment-1"
AT_ONCE = 500  # practices
BATCH = 5_000  # events: some megabytes
TELLING = timedelta(minutes=2)
REASONS = 10  # of refusals that are told apart on a day
REASON_LENGTH = 120


def watch_who_asks(practices: Sequence[Organisation], *, now: datetime) -> None:
    """Count what is new in the trails of these practices, and note what staff should know."""
    _begin(practices, now)
    while _read_some(practices, now):
        pass
    _find(practices, now)


def _begin(practices: Iterable[Organisation], now: datetime) -> None:
    """Begin with the events of the last weeks where nothing was counted yet."""
    begun = set(AskingWatch.objects.values_list("organisation", flat=True))
    since = now - timedelta(days=SHOWN_DAYS)
    for practice in practices:
        if practice.pk in begun:
            continue
        events = AuditEvent.objects.filter(
            organisation=practice, recorded_at__gte=since, seal__isnull=False
        )
        first = events.order_by("recorded_at", "pk").values_list("seal__sequence", "recorded_at")
        sequence, began_at = first.first() or (None, now)
        if sequence is None:
            head = AuditHead.objects.filter(organisation=practice).first()
            sequence = 1 + (head.sequence if head else 0)
        watch = AskingWatch(
            organisation=practice, read_to=sequence - 1, began_at=began_at, read_at=began_at
        )
        AskingWatch.objects.bulk_create([watch], ignore_conflicts=True)


@transaction.atomic
def _read_some(practices: Sequence[Organisation], now: datetime) -> bool:
    """Count some of the events that are sealed and not counted; whether there may be more.

    What another watcher counts at this moment is left to it.
    """
    heads = dict(
        AuditHead.objects.filter(organisation__in=practices).values_list("organisation", "sequence")
    )
    locked = AskingWatch.objects.filter(organisation__in=practices).order_by("pk")
    watches = {
        each.pk: each
        for each in locked.select_for_update(skip_locked=True, no_key=True)
        if heads.get(each.pk, 0) > each.read_to
    }
    if not watches:
        return False
    rows = list(
        AuditSeal.objects.filter(
            organisation__in=watches,
            sequence__gt=F("organisation__asking_watch__read_to"),
            event__door=AuditEvent.Door.GP_CONNECT,
        )
        .order_by("organisation", "sequence")
        .values_list("organisation", "sequence", *(f"event__{name}" for name in COLUMNS))[:BATCH]
    )
    is_all = len(rows) < BATCH
    _count([(row[0], Told(row[2:])) for row in rows])
    read = {practice: sequence for practice, sequence, *_ in rows}
    last = rows[-1][0] if rows else 0
    for pk, each in watches.items():
        if is_all or pk < last:
            each.read_to = max(heads[pk], read.get(pk, 0))
        elif pk == last:
            each.read_to = read[pk]
        each.read_at = now
    AskingWatch.objects.bulk_update(watches.values(), ["read_to", "read_at"])
    return not is_all


COLUMNS = (
    *("recorded_at", "event", "outcome", "spine_code", "diagnostics", "user_organisation"),
    "detail",
)


class Told:
    """What an event tells of who asked."""

    def __init__(self, row: tuple[Any, ...]) -> None:
        at, event, outcome, code, diagnostics, organisation, detail = row
        self.at: datetime = at
        self.what = str(event).rsplit(":fhir:", 1)[-1]
        self.is_done = outcome in {"200", "201"}
        self.reason = (diagnostics or code or f"Answered with {outcome}")[:REASON_LENGTH]
        self.detail: dict[str, Any] = detail if isinstance(detail, dict) else {}
        self.ods_code = str(self.detail.get("organisation_ods_code", ""))[:100]
        self.name = str(organisation).removesuffix(f" ({self.ods_code})")[:200]

    @property
    def day(self) -> str:
        return clock.today(self.at).isoformat()


def _count(events: list[tuple[int, Told]]) -> None:
    asked = [(pk, told) for pk, told in events if told.what in {SEARCH, BOOKING}]
    known = {
        (each.organisation_id, each.ods_code): each
        for each in AskingOrganisation.objects.filter(organisation__in={pk for pk, _ in asked})
    }
    changed = {}
    for pk, told in asked:
        key = pk, told.ods_code
        one = known.setdefault(key, AskingOrganisation(organisation_id=pk, ods_code=told.ods_code))
        _add(one, told)
        changed[key] = one
    for one in changed.values():
        first = date.fromisoformat(max(one.days)) - timedelta(days=SHOWN_DAYS)
        one.days = {day: count for day, count in one.days.items() if day >= first.isoformat()}
    AskingOrganisation.objects.bulk_create(one for one in changed.values() if one.pk is None)
    AskingOrganisation.objects.bulk_update(
        [one for one in changed.values() if one.pk is not None],
        [
            *("name", "for_ods_codes", "for_organisation_types", "last_search_at", "last_shown"),
            *("nothing_since", "last_booking_at", "days"),
        ],
        batch_size=500,
    )


def _add(one: AskingOrganisation, told: Told) -> None:
    counts = one.days.setdefault(told.day, {})
    one.name = told.name or one.name
    if not told.is_done:
        refusals = counts.setdefault("refusals", {})
        reason = told.reason
        if reason not in refusals and len(refusals) >= REASONS:
            reason = "Other reasons"
        refusals[reason] = refusals.get(reason, 0) + 1
    if told.what == BOOKING:
        if told.is_done:
            counts["bookings"] = counts.get("bookings", 0) + 1
            one.last_booking_at = max(one.last_booking_at or told.at, told.at)
        return
    counts["searches"] = counts.get("searches", 0) + 1
    shown = told.detail.get("slots_shown") if told.is_done else None
    if one.last_search_at is None or told.at >= one.last_search_at:
        one.last_search_at, one.last_shown = told.at, shown
        if "for_ods_codes" in told.detail:
            one.for_ods_codes = told.detail["for_ods_codes"]
            one.for_organisation_types = told.detail.get("for_organisation_types", [])
    if shown:
        one.nothing_since = None
    elif shown == 0 or not told.is_done:
        one.nothing_since = one.nothing_since or told.at


def _find(practices: Sequence[Organisation], now: datetime) -> None:
    """Judge what is counted; queries: one for each thing, however many practices."""
    asking = by_practice(
        (each.organisation_id, each) for each in all_asking(practices).defer("days")
    )
    promises = by_practice(
        (each.organisation_id, each)
        for each in Promise.objects.filter(organisation__in=practices).select_related(
            "access_profile__consumer_group"
        )
    )
    profiles = by_practice(
        (each.organisation_id, each)
        for each in AccessProfile.objects.filter(organisation__in=practices).select_related(
            "consumer_group"
        )
    )
    changed = []
    for watch in AskingWatch.objects.filter(organisation__in=practices):
        found = find(
            watch=watch,
            asking=asking.get(watch.pk, []),
            promises=promises.get(watch.pk, []),
            profiles=profiles.get(watch.pk, []),
            now=now,
        )
        if (kept := [stored(each) for each in found]) != watch.findings:
            watch.findings = kept
            changed.append(watch)
    AskingWatch.objects.bulk_update(changed, ["findings"], batch_size=500)


# ---------------------------------------------------------------- who is told


def tell_who_asks(practices: Sequence[Organisation], *, now: datetime) -> dict[str, int]:
    """Mail what is new: of the silent to whom their promise names, of strangers to all of them.

    Once, and once that it is so no longer. What did not go is told the next time; how much that
    is, by ODS code.
    """
    failed: dict[str, int] = {}
    watches = AskingWatch.objects.filter(organisation__in=practices)
    for pk in [each.pk for each in watches if _news(each) != ([], [])]:
        watch = _claim(pk, now)
        if watch is None:
            continue
        new, over = _news(watch)
        if _mail(watch, new, over):
            watch.told = list(watch.findings)
        else:
            failed[watch.organisation.ods_code] = 1
        watch.telling_until = None
        watch.save(update_fields=["told", "telling_until"])
    return failed


def _news(watch: AskingWatch) -> tuple[list[Finding], list[Finding]]:
    """What is to be told: what is new, and what is over."""
    found, told = ([finding_of(each) for each in kept] for kept in (watch.findings, watch.told))
    known, still = {each.key for each in told}, {each.key for each in found}
    return [e for e in found if e.key not in known], [e for e in told if e.key not in still]


@transaction.atomic
def _claim(pk: int, now: datetime) -> AskingWatch | None:
    free = Q(telling_until__isnull=True) | Q(telling_until__lte=now)
    rows = AskingWatch.objects.filter(free, pk=pk).select_related("organisation")
    watch = rows.select_for_update(of=("self",), skip_locked=True).first()
    if watch is None or _news(watch) == ([], []):
        return None
    watch.telling_until = now + TELLING
    watch.save(update_fields=["telling_until"])
    return watch


def _mail(watch: AskingWatch, new: list[Finding], over: list[Finding]) -> bool:
    """Whether all of it went. It names no patient."""
    promises = {each.pk: each for each in Promise.objects.filter(organisation=watch.organisation)}
    lines: dict[str, list[str]] = defaultdict(list)
    for finding, said in (
        *((each, str(each)) for each in new),
        *((each, each.good_again) for each in over),
    ):
        if finding.promise is None:
            concerned = list(promises.values())
        else:
            concerned = [promises[finding.promise]] if finding.promise in promises else []
        for address in {address for each in concerned for address in each.mail_to.split()}:
            lines[address].append(said)
    subject = f"{watch.organisation.name}: who asks for slots"
    went = True
    for address, words in lines.items():
        try:
            send_mail(subject, "\n".join(words), None, [address])
        except OSError:
            logger.exception("mail about who asks at %s", watch.organisation.ods_code)
            went = False
    return went
