"""A practice that has promised something, for the tests of what is promised."""

from datetime import UTC, datetime, time, timedelta

from django.core import mail

from practice import clock
from practice.models import Promise
from practice.reads.promises import PromisesOfPractice
from practice.services import promises
from workbench.factories import make_schedule, make_slots

NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()
TOMORROW = TODAY + timedelta(days=1)
PROVIDER = "B00001"  # who books in the factories


def promise(practice, **overrides):
    fields = {
        "organisation": practice.organisation,
        "name": "NHS 111",
        "ods_code": PROVIDER,
        "slots_a_day": 3,
        "days_ahead": 2,
        "mail_to": "manager@practice.example",
    }
    return Promise.objects.create(**{**fields, **overrides})


def session(practice, day, number, *, hour=9, **overrides):
    schedule = make_schedule(start=clock.instant(day, time(hour)))
    return make_slots(number, schedule, **overrides)


def days(practice, now=NOW):
    standing = PromisesOfPractice.of(practice.organisation, now=now)
    (one,) = standing.promises
    return {each.day: each for each in standing.days(one)}


def causes(practice, day, now=NOW):
    standing = PromisesOfPractice.of(practice.organisation, now=now)
    (one,) = standing.promises
    return standing.causes(one, {each.day: each for each in standing.days(one)}[day])


def watched(practice, now=NOW):
    """Watch as the command does; the mails that went are returned."""
    before = len(mail.outbox)
    promises.watch(organisation=practice.organisation, now=now)
    promises.tell([practice.organisation], now=now)
    return [sent.body for sent in mail.outbox[before:]]
