"""An installation from its first day to its last, on a bare Debian 12 (make installs).

Minutes long. What the scripts know of the rest of the tree is in test_scripts.py.
"""

import re
import shutil
import socket
import subprocess
import time

import pytest
import yaml

from tests.deploy import bare_debian
from tests.deploy.bare_debian import Bare, edit, files_below, tree
from workbench.nginx import free_port
from workbench.paths import ROOT

pytestmark = [pytest.mark.installs, pytest.mark.filterwarnings("ignore")]

HOST = "book.example"
PRACTICE = yaml.safe_load((ROOT / "demo" / "samplebrook.yaml").read_text(encoding="utf-8"))
ODS_CODE, ASID = (PRACTICE["practice"][name] for name in ("ods_code", "asid"))
NHS_NUMBER = PRACTICE["patients"][0]["nhs_number"]
# Of Debian's packages, which stay, and of what they write about themselves.
DEBIANS = re.compile(
    r"/(etc/(alternatives|apt|default/locale|inputrc|ld\.so\.cache|locale\.gen|networks)"
    r"|etc/(nginx/(modules|sites)-enabled|postgresql|postgresql-common|python3|rc\d\.d|ssl)"
    r"|etc/(systemd/system|(group|gshadow|passwd|shadow)-?$)"
    r"|usr/(local/lib|share/man)"
    r"|var/(cache|www|lib/(apt|dpkg|nginx|postgresql|python|systemd|ucf))"
    r"|var/log/(alternatives\.log|apt|dpkg\.log|nginx|postgresql))"
)


@pytest.fixture
def say(capsys):
    began = time.monotonic()

    def speak(words: str) -> None:
        with capsys.disabled():
            print(f"\n  {time.monotonic() - began:5.0f} s  {words}", end="", flush=True)

    return speak


@pytest.fixture
def machine():
    with bare_debian.bare_debian() as made:
        with (made.root / "etc" / "hosts").open("w") as hosts:
            hosts.write(f"127.0.0.1 localhost {HOST} fhir.{HOST}\n")
        wheels = made.root / "srv" / "wheels"
        wheels.mkdir()
        for wheel in bare_debian.wheels().iterdir():
            shutil.copy(wheel, wheels)
        tree(made, "/srv/release")
        yield made


def schema(machine: Bare) -> str:
    """Tables, rights and roles of the database, with what the roles' passwords are kept as."""
    dump = machine.run("runuser", "-u", "postgres", "--", "pg_dumpall", "--schema-only").stdout
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.M)


def refused(machine: Bare, words: str, *arguments: str, user: str = "root") -> None:
    told = machine.run(
        *("runuser", "-u", user, "--", "/srv/release/deploy/install.sh", *arguments), check=False
    )
    assert (told.returncode, words in told.stderr) == (1, True), told.stdout + told.stderr


def talk(machine: Bare, port: int, what: str, wanted: str) -> str:
    address = f"https://fhir.{HOST}:{port}/{ODS_CODE}/STU3/1/gpconnect"
    script = (ROOT / "tests" / "deploy" / "booking.py").read_text(encoding="utf-8")
    return machine.run(
        *("env", "PYTHONPATH=/opt/appointments/current"),
        *("/opt/appointments/current/.venv/bin/python", "-", what, address, ASID, wanted),
        input=script,
    ).stdout.strip()


def self_test(told: subprocess.CompletedProcess) -> dict[str, str]:
    lines = re.findall(r"^   ([A-Za-z ,-]+): (.*)\.$", told.stdout.split("Self-test")[-1], re.M)
    return dict(lines)


def ours(machine: Bare) -> dict[str, str]:
    """What is there, but for Debian's packages and what they write."""
    tops = ("/etc", "/opt", "/usr", "/var", "/home", "/root", "/srv", "/tmp")
    owned = set()
    for listed in (machine.root / "var/lib/dpkg/info").glob("*.list"):
        owned |= set(listed.read_text().splitlines())
    return {
        path: what
        for path, what in files_below(machine, *tops).items()
        if path not in owned
        and path.removeprefix("/usr") not in owned
        and (not DEBIANS.match(path) or "appointments" in path)
        and "__pycache__" not in path
    }


def test_an_installation_from_its_first_day_to_its_last(machine, say):
    https, http = free_port(), free_port()
    install = (
        *("/srv/release/deploy/install.sh", "--wheels", "/srv/wheels"),
        *("--host", HOST, "--https-port", str(https), "--http-port", str(http)),
    )
    before = ours(machine)

    say("what cannot be installed is refused, and nothing is touched")
    refused(machine, "only root may do this", *install[1:], user="nobody")
    refused(machine, "--host NAME is needed")
    refused(machine, "there is no option --hots", "--hots", HOST)
    with socket.socket() as other:
        other.bind(("127.0.0.1", https))
        other.listen()
        refused(machine, f"port {https} is taken", *install[1:])
    release = machine.root / "usr" / "lib" / "os-release"
    edit(release, 'VERSION_ID="12"', 'VERSION_ID="13"')
    refused(machine, "this is for Debian 12", *install[1:])
    edit(release, 'VERSION_ID="13"', 'VERSION_ID="12"')
    told = machine.run("/srv/release/deploy/upgrade.sh", check=False)
    assert (told.returncode, "nothing is installed" in told.stderr) == (1, True)
    dry = machine.run(*install, "--dry-run")
    assert "would run: apt-get update" in dry.stdout
    assert ours(machine) == before

    say("installed for the first time")
    began = time.monotonic()
    told = machine.run(*install, "--administrator", "ada")
    took = time.monotonic() - began
    size = machine.run("du", "-sm", "/opt/appointments").stdout.split()[0]
    say(f"that took {took:.0f} s; /opt/appointments has {size} MB")
    assert "TEST CERTIFICATES" in told.stderr
    assert re.search(r"shown this once: \S{24}$", told.stdout, re.M)
    assert set(self_test(told)) == {
        *("application", "sign-in page", "FHIR, a stranger", "FHIR, metadata")
    }
    secrets = files_below(machine, "/etc/appointments")
    for name in ("environment", "owner", "sealing", "tls/authority.key", "tls/server.key"):
        assert secrets[f"/etc/appointments/{name}"].startswith("100600 0:0 "), name

    say("a practice, and a booking through nginx with a client's certificate")
    manage = "/usr/local/sbin/appointments-manage"
    machine.run(manage, "load_practice", "/srv/release/demo/samplebrook.yaml")
    machine.run(manage, "generate_slots")
    appointment = talk(machine, https, "book", NHS_NUMBER)
    assert talk(machine, https, "read", appointment) == "booked Cough for a week"

    say("the serving role cannot touch the trail, and makes no tables")
    for statement in ("DELETE FROM practice_auditevent", "CREATE TABLE mine ()"):
        # From a folder that is root's alone, as an operator may well be in.
        told = machine.run(
            *("env", "--chdir=/root", manage, "dbshell", "--", "--command", statement), check=False
        )
        assert "permission denied" in told.stderr, told.stderr

    say("a backup, as the timer has it made")
    unit = (ROOT / "deploy" / "systemd" / "appointments-backup.service").read_text()
    command = re.search(r"^ExecStart=\S+ manage.py (.*)$", unit, re.M)[1]
    assert "SHA-256" in machine.run(manage, *command.split()).stdout

    say("installed again: nothing is changed")
    places = ("/etc", "/opt", "/usr/local", "/var/lib/appointments/backups")
    was = files_below(machine, *places), schema(machine)
    told = machine.run("/srv/release/deploy/install.sh")
    assert (files_below(machine, *places), schema(machine)) == was
    assert "capability statement" in self_test(told)["FHIR, metadata"]

    say("what is missing is put back, and what an operator set is kept")
    environment = machine.root / "etc/appointments/environment"
    text = environment.read_text()
    secret = re.search(r"^DJANGO_SECRET_KEY=.*\n", text, re.M)[0]
    environment.write_text(re.sub(r"^METRICS_TOKEN=.*\n", "", text, flags=re.M) + "EMAIL_PORT=26\n")
    machine.run("rm", "/etc/nginx/conf.d/appointments.conf")
    told = machine.run("/srv/release/deploy/install.sh")
    assert "METRICS_TOKEN is added" in told.stdout
    text = environment.read_text()
    assert secret in text
    assert text.count("EMAIL_PORT=26") == text.count("METRICS_TOKEN=") == 1

    say("files that were changed under the same version are not taken")
    edit(machine.root / "srv/release/manage.py", "def main", "# another\ndef main")
    refused(machine, "made from other files")
    edit(machine.root / "srv/release/manage.py", "# another\ndef main", "def main")

    say("an upgrade that fails in the end: the old version serves again")
    current = machine.root / "opt/appointments/current"
    old = str(current.readlink())
    tree(machine, "/srv/broken", version="9.9.1")
    edit(machine.root / "srv/broken/config/wsgi.py", "import os", "raise RuntimeError\nimport os")
    edit(machine.root / "srv/broken/deploy/systemd/appointments-seal.service", "512M", "513M")
    told = machine.run("/srv/broken/deploy/upgrade.sh", "--wheels", "/srv/wheels", check=False)
    assert told.returncode == 1
    assert "application: WRONG" in told.stderr
    assert f"Back to {old}" in told.stderr
    assert "application: ready" in told.stdout
    assert str(current.readlink()) == old
    unit = machine.root / "etc/systemd/system/appointments-seal.service"
    assert "512M" in unit.read_text()
    assert talk(machine, https, "read", appointment) == "booked Cough for a week"

    say("an upgrade")
    tree(machine, "/srv/newer", version="9.9.2")
    edit(machine.root / "srv/newer/deploy/systemd/appointments-seal.service", "512M", "513M")
    began = time.monotonic()
    told = machine.run("/srv/newer/deploy/upgrade.sh", "--wheels", "/srv/wheels")
    say(f"that took {time.monotonic() - began:.0f} s")
    assert "of version 9.9.2" in self_test(told)["FHIR, metadata"]
    assert "513M" in unit.read_text()
    assert str(current.readlink()) == "9.9.2"
    assert len(list((machine.root / "var/lib/appointments/backups").glob("*-before-9.9.2"))) == 1
    assert talk(machine, https, "read", appointment) == "booked Cough for a week"
    refused(machine, "version 9.9.2 is installed")

    say("removed, but for the book")
    uninstall = "/opt/appointments/current/deploy/uninstall.sh"
    told = machine.run(uninstall, check=False)
    assert (told.returncode, "nobody to ask" in told.stderr) == (1, True)
    assert (current / "manage.py").exists()
    told = machine.run(uninstall, "--yes")
    assert "Kept: the database appointments" in told.stdout
    left = {path for path in ours(machine) if path not in before}
    book = ("/srv/", "/var/lib/appointments", "/var/log/nginx/appointments-")
    assert {path for path in left if not path.startswith(book)} == {
        *("/etc/appointments", "/etc/appointments/sealing"),
    }
    assert not (machine.root / "run/appointments").exists()

    say("installed again: the book is found")
    for folder in ("broken", "release"):
        machine.run("rm", "-r", f"/srv/{folder}")
    machine.run("mv", "/srv/newer", "/srv/release")
    machine.run(*install)
    assert talk(machine, https, "read", appointment) == "booked Cough for a week"
    assert "whole" in machine.run(manage, "verify_audit").stdout

    say("removed with everything: nothing is left")
    machine.run("/srv/release/deploy/uninstall.sh", "--yes", "--with-data")
    after = ours(machine)
    assert {path for path in after.keys() ^ before.keys() if not path.startswith("/srv/")} == set()
    assert (machine.root / "etc/nginx/sites-enabled/default").is_symlink()
    assert "appointments" not in schema(machine)
    for name in ("passwd", "group", "shadow", "gshadow"):
        assert "appointments" not in (machine.root / "etc" / name).read_text()
    # The first process there, its pause, PostgreSQL's, nginx's: none of ours.
    for process in machine.run("bash", "-c", "cat /proc/[0-9]*/cmdline").stdout.split("\0"):
        assert "appointments" not in process
    say("")
