"""The scripts that install, upgrade and remove, as far as that can be told without doing it.

What they really do is in test_install.py (make installs).
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from tests.test_documents import settings_read
from workbench.paths import ROOT

DEPLOY = ROOT / "deploy"
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
# Whatever changes a system. A dry run that calls one of them has touched something.
CHANGING = (
    *("adduser", "addgroup", "apt-get", "chmod", "chown", "createdb", "createuser", "deluser"),
    *("delgroup", "dropdb", "dropuser", "install", "ln", "mkdir", "mv", "nginx", "openssl"),
    *("pg_createcluster", "pg_ctlcluster", "psql", "rm", "runuser", "setsid", "systemctl", "tar"),
    *("gpasswd", "groupdel", "touch", "useradd", "userdel", "usermod"),
)


@pytest.fixture
def called(tmp_path, monkeypatch):
    """The file that tells which of the commands that change something were called."""
    told, commands = tmp_path / "called", tmp_path / "commands"
    commands.mkdir()
    told.touch()
    for name in CHANGING:
        command = commands / name
        command.write_text(f'#!/bin/sh\necho "{name} $*" >>{told}\n')
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    return told


def run(script, *arguments):
    return subprocess.run(
        ["bash", DEPLOY / script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def from_lib(words):
    """What bash says after it has read lib.sh."""
    said = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; . {DEPLOY / 'lib.sh'}; {words}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return said.stdout


def listed(array, ending=""):
    return set(from_lib(f'printf "%s\\n" "${{{array}[@]/%/{ending}}}"').split())


# ---------------------------------------------------------------- what is asked for


def test_a_dry_run_names_every_step_and_touches_nothing(called):
    told = run("install.sh", "--host", "book.example", "--dry-run")

    steps = re.findall(r'^    step "(.*)"$', (DEPLOY / "install.sh").read_text(), re.M)
    said = re.findall(r"^== (.*)$", told.stdout, re.M)
    assert told.returncode == 0, told.stderr
    assert len(steps) == len(said) > 10
    for step, words in zip(steps, said, strict=True):
        assert re.fullmatch(re.sub(r"\\\$\w+", ".+", re.escape(step)), words)
    for what in ("adduser", "createdb", "--require-hashes", "collect_static", "systemctl enable"):
        assert what in told.stdout
    assert "TEST CERTIFICATES" in told.stderr
    assert called.read_text() == ""


def test_a_dry_run_of_removing_touches_nothing(called):
    told = run("uninstall.sh", "--with-data", "--dry-run")

    assert told.returncode == 0, told.stderr
    assert "rm -rf /opt/appointments" in told.stdout
    assert called.read_text() == ""


@pytest.mark.parametrize("script", ["install.sh", "upgrade.sh", "uninstall.sh", "manage.sh"])
def test_help_is_given_to_anybody(script, called):
    told = run(script, "--help")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("usage: sudo ")
    assert called.read_text() == ""


HOST = ("--host", "book.example")


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("install.sh", (), "--host NAME is needed"),
        ("install.sh", (*HOST, "--hosts"), "no option --hosts"),
        ("install.sh", ("--host",), "--host needs a value"),
        ("install.sh", ("--host", "Book of ours"), "not the name of a machine"),
        ("install.sh", (*HOST, "--fhir-host", "book.example"), "must differ"),
        ("install.sh", (*HOST, "--https-port", "66000"), "66000 is not a port"),
        ("install.sh", (*HOST, "--key", __file__), "--key needs --certificate"),
        ("install.sh", (*HOST, "--certificate", "/nowhere.pem"), "/nowhere.pem cannot be read"),
        ("install.sh", (*HOST, "--certificate", __file__), "--key FILE is needed"),
        ("install.sh", (*HOST, "--client-authority", __file__), "needs --revocation-lists"),
        (
            "install.sh",
            (*HOST, "--client-authority", __file__, "--revocation-lists", __file__),
            "needs --proxy-name",
        ),
        ("install.sh", (*HOST, "--wheels", "/nowhere"), "no folder /nowhere"),
        ("install.sh", (*HOST, "--administrator", "a b"), "letters, digits"),
        ("upgrade.sh", ("--host",), "no option --host"),
        ("uninstall.sh", ("--all",), "no option --all"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(script, arguments, words, called):
    told = run(script, *arguments)

    assert told.returncode == 1
    assert words in told.stderr
    assert called.read_text() == ""


# ---------------------------------------------------------------- what the scripts know of the rest


def test_the_units_that_are_enabled_are_those_that_there_are():
    services = listed("SERVICES", ".service")
    timers = listed("TIMERS", ".timer")
    enabled = services | timers
    there = {unit.name: unit.read_text() for unit in (DEPLOY / "systemd").iterdir()}

    # One that several timers share is named with what it does in each of them.
    shared = {re.sub(r"@[a-z_]+", "@", unit) for unit in enabled}
    assert shared == {name for name, text in there.items() if "[Install]" in text}
    # The others are begun by a timer of their name.
    begun = {name for name in there if name not in shared}
    assert begun == {unit.replace(".timer", ".service") for unit in shared if "timer" in unit}
    assert len(begun) == 6


def test_the_settings_that_are_written_are_read():
    written = re.findall(
        r'add_setting "\$SETTINGS/\w+" ([A-Z_]+)', (DEPLOY / "install.sh").read_text()
    )

    assert {"DJANGO_SECRET_KEY", "DATABASE_URL", "AUDIT_HEAD_KEYS"} <= set(written)
    assert set(written) <= settings_read()


def test_the_names_for_nginx_are_those_of_its_template():
    text = (DEPLOY / "install.sh").read_text()
    block = re.search(r'write_file "\$SETTINGS/nginx".*?^END$', text, re.M | re.S)[0]
    template = (DEPLOY / "nginx" / "appointments.conf.template").read_text()

    written = set(re.findall(r"^([A-Z_]+)=", block, re.M))
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", template))
    # These have defaults, or are made from what is known.
    assert wanted - written == {"UPSTREAM", "DH_GROUP", "LOG_FOLDER", "FHIR_REQUESTS_PER_SECOND"}
    assert written <= wanted


def test_commands_write_where_the_services_do():
    told = dict(
        line.split("=", 1)
        for line in from_lib("as_in_the_units; env").splitlines()
        if "=/var/lib/appointments/" in line
    )
    units = "".join(unit.read_text() for unit in (DEPLOY / "systemd").glob("*.service"))

    assert told == dict(re.findall(r"^Environment=(\w+)=(.*)$", units, re.M))


def test_settings_are_read_as_systemd_reads_them(tmp_path):
    file = tmp_path / "environment"
    file.write_text(
        "# EMAIL_HOST=in a comment\n"
        "; of another kind\n"
        "\n"
        "EMAIL_FROM=The book <book@surgery.example>\n"
        'DJANGO_ALLOWED_HOSTS="a.example,b.example"\n'
        "METRICS_TOKEN='$(rm -rf /) `id` $HOME'\n"
        "DATABASE_URL=postgresql://a:b=c@%2Fvar/d?x=#1"  # and no end of line
    )

    told = from_lib(
        f"load_settings {file} {tmp_path}/missing;"
        f'{sys.executable} -c "import json, os; print(json.dumps(dict(os.environ)))"'
    )

    environment = json.loads(told)
    assert environment["EMAIL_FROM"] == "The book <book@surgery.example>"
    assert environment["DJANGO_ALLOWED_HOSTS"] == "a.example,b.example"
    assert environment["METRICS_TOKEN"] == "$(rm -rf /) `id` $HOME"
    assert environment["DATABASE_URL"] == "postgresql://a:b=c@%2Fvar/d?x=#1"
    assert "EMAIL_HOST" not in environment


def test_what_is_copied_is_all_that_the_application_needs(tmp_path):
    """Of the tree of the developers only what serves; tests and benchmarks stay behind."""
    for name in listed("PRODUCT"):
        source, copy = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)

    told = subprocess.run(
        [sys.executable, "-c", "import deploy.self_test, manage; manage.main()", "check"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DJANGO_DEBUG": "1", "DATABASE_URL": "sqlite://:memory:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.installs
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_read_well(script):
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("shellcheck is not installed (apt-get install shellcheck)")

    told = subprocess.run(
        [checker, "--external-sources", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (told.returncode, told.stdout) == (0, "")
