"""Short days are noted with their causes, and who is to be told is, once."""

from datetime import timedelta

import pytest
from django.core import mail

from practice.models import AuditEvent, Promise, Shortfall
from practice.reads.promises import short_days, shortfalls
from practice.services import promises
from tests.practice.promise_world import NOW, PROVIDER, TODAY, TOMORROW, promise, session, watched
from workbench.factories import make_actor, make_organisation

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- the watch


def test_a_short_day_is_told_once_and_again_when_another_cause_joins(practice):
    promise(practice)
    session(practice, TODAY, 3)
    slots = session(practice, TOMORROW, 2, slot_type="Routine")

    (news,) = watched(practice)
    promises.send_news(news)

    assert [each.day for each in news.short] == [TOMORROW]
    (sent,) = mail.outbox
    assert sent.to == ["manager@practice.example"]
    assert "Thursday 19 November: 2 of 3 slots." in sent.body
    assert watched(practice, NOW + timedelta(minutes=5)) == []

    for slot in slots:
        slot.embargo_minutes = 30
        slot.save()
    (news,) = watched(practice, NOW + timedelta(minutes=10))
    assert news.short[0].causes == ["2 slots of “Routine”: Still under embargo."]


def test_a_day_that_is_good_again_is_told_once(practice):
    promise(practice)
    session(practice, TODAY, 3)
    watched(practice)
    assert short_days(organisation=practice.organisation) == 1

    session(practice, TOMORROW, 3)
    (news,) = watched(practice, NOW + timedelta(minutes=5))

    assert (news.short, news.good_again) == ([], [TOMORROW])
    assert short_days(organisation=practice.organisation) == 0
    assert watched(practice, NOW + timedelta(minutes=10)) == []


def test_a_day_that_has_passed_is_closed_without_news(practice):
    promise(practice, days_ahead=1)
    watched(practice)

    (news,) = watched(practice, NOW + timedelta(days=1))

    assert [each.day for each in news.short] == [TOMORROW]
    assert news.good_again == []
    assert [each.day for each in shortfalls(organisation=practice.organisation)] == [TOMORROW]


def test_mail_that_nobody_takes_is_said(practice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens
    promise(practice)
    (news,) = watched(practice)

    assert not promises.send_news(news)


def test_a_practice_hears_nothing_of_anothers_promise(practice):
    other = make_organisation()
    Promise.objects.create(organisation=other, name="NHS 111", ods_code="X1", slots_a_day=1)

    assert watched(practice) == []
    assert Shortfall.objects.count() == 0


# ---------------------------------------------------------------- making and withdrawing one


def test_who_promised_what_is_in_the_trail(practice):
    one = Promise(
        organisation=practice.organisation, name="NHS 111", ods_code=PROVIDER, slots_a_day=3
    )
    promises.make_promise(one, actor=make_actor(door="staff"), now=NOW)
    one.slots_a_day = 4
    promises.make_promise(one, actor=make_actor(door="staff"), now=NOW)
    promises.withdraw_promise(one, actor=make_actor(door="staff"), now=NOW)

    made, changed, withdrawn = AuditEvent.objects.order_by("pk")
    assert [e.event for e in (made, changed, withdrawn)] == [
        "promise.made",
        "promise.changed",
        "promise.withdrawn",
    ]
    assert changed.detail["changes"] == {"slots_a_day": {"from": 3, "to": 4}}
    assert not Promise.objects.exists()
