"""``manage.py doctor``: a healthy installation has no finding, and each fault is found by its own.

Real faults: roles of PostgreSQL that really have other rights, files that are really gone. All of
it happens in one transaction of the test, in which the role that serves asks.
"""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from practice.db import row_security
from tests import row_security_world
from workbench.paths import ROOT
from workbench.roles import making

pytestmark = pytest.mark.postgresql

SECRET = "Jq0x-5mB2vXnZsWk7RtYp3LcHd9GfEa8UiOoT1N4Qb6MzKyVrCwSxDlPhJgFeAuI"
ROLE = row_security_world.SERVING_ROLE


class Installation:
    """An installation as it should be; what a test changes in it is undone afterwards."""

    def __init__(self, folder: Path, settings) -> None:
        self.folder, self.settings = folder, settings
        self.role = ROLE

    def sql(self, *statements: str) -> None:
        """What the owner of the database does."""
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            for statement in statements:
                cursor.execute(statement)

    def doctor(self, *arguments: str) -> tuple[int, str]:
        """What it prints, and its exit code."""
        output, code = io.StringIO(), 0
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {self.role}")
            try:
                call_command("doctor", *arguments, stdout=output)
            except SystemExit as ended:
                code = int(ended.code or 0)
            cursor.execute("RESET ROLE")
        return code, output.getvalue()

    def findings(self) -> dict[str, dict]:
        code, text = self.doctor("--json")
        report = json.loads(text)
        assert code == (0 if report["well"] else 1)
        return {finding["id"]: finding for finding in report["findings"]}


@pytest.fixture
def installation(db, settings, tmp_path, monkeypatch, collected_once):
    # As in production: who serves is the role of the connection, whatever is in reach.
    monkeypatch.setattr(row_security, "BIND", row_security_world.PLAIN)
    settings.SECRET_KEY = SECRET
    settings.STATIC_ROOT = collected_once
    settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = True
    settings.ALLOWED_HOSTS = ["book.practice.example"]
    settings.METRICS_TOKEN = "k2J9-long-enough-for-a-token"
    return Installation(tmp_path, settings)


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
    from ipaddress import ip_network

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
