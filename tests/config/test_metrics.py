"""What Prometheus reads, who may read it, and that it is there without the database too."""

import re
from ipaddress import ip_network

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import metrics
from practice.models import GenerationRun
from practice.services.audit import sealing
from workbench.bodies import appointment_body
from workbench.consumer import Consumer
from workbench.factories import make_appointment, make_slot, make_slots
from workbench.paths import ROOT
from workbench.servers import NetworkClient, at_once, gunicorn

TOKEN = {"METRICS_TOKEN": "s3cret"}


@pytest.mark.parametrize(
    ("configured", "sent", "status"),
    [
        pytest.param({}, {}, 403, id="closed by default"),
        pytest.param({"DEBUG": True}, {}, 200, id="open in a trial"),
        pytest.param({"METRICS_TOKEN": "s3cret"}, {}, 403, id="no token"),
        pytest.param({"METRICS_TOKEN": "s3cret", "DEBUG": True}, {}, 403, id="no token in a trial"),
        pytest.param(
            {"METRICS_TOKEN": "s3cret"}, {"authorization": "Bearer s3cret"}, 200, id="token"
        ),
        pytest.param({"METRICS_TOKEN": "s3cret"}, {"authorization": "Bearer s3"}, 403, id="wrong"),
        pytest.param({}, {"authorization": "Bearer "}, 403, id="an empty token is none"),
        pytest.param({"METRICS_NETWORKS": ["127.0.0.0/8"]}, {}, 200, id="network"),
        pytest.param({"METRICS_NETWORKS": ["10.0.0.0/8"]}, {}, 403, id="another network"),
        pytest.param(
            {"METRICS_NETWORKS": ["127.0.0.0/8"]},
            {"x-forwarded-for": "127.0.0.1"},
            403,
            id="through a proxy",
        ),
    ],
)
@pytest.mark.django_db
def test_metrics_are_for_those_who_are_allowed(client, settings, configured, sent, status):
    for name, value in configured.items():
        networks = name == "METRICS_NETWORKS"
        setattr(settings, name, [ip_network(each) for each in value] if networks else value)

    assert client.get("/metrics", headers=sent).status_code == status


def scraped(text):
    """Each sample of an exposition: name and labels to value."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def change(before, after, *sample):
    return after.get(sample, 0) - before.get(sample, 0)


@pytest.mark.req("PERF-035")
@pytest.mark.django_db
def test_requests_bookings_and_conflicts_are_counted(consumer, practice):
    slots = make_slots(1)
    body = appointment_body(slots=slots, patient=practice.patient)
    before = scraped(metrics.exposition().decode())

    consumer.book(body)
    consumer.book(body)
    consumer.search_slots()
    consumer.read_metadata(headers={"Ssp-InteractionID": "urn:made:up"})

    after = scraped(metrics.exposition().decode())
    book, search = "rest:create:appointment-1", "rest:search:slot-1"
    requests = "gpconnect_requests_total"
    assert change(before, after, requests, "", "201", book) == 1
    assert change(before, after, requests, "409", "DUPLICATE_REJECTED", book) == 1
    assert change(before, after, requests, "400", "BAD_REQUEST", search) == 1
    assert change(before, after, requests, "400", "BAD_REQUEST", "unknown") == 1
    assert change(before, after, "gpconnect_bookings_total") == 1
    assert change(before, after, "gpconnect_conflicts_total", book) == 1
    assert change(before, after, "gpconnect_request_seconds_count", book) == 2
    assert not any("urn:made:up" in str(sample) for sample in after)


@pytest.mark.django_db
def test_gauges_tell_how_the_diary_and_the_trail_are(practice):
    ods_code = practice.organisation.ods_code
    make_appointment(make_slots(2)[:1], door="staff")
    sealing.seal_everything(now=timezone.now())
    make_appointment(make_slots(2)[:1], door="staff")

    found = scraped(metrics.exposition().decode())

    assert found["gpconnect_database_up",] == 1
    assert found["gpconnect_free_slots", "1"] == 2
    assert found["gpconnect_free_slots", "0"] == 0
    assert found["gpconnect_diary_days_left", ods_code] == 1
    assert found["gpconnect_audit_sealed", ods_code] == 1
    assert found["gpconnect_audit_waiting",] == 1
    assert 0 < found["gpconnect_audit_lag_seconds",] < 60
    if connection.vendor == "postgresql":
        assert found["gpconnect_lock_waits",] == 0


@pytest.mark.django_db
def test_metrics_are_given_without_the_database_too(monkeypatch):
    def away():
        raise OperationalError("away")

    monkeypatch.setattr(sealing, "lag", away)

    found = scraped(metrics.exposition().decode())

    assert found["gpconnect_database_up",] == 0
    assert "gpconnect_bookings_total" in {name for name, *_ in found}


@pytest.mark.django_db(transaction=True)
def test_the_counts_of_all_processes_are_added_up(practice, monkeypatch):
    monkeypatch.setenv("METRICS_TOKEN", "s3cret")
    monkeypatch.setenv("GPCONNECT_REQUIRE_CLIENT_CERTIFICATE", "0")
    asked = 0
    with gunicorn(workers=2) as server:
        # Which process takes a request is chance: rivals at once keep no process idle for long.
        while asked < 40 or (len(server.served) < 2 and asked < 2000):
            clients = [NetworkClient(server.address) for _ in range(8)]
            rivals = [Consumer(practice.organisation, client=client) for client in clients]
            answers = at_once([rival.read_metadata for rival in rivals])
            assert {answer.status_code for answer in answers} == {200}
            for client in clients:
                client.close()
            asked += len(answers)
        client = NetworkClient(server.address)
        answer = client.generic(
            "GET", "/metrics", data=b"", content_type="", headers={"Authorization": "Bearer s3cret"}
        )
        client.close()
        processes = len(server.served)

    found = scraped(answer.content.decode())
    assert found["gpconnect_requests_total", "", "200", "rest:read:metadata-1"] == asked
    assert processes == 2, "one process answered everything: nothing was added up"


@pytest.mark.django_db
def test_the_runbook_names_metrics_and_files_that_exist(practice):
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    make_slot()
    GenerationRun.objects.create(
        organisation=practice.organisation,
        status="done",
        from_date=timezone.now().date(),
        to_date=timezone.now().date(),
        started_at=timezone.now(),
        finished_at=timezone.now(),
    )
    exposed = metrics.exposition().decode()

    named = set(re.findall(r"gpconnect_\w+", runbook))
    if connection.vendor == "sqlite":
        named.remove("gpconnect_lock_waits")
    assert {
        name for name in named if f"\n# TYPE {name.removesuffix('_total')}" not in exposed
    } == set()
    for path in re.findall(r"`((?:deploy|tests)/[\w/.]+)`", runbook):
        assert (ROOT / path).exists(), path
