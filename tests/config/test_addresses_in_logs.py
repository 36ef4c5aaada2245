"""No line of any logger tells an address: it may name a patient, or be the secret of a feed."""

import json

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.test import Client

from config import request_log
from practice.staff import calendar_feeds, diary
from workbench.factories import make_patient
from workbench.staff import PASSWORD, RECEPTIONIST, make_staff, signed_in, try_to_sign_in

pytestmark = [pytest.mark.req("SEC-023"), pytest.mark.django_db]

SECRET = "Qp0Zk-3vT_8sLxY7w1NfRb2uHc5eJd9aGmKi4oVqXtE"
FEED = f"/calendar/{SECRET}.ics"
SEARCH = "/admin/practice/patient/?q=Blankfield"


def told(lines, *, route):
    """All that was logged, when it was of a request for this route."""
    found = lines()
    [request] = [line for line in found if line["logger"] == "config.requests"]
    assert request["route"] == route
    return json.dumps(found), [line["message"] for line in found if line is not request]


@pytest.mark.parametrize("verb", ["PROPFIND", "GET"])
def test_a_sandbox_s_page_that_is_not_there_leaves_no_secret(client, lines, verb):
    client.generic(verb, f"/developer/sandbox/1.{SECRET}/")

    text, _ = told(lines, route="sandbox")
    assert SECRET not in text


@pytest.mark.parametrize("verb", ["PROPFIND", "OPTIONS", "GET", "POST"])
def test_a_calendar_program_that_is_refused_leaves_no_secret(client, lines, verb):
    response = client.generic(verb, FEED)

    assert response.status_code == (404 if verb == "GET" else 405)
    text, messages = told(lines, route="calendar_feed")
    assert SECRET not in text
    assert messages == (
        ["Not Found: calendar_feed"]
        if verb == "GET"
        else [f"Method Not Allowed ({verb}): calendar_feed"]
    )


def test_nor_does_an_address_beside_the_feeds(client, lines):
    client.get(f"/calendar/{SECRET}")

    text, messages = told(lines, route="no route")
    assert SECRET not in text
    assert messages == ["Not Found: no route"]


@pytest.mark.parametrize(
    "fault",
    [
        KeyError(SECRET),
        ValueError(f"no reverse for {FEED}"),
        BadRequest(f"{FEED} is odd"),
        PermissionDenied(FEED),
        SuspiciousOperation(f"unsafe: {FEED}"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_while_a_feed_is_read_leaves_no_secret(lines, monkeypatch, fault):
    def fail(*_, **__):
        raise fault

    monkeypatch.setattr(calendar_feeds.calendar_feeds, "live_feed", fail)
    Client(raise_request_exception=False).get(FEED)

    text, messages = told(lines, route="calendar_feed")
    assert SECRET not in text
    assert messages
    assert type(fault).__name__ in text, "what happened is told all the same"


@pytest.mark.parametrize(
    ("ask", "route"),
    [
        pytest.param(
            lambda client: client.get("/admin/no-such-page/?q=Blankfield"),
            "admin/(?P<url>.*)$",
            id="not found",
        ),
        pytest.param(
            lambda client: client.post("/admin/diary/?q=Blankfield"), "admin:diary", id="method"
        ),
        pytest.param(
            lambda client: client.post(
                SEARCH, headers={"Referer": "https://other.example/Blankfield"}, secure=True
            ),
            "admin:practice_patient_changelist",
            id="form without its token",
        ),
        pytest.param(
            lambda client: client.get(SEARCH, headers={"Host": "other.example"}),
            "no route",
            id="host",
        ),
    ],
)
def test_a_page_of_staff_that_is_refused_leaves_no_address(practice, lines, ask, route):
    staff = Client(enforce_csrf_checks=True)
    staff.force_login(make_staff(practice.organisation))
    lines.clear()

    assert ask(staff).status_code in {400, 403, 404, 405}

    text, messages = told(lines, route=route)
    assert "Blankfield" not in text
    assert "no-such-page" not in text
    assert messages


def test_a_fault_on_a_page_of_staff_leaves_no_address(practice, lines, monkeypatch):
    def fail(*_):
        raise RuntimeError("at /admin/diary/?q=Blankfield")

    staff = signed_in(practice.organisation, role=RECEPTIONIST)
    staff.raise_request_exception = False
    monkeypatch.setattr(diary.Diary, "get", fail)
    lines.clear()

    staff.get("/admin/diary/?q=Blankfield")

    text, messages = told(lines, route="admin:diary")
    assert "Blankfield" not in text
    assert "RuntimeError: at admin:diary" in text
    assert messages == ["Internal Server Error: admin:diary"]


def test_a_name_that_was_typed_when_signing_in_is_not_told(settings, lines):
    """It may be a password in the wrong field."""
    settings.AXES_ENABLED = True

    try_to_sign_in(Client(), username=PASSWORD, password="wrong")

    assert PASSWORD not in json.dumps(lines())


def test_a_patient_who_is_asked_for_from_outside_is_not_told(consumer, practice, lines):
    patient = make_patient(practice.organisation)
    with_a_fault = consumer.read_patient("123456789012345678901234")

    assert with_a_fault.status_code == 404
    assert "123456789012345678901234" not in json.dumps(lines())
    assert patient.nhs_number not in json.dumps(lines())


def test_the_request_is_forgotten_when_it_is_answered(client):
    client.get("/admin/")

    assert request_log.logs.asked.get() is None
