"""What health checks are told: whether the process may be sent requests, and what to look at."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from practice.models import AuditEvent
from practice.services.audit import recording, sealing
from workbench.factories import make_actor, make_slot


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
        "spool_unreadable": 0,
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


def test_in_an_outage_ready_says_so_at_once_and_for_how_long(client, no_database):
    """Without the mark ``django_db``, any query would fail."""
    no_database.outage.begin()

    response = client.get("/health/ready")

    assert response.status_code == 503
    database = response.json()["checks"]["database"]
    assert database["status"] == "failed"
    assert database["away_seconds"] >= 0


def test_metrics_do_not_wait_in_an_outage(client, no_database, settings):
    settings.METRICS_TOKEN = "secret"
    no_database.outage.begin()

    response = client.get("/metrics", headers={"Authorization": "Bearer secret"})

    assert "gpconnect_database_up 0.0" in response.content.decode()


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
    """Until it is sealed an event could be altered unseen."""
    recording.record(
        organisation=well.organisation,
        actor=make_actor(),
        event="test.event",
        outcome="ok",
        now=timezone.now() - timedelta(seconds=90),
    )

    response = client.get("/health/ready")

    assert (response.status_code, response.json()["status"]) == (200, "warning")
    assert response.json()["checks"]["audit"]["waiting"] == 1
    assert response.json()["checks"]["audit"]["lag_seconds"] >= 90


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


@pytest.mark.django_db
def test_lines_of_the_spool_that_nobody_could_read_are_a_warning(client, well, settings, tmp_path):
    settings.AUDIT_SPOOL = str(tmp_path)
    (tmp_path / "unreadable.jsonl").write_text("torn\ntorn too\n")

    response = client.get("/health/ready")

    assert (response.status_code, response.json()["status"]) == (200, "warning")
    assert response.json()["checks"]["audit"]["spool_unreadable"] == 2


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
@pytest.mark.django_db
def test_probes_only_read_and_leave_no_record(client, practice, path):
    assert client.post(path).status_code == 405
    client.get(path)
    assert not AuditEvent.objects.exists()
