"""What operators' machines are told, what is in the log, and that nothing of a patient is."""

import io
import json
import logging
import re
import threading
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config import logs, metrics
from practice.models import AuditEvent, GenerationRun
from practice.services.audit import recording, sealing
from workbench.bodies import appointment_body
from workbench.consumer import Consumer
from workbench.factories import make_actor, make_appointment, make_slot, make_slots
from workbench.paths import ROOT
from workbench.servers import NetworkClient, at_once, gunicorn

NHS_NUMBER = "9476719931"


# ---------------------------------------------------------------- health


@pytest.mark.req("PERF-035")
def test_live_asks_nothing_of_the_database(client):
    """Without the mark ``django_db``, any query would fail."""
    response = client.get("/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.fixture
def well(practice):
    """A practice with a long diary and a sealed trail."""
    make_slot(start=timezone.now() + timedelta(days=60))
    sealing.seal_everything(now=timezone.now())
    return practice


@pytest.mark.req("PERF-035")
@pytest.mark.django_db
def test_ready_says_how_it_is_in_a_few_queries(client, well, django_assert_max_num_queries):
    client.get("/health/ready")  # reads the migrations' files, once for each process

    with django_assert_max_num_queries(5):
        response = client.get("/health/ready")

    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    checks = response.json()["checks"]
    assert checks["migrations"] == {"status": "ok", "unapplied": []}
    assert checks["diary"]["fewest_days_left"] in (59, 60)
    assert checks["audit"] == {
        "status": "ok",
        "waiting": 0,
        "lag_seconds": 0.0,
        "kept_aside_seconds": 0.0,
        "spool_writable": True,
    }


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(client, well):
    MigrationRecorder(connection).record_unapplied("practice", "0001_initial")

    response = client.get("/health/ready")

    assert response.status_code == 503
    assert response.json()["status"] == "failed"
    assert response.json()["checks"]["migrations"]["unapplied"] == ["practice.0001_initial"]


@pytest.mark.django_db
def test_not_ready_while_the_database_is_away(client, monkeypatch):
    def away():
        raise OperationalError("no route to host database.internal")

    monkeypatch.setattr("config.health.database", away)

    response = client.get("/health/ready")

    assert response.status_code == 503
    assert response.json() == {"status": "failed", "checks": {"database": {"status": "failed"}}}


@pytest.mark.django_db
def test_a_diary_that_runs_out_is_a_warning_and_no_reason_to_stop(client, practice):
    make_slot()

    response = client.get("/health/ready")

    assert response.status_code == 200
    assert response.json()["status"] == "warning"
    assert response.json()["checks"]["diary"] == {
        "status": "warning",
        "fewest_days_left": 1,
        "practices_running_out": 1,
    }


@pytest.mark.django_db
def test_sealing_that_lags_is_a_warning(client, well):
    recording.record(
        organisation=well.organisation,
        actor=make_actor(),
        event="test.event",
        outcome="ok",
        now=timezone.now() - timedelta(minutes=10),
    )

    response = client.get("/health/ready")

    assert (response.status_code, response.json()["status"]) == (200, "warning")
    assert response.json()["checks"]["audit"]["waiting"] == 1
    assert response.json()["checks"]["audit"]["lag_seconds"] >= 600


@pytest.mark.django_db
def test_what_was_kept_aside_and_not_taken_in_is_a_warning(client, well, settings, tmp_path):
    settings.AUDIT_SPOOL = str(tmp_path)
    recording.spool_event(
        ods_code=well.organisation.ods_code,
        actor=make_actor(),
        event="test.event",
        outcome="503",
        now=timezone.now() - timedelta(minutes=10),
    )

    response = client.get("/health/ready")

    assert (response.status_code, response.json()["status"]) == (200, "warning")
    assert response.json()["checks"]["audit"]["kept_aside_seconds"] >= 600


@pytest.mark.django_db
def test_a_spool_that_cannot_be_written_is_a_warning(client, well, settings, tmp_path):
    (tmp_path / "file").touch()
    settings.AUDIT_SPOOL = str(tmp_path / "file" / "audit")

    response = client.get("/health/ready")

    assert (response.status_code, response.json()["status"]) == (200, "warning")
    assert response.json()["checks"]["audit"]["spool_writable"] is False


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
@pytest.mark.django_db
def test_probes_only_read_and_leave_no_record(client, practice, path):
    assert client.post(path).status_code == 405
    client.get(path)
    assert not AuditEvent.objects.exists()


# ---------------------------------------------------------------- metrics

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


# ---------------------------------------------------------------- logs


@pytest.mark.req("SEC-023")
@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (NHS_NUMBER, "[NHS number]"),
        ("947 671 9931", "[NHS number]"),
        ("947-671-9931", "[NHS number]"),
        (f"GET /Patient?identifier=nhs-number%7C{NHS_NUMBER}&x", None),
        (f"nhs-number%20{NHS_NUMBER}", None),
        (f"nhs-number|{NHS_NUMBER},", None),
        (f"NHS{NHS_NUMBER}", None),
        ("9476719932", "9476719932"),  # its check digit is wrong
        ("200000000115", "200000000115"),  # an ASID
        (f"1{NHS_NUMBER}", f"1{NHS_NUMBER}"),  # eleven digits
        ("947 671-9931", "947 671-9931"),
    ],
)
def test_valid_nhs_numbers_are_masked_wherever_they_stand(text, masked):
    expected = masked or text.replace(NHS_NUMBER, "[NHS number]")

    assert logs.mask(text) == expected


@pytest.fixture
def lines():
    """What a handler of ours writes, as JSON, from the loggers in this test.

    Of this thread: another may still be answering the browser of a test before.
    """
    output, thread = io.StringIO(), threading.get_ident()
    handler = logging.StreamHandler(output)
    handler.addFilter(lambda record: record.thread == thread)
    handler.addFilter(logs.MaskNHSNumbers())
    handler.setFormatter(logs.JSONFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


@pytest.mark.req("SEC-023")
def test_message_arguments_and_exceptions_are_masked(lines):
    logger = logging.getLogger("test")
    logger.warning("patient %s, %r, %d", NHS_NUMBER, {"n": NHS_NUMBER}, int(NHS_NUMBER))
    logger.warning("%d does not fit", NHS_NUMBER)
    try:
        raise ValueError(f"no patient {NHS_NUMBER}")
    except ValueError:
        logger.exception("failed", extra={"fields": {"about": NHS_NUMBER}})

    first, second, third = lines()
    assert first["message"] == "patient [NHS number], {'n': '[NHS number]'}, [NHS number]"
    assert "does not fit" in second["message"]
    assert "ValueError: no patient [NHS number]" in third["exception"]
    assert third["about"] == "[NHS number]"
    assert NHS_NUMBER not in json.dumps(lines())


@pytest.mark.req("PERF-035", "SEC-023")
@pytest.mark.django_db
def test_a_request_is_one_line_with_what_support_needs_and_no_address(consumer, practice, lines):
    consumer.find_patient(NHS_NUMBER, headers={"Ssp-TraceID": "trace-1"})
    consumer.read_metadata(headers={"Ssp-TraceID": "trace-2", "Ssp-From": ""})

    found, refused = [line for line in lines() if line["logger"] == "config.requests"]
    assert found.pop("duration_ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{12}\+00:00", found.pop("time"))
    assert found == {
        "level": "INFO",
        "logger": "config.requests",
        "message": "GET 200",
        "trace_id": "trace-1",
        "practice": practice.organisation.ods_code,
        "interaction": "rest:search:patient-1",
        "status": 200,
    }
    assert (refused["status"], refused["code"]) == (400, "BAD_REQUEST")


@pytest.mark.django_db
def test_what_is_logged_on_the_way_carries_the_trace_id(consumer, monkeypatch, lines):
    monkeypatch.setattr(
        "fhirapi.views.find_practice", lambda code: (_ for _ in ()).throw(KeyError(NHS_NUMBER))
    )

    consumer.read_metadata(headers={"Ssp-TraceID": "trace-3"})

    failure = next(line for line in lines() if line["logger"] == "fhirapi.errors")
    assert failure["trace_id"] == "trace-3"
    assert "KeyError: '[NHS number]'" in failure["exception"]
    assert logs.context.get() == {}


def test_lines_for_people_say_the_same():
    record = logging.LogRecord("config.requests", logging.INFO, "", 1, "GET 200", (), None)
    record.fields = {"practice": "A1", "code": "", "duration_ms": 1.5}

    line = logs.LineFormatter().format(record)

    assert line.endswith("INFO config.requests GET 200 practice=A1 duration_ms=1.5")


def test_django_has_no_handler_that_would_not_mask():
    for name in ("", "django", "django.request", "django.server", "practice.audit"):
        for handler in logging.getLogger(name).handlers:
            if type(handler).__module__.startswith("_pytest"):
                continue
            assert any(isinstance(each, logs.MaskNHSNumbers) for each in handler.filters)


def test_probes_and_static_files_leave_no_line(client, lines):
    client.get("/health/live")
    client.get("/static/no-such-file.css")

    assert [line for line in lines() if line["logger"] == "config.requests"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("DJANGO_LOG_FORMAT", "xml"), ("METRICS_NETWORKS", "10.0.0.1/8"), ("DIARY_DAYS_WARNING", "x")],
)
def test_a_mistake_in_the_configuration_stops_the_start(monkeypatch, name, value):
    import importlib

    from config import settings as module

    monkeypatch.setenv(name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        importlib.reload(module)

    monkeypatch.delenv(name)
    importlib.reload(module)
