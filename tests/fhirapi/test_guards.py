"""Who is listened to at all, and how often."""

import pytest
from django.db import connection
from django.utils import timezone

from fhirapi import guards, ssp, views
from practice.db import availability
from practice.models import Appointment, AuditEvent
from practice.reads.directory import practice_later
from practice.services.audit import spool
from workbench.bodies import appointment_body
from workbench.consumer import (
    ABSENT,
    Consumer,
    diagnostics,
    issues,
    make_claims,
    spine_code,
)
from workbench.factories import make_organisation, make_slot

VERIFIED = {"X-Client-Verify": "SUCCESS"}


@pytest.mark.django_db
@pytest.mark.req("SEC-009", "SEC-001", "SEC-025")
@pytest.mark.parametrize("interaction", ssp.INTERACTIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("said", [None, "", "NONE", "FAILED:certificate has expired", "success"])
def test_without_the_word_of_nginx_nothing_is_answered(consumer, settings, interaction, said):
    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True
    path = interaction.path.replace("[id]", "9")
    headers = {} if said is None else {"X-Client-Verify": said}

    response = consumer.send(interaction, path, headers=headers, body={"resourceType": "Basic"})

    assert response.status_code == 403
    assert spine_code(response) == "ACCESS_DENIED"
    assert AuditEvent.objects.get().spine_code == "ACCESS_DENIED"


@pytest.mark.django_db
@pytest.mark.req("SEC-009")
def test_with_the_word_of_nginx_requests_are_answered(consumer, settings):
    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True

    assert consumer.read_metadata(headers=VERIFIED).status_code == 200


@pytest.mark.django_db
@pytest.mark.req("SEC-009")
def test_who_may_not_ask_does_not_learn_which_practices_there_are(practice, settings):
    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True
    nowhere = Consumer(make_organisation())
    nowhere.organisation.ods_code = "Z99999"

    answers = [each.read_metadata() for each in (Consumer(practice.organisation), nowhere)]

    assert len({answer.content for answer in answers}) == 1


@pytest.mark.django_db
@pytest.mark.req("ERR-062")
@pytest.mark.parametrize(("headers", "said"), [({"Ssp-To": ABSENT}, "Ssp-To"), ({}, "parameters")])
def test_what_no_server_reads_is_refused_when_its_turn_comes(consumer, practice, headers, said):
    query = {f"p{number}": "x" for number in range(1_001)}

    refused = consumer.retrieve(practice.patient.pk, query=query, headers=headers)

    assert refused.status_code == 400
    assert said in diagnostics(refused)
    assert AuditEvent.objects.get().organisation == practice.organisation


# ---------------------------------------------------------------- how often


@pytest.fixture
def limits(settings, monkeypatch):
    """Two queries and one command in a minute, counted from nought."""
    settings.GPCONNECT_QUERIES_PER_MINUTE, settings.GPCONNECT_COMMANDS_PER_MINUTE = 2, 1
    monkeypatch.setattr(guards, "queries", guards.Allowance())
    monkeypatch.setattr(guards, "commands", guards.Allowance())


@pytest.mark.req("SEC-022")
def test_an_allowance_is_earned_back():
    allowance = guards.Allowance()

    taken = [allowance.take("a", per_minute=2, at=at) for at in (0, 1, 2, 30, 31)]

    assert taken[:2] == [0, 0]
    assert taken[2] == pytest.approx(28)
    assert taken[3] == 0
    assert taken[4] == pytest.approx(29)
    assert allowance.take("b", per_minute=2, at=31) == 0


def test_an_allowance_does_not_grow_for_ever():
    allowance = guards.Allowance()
    allowance.MOST_KEYS = 10

    for key in range(1000):
        allowance.take(key, per_minute=1, at=0)

    assert len(allowance.left) <= 10


@pytest.mark.django_db
@pytest.mark.req("SEC-022", "SEC-028")
@pytest.mark.usefixtures("limits")
def test_too_many_queries_are_asked_to_come_back(consumer, practice):
    answers = [consumer.read_location(practice.location.pk) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert spine_code(answers[-1]) == "INTERNAL_SERVER_ERROR"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 30
    assert AuditEvent.objects.filter(outcome="503").count() == 1


@pytest.mark.django_db
@pytest.mark.req("SEC-028")
@pytest.mark.usefixtures("limits")
def test_too_many_bookings_are_refused_and_book_nothing(consumer, practice):
    bodies = [appointment_body(slots=[make_slot()], patient=practice.patient) for _ in range(2)]

    first, second = [consumer.book(body) for body in bodies]

    assert first.status_code == 201
    assert (second.status_code, spine_code(second)) == (422, "INVALID_RESOURCE")
    assert "More than 1 changes" in issues(second)[0]["diagnostics"]
    assert Appointment.objects.count() == 1
    assert consumer.read_location(practice.location.pk).status_code == 200


@pytest.mark.django_db
@pytest.mark.req("SEC-028")
@pytest.mark.usefixtures("limits")
def test_one_consumer_does_not_use_up_the_share_of_another(consumer, practice):
    for _ in range(3):
        assert consumer.read_location(practice.location.pk).status_code in {200, 503}
    organisation = make_claims(scope="")["requesting_organization"]
    organisation["identifier"][0]["value"] = "B2002"
    location = practice.location.pk

    other_system = consumer.read_location(location, headers={"Ssp-From": "200000000116"})
    other_organisation = consumer.read_location(
        location, claims={"requesting_organization": organisation}
    )

    assert other_system.status_code == other_organisation.status_code == 200


# ---------------------------------------------------------------- how much, and how deep


@pytest.mark.django_db
@pytest.mark.req("SEC-021")
@pytest.mark.parametrize("format", ["json", "xml"])
def test_a_body_larger_than_any_booking_is_refused_at_once(consumer, format):
    response = consumer.book(b" " * 2_700_000, format=format)

    assert response.status_code == 413
    assert spine_code(response) == "BAD_REQUEST"
    assert AuditEvent.objects.get().spine_code == "BAD_REQUEST"


BOMB = """<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<Appointment xmlns="http://hl7.org/fhir"><description value="&c;"/></Appointment>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<Appointment xmlns="http://hl7.org/fhir"><description value="&file;"/></Appointment>"""
DEEP_XML = '<Appointment xmlns="http://hl7.org/fhir">' + "<x>" * 5000 + "</x>" * 5000
DEEP_JSON = '{"resourceType":"Appointment","x":' + "[" * 5000 + "]" * 5000 + "}"


@pytest.mark.django_db
@pytest.mark.req("SEC-021", "SEC-022", "GEN-058")
@pytest.mark.parametrize(
    ("format", "body"),
    [
        pytest.param("xml", BOMB, id="entity-bomb"),
        pytest.param("xml", OUTSIDE, id="external-entity"),
        pytest.param("xml", BOMB.encode("utf-16"), id="entity-bomb-in-utf-16"),
        pytest.param("xml", f"{DEEP_XML}</Appointment>", id="deep-xml"),
        pytest.param("json", DEEP_JSON, id="deep-json"),
    ],
)
def test_bodies_that_are_weapons_are_refused_at_once(consumer, format, body):
    body = body if isinstance(body, bytes) else body.encode()

    response = consumer.book(body, format=format)

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
    assert "root:" not in response.content.decode()
    assert Appointment.objects.count() == 0
    assert AuditEvent.objects.get().spine_code == "BAD_REQUEST"


# ---------------------------------------------------------------- in vain


@pytest.fixture
def away(monkeypatch, in_vain):
    """A database that gives no connection: the list grows with each try that waited for one."""
    monkeypatch.setattr(views, "practice_later", in_vain)
    return in_vain.waited


@pytest.mark.django_db
@pytest.mark.req("SEC-022", "AUD-002")
def test_a_request_waits_once_for_a_database_that_is_away_and_is_in_the_trail_afterwards(
    consumer, away, caplog, monkeypatch, settings, tmp_path
):
    settings.AUDIT_SPOOL = str(tmp_path)
    monkeypatch.setattr(views.recording, "record", lambda **_: away.append("for the trail"))

    response = consumer.find_patient("9476719931", headers={"Ssp-TraceID": "4fd1"})

    assert response.status_code == 503
    assert response["Retry-After"]
    assert away == [1]
    [kept] = [each for each in caplog.records if each.message == "audit event kept aside"]
    assert kept.fields["event"] == ssp.FIND_PATIENT.id
    assert (kept.fields["outcome"], kept.fields["spine_code"]) == ("503", "INTERNAL_SERVER_ERROR")
    assert "9476719931" not in str(kept.fields)

    monkeypatch.undo()
    assert spool.import_spooled(now=timezone.now()).stored == 1
    event = AuditEvent.objects.get()
    assert event.organisation.ods_code == consumer.organisation.ods_code
    assert (event.event, event.outcome, event.trace_id) == (ssp.FIND_PATIENT.id, "503", "4fd1")
    assert "9476719931" in event.detail["url"]


@pytest.mark.django_db
@pytest.mark.req("SEC-022")
def test_while_the_database_is_away_nobody_else_waits_for_it(
    consumer, away, no_database, monkeypatch
):
    answers = [consumer.read_metadata() for _ in range(5)]

    assert [each.status_code for each in answers] == [503] * 5
    assert len({issues(each)[0]["details"]["coding"][0]["code"] for each in answers}) == 1
    assert away == [1]

    monkeypatch.setattr(views, "practice_later", practice_later)
    no_database.end()
    assert consumer.read_metadata().status_code == 200


@pytest.mark.django_db
@pytest.mark.req("AUD-002")
def test_who_has_a_connection_is_answered_and_recorded_though_others_wait_for_one(
    consumer, no_database, monkeypatch
):
    """A pool that is empty looks like a database that is away to those who find it empty."""
    monkeypatch.setattr(availability, "connection", connection)
    availability.outage.begin()

    assert consumer.read_appointment(99).status_code == 404
    assert AuditEvent.objects.get().outcome == "404"
