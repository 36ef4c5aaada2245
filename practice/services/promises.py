"""Promising slots to others, and noticing when a day falls short of a promise."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.core.mail import send_mail
from django.db import transaction

from practice.models import Organisation, Promise, Shortfall
from practice.reads.promises import DayOfPromise, PromisesOfPractice, shortfalls
from practice.services.audit.recording import Actor, record_done

logger = logging.getLogger(__name__)

SETTINGS = (
    *("name", "ods_code", "organisation_type", "slots_a_day", "patients_for_each_slot"),
    *("weekdays", "start_time", "end_time", "days_ahead", "mail_to"),
)


@transaction.atomic
def make_promise(promise: Promise, *, actor: Actor, now: datetime) -> None:
    """Store a new promise, or a changed one; it has been checked by ``full_clean``."""
    is_new = promise.pk is None
    before = {} if is_new else settings_of(Promise.objects.get(pk=promise.pk))
    promise.save()
    changed = {
        name: {"from": before.get(name, ""), "to": value}
        for name, value in settings_of(promise).items()
        if before.get(name, "") != value
    }
    event = "promise.made" if is_new else "promise.changed"
    record_done(event, promise, actor=actor, now=now, detail={"changes": changed})


@transaction.atomic
def withdraw_promise(promise: Promise, *, actor: Actor, now: datetime) -> None:
    """Promise it no longer; what fell short of it is forgotten with it."""
    record_done(
        "promise.withdrawn", promise, actor=actor, now=now, detail={"was": settings_of(promise)}
    )
    promise.delete()


def settings_of(promise: Promise) -> dict[str, object]:
    """What is promised, as the trail keeps it."""
    profile = promise.access_profile
    said = {name: getattr(promise, name) for name in SETTINGS}
    plain = (str, int, list)
    return {
        "access_profile": profile.name if profile else "",
        **{
            name: value if isinstance(value, plain) else "" if value is None else f"{value:%H:%M}"
            for name, value in said.items()
        },
    }


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
