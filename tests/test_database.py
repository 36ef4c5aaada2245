"""The databases that the tests run on are the ones they claim to be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.sqlite3 import base as sqlite3

from config.sqlite.base import Queue
from workbench import postgresql

ROOT = Path(__file__).resolve().parent.parent


def run(*command, **options):
    """Run ``python -m workbench.postgresql`` and give what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "workbench.postgresql", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


needs_binaries = pytest.mark.skipif(postgresql.binaries() is None, reason=postgresql.MISSING)


about_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite")


@about_sqlite
@pytest.mark.django_db
def test_sqlite_is_a_file_with_a_queue_for_writers():
    """In memory, or without WAL and IMMEDIATE, the races would prove nothing."""
    with connection.cursor() as cursor:
        journal = cursor.execute("PRAGMA journal_mode").fetchone()[0]

    assert journal == "wal"
    assert Path(connection.settings_dict["NAME"]).is_file()
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert connection.settings_dict["ENGINE"] == "config.sqlite"


# ---------------------------------------------------------------- SQLite's queue of writers


def is_free(queue):
    """Whether a writer would have its turn at once."""
    try:
        queue.leave(queue.enter(timeout=0))
    except OperationalError:
        return False
    return True


def test_writers_have_their_turns_in_the_order_in_which_they_came(tmp_path):
    """Not the luckiest poller: whoever has waited longest."""
    queue = Queue(str(tmp_path / "database"))
    seen = []

    def write(name):
        turn = queue.enter(timeout=30)
        seen.append(name)
        queue.leave(turn)

    first = queue.enter(timeout=30)
    writers = []
    for name in range(5):
        writers.append(Thread(target=write, args=(name,)))
        writers[-1].start()
        while len(queue.waiting) <= name:
            time.sleep(0.001)
    queue.leave(first)
    for writer in writers:
        writer.join(30)

    assert seen == [0, 1, 2, 3, 4]


def test_a_writer_that_waits_too_long_is_told_so_and_holds_nobody_up(tmp_path):
    queue = Queue(str(tmp_path / "database"))
    first = queue.enter(timeout=30)

    with pytest.raises(OperationalError, match="database is locked"):
        queue.enter(timeout=0.01)
    queue.leave(first)

    assert is_free(queue)


def test_a_writer_in_another_process_is_waited_for_and_gives_up_its_turn_when_it_dies(tmp_path):
    """A killed worker must not lock the practice out of its diary."""
    path = str(tmp_path / "database")
    script = (
        "import sys, time\n"
        "from config.sqlite.base import Queue\n"
        "turn = Queue(sys.argv[1]).enter(30)\n"
        "print('mine', flush=True)\n"
        "time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "mine\n"
        queue = Queue(path)
        turns = []
        writer = Thread(target=lambda: turns.append(queue.enter(timeout=30)))
        writer.start()
        writer.join(0.2)
        assert turns == [], "two processes had the turn at once"
    finally:
        other.kill()
        other.communicate()
    writer.join(30)

    assert len(turns) == 1
    queue.leave(turns[0])


@about_sqlite
@pytest.mark.django_db(transaction=True)
def test_every_transaction_has_its_turn_and_gives_it_up_however_it_ends():
    def failing():
        with transaction.atomic():
            raise ValueError

    with transaction.atomic():
        held = connection.turn
        with transaction.atomic():
            assert connection.turn == held, "a transaction inside another one is the same writer"
    after_commit = connection.turn
    with pytest.raises(ValueError):  # noqa: PT011 - ours, from above
        failing()
    after_rollback = connection.turn
    with transaction.atomic():
        connection.close()
    after_close = connection.turn

    assert held is not None
    assert (after_commit, after_rollback, after_close) == (None, None, None)


@about_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_cannot_begin_gives_up_its_turn(monkeypatch):
    def refuse(connection):
        raise OperationalError("database is locked")

    with monkeypatch.context() as another_program:
        another_program.setattr(
            sqlite3.DatabaseWrapper, "_start_transaction_under_autocommit", refuse
        )
        with pytest.raises(OperationalError), transaction.atomic():
            pass

    assert connection.turn is None


# ---------------------------------------------------------------- PostgreSQL


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
    command = [sys.executable, "-m", "workbench.postgresql", "--", sys.executable, "-c", script]
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
    monkeypatch.setattr(sys, "argv", ["workbench.postgresql", *arguments, "--", "false"])

    assert postgresql.main() == code

    assert "SKIPPED" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="about root")
def test_root_gives_the_server_to_someone_else():
    assert postgresql.unprivileged()["user"] != 0
