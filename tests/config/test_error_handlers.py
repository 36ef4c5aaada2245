"""What no view answers is answered in the words of the door through which it came."""

import pytest
from django.core import exceptions as django_errors
from django.core.handlers.exception import response_for_exception
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from django.urls import reverse

from practice.db import availability
from workbench.consumer import spine_code
from workbench.staff import RECEPTIONIST, make_staff


def answer(request, fault):
    """What Django answers when it has caught this."""
    try:
        raise fault
    except Exception as caught:
        return response_for_exception(request, caught)


@pytest.mark.parametrize(
    ("fault", "status", "code", "words"),
    [
        (django_errors.BadRequest(), 400, "BAD_REQUEST", "could not be understood"),
        (django_errors.PermissionDenied(), 403, "ACCESS_DENIED", "Your role at this practice"),
        (Http404(), 404, "ORGANISATION_NOT_FOUND", "There is no such page"),
        (ValueError("of ours"), 500, "INTERNAL_SERVER_ERROR", "Something went wrong"),
    ],
)
def test_staff_get_a_page_and_other_organisations_an_outcome(rf, fault, status, code, words):
    """The page asks the database for nothing: nobody knows here what still works."""
    page = answer(rf.get("/admin/diary/"), fault)
    outcome = answer(rf.get("/A20047/STU3/1/gpconnect/x"), fault)

    assert (page.status_code, outcome.status_code) == (status, status)
    assert page["Content-Type"].startswith("text/html")
    assert words in page.content.decode()
    assert "of ours" not in page.content.decode()
    assert 'href="/admin/"' in page.content.decode()
    assert spine_code(outcome) == code


def test_why_something_is_forbidden_is_said_where_it_is_known(rf):
    why = "Only some roles may overbook a session."
    page = answer(rf.get("/admin/"), django_errors.PermissionDenied(why))

    assert why in page.content.decode()
    assert "Your role" not in page.content.decode()


@pytest.mark.django_db
def test_a_receptionist_is_told_that_a_page_is_not_for_them(practice):
    client = Client()
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))

    page = client.get("/admin/auth/user/")

    assert page.status_code == 403
    assert "Ask your practice administrator" in page.content.decode()


@pytest.mark.django_db
def test_a_form_of_a_session_before_is_refused_in_words(practice):
    """The same form is accepted with the token of this session: only its age is at fault."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff(practice.organisation))
    address = reverse("admin:choose_practice")
    form = {"practice": practice.organisation.pk}
    client.get("/admin/")
    token = {"X-CSRFToken": client.cookies["csrftoken"].value}

    too_old = client.post(address, form)
    fresh = client.post(address, form, headers=token)

    assert too_old.status_code == 403
    assert "This form is too old" in too_old.content.decode()
    assert "Nothing was saved" in too_old.content.decode()
    assert (fresh.status_code, fresh["Location"]) == (302, "/admin/")


# ---------------------------------------------------------------- the database is away


@pytest.fixture
def away(monkeypatch, in_vain):
    """No connection to be had: the list grows with each try that waited for one."""
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", in_vain)
    return in_vain.waited


@pytest.fixture
def browser():
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "of somebody who was signed in"
    return client


def test_staff_are_told_so_and_one_request_at_a_time_waits(away, browser):
    pages = [browser.get("/admin/diary/?day=2027-02-01") for _ in range(4)]

    assert [page.status_code for page in pages] == [503] * 4
    assert away == [1]
    for page in pages:
        assert page["Retry-After"]
        assert "The appointment book cannot be reached" in page.content.decode()
        assert 'href="/admin/diary/?day=2027-02-01">Try again' in page.content.decode()


def test_what_was_typed_is_not_offered_to_be_sent_again(away, browser):
    page = browser.post("/admin/practice/appointment/add/", {"patient": "1"})

    assert page.status_code == 503
    assert "Try again</a>" not in page.content.decode()
    assert "look before you send it again" in page.content.decode()


@pytest.mark.django_db
@pytest.mark.req("SEC-022")
def test_strangers_who_need_no_database_neither_prolong_an_outage_nor_end_it(consumer, no_database):
    """Each opens the sign-in page, or sends its form without a token: no query is needed."""
    stranger = Client(enforce_csrf_checks=True)
    availability.outage.begin()

    def knock():
        return stranger.get("/admin/login/"), stranger.post("/admin/login/")

    for page in knock() + knock():
        assert page.status_code == 503
    assert consumer.read_metadata().status_code == 503
    assert no_database.outage.is_under_way

    no_database.end()
    assert [page.status_code for page in knock()] == [200, 403]
    assert consumer.read_metadata().status_code == 200


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (OperationalError("the connection was closed"), 503),
        (OperationalError("deadlock detected"), 503),
        (KeyError("of ours"), 500),
    ],
)
def test_only_what_is_the_databases_fault_is_called_so(rf, fault, status, no_database):
    assert answer(rf.get("/admin/"), fault).status_code == status
    assert not availability.outage.is_under_way, "there was a connection: nobody is to be spared"
