"""Short days are noted with their causes, and who is to be told is, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from threading import Barrier

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection

from practice.db.row_security import across_practices
from practice.models import AuditEvent, Promise, Shortfall, Slot
from practice.reads.promises import PromisesOfPractice, short_days, shortfalls
from practice.services import promises
from tests.practice.promise_world import NOW, PROVIDER, TODAY, TOMORROW, promise, session, watched
from workbench.factories import make_actor, make_organisation

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- the watch


def test_a_short_day_is_told_once_and_again_when_another_cause_joins(practice):
    promise(practice)
    session(practice, TODAY, 3)
    slots = session(practice, TOMORROW, 2, slot_type="Routine")

    (told,) = watched(practice)

    assert "Thursday 19 November: 2 of 3 slots." in told
    assert mail.outbox[0].to == ["manager@practice.example"]
    assert watched(practice, NOW + timedelta(minutes=5)) == []

    for slot in slots:
        slot.embargo_minutes = 30
        slot.save()
    (told,) = watched(practice, NOW + timedelta(minutes=10))
    assert "2 slots of “Routine”: Still under embargo." in told


def test_a_cause_that_meets_more_slots_is_not_told_again(practice):
    promise(practice)
    first, second = session(practice, TODAY, 2, slot_type="Routine", gp_connect_bookable=False)
    session(practice, TOMORROW, 3)
    assert len(watched(practice)) == 1

    session(practice, TODAY, 3, hour=14, slot_type="Routine", gp_connect_bookable=False)

    assert watched(practice, NOW + timedelta(minutes=5)) == []
    assert "5 slots" in shortfalls(organisation=practice.organisation)[0].causes[0]


def test_a_day_that_is_good_again_is_told_once(practice):
    promise(practice)
    session(practice, TODAY, 3)
    watched(practice)
    assert short_days(organisation=practice.organisation) == 1

    session(practice, TOMORROW, 3)
    (told,) = watched(practice, NOW + timedelta(minutes=5))

    assert told == "Thursday 19 November: as promised again."
    assert short_days(organisation=practice.organisation) == 0
    assert watched(practice, NOW + timedelta(minutes=10)) == []


def test_a_day_that_has_passed_is_closed_without_news(practice):
    promise(practice, days_ahead=1)
    watched(practice)

    (told,) = watched(practice, NOW + timedelta(days=1))

    assert told.startswith("Thursday 19 November: 0 of 3 slots.")
    assert "again" not in told
    assert [each.day for each in shortfalls(organisation=practice.organisation)] == [TOMORROW]


def nobody_takes_mail(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens


def test_mail_that_nobody_took_is_sent_the_next_time_once(practice, settings):
    taken_by = settings.EMAIL_BACKEND
    promise(practice, days_ahead=1)
    nobody_takes_mail(settings)
    promises.watch(organisation=practice.organisation, now=NOW)
    assert promises.tell([practice.organisation], now=NOW) == {practice.organisation.ods_code: 1}

    settings.EMAIL_BACKEND = taken_by
    (told,) = watched(practice, NOW + timedelta(minutes=5))

    assert "0 of 3 slots" in told
    assert watched(practice, NOW + timedelta(minutes=10)) == []


def test_that_a_day_is_good_again_is_not_lost_with_a_mail_either(practice, settings):
    taken_by = settings.EMAIL_BACKEND
    promise(practice, days_ahead=1)
    watched(practice)
    session(practice, TODAY, 3)
    nobody_takes_mail(settings)
    assert watched(practice, NOW + timedelta(minutes=5)) == []

    settings.EMAIL_BACKEND = taken_by

    assert watched(practice, NOW + timedelta(minutes=10)) == [
        "Wednesday 18 November: as promised again."
    ]
    assert watched(practice, NOW + timedelta(minutes=15)) == []


def test_a_day_that_is_short_again_before_people_heard_it_was_good_is_no_news(practice, settings):
    taken_by = settings.EMAIL_BACKEND
    promise(practice, days_ahead=1)
    watched(practice)
    slots = session(practice, TODAY, 3)
    nobody_takes_mail(settings)
    watched(practice, NOW + timedelta(minutes=5))

    settings.EMAIL_BACKEND = taken_by
    Slot.objects.filter(pk__in=[slot.pk for slot in slots]).delete()

    assert watched(practice, NOW + timedelta(minutes=10)) == []


def test_what_somebody_is_about_to_tell_nobody_else_tells_until_they_are_overdue(practice):
    promise(practice, days_ahead=1)
    promises.watch(organisation=practice.organisation, now=NOW)
    Shortfall.objects.update(telling_until=NOW + timedelta(minutes=2))

    assert watched(practice, NOW + timedelta(minutes=1)) == []
    assert len(watched(practice, NOW + timedelta(minutes=5))) == 1


def test_one_practice_that_fails_keeps_no_other_from_being_watched(practice, monkeypatch):
    other = make_organisation()
    Promise.objects.create(organisation=other, name="NHS 111", ods_code="X1", slots_a_day=1)
    promise(practice, days_ahead=1, weekdays=list(range(7)))
    right = PromisesOfPractice.days

    def days(standing, each):
        if each.organisation_id == other.pk:
            raise ValueError("wrong")
        return right(standing, each)

    monkeypatch.setattr(PromisesOfPractice, "days", days)
    output = StringIO()

    with pytest.raises(CommandError, match=other.ods_code):
        call_command("watch_promises", stdout=output)

    assert f"{other.ods_code}: wrong" in output.getvalue()
    assert f"{practice.organisation.ods_code}: 1 short" in output.getvalue()
    assert len(mail.outbox) == 1


def test_one_whose_days_cannot_be_kept_keeps_no_other_from_being_noted(practice, monkeypatch):
    other = make_organisation()
    Promise.objects.create(
        organisation=other, name="NHS 111", ods_code="X1", slots_a_day=1, weekdays=list(range(7))
    )
    promise(practice, days_ahead=1, weekdays=list(range(7)))
    right = promises._keep_days

    def keep(seen, now):
        if any(each.practice == other for each in seen):
            raise ValueError("wrong")
        right(seen, now)

    monkeypatch.setattr(promises, "_keep_days", keep)
    seen = promises.look_at([practice.organisation, other], now=NOW)

    assert promises.note(seen, now=NOW) == {other.ods_code: "wrong"}
    assert {each.organisation for each in Shortfall.objects.all()} == {practice.organisation}


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_two_who_watch_at_the_same_time_note_and_tell_once(practice):
    promise(practice, days_ahead=7)
    barrier = Barrier(2)

    def one_of_two(_):
        try:
            with across_practices():
                barrier.wait(60)
                seen = promises.look_at([practice.organisation], now=NOW)
                barrier.wait(60)
                noted = promises.note(seen, now=NOW)
                barrier.wait(60)
                return noted, promises.tell([practice.organisation], now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one_of_two, range(2)))

    assert results == [({}, {}), ({}, {})]
    assert Shortfall.objects.count() == 5
    assert len(mail.outbox) == 1


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
