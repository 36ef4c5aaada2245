"""What pages that stay open ask: a number that says whether anything has changed."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from practice.models import AuditEvent
from practice.staff.live import live
from practice.staff.sign_in import SEEN_AT
from tests.practice.staff.diary_world import DURING, THURSDAY, booked
from workbench.factories import make_appointment, make_schedule, make_slots

DAYS = (THURSDAY, THURSDAY)


@pytest.fixture
def asked(practice, client, monkeypatch):
    """``asked(version)``: the page of the Thursday asks at 09:25, or later, without a cookie."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: DURING)
    given = live(practice.organisation, timezone.now(), DAYS)

    def ask(version=given["version"], address=given["address"]):
        client.cookies.clear()
        return client.get(address, headers={"If-None-Match": f'"{version}"'})

    return ask


def test_nothing_new_is_said_in_one_statement_without_a_trace(asked, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = asked()

    assert response.status_code == 304
    assert response.content == b""
    assert not AuditEvent.objects.exists()
    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


def test_it_passes_no_middleware_of_pages_and_waits_for_no_database(asked, monkeypatch):
    """Twenty open diaries ask every few seconds; the headers are those of every other answer."""
    response = asked()
    monkeypatch.setattr("practice.db.availability.would_block", lambda: True)

    assert not hasattr(response.wsgi_request, "session")
    assert response["X-Frame-Options"] == "DENY"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert asked().status_code == 503


def test_something_new_is_a_number_and_nothing_else(practice, asked):
    slots = make_slots(2, make_schedule(date=THURSDAY))
    appointment = booked(slots[0], family_name="Secret")

    response = asked()

    assert response.status_code == 200
    assert response.content.decode().replace("-", "").isdecimal()
    assert asked(response.content.decode()).status_code == 304
    appointment.slots.update(note="x")
    assert asked(response.content.decode()).status_code == 200


def test_the_clock_makes_a_running_day_another_one_every_five_minutes(asked, monkeypatch):
    later = DURING + timedelta(minutes=5)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert asked().status_code == 200

    tomorrow = DURING + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow)
    fresh = asked().content.decode()
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow + timedelta(minutes=5))
    assert asked(fresh).status_code == 304


@pytest.mark.parametrize("broken", ["x", "1", "1:abc:def"])
def test_an_address_that_we_did_not_give_opens_nothing(asked, broken):
    assert asked(address=f"/admin/version/{broken}/").status_code == 403


def test_an_address_of_yesterday_opens_nothing(asked, monkeypatch):
    monkeypatch.setattr(settings, "SESSION_COOKIE_AGE", -1)

    assert asked().status_code == 403


def test_a_page_that_asks_by_itself_is_no_sign_of_a_person(
    practice, client, receptionist, monkeypatch
):
    """An open diary before which nobody sits is signed out when it should be."""
    session = client.session
    session[SEEN_AT] = DURING.timestamp()
    session.save()
    given = live(practice.organisation, DURING)["address"]

    def at(minutes, address="/admin/changes/diary/"):
        moment = DURING + timedelta(minutes=minutes)
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
        return client.get(address)

    for minutes in (2, settings.STAFF_IDLE_MINUTES):
        assert at(minutes, given).status_code == 200
        assert at(minutes).status_code == 200
        assert client.session[SEEN_AT] == DURING.timestamp()
    answer = at(settings.STAFF_IDLE_MINUTES + 1)
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


def test_a_booking_from_outside_is_told(practice, asked):
    slot = make_slots(1, make_schedule(date=THURSDAY + timedelta(days=1)))[0]
    version = asked("").content.decode()

    make_appointment(slots=[slot])

    day = THURSDAY + timedelta(days=1)
    given = live(practice.organisation, timezone.now(), (day, day))
    assert asked(version, given["address"]).status_code == 200
