"""Who really asks is counted from the trail, and what staff should know of it is told once.

Searches and bookings go through the API: what it writes into the trail is what is counted.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from fhirapi import ssp
from fhirapi.resources.common import ODS_CODE
from practice.db.row_security import across_practices
from practice.models import AskingOrganisation, AskingWatch, Promise
from practice.reads.asking import findings, findings_by_practice, watch_of, who_asks
from practice.reads.worklist import to_do
from practice.services import asking
from practice.services.audit.sealing import seal_everything
from tests.fhirapi.test_walk import search_query
from workbench.bodies import appointment_body
from workbench.consumer import Consumer
from workbench.factories import make_access_profile, make_organisation, make_schedule, make_slots

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 18, 8, tzinfo=UTC)  # a Wednesday
OLD, NEW = "X9X01", "X9X07"


@pytest.fixture(autouse=True)
def wednesday_morning(monkeypatch):
    at(monkeypatch, NOW)


def at(monkeypatch, moment):
    monkeypatch.setattr(timezone, "now", lambda: moment)


def provider(practice, code=OLD):
    claims = {
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [{"system": ODS_CODE, "value": code}],
            "name": f"Provider {code}",
        }
    }
    return Consumer(practice.organisation, claims=claims)


def search(practice, code=OLD, **query):
    asked = {**search_query(), "searchFilter": f"{ODS_CODE}|{code}", **query}
    return provider(practice, code).search_slots(asked)


def promise(practice, **overrides):
    fields = {
        "organisation": practice.organisation,
        "name": "NHS 111",
        "ods_code": OLD,
        "slots_a_day": 1,
        "silent_after_days": 2,
        "made_at": NOW - timedelta(days=30),
        "mail_to": "manager@practice.example",
    }
    return Promise.objects.create(**{**fields, **overrides})


def watched(practice, moment=NOW):
    """Seal and watch as the two services do; the mails that went are returned."""
    before = len(mail.outbox)
    seal_everything(now=moment)
    asking.watch_who_asks([practice.organisation], now=moment)
    asking.tell_who_asks([practice.organisation], now=moment)
    return [sent.body for sent in mail.outbox[before:]]


def asked(code=OLD):
    return AskingOrganisation.objects.get(ods_code=code)


# ---------------------------------------------------------------- what is counted


def test_what_an_organisation_was_shown_booked_and_refused_is_counted_once(practice):
    slots = make_slots(3, make_schedule(start=NOW + timedelta(days=1)))
    search(practice)
    provider(practice).book(appointment_body(slots=slots[:1], patient=practice.patient))
    search(practice, status="busy")
    search(practice)

    watched(practice)
    watched(practice, NOW + timedelta(minutes=5))

    one = asked()
    assert (one.name, one.last_search_at, one.last_shown) == ("Provider X9X01", NOW, 2)
    assert (one.last_booking_at, one.for_ods_codes, one.nothing_since) == (NOW, [OLD], None)
    assert one.days == {
        "2026-11-18": {
            "searches": 3,
            "bookings": 1,
            "refusals": {"The parameter status must be free.": 1},
        }
    }


def test_what_is_not_sealed_yet_is_counted_when_it_is(practice):
    search(practice)
    asking.watch_who_asks([practice.organisation], now=NOW)
    assert not AskingOrganisation.objects.exists()

    watched(practice)

    assert asked().days["2026-11-18"]["searches"] == 1


def test_a_request_whose_sender_nobody_can_tell_is_counted_by_itself(practice):
    provider(practice).send(ssp.SEARCH_SLOTS, query=search_query(), token="bad")

    watched(practice)

    one = asked("")
    assert sum(one.days["2026-11-18"]["refusals"].values()) == 1
    assert findings(organisation=practice.organisation) == []


def test_many_events_are_counted_in_steps_as_if_in_one(practice, monkeypatch):
    monkeypatch.setattr(asking, "BATCH", 2)
    other = make_organisation()
    for _ in range(5):
        search(practice)
        Consumer(other).search_slots(search_query())
    seal_everything(now=NOW)

    asking.watch_who_asks([practice.organisation, other], now=NOW)

    assert [
        each.days["2026-11-18"]["searches"]
        for each in AskingOrganisation.objects.order_by("organisation")
    ] == [5, 5]


@pytest.mark.parametrize("number", [1, 5])
def test_counting_asks_as_many_questions_of_many_practices_as_of_one(
    practice, django_assert_num_queries, number
):
    practices = [practice.organisation, *(make_organisation() for _ in range(number - 1))]
    for each in practices:
        Consumer(each).search_slots(search_query())
    seal_everything(now=NOW)
    asking.watch_who_asks(practices, now=NOW)
    for each in practices:
        Consumer(each).search_slots(search_query())
    seal_everything(now=NOW)

    with django_assert_num_queries(13):
        asking.watch_who_asks(practices, now=NOW)


# ---------------------------------------------------------------- what staff should know


def test_a_new_provider_that_is_shown_nothing_is_said_on_its_first_search(practice, monkeypatch):
    """As when 111 passes to another at midnight, and profiles still name the one before."""
    profile = make_access_profile(ods_codes=[OLD])
    make_slots(2, make_schedule(start=NOW + timedelta(days=1)), access_profile=profile)
    promise(practice)
    search(practice)
    assert watched(practice) == []

    midnight = datetime(2026, 11, 19, 0, 3, tzinfo=UTC)
    at(monkeypatch, midnight)
    search(practice, NEW)
    (told,) = watched(practice, midnight)

    assert told == (
        "Provider X9X07 (X9X07) searches, and has been shown nothing since Thursday 19 November:"
        " nobody named it."
    )
    assert to_do(practice.organisation, now=midnight).asking == 1
    search(practice, NEW)
    assert watched(practice, midnight + timedelta(minutes=5)) == []

    profile.ods_codes = [OLD, NEW]
    profile.save()
    assert watched(practice, midnight + timedelta(minutes=10)) == [
        "Provider X9X07 no longer searches for nothing."
    ]
    assert to_do(practice.organisation, now=midnight).asking == 0


def test_a_stranger_who_is_shown_something_is_no_news(practice):
    make_slots(2, make_schedule(start=NOW + timedelta(days=1)))
    promise(practice)
    search(practice)
    search(practice, NEW)

    assert watched(practice) == []


def test_one_that_is_promised_slots_and_no_longer_searches_is_said_and_so_is_its_return(
    practice, monkeypatch
):
    promise(practice)
    search(practice)
    assert watched(practice) == []
    assert watched(practice, NOW + timedelta(hours=47)) == []

    later = NOW + timedelta(hours=49)
    (told,) = watched(practice, later)
    assert told == (
        "Provider X9X01 (X9X01) is promised slots (“NHS 111”), and has not searched since"
        " Wednesday 18 November."
    )
    assert watched(practice, later + timedelta(minutes=5)) == []

    at(monkeypatch, later)
    search(practice)
    assert watched(practice, later + timedelta(minutes=10)) == ["Provider X9X01 searches again."]


def test_one_that_was_never_heard_of_has_the_time_that_the_promise_gives(practice):
    promise(practice, ods_code="", organisation_type="urgent-care", made_at=NOW)
    watched(practice)

    assert watched(practice, NOW + timedelta(hours=47)) == []
    (told,) = watched(practice, NOW + timedelta(hours=49))
    assert told.startswith("Any ")
    assert told.endswith("is promised slots (“NHS 111”), and never searched.")


def test_mail_that_nobody_took_is_sent_the_next_time(practice, settings):
    taken_by = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens
    promise(practice)
    search(practice, NEW)
    assert watched(practice) == []

    settings.EMAIL_BACKEND = taken_by

    assert len(watched(practice, NOW + timedelta(minutes=5))) == 1
    assert watched(practice, NOW + timedelta(minutes=10)) == []


def test_findings_are_counted_for_whoever_watches_all_practices(practice):
    search(practice, NEW)
    watched(practice)

    assert findings_by_practice() == {practice.organisation.ods_code: {"nothing": 1}}


def test_a_practice_hears_nothing_of_who_asks_another(practice):
    other = make_organisation()
    search(practice)
    Consumer(other).search_slots(search_query())
    seal_everything(now=NOW)
    asking.watch_who_asks([practice.organisation, other], now=NOW)

    watch = watch_of(organisation=other)
    rows = who_asks(organisation=other, watch=watch, now=NOW)

    assert [row.name for row in rows] == ["Test Hospital"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_two_who_count_at_the_same_time_count_and_tell_once(practice):
    promise(practice)
    for _ in range(3):
        search(practice, NEW)
    seal_everything(now=NOW)
    barrier = Barrier(2)

    def one_of_two(_):
        try:
            with across_practices():
                barrier.wait(60)
                asking.watch_who_asks([practice.organisation], now=NOW)
                return asking.tell_who_asks([practice.organisation], now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one_of_two, range(2))) == [{}, {}]

    assert asked(NEW).days["2026-11-18"]["searches"] == 3
    assert AskingWatch.objects.count() == 1
    assert len(mail.outbox) == 1
