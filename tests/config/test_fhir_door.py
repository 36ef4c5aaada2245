"""Other organisations' requests pass less on their way in, and nobody can tell by the answers."""

import pytest
from django.http.request import HttpHeaders
from django.test import Client

from config.fhir_door import SentHeaders
from workbench.bodies import appointment_body
from workbench.consumer import Consumer
from workbench.factories import make_slots

DOOR = "config.fhir_door.straight_to_view"


def ask_everything(client, practice, sent):
    """An answer of each kind: read, made, and refused in all ways, outside of views as well."""
    consumer = Consumer(practice.organisation, client=client, headers=sent)
    body = appointment_body(slots=make_slots(1), patient=practice.patient)
    parameters = "&".join("x=1" for _ in range(1001))
    yield consumer.read_metadata()
    yield consumer.read_metadata(format="xml", headers={"Accept-Encoding": "gzip"})
    yield consumer.book(body)
    yield consumer.book(body)
    yield consumer.read_patient(0)
    yield consumer.read_metadata(token="none")
    yield consumer.search_slots(parameters)
    yield consumer.read_metadata(headers={"Host": "other.example"})
    yield consumer.read_metadata(verb="DELETE")
    yield client.get(f"{consumer.base}/no/such/thing", headers=sent)
    yield client.get("/A9/STU3/1/gpconnect/metadata", headers=sent)
    yield client.get("/no/service/root", headers=sent)


FOR_ANOTHER_HOST = 7  # its place among them
OF_THE_RESOURCE = {"ETag", "Content-Location", "Location", "Last-Modified", "Content-Length"}


def headers(answer):
    return {name: "there" if name in OF_THE_RESOURCE else value for name, value in answer.items()}


@pytest.mark.django_db
@pytest.mark.req("SEC-021", "SEC-029", "GEN-074")
def test_answers_have_the_headers_that_all_middleware_would_give_them(practice, settings):
    ways = ({}, {"X-Forwarded-Proto": "https"})
    at_door, inside = Client(), Client()
    short = [[*ask_everything(at_door, practice, sent)] for sent in ways]
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != DOOR]
    whole = [[*ask_everything(inside, practice, sent)] for sent in ways]

    statuses = [200, 200, 201, 409, 404, 400, 400, 400, 400, 501, 404, 404]
    for is_secure, found, wanted in zip((False, True), short, whole, strict=True):
        assert [each.status_code for each in found] == statuses
        assert [each.status_code for each in wanted] == statuses
        expected = [headers(each) for each in wanted]
        expected[FOR_ANOTHER_HOST]["X-Frame-Options"] = "DENY"  # refused before it would be added
        assert [headers(each) for each in found] == expected
        assert all(("Strict-Transport-Security" in each) == is_secure for each in found)
        assert not any(each.cookies for each in found)


@pytest.mark.django_db
def test_only_what_is_below_a_service_root_is_let_past_the_middleware_of_pages(consumer):
    def has_passed(answer):
        return hasattr(answer.wsgi_request, "session")

    client = consumer.client
    assert not has_passed(consumer.read_metadata())
    assert not has_passed(client.get(f"{consumer.base}"))
    for path in ("/admin/", "/admin/STU3/1/gpconnect/metadata", "/no/service/root", "/"):
        assert has_passed(client.get(path)), path


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
def test_a_fault_on_the_way_is_answered_in_fhir(practice, monkeypatch):
    """Such as one of Django's own: what goes wrong in a view never leaves it."""
    consumer = Consumer(practice.organisation, client=Client(raise_request_exception=False))
    monkeypatch.setattr("config.fhir_door.resolve", lambda path: 1 / 0)

    answer = consumer.read_metadata()

    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert "X-Content-Type-Options" in answer


def test_headers_are_found_however_they_are_written():
    sent = {"HTTP_SSP_FROM": "1", "HTTP_ACCEPT": "a", "CONTENT_TYPE": "b", "wsgi.errors": None}
    found = SentHeaders(sent)

    assert [found.get(name) for name in ("Ssp-From", "ssp-from", "SSP-FROM")] == ["1"] * 3
    assert (found["content-type"], found["Accept"]) == ("b", "a")
    assert (
        dict(found)
        == dict(HttpHeaders(sent))
        == {
            "Ssp-From": "1",
            "Accept": "a",
            "Content-Type": "b",
        }
    )
    assert found.get("Authorization", "none") == "none"
    assert ("Ssp-To" in found, "Ssp-From" in found, "wsgi.errors" in found) == (False, True, False)
    with pytest.raises(KeyError):
        found["Ssp-To"]
