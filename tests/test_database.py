"""The databases that the tests run on are the ones they claim to be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from tests import postgresql

ROOT = Path(__file__).resolve().parent.parent


def run(*command, **options):
    """Run ``python -m tests.postgresql`` and give what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "tests.postgresql", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


needs_binaries = pytest.mark.skipif(postgresql.binaries() is None, reason=postgresql.MISSING)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite")
def test_sqlite_is_a_file_with_a_queue_for_writers():
    """In memory, or without WAL and IMMEDIATE, the races would prove nothing."""
    with connection.cursor() as cursor:
        journal = cursor.execute("PRAGMA journal_mode").fetchone()[0]

    assert journal == "wal"
    assert Path(connection.settings_dict["NAME"]).is_file()
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.postgresql
@pytest.mark.django_db
def test_postgresql_is_pooled_as_in_production():
    assert connection.pool is not None


@needs_binaries
def test_the_server_ends_with_its_command_and_passes_on_the_exit_code():
    """The command sees a server; afterwards its folder, and so the server, is gone."""
    script = (
        "import os, sys, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
        "    print(connection.execute('SHOW data_directory').fetchone()[0])\n"
        "sys.exit(7)"
    )

    result = run("--", sys.executable, "-c", script)

    assert result.returncode == 7, result.stderr
    assert not Path(result.stdout.strip()).parent.exists()


@needs_binaries
def test_the_server_ends_when_its_runner_is_terminated(tmp_path):
    """A cancelled job leaves neither a server nor its files behind."""
    told = tmp_path / "url"
    script = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(told)!r}).write_text(os.environ['DATABASE_URL'])\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-m", "tests.postgresql", "--", sys.executable, "-c", script]
    runner = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 60
    while not (told.exists() and told.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    folder = Path(told.read_text().split("@")[1].split("/")[0].replace("%2F", "/"))
    assert folder.exists()

    runner.send_signal(signal.SIGTERM)

    assert runner.wait(timeout=60) == 128 + signal.SIGTERM
    assert not folder.exists()


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--required",), 1)])
def test_missing_binaries_are_said_aloud(monkeypatch, capsys, arguments, code):
    """A run without PostgreSQL must not look like a run with it."""
    monkeypatch.setattr(postgresql, "binaries", lambda: None)
    monkeypatch.setattr(sys, "argv", ["tests.postgresql", *arguments, "--", "false"])

    assert postgresql.main() == code

    assert "SKIPPED" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="about root")
def test_root_gives_the_server_to_someone_else():
    assert postgresql.unprivileged()["user"] != 0
