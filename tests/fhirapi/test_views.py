"""What every URL does before and after its own lines: guards, answers, transactions, trail.

The URLs are those of ``tests.fhirapi.echo``, except where the routes themselves are the matter.
"""

import gzip
import json
from io import BytesIO

import pytest
from django.db import OperationalError, connection
from django.test import Client

from fhirapi import ssp
from practice.exceptions import SlotNotFree
from practice.models import AuditEvent, Location
from practice.services.audit import recording
from tests.fhirapi import echo
from workbench.consumer import (
    ABSENT,
    Consumer,
    as_dict,
    diagnostics,
    make_claims,
    make_token,
    read_back,
    spine_code,
)
from workbench.factories import make_organisation

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.fhirapi.echo")]

BODY = {"resourceType": "Basic", "id": "9", "code": {"text": "Zoë"}}


@pytest.fixture
def hook(monkeypatch):
    """Make the handler of an interaction do something first: ``hook(interaction, action)``."""

    def install(interaction, action):
        monkeypatch.setitem(echo.hooks, interaction.name, action)

    return install


def failing(exc):
    def action(request):
        raise exc

    return action


# ---------------------------------------------------------------- the guards


# One thing wrong for each guard, in the order in which they are to notice: its answer, its words.
WRONG = [
    ("practice", 404, "ORGANISATION_NOT_FOUND", "service root"),
    ("verb", 400, "BAD_REQUEST", "verb"),
    ("header", 400, "BAD_REQUEST", "Ssp-TraceID"),
    ("interaction", 400, "BAD_REQUEST", "Ssp-InteractionID"),
    ("token", 400, "BAD_REQUEST", "bearer token"),
    ("scope", 400, "BAD_REQUEST", "requested_scope"),
    ("enablement", 403, "ACCESS_DENIED", "Appointment Management"),
    ("accept", 415, "BAD_REQUEST", "_format or Accept"),
    ("content type", 415, "BAD_REQUEST", "Content-Type"),
    ("body", 400, "BAD_REQUEST", "malformed"),
]


@pytest.mark.req("ERR-062", "SEC-020", "ERR-013")
@pytest.mark.parametrize("first", range(len(WRONG)), ids=[name for name, *_ in WRONG])
def test_the_first_guard_that_fails_decides(practice, first):
    """Everything from one guard on is wrong, everything before it right."""
    wrong = {name for name, *_ in WRONG[first:]}
    organisation = practice.organisation
    organisation.appointment_management_enabled = "enablement" not in wrong
    organisation.save()
    consumer = Consumer(organisation)
    if "practice" in wrong:
        organisation.ods_code = "Z99999"
    headers = {}
    if "header" in wrong:
        headers["Ssp-TraceID"] = ABSENT
    if "interaction" in wrong:
        headers["Ssp-InteractionID"] = ssp.READ_METADATA.id
    if "accept" in wrong:
        headers["Accept"] = "text/html"

    response = consumer.book(
        b"{" if "body" in wrong else BODY,
        verb="PATCH" if "verb" in wrong else None,
        headers=headers,
        token="x" if "token" in wrong else None,
        claims={"requested_scope": "patient/*.read"} if "scope" in wrong else None,
        content_type="text/plain" if "content type" in wrong else None,
    )

    _, status, code, words = WRONG[first]
    assert response.status_code == status
    assert spine_code(response) == code
    assert words in diagnostics(response)
    assert not Location.objects.filter(name="made by a command").exists()
    assert AuditEvent.objects.get().outcome == str(status)


@pytest.mark.req("GEN-009", "GEN-007", "GEN-001")
@pytest.mark.parametrize("ods_code", ["Z99999", "{lower}", "{code}0", "%00", "a%20b", "admin", "é"])
@pytest.mark.parametrize("path", ["/metadata", "/Nonsense", "/Appointment/9"])
def test_a_practice_that_is_not_here_has_no_addresses(practice, ods_code, path):
    code = practice.organisation.ods_code
    known = ods_code.format(lower=code.lower(), code=code)

    response = Client().get(f"/{known}/STU3/1/gpconnect{path}")

    assert response.status_code == 404
    assert spine_code(response) == "ORGANISATION_NOT_FOUND"
    assert AuditEvent.objects.get().organisation is None


@pytest.mark.req("GEN-010", "ERR-036", "GEN-006", "GEN-117")
@pytest.mark.parametrize("verb", ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/Nonsense",
        "/Slot/1",
        "/metadata/",
        "/patient",
        "/a%0Ab",
        "/Appointment/9/_history/1",
    ],
)
def test_what_is_not_implemented_says_so_with_every_verb(consumer, verb, path):
    response = consumer.send(ssp.READ_METADATA, path, verb=verb)

    assert response.status_code == 501
    assert spine_code(response) == "NOT_IMPLEMENTED"
    assert AuditEvent.objects.get().spine_code == "NOT_IMPLEMENTED"


@pytest.mark.req("GEN-011", "GEN-013", "ERR-044", "ERR-071", "META-005")
@pytest.mark.parametrize("verb", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROB"])
def test_a_verb_that_an_address_does_not_offer_is_a_bad_request(consumer, verb):
    response = consumer.read_metadata(verb=verb)

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
    assert "GET" in diagnostics(response)
    assert response["Allow"] == "GET"


def test_head_is_no_verb_of_any_interaction(consumer):
    assert consumer.read_metadata(verb="HEAD").status_code == 400


# ---------------------------------------------------------------- the switches

REFUSED_WITHOUT_GP_CONNECT = "GP Connect is disabled at this practice."
REFUSED_WITHOUT_APPOINTMENTS = "The Appointment Management capability is disabled at this practice."


@pytest.mark.req("ENA-010", "ENA-011", "ENA-012", "ENA-013", "ENA-016", "ERR-028", "META-002")
@pytest.mark.parametrize(
    ("gp_connect", "appointments", "refused"),
    [
        (True, True, {}),
        (True, False, dict.fromkeys(["Slot", "Appointment/9"], REFUSED_WITHOUT_APPOINTMENTS)),
        (
            False,
            True,
            dict.fromkeys(["Slot", "Appointment/9", "Patient"], REFUSED_WITHOUT_GP_CONNECT),
        ),
        (
            False,
            False,
            dict.fromkeys(["Slot", "Appointment/9", "Patient"], REFUSED_WITHOUT_GP_CONNECT),
        ),
    ],
)
@pytest.mark.parametrize(
    ("path", "interaction"),
    [
        ("metadata", ssp.READ_METADATA),
        ("Patient", ssp.FIND_PATIENT),
        ("Slot", ssp.SEARCH_SLOTS),
        ("Appointment/9", ssp.READ_APPOINTMENT),
    ],
)
def test_what_is_switched_off_is_denied(
    practice, path, interaction, gp_connect, appointments, refused
):
    practice.organisation.gp_connect_enabled = gp_connect
    practice.organisation.appointment_management_enabled = appointments
    practice.organisation.save()

    response = Consumer(practice.organisation).send(interaction, f"/{path}")

    if path not in refused:
        assert response.status_code == 200
        return
    assert response.status_code == 403
    assert spine_code(response) == "ACCESS_DENIED"
    assert diagnostics(response) == refused[path]
    assert AuditEvent.objects.get().spine_code == "ACCESS_DENIED"


@pytest.mark.req("ENA-007")
def test_a_switch_takes_effect_at_once(practice):
    consumer = Consumer(practice.organisation)
    assert consumer.search_slots().status_code == 200

    practice.organisation.appointment_management_enabled = False
    practice.organisation.save()

    assert consumer.search_slots().status_code == 403


# ---------------------------------------------------------------- media types


@pytest.mark.req("GEN-056", "ERR-015", "META-004", "ERR-071")
@pytest.mark.parametrize(
    ("query", "accept"),
    [("_format=text/html", "application/fhir+json"), ("", "text/html"), ("", "image/png")],
)
def test_a_format_we_do_not_speak_is_refused_in_json(consumer, query, accept):
    response = consumer.read_metadata(query=query, headers={"Accept": accept})

    assert response.status_code == 415
    assert response["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert spine_code(response) == "BAD_REQUEST"
    assert as_dict(response)["issue"][0]["code"] == "not-supported"


@pytest.mark.req("GEN-062", "META-004")
def test_a_plus_that_became_a_space_is_understood(consumer):
    response = consumer.read_metadata(
        query="_format=application/fhir+xml", headers={"Accept": "application/fhir+json"}
    )

    assert response["Content-Type"] == "application/fhir+xml;charset=utf-8"


@pytest.mark.req("GEN-054")
def test_without_accept_the_answer_is_in_the_format_of_the_body(consumer):
    response = consumer.book(BODY, format="xml", headers={"Accept": ABSENT})

    assert response["Content-Type"] == "application/fhir+xml;charset=utf-8"
    assert as_dict(response)["code"] == BODY["code"]


@pytest.mark.req("GEN-057")
def test_a_body_without_a_content_type_is_a_bad_request(consumer):
    response = consumer.book(BODY, content_type="")

    assert response.status_code == 400
    assert "Content-Type" in diagnostics(response)


def test_a_body_that_is_too_large_is_an_outcome(consumer, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    response = consumer.book(BODY)

    assert response.status_code == 413
    assert spine_code(response) == "BAD_REQUEST"
    assert "too large" in diagnostics(response)


def test_too_many_parameters_are_an_outcome(consumer, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3

    response = consumer.search_slots("a=1&b=1&c=1&d=1")

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"


# ---------------------------------------------------------------- the answers


@pytest.mark.req("GEN-090", "GEN-091", "GEN-096", "GEN-097", "GEN-098", "GEN-074")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_a_create_says_where_the_new_resource_is(consumer, format):
    response = consumer.book(BODY, format=format)

    address = f"http://testserver{consumer.base}/Basic/9/_history/1"
    assert response.status_code == 201
    assert response["Location"] == response["Content-Location"] == address
    assert response["ETag"] == 'W/"1"'
    assert response["Last-Modified"] == "Mon, 25 May 2026 12:48:41 GMT"
    assert response["Cache-Control"] == "no-store"
    assert as_dict(response)["meta"]["versionId"] == "1"
    assert read_back(response).id == "9"


@pytest.mark.req("GEN-090", "GEN-097", "GEN-020")
def test_a_read_has_the_headers_of_its_version(consumer):
    response = consumer.read_appointment(12)

    assert response.status_code == 200
    assert response["ETag"] == 'W/"3"'
    assert response["Content-Location"].endswith("/Basic/12/_history/3")
    assert "Location" not in response
    assert as_dict(response)["id"] == "12"


@pytest.mark.req("META-006")
def test_a_resource_without_a_version_has_no_etag(consumer):
    response = consumer.read_metadata()

    assert response.status_code == 200
    assert "ETag" not in response
    assert "Content-Location" not in response


@pytest.mark.req("GEN-091", "GEN-110", "GEN-111")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_a_bundle_has_no_etag(consumer, format):
    response = consumer.send(ssp.FIND_PATIENT, format=format)

    assert response.status_code == 200
    assert "ETag" not in response
    assert as_dict(response) == {"resourceType": "Bundle", "type": "searchset"}


@pytest.mark.req("GEN-098", "GEN-099")
@pytest.mark.parametrize(
    ("prefer", "has_body"),
    [
        (ABSENT, True),
        ("return=representation", True),
        ("return=minimal", False),
        ("respond-async, Return = Minimal", False),
        ("nonsense", True),
    ],
)
def test_a_consumer_may_do_without_the_body(consumer, prefer, has_body):
    response = consumer.book(BODY, headers={"Prefer": prefer})

    assert response.status_code == 201
    assert response["ETag"] == 'W/"1"'
    assert response["Location"].endswith("/Basic/9/_history/1")
    assert bool(response.content) == has_body
    assert ("Content-Type" in response) == has_body


def test_a_read_has_its_body_whatever_is_preferred(consumer):
    assert consumer.read_appointment(9, headers={"Prefer": "return=minimal"}).content


@pytest.mark.req("SSP-012")
@pytest.mark.parametrize("method", ["amend", "cancel"])
def test_an_update_is_served_by_the_interaction_that_was_named(consumer, method):
    response = getattr(consumer, method)(9, BODY)

    assert response.status_code == 200
    assert as_dict(response)["code"]["text"].lower().startswith(method)


@pytest.mark.req("GEN-072")
def test_a_large_answer_is_compressed(consumer):
    response = consumer.search_slots({"size": 100}, headers={"Accept-Encoding": "gzip, deflate"})

    assert response["Content-Encoding"] == "gzip"
    assert response["Content-Length"] == str(len(response.content))
    response.content = gzip.decompress(response.content)
    assert len(as_dict(response)["entry"]) == 100


@pytest.mark.req("GEN-073")
def test_a_chunked_body_is_understood(consumer):
    response = consumer.client.generic(
        "POST",
        f"{consumer.base}/Appointment",
        headers={
            "Ssp-TraceID": "1",
            "Ssp-From": "1",
            "Ssp-To": consumer.organisation.asid,
            "Ssp-InteractionID": ssp.BOOK_APPOINTMENT.id,
            "Authorization": f"Bearer {make_token(make_claims(scope='patient/*.write'))}",
            "Transfer-Encoding": "chunked",
        },
        **{
            "wsgi.input": BytesIO(json.dumps(BODY).encode()),
            "wsgi.input_terminated": True,
            "CONTENT_TYPE": "application/fhir+json",
        },
    )

    assert response.status_code == 201


@pytest.mark.req("GEN-075")
def test_transport_security_is_announced_over_tls(consumer):
    response = consumer.client.get(f"{consumer.base}/metadata", secure=True)

    assert "max-age" in response["Strict-Transport-Security"]


@pytest.mark.req("GEN-006")
@pytest.mark.parametrize(
    "path", ["", "/metadata", "/Slot", "/Appointment", "/Patient/", "/nothing"]
)
def test_nothing_redirects(consumer, path):
    response = consumer.client.get(consumer.base + path)

    assert not 300 <= response.status_code < 400


# ---------------------------------------------------------------- failing and trying again


@pytest.mark.req("ERR-013", "AUD-016", "ERR-014", "AUD-003")
def test_a_refused_command_changes_nothing_and_is_recorded(consumer, hook):
    hook(ssp.BOOK_APPOINTMENT, failing(SlotNotFree()))

    response = consumer.book(BODY)

    assert response.status_code == 409
    assert spine_code(response) == "DUPLICATE_REJECTED"
    assert not Location.objects.filter(name="made by a command").exists()
    event = AuditEvent.objects.get()
    assert (event.outcome, event.spine_code) == ("409", "DUPLICATE_REJECTED")
    assert event.diagnostics == str(SlotNotFree())
    assert event.patient_id == 7
    assert event.user_name == "Dr Claire Jones"


@pytest.mark.req("AUD-016", "AUD-010")
@pytest.mark.parametrize("method", ["book", "read_appointment"])
def test_what_cannot_be_recorded_does_not_happen(consumer, monkeypatch, method):
    monkeypatch.setattr(recording, "record", lambda **_: failing(RuntimeError("disk full"))(None))

    response = consumer.book(BODY) if method == "book" else consumer.read_appointment(9)

    assert response.status_code == 500
    assert spine_code(response) == "INTERNAL_SERVER_ERROR"
    assert "disk full" not in response.content.decode()
    assert not Location.objects.filter(name="made by a command").exists()


def contention() -> OperationalError:
    error = OperationalError("database is locked")
    error.__cause__ = type("Cause", (Exception,), {"sqlite_errorname": "SQLITE_BUSY"})()
    return error


def test_a_command_that_lost_to_another_transaction_is_tried_once_more(consumer, hook):
    failures = [contention()]
    hook(ssp.BOOK_APPOINTMENT, lambda request: failures and failing(failures.pop())(request))

    response = consumer.book(BODY)

    assert response.status_code == 201
    assert Location.objects.filter(name="made by a command").count() == 1
    assert AuditEvent.objects.get().outcome == "201"


def test_a_command_that_loses_twice_is_unavailable(consumer, hook):
    hook(ssp.BOOK_APPOINTMENT, failing(contention()))

    response = consumer.book(BODY)

    assert response.status_code == 503
    assert response["Retry-After"]
    assert not Location.objects.filter(name="made by a command").exists()
    assert AuditEvent.objects.get().outcome == "503"


def test_a_command_that_failed_otherwise_is_not_tried_again(consumer, hook):
    tries = []
    hook(ssp.BOOK_APPOINTMENT, lambda request: (tries.append(1), failing(OperationalError())(0)))

    assert consumer.book(BODY).status_code == 503
    assert len(tries) == 1


@pytest.mark.req("ERR-037", "ERR-063", "GEN-037", "AUD-003")
def test_a_fault_of_ours_is_neutral_and_recorded(consumer, hook):
    hook(ssp.READ_APPOINTMENT, failing(KeyError("NHS 9476719931")))

    response = consumer.read_appointment(9, headers={"Ssp-TraceID": "4fd1"})

    assert response.status_code == 500
    assert "4fd1" in diagnostics(response)
    assert "9476719931" not in response.content.decode()
    assert AuditEvent.objects.get().spine_code == "INTERNAL_SERVER_ERROR"


def test_a_query_takes_no_lock_and_asks_for_little(consumer, django_assert_num_queries):
    """The practice and the record of the request: on SQLite, a transaction would block writers."""
    with django_assert_num_queries(2):
        consumer.read_metadata()


def test_a_command_runs_in_one_transaction(consumer, hook):
    depths = []
    before = len(connection.savepoint_ids)
    hook(ssp.BOOK_APPOINTMENT, lambda request: depths.append(len(connection.savepoint_ids)))
    hook(ssp.READ_APPOINTMENT, lambda request: depths.append(len(connection.savepoint_ids)))

    consumer.book(BODY)
    consumer.read_appointment(9)

    assert depths == [before + 1, before]


# ---------------------------------------------------------------- the trail


@pytest.mark.req(
    *("AUD-001", "AUD-002", "AUD-004", "AUD-006", "AUD-007", "AUD-009", "AUD-011", "AUD-012"),
    *("JWT-048", "JWT-070", "GEN-076"),
)
def test_every_answer_is_recorded_with_who_asked_for_what(consumer):
    response = consumer.read_appointment(
        9,
        query="a=1",
        headers={"Ssp-TraceID": "4fd1", "X-Forwarded-For": "10.1.2.3", "Ssp-From": "200000000115"},
    )

    event = AuditEvent.objects.get()
    assert response.status_code == 200
    assert event.organisation == consumer.organisation
    assert event.door == "gp-connect"
    assert event.event == ssp.READ_APPOINTMENT.id
    assert (event.outcome, event.spine_code, event.diagnostics) == ("200", "", "")
    assert event.trace_id == "4fd1"
    assert (event.user_id, event.user_name) == ("111222333444", "Dr Claire Jones")
    assert event.user_role == "444555666777"
    assert event.user_organisation == "Test Hospital (A1001)"
    assert event.device == "CONS-APP-4 Consumer product 5.3.0"
    assert event.address == "10.1.2.3"
    assert (event.patient_id, event.resource) == (7, "Appointment/9")
    assert event.detail == {
        "verb": "GET",
        "url": f"{consumer.base}/Appointment/9?a=1",
        "ssp_from": "200000000115",
        "ssp_to": consumer.organisation.asid,
        "forwarded": "10.1.2.3",
        "iss": "https://consumer.example/",
        "sub": "10019",
        "aud": "https://provider.example",
        "requested_scope": "patient/*.read",
        "reason_for_request": "directcare",
        "user_identifiers": [
            ["https://fhir.nhs.uk/Id/sds-user-id", "111222333444"],
            ["https://fhir.nhs.uk/Id/sds-role-profile-id", "444555666777"],
            ["https://consumer.example/Id/user-guid", "98ed4f78-814d"],
        ],
        "organisation_ods_code": "A1001",
    }


@pytest.mark.req("AUD-015", "ENA-016", "ERR-014")
def test_a_request_that_fails_before_its_token_is_read_is_recorded_with_what_is_known(consumer):
    consumer.read_metadata(token="x", headers={"Ssp-TraceID": "4fd1", "Forwarded": "for=10.9.9.9"})

    event = AuditEvent.objects.get()
    assert event.organisation == consumer.organisation
    assert event.event == ssp.READ_METADATA.id
    assert (event.outcome, event.spine_code) == ("400", "BAD_REQUEST")
    assert event.diagnostics == "The bearer token does not have three parts."
    assert event.trace_id == "4fd1"
    assert event.address == "for=10.9.9.9"
    assert event.user_id == event.user_name == ""


@pytest.mark.req("GEN-076", "AUD-012")
@pytest.mark.parametrize("before", ["for=10.9.9.9", "for=unknown, " * 40 + "for=10.9.9.9"])
def test_what_the_proxy_says_does_not_hide_the_address_that_nginx_saw(consumer, before):
    consumer.read_metadata(headers={"Forwarded": before, "X-Forwarded-For": "192.0.2.7"})

    event = AuditEvent.objects.get()
    assert event.address.endswith("for=10.9.9.9, 192.0.2.7")
    assert event.detail["forwarded"] == f"{before}, 192.0.2.7"


@pytest.mark.req("AUD-015")
def test_a_request_without_any_header_is_recorded_too(consumer):
    consumer.client.get(f"{consumer.base}/metadata")

    event = AuditEvent.objects.get()
    assert event.event == "GET without an interaction id"
    assert event.address == "127.0.0.1"


@pytest.mark.req("AUD-034")
def test_a_user_without_a_smartcard_role_is_recorded_as_unknown(consumer):
    practitioner = make_claims(scope="")["requesting_practitioner"]
    practitioner["identifier"] = practitioner["identifier"][:1]

    consumer.read_metadata(claims={"requesting_practitioner": practitioner})

    assert AuditEvent.objects.get().user_role == "unknown"


def test_headers_longer_than_the_trail_has_room_for_do_no_harm(consumer):
    long = "x" * 3000

    response = consumer.read_metadata(
        headers={"Ssp-TraceID": long, "X-Forwarded-For": long, "Ssp-From": long}
    )

    assert response.status_code == 200
    assert AuditEvent.objects.get().detail["ssp_from"] == long


def test_no_path_reaches_the_log(consumer, caplog):
    consumer.read_appointment("9476719931", verb="DELETE")
    consumer.send(ssp.READ_METADATA, "/Nonsense/9476719931")

    assert "9476719931" not in caplog.text


# ---------------------------------------------------------------- tenancy


@pytest.mark.req("GEN-001", "GEN-008", "GEN-002", "GEN-005")
def test_each_practice_answers_under_its_own_address_only(practice):
    other = make_organisation()

    response = Consumer(other).read_appointment(9)

    assert response["Content-Location"].startswith(
        f"http://testserver/{other.ods_code}/STU3/1/gpconnect/"
    )
    assert AuditEvent.objects.get().organisation == other
