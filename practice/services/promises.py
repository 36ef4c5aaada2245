"""Promising slots to others, and noticing when a day falls short of a promise."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.core.mail import send_mail
from django.db import transaction

from practice.models import Organisation, Promise, Shortfall
from practice.reads.promises import DayOfPromise, PromisesOfPractice, shortfalls
from practice.services.audit.changes import changes_between, stored_values
from practice.services.audit.recording import Actor, record_done

logger = logging.getLogger(__name__)

SETTINGS = (
    *("name", "ods_code", "organisation_type", "access_profile"),
    *("slots_a_day", "patients_for_each_slot"),
    *("weekdays", "start_time", "end_time", "days_ahead", "mail_to"),
)


@transaction.atomic
def make_promise(promise: Promise, *, actor: Actor, now: datetime) -> None:
    """Store a new promise, or a changed one; it has been checked by ``full_clean``."""
    before = None if promise.pk is None else Promise.objects.get(pk=promise.pk)
    promise.save()
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


@dataclass(frozen=True)
class News:
    """What people are to be told of a promise: days that are short, days that are good again."""

    promise: Promise
    short: list[Shortfall]
    good_again: list[date]


def watch(*, organisation: Organisation, now: datetime) -> list[News]:
    """Look at each promise of a practice, note what falls short, and say what is new.

    A cause is told once a day that falls short, and once that the day is good again.
    """
    standing = PromisesOfPractice.of(organisation, now=now)
    if not standing.promises:
        return []
    found = {promise.pk: standing.days(promise) for promise in standing.promises}
    causes = {
        (promise.pk, day.day): standing.causes(promise, day)
        for promise in standing.promises
        for day in found[promise.pk]
        if day.is_short
    }
    with transaction.atomic():
        known = {
            (each.promise_id, each.day): each
            for each in shortfalls(organisation=organisation).select_for_update(of=("self",))
        }
        news = [
            _notice(promise, found[promise.pk], causes, known, now) for promise in standing.promises
        ]
    return [each for each in news if each.short or each.good_again]


def _notice(
    promise: Promise,
    days: Iterable[DayOfPromise],
    causes: dict[tuple[int, date], list[str]],
    known: dict[tuple[int, date], Shortfall],
    now: datetime,
) -> News:
    news = News(promise, [], [])
    short = {day.day: day for day in days if day.is_short}
    for day in short.values():
        shortfall = known.get((promise.pk, day.day)) or Shortfall(
            organisation_id=promise.organisation_id,
            promise=promise,
            day=day.day,
            noticed_at=now,
        )
        said = causes[promise.pk, day.day]
        is_news = shortfall.pk is None or not set(said) <= set(shortfall.told)
        shortfall.promised, shortfall.offered = day.promised, day.there
        shortfall.causes = said
        if is_news:
            shortfall.told = sorted({*shortfall.told, *said})
            news.short.append(shortfall)
        shortfall.save()
    for (promise_id, day_known), shortfall in known.items():
        if promise_id == promise.pk and day_known not in short:
            shortfall.ended_at = now
            shortfall.save(update_fields=["ended_at"])
            if any(day.day == day_known for day in days):  # not over, nor promised no longer
                news.good_again.append(day_known)
    return news


def send_news(news: News) -> bool:
    """Mail what is new to whom the promise names; whether it went. It names no patient."""
    to = news.promise.mail_to.split()
    if not to:
        return True
    practice = news.promise.organisation
    lines = []
    for each in news.short:
        lines.append(f"{each.day:%A %-d %B}: {each.offered} of {each.promised} slots.")
        lines += [f"  {cause}" for cause in each.causes]
    lines += [f"{day:%A %-d %B}: as promised again." for day in news.good_again]
    word = "short" if news.short else "good again"
    try:
        send_mail(f"{practice.name}: {news.promise.name}, {word}", "\n".join(lines), None, to)
    except OSError:
        logger.exception("mail about promise %s of %s", news.promise.pk, practice.ods_code)
        return False
    return True
