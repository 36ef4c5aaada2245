"""Promising slots to others, and noticing when a day falls short of a promise."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q

from practice.db.transactions import snapshot
from practice.models import Organisation, Promise, PromisedDay, Shortfall
from practice.reads.promises import (
    DayOfPromise,
    PromisesOfPractice,
    by_practice,
    shortfalls,
    untold,
)
from practice.services.audit.changes import changes_between, stored_values
from practice.services.audit.recording import Actor, record_done
from practice.services.diary_changes import note_practices

logger = logging.getLogger(__name__)

SETTINGS = (
    *("name", "ods_code", "organisation_type", "access_profile"),
    *("slots_a_day", "patients_for_each_slot"),
    *("weekdays", "start_time", "end_time", "days_ahead", "silent_after_days", "mail_to"),
)


@transaction.atomic
def make_promise(promise: Promise, *, actor: Actor, now: datetime) -> None:
    """Store a new promise, or a changed one; it has been checked by ``full_clean``."""
    before = None if promise.pk is None else Promise.objects.get(pk=promise.pk)
    promise.save()
    note_practices([promise.organisation], now=now)
    changes = changes_between(before, promise, SETTINGS)
    event = "promise.changed" if before else "promise.made"
    record_done(event, promise, actor=actor, now=now, detail={"changes": changes})


@transaction.atomic
def withdraw_promise(promise: Promise, *, actor: Actor, now: datetime) -> None:
    """Promise it no longer; what fell short of it is forgotten with it."""
    detail = {"removed": stored_values(promise)}
    record_done("promise.withdrawn", promise, actor=actor, now=now, detail=detail)
    promise.delete()


# ---------------------------------------------------------------- the watch

AT_ONCE = 50  # practices: a second or two of one moment's truth
TELLING = timedelta(minutes=2)  # for how long nobody else tells what somebody is about to


@dataclass(frozen=True)
class Short:
    """A day of a promise that falls short, and why."""

    promise: Promise
    day: DayOfPromise
    causes: list[str]


@dataclass(frozen=True)
class Seen:
    """How a practice's promises stand: every day that was looked at, and those that are short."""

    practice: Organisation
    days: dict[tuple[int, date], DayOfPromise]
    short: list[Short]
    failed: str = ""


def watch(*, organisation: Organisation, now: datetime) -> None:
    """Look at each promise of a practice, and note what falls short and what no longer does."""
    (seen,) = look_at([organisation], now=now)
    note([seen], now=now)


def look_at(practices: Sequence[Organisation], *, now: datetime) -> list[Seen]:
    """See how the promises of practices stand; what goes wrong at one keeps no other from it.

    All is read as it was at one moment: what is booked meanwhile is not missed twice.
    """
    try:
        with snapshot():
            standing = PromisesOfPractice.of_each(practices, now=now)
            return [_look_at(each) for each in standing]
    except Exception as error:
        if len(practices) == 1:
            logger.exception("watching the promises of %s failed", practices[0].ods_code)
            return [Seen(practices[0], {}, [], failed=str(error) or type(error).__name__)]
    return [seen for each in practices for seen in look_at([each], now=now)]


def _look_at(standing: PromisesOfPractice) -> Seen:
    days = {promise: standing.days(promise) for promise in standing.promises}
    return Seen(
        standing.organisation,
        {(promise.pk, day.day): day for promise, its_days in days.items() for day in its_days},
        [
            Short(promise, day, standing.causes(promise, day))
            for promise, its_days in days.items()
            for day in its_days
            if day.is_short
        ],
    )


def note(seen: Iterable[Seen], *, now: datetime) -> dict[str, str]:
    """Store what falls short, and that what did no longer does; who else watches does no harm.

    Returns what went wrong, by ODS code; it keeps no other practice from being noted.
    """
    failed: dict[str, str] = {}
    found = {each.practice.pk: each for each in seen if not each.failed}
    known = Shortfall.objects.filter(organisation__in=found, ended_at__isnull=True)
    stored = by_practice((each.organisation_id, each) for each in known)
    try:
        _keep_days(found.values(), now)
    except Exception:
        logger.exception("keeping the promised days of some practices failed: now one by one")
        for pk, each in list(found.items()):
            try:
                _keep_days([each], now)
            except Exception as error:
                failed[each.practice.ods_code] = str(error) or type(error).__name__
                del found[pk]
    for pk, each in found.items():
        if not each.short and pk not in stored:
            continue
        try:
            _note(each, now)
        except Exception as error:
            code = each.practice.ods_code
            logger.exception("noting the short days of %s failed", code)
            failed[code] = str(error) or type(error).__name__
    return failed


@transaction.atomic
def _keep_days(seen: Collection[Seen], now: datetime) -> None:
    """Keep what was found, for who looks at many practices; what is watched no longer goes.

    The promises are locked first, in their order: some may have been withdrawn meanwhile, and
    somebody else may watch too.
    """
    named = {promise_id for each in seen for promise_id, _ in each.days}
    promises = Promise.objects.filter(pk__in=named).order_by("pk")
    standing = set(
        promises.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
    )
    PromisedDay.objects.bulk_create(
        [
            PromisedDay(
                organisation=each.practice,
                promise_id=promise_id,
                day=day,
                promised=found.promised,
                offered=found.offered,
                taken=found.taken,
                looked_at=now,
            )
            for each in seen
            for (promise_id, day), found in each.days.items()
            if promise_id in standing
        ],
        update_conflicts=True,
        unique_fields=["promise", "day"],
        update_fields=["promised", "offered", "taken", "looked_at"],
    )
    practices = [each.practice for each in seen]
    PromisedDay.objects.filter(organisation__in=practices, looked_at__lt=now).delete()


@transaction.atomic
def _note(seen: Seen, now: datetime) -> None:
    locked = shortfalls(organisation=seen.practice).select_for_update(of=("self",))
    known = {(each.promise_id, each.day): each for each in locked}
    short = {(each.promise.pk, each.day.day): each for each in seen.short}
    told_before = _told_before([key for key in short if key not in known])
    new, changed = [], []
    for key, each in short.items():
        shortfall = known.get(key)
        says = {"promised": each.day.promised, "offered": each.day.there, "causes": each.causes}
        if shortfall is None:
            new.append(
                Shortfall(
                    organisation=seen.practice,
                    promise=each.promise,
                    day=each.day.day,
                    told=told_before[key],
                    noticed_at=now,
                    **says,
                )
            )
        elif any(getattr(shortfall, name) != value for name, value in says.items()):
            for name, value in says.items():
                setattr(shortfall, name, value)
            changed.append(shortfall)
    Shortfall.objects.bulk_create(new, ignore_conflicts=True)  # another watcher may have been first
    Shortfall.objects.bulk_update(changed, ["promised", "offered", "causes"])
    for key, shortfall in known.items():
        if key not in short:
            shortfall.ended_at = now
            if key not in seen.days:  # it is over, or promised no longer
                shortfall.told = []
            shortfall.save(update_fields=["ended_at", "told"])


def _told_before(new: Collection[tuple[int, date]]) -> dict[tuple[int, date], list[str]]:
    """What people were told of days that were good again before they could be told that."""
    told: dict[tuple[int, date], list[str]] = defaultdict(list)
    if not new:
        return told
    ended = Shortfall.objects.filter(
        promise__in={promise for promise, _ in new},
        day__in={day for _, day in new},
        ended_at__isnull=False,
    )
    for shortfall in ended.exclude(told=[]):
        key = (shortfall.promise_id, shortfall.day)
        if key in new:
            told[key] += shortfall.told
            shortfall.told = []
            shortfall.save(update_fields=["told"])
    return told


# ---------------------------------------------------------------- who is told


def tell(organisations: Collection[Organisation], *, now: datetime) -> dict[str, int]:
    """Mail what is new to whom each promise names; how much did not go, by ODS code.

    A cause is told once a day that falls short, and once that the day is good again. What did not
    go is told the next time. Of two who tell at the same time, one does.
    """
    failed: dict[str, int] = {}
    for ids in untold(organisations=organisations, now=now).values():
        mine = _claim(ids, now)
        if not mine:
            continue
        promise = mine[0].promise
        went = _mail(promise, mine)
        if not went:
            code = promise.organisation.ods_code
            failed[code] = failed.get(code, 0) + 1
        for each in mine:
            if went:
                each.told = [] if each.ended_at else sorted({*each.told, *each.kinds_of_cause})
            each.telling_until = None
        Shortfall.objects.bulk_update(mine, ["told", "telling_until"])
    return failed


@transaction.atomic
def _claim(ids: Iterable[int], now: datetime) -> list[Shortfall]:
    """Take those of these that are still to be told and that nobody else is about to tell."""
    free = Q(telling_until__isnull=True) | Q(telling_until__lte=now)
    rows = Shortfall.objects.filter(free, pk__in=ids).select_related("promise__organisation")
    rows = rows.select_for_update(of=("self",), skip_locked=True).order_by("day", "pk")
    mine = [each for each in rows if each.is_news]
    taken = Shortfall.objects.filter(pk__in=[each.pk for each in mine])
    taken.update(telling_until=now + TELLING)
    return mine


def _mail(promise: Promise, news: list[Shortfall]) -> bool:
    """Whether it went, or nobody is to be told. It names no patient."""
    to = promise.mail_to.split()
    if not to:
        return True
    practice = promise.organisation
    lines = []
    for each in news:
        if each.ended_at:
            lines.append(f"{each.day:%A %-d %B}: as promised again.")
        else:
            lines.append(f"{each.day:%A %-d %B}: {each.offered} of {each.promised} slots.")
            lines += [f"  {cause}" for cause in each.causes]
    word = "good again" if all(each.ended_at for each in news) else "short"
    try:
        send_mail(f"{practice.name}: {promise.name}, {word}", "\n".join(lines), None, to)
    except OSError:
        logger.exception("mail about promise %s of %s", promise.pk, practice.ods_code)
        return False
    return True
