"""The page of a supplier's sandbox: what they sent, what was wrong, a reset; nobody else's."""

from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client

from demo import sandbox_page, sandboxes
from fhirapi import errors, views
from fhirapi.errors import FHIRError, SpineError
from practice.models import AuditEvent
from workbench.bodies import appointment_body
from workbench.consumer import ABSENT, Consumer
from workbench.factories import make_organisation, make_patient, make_schedule, make_slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox():
    sandbox_page.resets.left.clear()
    organisation = make_organisation(sandbox_of="Mocksoft")
    make_patient(organisation)
    return organisation


@pytest.fixture
def supplier(sandbox):
    return Consumer(sandbox)


def page(sandbox, query=""):
    shown = Client().get(f"{sandboxes.page_of(sandbox)}{query}")
    assert shown.status_code == HTTPStatus.OK
    return shown.content.decode()


def lines(sandbox, query=""):
    """What stands in the table of requests."""
    return page(sandbox, query).partition('id="begin"')[0]


def exchange_page(sandbox, event):
    shown = Client().get(f"{sandboxes.page_of(sandbox)}{event.detail['exchange']}/")
    assert shown.status_code == HTTPStatus.OK
    return shown.content.decode()


ERRORS = {name: each for name, each in vars(errors).items() if isinstance(each, SpineError)}


@pytest.mark.parametrize("name", ERRORS)
def test_the_transcript_shows_each_error(sandbox, supplier, monkeypatch, name):
    """Every one of the error table, with its status, its code and its sentence."""
    error = ERRORS[name]

    def refuse(*args, **kwargs):
        raise FHIRError(error, "This is what was wrong.")

    monkeypatch.setattr(views.jwt, "check_scope", refuse)
    monkeypatch.setattr(views.settings, "GPCONNECT_ENFORCE_SCOPE", True)
    answer = supplier.read_metadata()

    found = lines(sandbox, "?wrong=1")
    assert answer.status_code == error.status
    assert f'front-open">{error.status}<' in found
    assert f"<strong>{error.code}</strong>" in found
    assert "This is what was wrong." in found
    assert "Asked what this practice can do" in found


def test_a_booking_and_its_refusal_are_read_back_with_their_bodies(sandbox, supplier):
    slot = make_slot(make_schedule(organisation=sandbox))
    patient = sandbox.patients.get()
    body = appointment_body(slots=[slot], patient=patient, description="Sore throat")

    booked = supplier.book(body)
    refused = supplier.book(body)

    assert (booked.status_code, refused.status_code) == (201, 409)
    found = lines(sandbox)
    assert found.count("Booked an appointment</a>") == 2
    assert "DUPLICATE_REJECTED" in found
    assert lines(sandbox, "?wrong=1").count("Booked an appointment</a>") == 1
    last, first = AuditEvent.objects.filter(door="gp-connect").order_by("-pk")
    for event, answer in ((first, booked), (last, refused)):
        shown = exchange_page(sandbox, event)
        assert shown.count("Sore throat") == (2 if answer is booked else 1)
        assert f'<pre tabindex="0">{answer.status_code}' in shown
        assert "&quot;requesting_practitioner&quot;" in shown
    assert booked["Location"] in exchange_page(sandbox, first)
    assert "OperationOutcome" in exchange_page(sandbox, last)


def test_what_cannot_be_read_is_shown_as_it_was_sent(sandbox, supplier):
    supplier.book(b"\xff\x00<no body>", token="no.token", headers={"Ssp-TraceID": ABSENT})

    (event,) = AuditEvent.objects.filter(door="gp-connect")
    shown = exchange_page(sandbox, event)
    assert "The Ssp-TraceID header is missing or empty." in shown
    assert "&lt;no body&gt;" in shown
    assert "Bearer no.token" in shown


# ---------------------------------------------------------------- who may read it


def test_only_the_address_of_a_sandbox_opens_it(sandbox, practice, supplier):
    supplier.read_metadata()
    (event,) = AuditEvent.objects.filter(door="gp-connect")
    other = make_organisation(sandbox_of="Another")
    ticket = sandboxes.ticket(sandbox)
    theirs = sandboxes.ticket(other)

    for address in (
        f"/developer/sandbox/{sandbox.pk}/",
        f"/developer/sandbox/{ticket[:-1]}/",
        f"/developer/sandbox/{other.pk}{ticket[ticket.index('.') :]}/",
        f"/developer/sandbox/{sandboxes.ticket(practice.organisation)}/",
        f"/developer/sandbox/{theirs}/{event.detail['exchange']}/",
        f"/developer/sandbox/{ticket}/{'0' * 32}/",
        f"/developer/sandbox/{sandboxes.SIGNER.sign('x')}/",
    ):
        assert Client().get(address).status_code == 404, address
        assert Client().post(address).status_code in (404, 405), address
    assert "Nothing has come yet." in page(other)


def test_a_removed_sandbox_has_no_page(sandbox):
    type(sandbox).objects.filter(pk=sandbox.pk).update(gp_connect_enabled=False)

    assert Client().get(sandboxes.page_of(sandbox)).status_code == 404


def test_each_reading_is_in_the_trail_and_the_address_goes_nowhere(sandbox):
    shown = Client().get(sandboxes.page_of(sandbox))

    event = AuditEvent.objects.get(organisation=sandbox)
    assert (event.event, event.user_name) == ("sandbox.viewed", "Supplier Mocksoft")
    assert shown["Referrer-Policy"] == "same-origin"
    assert shown["Cache-Control"] == "no-store"


def test_a_page_asks_as_much_whatever_was_sent(sandbox, supplier, django_assert_num_queries):
    address = sandboxes.page_of(sandbox)
    with connection.execute_wrapper(count := Counted()):
        Client().get(address)
    before = count.number
    for _ in range(30):
        supplier.read_metadata()

    count.number = 0
    with connection.execute_wrapper(count):
        shown = Client().get(address)

    assert count.number == before
    assert b"Page 1 of 2" in shown.content
    assert b"?wrong=0&amp;page=2" in shown.content


class Counted:
    """How many statements there were."""

    def __init__(self):
        self.number = 0

    def __call__(self, execute, sql, params, many, context):
        self.number += 1
        return execute(sql, params, many, context)


def test_the_fhir_base_is_that_of_other_systems_where_they_have_a_name_of_their_own(
    sandbox, settings
):
    assert f"http://testserver/{sandbox.ods_code}/STU3/1/gpconnect" in page(sandbox)

    settings.GPCONNECT_HOST = "fhir.example"

    assert f"https://fhir.example/{sandbox.ods_code}/STU3/1/gpconnect" in page(sandbox)


# ---------------------------------------------------------------- resetting


def test_the_button_resets_this_sandbox_and_says_so(sandbox, monkeypatch):
    was_reset = []
    monkeypatch.setattr(sandboxes, "reset", lambda each, **options: was_reset.append(each))
    address = sandboxes.page_of(sandbox)

    forged = Client(enforce_csrf_checks=True).post(address)
    answers = [Client().post(address, follow=True) for _ in range(sandbox_page.RESETS_A_MINUTE + 1)]

    assert forged.status_code == 403
    assert was_reset == [sandbox] * sandbox_page.RESETS_A_MINUTE
    assert "was reset: its diary begins today" in answers[0].content.decode()
    assert "Try again in a minute" in answers[-1].content.decode()


def test_the_form_s_own_token_is_accepted(sandbox, monkeypatch):
    monkeypatch.setattr(sandboxes, "reset", lambda each, **options: None)
    client = Client(enforce_csrf_checks=True)
    shown = client.get(sandboxes.page_of(sandbox)).content.decode()
    token = shown.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]

    answer = client.post(sandboxes.page_of(sandbox), {"csrfmiddlewaretoken": token})

    assert answer.status_code == 302
