"""``manage.py doctor``: a healthy installation has no finding, and each fault is found by its own.

Real faults: roles of PostgreSQL that really have other rights, files that are really gone. All of
it happens in one transaction of the test, in which the role that serves asks.
"""

import getpass
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from config import replicas
from config.doctor import database, files, findings, units
from config.management.commands import doctor
from config.settings import STORAGES
from practice import clock
from practice.db import row_security
from practice.models import Appointment, GenerationRun, Slot, WeeklyReturn
from practice.reads.weekly_return import last_whole_week
from practice.services.audit import recording, sealing
from tests import row_security_world
from workbench.authority import Authority
from workbench.factories import make_actor, make_appointment, make_generation_run, make_slot
from workbench.paths import ROOT
from workbench.roles import making

pytestmark = pytest.mark.postgresql

SECRET = "Jq0x-5mB2vXnZsWk7RtYp3LcHd9GfEa8UiOoT1N4Qb6MzKyVrCwSxDlPhJgFeAuI"
ROLE = row_security_world.SERVING_ROLE


UNITS = """Id={name}.service
LoadState=loaded
ActiveState={state}
SubState={state}
Result=success
"""
TIMER = """Id={name}.timer
LoadState=loaded
ActiveState=active
SubState=waiting
LastTriggerUSec={last:%a %Y-%m-%d %H:%M:%S UTC}
ActiveEnterTimestamp=Mon 2026-01-05 10:00:00 UTC
"""


class Machine:
    """The machine of an installation as it should be; what a test changes in it is undone."""

    def __init__(self, folder: Path, settings, authority: Any) -> None:
        self.folder, self.settings, self.authority = folder, settings, authority
        self.role = ROLE
        self.configuration, self.nginx = folder / "etc", folder / "nginx"
        self.programs, self.state = folder / "bin", folder / "state"
        for each in (self.configuration, self.nginx, self.programs, self.state):
            each.mkdir(mode=0o700)
        self.spool, self.uploads, self.returns = (
            self.state / name for name in ("audit", "uploads", "returns")
        )
        for each in (self.spool, self.uploads, self.returns):
            each.mkdir(mode=0o700)
        self.put(self.configuration / "environment", "DJANGO_SECRET_KEY=hush\n", 0o640)
        self.put(self.configuration / "sealing", "AUDIT_HEAD_KEYS=hush\n", 0o600)
        self.put(self.configuration / "owner", "DATABASE_URL=hush\n", 0o600)
        (folder / "run").mkdir()
        now = timezone.now()
        self.units = {name: UNITS.format(name=name, state="active") for name in units.SERVICES}
        for name in units.TIMERS:
            self.units[name] = UNITS.format(name=name, state="inactive")
            self.units[f"{name}.timer"] = TIMER.format(name=name, last=now - timedelta(minutes=4))
        self.program("timedatectl", "echo yes")
        self.certify()

    def put(self, path: Path, text: str, mode: int) -> Path:
        path.write_text(text)
        path.chmod(mode)
        return path

    def program(self, name: str, *lines: str) -> None:
        self.put(self.programs / name, "\n".join(["#!/bin/sh", *lines, ""]), 0o755)

    def certify(self, days: tuple[int, int] = (-1, 300), lists: tuple[int, int] = (-1, 7)) -> Path:
        """Certificates as nginx's configuration names them: ours, the callers', and their list."""
        if days not in self.authority.issued:  # making a key takes a while
            made = self.authority.issue("book.practice.example", days=days)
            self.authority.issued[days] = made
        issued = self.authority.issued[days]
        chain = self.put(self.nginx / "ours.pem", issued.chain.read_text(), 0o644)
        key = self.put(self.nginx / "ours.key", issued.key.read_text(), 0o600)
        ca = self.put(self.nginx / "callers.pem", self.authority.pem.decode(), 0o644)
        revoked = self.authority.revocations(days=lists).decode()
        crl = self.put(self.nginx / "revoked.pem", revoked, 0o644)
        site = f"""
server {{
    listen 443 ssl;
    ssl_certificate     {chain};
    ssl_certificate_key {key};
    ssl_client_certificate {ca.name};
    ssl_crl {crl};
}}
"""
        (self.nginx / "conf.d").mkdir(exist_ok=True)
        self.put(self.nginx / "conf.d" / "appointments.conf", site, 0o644)
        return key

    def sql(self, *statements: str) -> None:
        """What the owner of the database does."""
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else what waits keeps tables shut
            for statement in statements:
                cursor.execute(statement)

    def doctor(self, *arguments: str) -> tuple[int, str]:
        """What it prints, and its exit code."""
        told = self.put(self.folder / "units", "\n".join(self.units.values()), 0o644)
        self.program("systemctl", f"cat {told}")
        output, code = io.StringIO(), 0
        places = [f"--configuration={self.configuration}", f"--nginx={self.nginx}"]
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {self.role}")
            try:
                call_command("doctor", *places, *arguments, stdout=output)
            except SystemExit as ended:
                code = int(ended.code or 0)
            cursor.execute("RESET ROLE")
        return code, output.getvalue()

    def report(self) -> dict[str, Any]:
        code, text = self.doctor("--json")
        report = json.loads(text)
        assert code == (0 if report["well"] else 1)
        return report

    def findings(self) -> dict[str, dict[str, str]]:
        return {finding["id"]: finding for finding in self.report()["findings"]}


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    made: Any = Authority(tmp_path_factory.mktemp("authority"), "doctors")
    made.issued = {}  # our certificates, by the days that they are valid
    return made


@pytest.fixture
def installation(practice, settings, tmp_path, monkeypatch, collected_once, authority):
    """A practice whose diary reaches far, served as in production."""
    # Who serves is the role of the connection, whatever is in reach.
    monkeypatch.setattr(row_security, "BIND", row_security_world.PLAIN)
    machine = Machine(tmp_path, settings, authority)
    settings.SECRET_KEY = SECRET
    settings.STATIC_ROOT = collected_once
    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True
    settings.ALLOWED_HOSTS = ["book.practice.example"]
    settings.METRICS_TOKEN = "k2J9-long-enough-for-a-token"
    settings.RETURNS_FOLDER = str(machine.returns)
    settings.AUDIT_SPOOL = str(machine.spool)
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {**STORAGES["uploads"], "OPTIONS": {"location": str(machine.uploads)}},
    }
    for name in ("AUDIT_SPOOL", "UPLOADS_FOLDER", "RETURNS_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{machine.programs}:{os.environ['PATH']}")
    places = findings.Installation(
        units=(tmp_path / "units.d",), systemd=tmp_path / "run", user=getpass.getuser()
    )
    monkeypatch.setattr(doctor, "PLACES", places)
    make_slot(start=timezone.now() + timedelta(days=60))
    sealing.seal_everything(now=timezone.now())
    return machine


def test_a_healthy_installation_has_no_finding(installation):
    code, text = installation.doctor()

    assert code == 0, text
    assert text.endswith("nothing wrong.\n")
    assert "WRONG" not in text
    assert "Not looked at" not in text, text


# ---------------------------------------------------------------- settings


def test_debug_mode(installation):
    installation.settings.DEBUG = True

    assert set(installation.findings()) == {"settings.debug"}


def test_a_weak_secret_is_found_and_not_printed(installation):
    installation.settings.SECRET_KEY = "letmein"

    code, text = installation.doctor()

    assert "[settings.secret-key]" in text
    assert code == 1
    assert "letmein" not in text


@pytest.mark.parametrize("hosts", [[], ["*"]])
def test_hosts_that_are_not_set_or_are_all(installation, hosts):
    installation.settings.ALLOWED_HOSTS = hosts

    assert set(installation.findings()) == {"settings.hosts"}


def test_metrics_that_everybody_may_read(installation):
    installation.settings.METRICS_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("0.0.0.0/0")]

    found = installation.findings()

    assert set(found) == {"settings.metrics"}
    assert "0.0.0.0/0" in found["settings.metrics"]["what"]
    assert "10.1.0.0/16" not in found["settings.metrics"]["what"]


def test_anybody_may_say_who_they_are(installation):
    installation.settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = False

    assert set(installation.findings()) == {"settings.client-certificate"}


def started(**environment: str) -> subprocess.CompletedProcess[str]:
    """A command with this environment and no other."""
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_an_environment_without_a_database_is_a_finding_too():
    ended = started(DJANGO_SECRET_KEY=SECRET)

    [finding] = json.loads(ended.stdout)["findings"]
    assert (ended.returncode, ended.stderr) == (1, "")
    assert finding["id"] == "settings.unreadable"
    assert "DATABASE_URL must be set" in finding["what"]


def test_what_cannot_be_read_is_not_quoted():
    """A password with a stroke in it makes the rest of it look like the number of a port."""
    ended = started(DJANGO_SECRET_KEY=SECRET, DATABASE_URL="postgresql://a:hush/hush@host/name")

    assert ended.returncode == 1
    assert "DATABASE_URL" in json.loads(ended.stdout)["findings"][0]["what"]
    assert "hush" not in ended.stdout + ended.stderr


# ---------------------------------------------------------------- the database


def test_a_database_that_does_not_answer():
    """Found with its cause, and without the password; what else is in it is not looked at."""
    ended = started(DJANGO_SECRET_KEY=SECRET, DATABASE_URL="postgresql://a:hush@127.0.0.1:1/b")

    report = json.loads(ended.stdout)
    found = {finding["id"]: finding for finding in report["findings"]}
    assert "Connection refused" in found["database.away"]["what"]
    assert "hush" not in ended.stdout + ended.stderr
    assert "row-level security" in {each["question"] for each in report["not_looked"]}


def test_a_migration_that_was_not_applied(installation):
    installation.sql(
        "DELETE FROM django_migrations WHERE name = '0001_initial' AND app = 'practice'"
    )

    found = installation.findings()

    assert set(found) == {"database.migrations"}
    assert "practice.0001_initial" in found["database.migrations"]["what"]


# ---------------------------------------------------------------- rights


def test_one_role_that_owns_and_serves(installation):
    installation.role = "postgres"

    assert "rights.one-role" in installation.findings()


@pytest.mark.parametrize(
    "right",
    [
        "UPDATE ON practice_auditevent",
        "DELETE ON practice_auditseal",
        "TRUNCATE ON practice_auditevent",
        "CREATE ON SCHEMA public",
    ],
)
def test_a_serving_role_that_could_alter_the_trail(installation, right):
    installation.sql(f"GRANT {right} TO {ROLE}")

    found = installation.findings()

    assert set(found) == {"rights.trail"}
    assert "rights.sql" in found["rights.trail"]["command"]


def test_rights_that_were_not_given_after_the_last_migration(installation):
    installation.sql("CREATE TABLE practice_new (id bigserial)")

    found = installation.findings()

    assert set(found) == {"rights.missing"}
    assert "SELECT on practice_new" in found["rights.missing"]["what"]
    installation.sql(*making(ROLE))
    assert installation.findings() == {}


def test_triggers_of_the_trail_that_are_switched_off(installation):
    installation.sql("ALTER TABLE practice_auditevent DISABLE TRIGGER audit_append_only")

    assert set(installation.findings()) == {"rights.triggers"}


def test_row_level_security_that_is_switched_off(installation):
    installation.sql("ALTER TABLE practice_patient DISABLE ROW LEVEL SECURITY")

    found = installation.findings()

    assert set(found) == {"rights.rows"}
    assert "practice_patient" in found["rights.rows"]["command"]


def test_a_serving_role_that_row_level_security_does_not_bind(installation):
    installation.sql(f"ALTER ROLE {ROLE} BYPASSRLS")

    assert set(installation.findings()) == {"rights.bypass"}


# ---------------------------------------------------------------- files


@pytest.fixture
def own_static(installation, collected_once):
    """A copy of the static files for a test that spoils them."""
    folder = installation.folder / "static"
    shutil.copytree(collected_once, folder, copy_function=os.link)
    installation.settings.STATIC_ROOT = folder
    return folder


def test_a_static_file_that_is_gone(installation, own_static):
    [sheet] = own_static.glob("pages.????????????.css")
    sheet.unlink()

    found = installation.findings()

    assert set(found) == {"static.amiss"}
    assert "pages.css" in found["static.amiss"]["what"]


def test_static_files_of_another_version(installation, own_static):
    name = own_static / "practice" / "staff.js"
    text = name.read_text()
    name.unlink()
    name.write_text(f"{text}// as it was")

    found = installation.findings()

    assert set(found) == {"static.amiss"}
    assert "practice/staff.js" in found["static.amiss"]["what"]


def test_static_files_that_nobody_collected(installation):
    installation.settings.STATIC_ROOT = installation.folder / "nothing"

    assert "never collected" in installation.findings()["static.amiss"]["what"]


# ---------------------------------------------------------------- this machine


@pytest.mark.parametrize("name", ["spool", "uploads", "returns"])
def test_a_folder_that_others_may_look_into(installation, name):
    getattr(installation, name).chmod(0o755)

    found = installation.findings()

    assert set(found) == {"files.modes"}
    assert str(getattr(installation, name)) in found["files.modes"]["command"]


def test_a_folder_that_the_service_cannot_write_into(installation):
    if os.geteuid() == 0:  # who may write everywhere looks at whose it is
        os.chown(installation.spool, 65534, 65534)
    else:
        installation.spool.chmod(0o500)

    found = installation.findings()

    assert set(found) == {"files.writable"}
    assert str(installation.spool) in found["files.writable"]["where"]


def test_folders_are_those_of_web(installation, monkeypatch):
    """Its unit names them, whatever the settings of whoever runs doctor are."""
    of_web = installation.folder / "of-web"
    of_web.mkdir(mode=0o755)
    (installation.folder / "units.d").mkdir()
    unit = f"[Service]\nEnvironment=AUDIT_SPOOL={of_web}\n"
    (installation.folder / "units.d" / "appointments-web.service").write_text(unit)

    assert str(of_web) in installation.findings()["files.modes"]["where"]
    monkeypatch.setenv("AUDIT_SPOOL", str(installation.spool))
    assert installation.findings() == {}


@pytest.mark.parametrize(
    ("name", "mode"), [("environment", 0o644), ("owner", 0o640), ("sealing", 0o604)]
)
def test_secrets_that_others_may_read(installation, name, mode):
    (installation.configuration / name).chmod(mode)

    code, text = installation.doctor()

    assert code == 1
    assert "[files.secrets]" in text
    assert f"{installation.configuration / name}, mode {mode:04o}" in text
    assert "hush" not in text


def test_the_sealers_keys_where_web_reads_them(installation):
    file = installation.configuration / "environment"
    file.write_text("AUDIT_HEAD_KEYS=hush\n")

    found = installation.findings()

    assert set(found) == {"files.head-keys"}
    assert "hush" not in str(found)


def test_a_disk_that_is_nearly_full(installation, monkeypatch):
    """The real disk, of which more should be free than there is."""
    monkeypatch.setattr(files, "LEAST_FREE", 1 << 60)

    found = installation.findings()

    assert set(found) == {"files.disk"}
    assert "GiB" in found["files.disk"]["what"]


def test_a_clock_that_nobody_sets(installation):
    installation.program("timedatectl", "echo no")

    assert set(installation.findings()) == {"clock.unset"}


def test_clocks_that_are_apart(installation, monkeypatch):
    moved = SimpleNamespace(now=lambda: timezone.now() + timedelta(seconds=40))
    monkeypatch.setattr(database, "timezone", moved)

    found = installation.findings()

    assert set(found) == {"clock.apart"}
    assert "40 s apart" in found["clock.apart"]["what"]


# ---------------------------------------------------------------- certificates


def test_a_certificate_that_ends_in_five_days(installation):
    installation.certify(days=(-60, 5))

    found = installation.findings()

    assert set(found) == {"certificates.end"}
    assert (
        "nginx's own certificate ends in 5 days".lower()
        in found["certificates.end"]["what"].lower()
    )
    assert "CN=book.practice.example" in found["certificates.end"]["what"]


def test_a_certificate_that_has_ended(installation):
    installation.certify(days=(-60, -1))

    assert "has ended" in installation.findings()["certificates.end"]["what"]


def test_a_revocation_list_that_has_ended(installation):
    installation.certify(lists=(-9, -1))

    found = installation.findings()

    assert set(found) == {"certificates.list"}
    assert str(installation.nginx / "revoked.pem") == found["certificates.list"]["where"]


def test_the_authority_of_the_callers_is_gone(installation):
    (installation.nginx / "callers.pem").unlink()

    assert set(installation.findings()) == {"certificates.missing"}


def test_a_key_that_others_may_read(installation):
    installation.certify().chmod(0o644)

    assert set(installation.findings()) == {"certificates.key"}


def test_the_certificate_that_shows_us_to_others(installation):
    issued = installation.authority.issue("us.practice.example", days=(-1, 5), file="doctor-us")
    installation.settings.ELSEWHERE_CERTIFICATE = str(issued.chain)

    found = installation.findings()

    assert set(found) == {"certificates.end"}
    assert found["certificates.end"]["what"].startswith("ELSEWHERE_CERTIFICATE ends in")


# ---------------------------------------------------------------- what runs


def test_every_unit_is_looked_at():
    folder = ROOT / "deploy" / "systemd"
    timers = {path.stem for path in folder.glob("*.timer")}
    running = {
        path.stem for path in folder.glob("*.service") if "Restart=always" in path.read_text()
    }

    known = {re.sub("@.+", "@", name) for name in (*units.TIMERS, *units.OPTIONAL)}
    assert timers - known == set()
    assert running == set(units.SERVICES)


def test_a_service_that_does_not_run(installation):
    installation.units["appointments-seal"] = UNITS.format(name="appointments-seal", state="failed")

    found = installation.findings()

    assert set(found) == {"units.stopped"}
    assert "appointments-seal" in found["units.stopped"]["what"]


def test_a_proof_that_failed(installation):
    name = "appointments-check@verify_audit"
    installation.units[name] = UNITS.format(name=name, state="failed")

    found = installation.findings()

    assert set(found) == {"units.failed"}
    assert name in found["units.failed"]["command"]


def test_a_timer_that_is_not_on(installation):
    del installation.units["appointments-overnight.timer"]

    assert "not installed" in installation.findings()["units.timer"]["what"]


def test_a_timer_that_has_not_run_for_three_days(installation):
    name = "appointments-generate"
    last = timezone.now() - timedelta(days=3)
    installation.units[f"{name}.timer"] = TIMER.format(name=name, last=last)

    found = installation.findings()

    assert set(found) == {"units.late"}
    assert f"since {last:%a %Y-%m-%d}" in found["units.late"]["what"]


def test_without_systemd_it_says_what_it_could_not_look_at(installation):
    (installation.folder / "run").rmdir()

    report = installation.report()

    assert report["well"]
    [skipped] = report["not_looked"]
    assert skipped["question"].startswith("units")


# ---------------------------------------------------------------- what should happen by itself


def spooled(at):
    return json.dumps({"recorded_at": at.isoformat(), "name": "1"}) + "\n"


def test_events_of_an_outage_that_nobody_took_in(installation):
    before = timezone.now() - timedelta(hours=3)
    (installation.spool / "events.jsonl").write_text(spooled(before))

    found = installation.findings()

    assert set(found) == {"spool.waiting"}
    assert "3 hours" in found["spool.waiting"]["what"]


def test_lines_of_an_outage_that_are_no_events(installation):
    (installation.spool / "unreadable.jsonl").write_text("half a li\n")

    assert set(installation.findings()) == {"spool.unreadable"}


def test_a_trail_that_nobody_seals(installation):
    before = timezone.now() - timedelta(hours=1)
    recording.record_done("database.restore", actor=make_actor(), now=before)

    found = installation.findings()

    assert set(found) == {"tasks.sealing"}
    assert "1 audit events wait" in found["tasks.sealing"]["what"]


def test_a_diary_that_nobody_generated(installation, practice):
    finished = timezone.now() - timedelta(days=3)
    run = make_generation_run(status=GenerationRun.Status.DONE, finished_at=finished)

    found = installation.findings()

    assert set(found) == {"tasks.generation"}
    assert practice.organisation.ods_code in found["tasks.generation"]["what"]
    run.finished_at = timezone.now() - timedelta(hours=20)
    run.save()
    assert installation.findings() == {}


def test_a_diary_that_ends_soon(installation, practice):
    Slot.objects.all().delete()
    make_slot(start=timezone.now() + timedelta(days=5))

    found = installation.findings()

    assert set(found) == {"tasks.diary"}
    assert f"{practice.organisation.ods_code} (" in found["tasks.diary"]["what"]


def test_days_that_were_not_closed(installation, practice):
    booked = make_appointment(slots=[make_slot(start=timezone.now() + timedelta(hours=1))])
    sealing.seal_everything(now=timezone.now())
    practice.organisation.close_day_as = "noshow"
    practice.organisation.save()
    past = timezone.now() - timedelta(days=3)
    Appointment.objects.filter(pk=booked.pk).update(start=past, end=past + timedelta(minutes=10))

    assert set(installation.findings()) == {"tasks.close-day"}
    practice.organisation.close_day_as = ""  # they are not closed by themselves
    practice.organisation.save()
    assert installation.findings() == {}


def test_a_week_without_a_return(installation, practice):
    monday = last_whole_week(clock.today(timezone.now()) - timedelta(days=1))
    make_slot(start=clock.day_start(monday) + timedelta(hours=10))

    assert set(installation.findings()) == {"tasks.weekly-return"}
    WeeklyReturn.objects.create(
        organisation=practice.organisation,
        first_day=monday,
        rows=1,
        appointments=0,
        made_at=timezone.now(),
    )
    assert installation.findings() == {}


def test_no_backup_for_days(installation):
    before = timezone.now() - timedelta(days=3)
    MigrationRecorder.Migration.objects.update(applied=before)
    assert set(installation.findings()) == {"tasks.backup"}

    recording.record_done("database.backup", actor=make_actor(), now=timezone.now())
    sealing.seal_everything(now=timezone.now())
    assert installation.findings() == {}


def test_who_makes_backups_otherwise_says_so(installation):
    before = timezone.now() - timedelta(days=3)
    MigrationRecorder.Migration.objects.update(applied=before)
    installation.settings.BACKUP_DAYS_WARNING = 0

    report = installation.report()

    assert report["well"]
    assert [each["question"] for each in report["not_looked"]] == ["backups"]


# ---------------------------------------------------------------- replicas


@pytest.mark.parametrize(
    ("host", "why"), [("127.0.0.1", "Connection refused"), (None, "it is no replica")]
)
def test_a_replica_that_cannot_be_asked(installation, monkeypatch, host, why):
    """Nobody is there, or a primary."""
    named = connection.copy("replica_1")
    named.settings_dict["OPTIONS"].pop("pool", None)
    named.settings_dict |= {"HOST": host, "PORT": "1"} if host else {}
    connections["replica_1"] = named
    replica = replicas.Replica("replica_1", most_lag=10)
    monkeypatch.setattr(replicas, "REPLICAS", (replica,))

    try:
        found = installation.findings()
    finally:
        named.close()
        del connections["replica_1"]

    assert set(found) == {"replicas.away"}
    assert why in found["replicas.away"]["what"]
