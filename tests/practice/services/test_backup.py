"""What was backed up can be had again elsewhere, whole, and goes on from there."""

import os
import re
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from practice.models import Appointment, AuditEvent, AuditSeal, Slot
from practice.services.audit import heads, recording, sealing, spool
from tests.practice.services.audit.trails import logged
from tests.row_security_world import SERVING_ROLE
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import as_dict
from workbench.factories import (
    make_actor,
    make_appointment,
    make_organisation,
    make_patient,
    make_slots,
)
from workbench.paths import ROOT
from workbench.servers import database_url

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = (
    "from practice.models import *;"
    "print([m.objects.count() for m in (Appointment, Slot, Patient, AuditSeal)])"
)
COUNTED = COUNT.replace(", AuditSeal", "")  # a restore adds to the trail
BREAK_THE_TRAIL = "from practice.models import AuditEvent; AuditEvent.objects.update(outcome='')"


@contextmanager
def another_database(tmp_path):
    """An empty database on the same server, or another SQLite file: its URL."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored.sqlite3'}"
        return
    name = f"restored_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield database_url().rsplit("/", 1)[0] + f"/{name}"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(url, *arguments):
    """Run manage.py on a database in a process of its own, as an operator does."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def history(consumer, practice):
    """Bookings through both doors, one cancelled, all sealed."""
    body = appointment_body(slots=make_slots(2), patient=practice.patient)
    booked = as_dict(consumer.book(body))
    consumer.cancel(booked["id"], cancelled(booked))
    make_appointment(make_slots(1), practice.patient, door="staff")
    sealing.seal_everything(now=timezone.now())
    return practice


@pytest.mark.req("PERF-030")
def test_a_backup_restored_elsewhere_is_whole_and_goes_on(history, tmp_path, capsys):
    file, log = tmp_path / "backup", tmp_path / "log"
    log.write_text(logged(*heads.present()))

    call_command("backup", file)

    printed = capsys.readouterr().out
    assert re.fullmatch(rf"{file}: {file.stat().st_size} bytes, SHA-256 [0-9a-f]{{64}}\n", printed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert AuditEvent.objects.latest("pk").event == "database.backup"
    counts = [Appointment, Slot, type(history.patient), AuditSeal]
    counts = [model.objects.count() for model in counts]
    with another_database(tmp_path) as url:
        restored = manage(url, "restore", str(file))
        assert restored.returncode == 0, restored.stderr
        assert "no faults" in restored.stdout
        # The restore found what waited when the backup was made, and added its own event.
        counts[-1] += 2
        assert manage(url, "shell", "--no-imports", "-c", COUNT).stdout.strip() == str(counts)
        held = manage(url, "verify_audit", "--heads", str(log))
        assert held.returncode == 0, held.stderr
        broken = manage(url, "shell", "--no-imports", "-c", BREAK_THE_TRAIL)
        assert "append-only" in broken.stderr
        again = manage(url, "restore", str(file))
        assert (again.returncode, "not empty" in again.stderr) == (1, True)


@pytest.mark.req("AUD-002", "PERF-030")
def test_a_restore_leaves_what_this_machine_keeps_aside_to_the_book_it_belongs_to(
    practice, tmp_path
):
    """A rehearsal would otherwise take the refusals of an outage away from the trail in use."""
    call_command("backup", tmp_path / "backup")
    recording.spool_event(
        ods_code=practice.organisation.ods_code,
        actor=make_actor(),
        event="test.event",
        outcome="503",
        now=timezone.now(),
    )
    kept = spool.spool().lines.read_text()

    with another_database(tmp_path) as url:
        restored = manage(url, "restore", str(tmp_path / "backup"))

    assert restored.returncode == 0, restored.stderr
    assert spool.spool().lines.read_text() == kept
    assert f"keeps aside in {settings.AUDIT_SPOOL} were left there" in restored.stdout
    assert spool.import_spooled(now=timezone.now()).stored == 1


def test_a_backup_overwrites_nothing(practice, tmp_path):
    file = tmp_path / "backup"
    file.write_text("an older one")

    with pytest.raises(CommandError, match="there already"):
        call_command("backup", file)
    with pytest.raises(CommandError, match="No such file"):
        call_command("backup", tmp_path / "nowhere" / "backup")

    assert file.read_text() == "an older one"
    assert not AuditEvent.objects.exists()


def test_the_newest_backups_of_a_folder_stay_and_what_is_none_of_them(practice, tmp_path):
    """As appointments-backup.timer has it made; what failed removes nothing."""
    theirs = tmp_path / "before-the-move.backup"
    old = [tmp_path / f"2026-11-0{day}T020000Z.backup" for day in (1, 2, 3)]
    for file in (theirs, *old):
        file.touch()

    with pytest.raises(CommandError, match="one at least"):
        call_command("backup", tmp_path, "--keep", "0")
    with pytest.raises(CommandError, match="No such file"):
        call_command("backup", tmp_path / "nowhere", "--keep", "1")
    assert sorted(tmp_path.iterdir()) == [*old, theirs]

    call_command("backup", tmp_path, "--keep", "3")

    left = set(tmp_path.iterdir())
    (made,) = left - {theirs, *old}
    assert left == {theirs, *old[1:], made}
    assert made.name > old[2].name
    assert made.stat().st_size > 0
    assert AuditEvent.objects.get().detail == {"file": made.name}


def test_what_is_no_backup_is_not_restored(tmp_path):
    file = tmp_path / "backup"
    file.write_text("something else entirely" * 100)

    with another_database(tmp_path) as url:
        refused = manage(url, "restore", str(file))
        missing = manage(url, "restore", str(tmp_path / "nothing"))

    assert refused.returncode == missing.returncode == 1
    assert "Traceback" not in refused.stderr + missing.stderr


@pytest.mark.postgresql
@pytest.mark.req("SEC-027")
def test_commands_reach_all_practices_with_the_rights_of_the_serving_role(
    history, tmp_path, capsys
):
    """Row-level security binds that role; commands say that they are about everybody."""
    other = make_organisation()
    make_patient(other)
    url = re.sub(r"//[^@/]*@", f"//{SERVING_ROLE}@", database_url())
    file = tmp_path / "backup"

    for command in (
        ("generate_slots", "--weeks=1"),
        ("seal_audit",),
        ("verify_audit",),
        ("check_diary",),
        ("backup", str(file)),
    ):
        done = manage(url, *command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    with another_database(tmp_path) as copy:
        restored = manage(copy, "restore", str(file))
        assert restored.returncode == 0, restored.stderr
        kept, here = (manage(each, "shell", "-c", COUNTED) for each in (copy, database_url()))
        assert kept.stdout == here.stdout != ""
