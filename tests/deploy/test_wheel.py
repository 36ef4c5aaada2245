"""What `make release` builds can be installed, and serves, without a clone beside it."""

import os
import subprocess
import time
import urllib.request
import venv
import zipfile
from urllib.error import URLError

import pytest

from workbench import packages, release
from workbench.nginx import free_port
from workbench.paths import ROOT

pytestmark = pytest.mark.installs

ROOMS = ("config", "consumer", "demo", "fhirapi", "practice", "templates")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of sdist and wheel, of the last revision."""
    if not release.UV.is_file():
        pytest.skip(f"{release.UV} is missing: make lock, or make release, brings it")
    folder = tmp_path_factory.mktemp("dist")
    release.build_packages(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_rooms_and_no_other_room(built):
    (wheel,) = built.glob("*.whl")
    tracked = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD", *ROOMS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    held = set(zipfile.ZipFile(wheel).namelist())

    assert wheel.name.startswith(f"gp_connect_appointments-{packages.VERSION}-")
    assert set(tracked) <= held
    beside = {name for name in held - set(tracked) if ".dist-info/" not in name}
    assert {name.rpartition("/")[2] for name in beside} == {"manage.py", "gunicorn.conf.py"}
    names = {path.name for path in built.iterdir()}
    assert names == {wheel.name, f"gp_connect_appointments-{packages.VERSION}.tar.gz"}


def test_installed_into_a_fresh_environment_it_serves(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = ["--require-hashes", "--requirement", ROOT / "requirements.txt"]
    subprocess.run([*install, *pinned], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SECRET_KEY": "for-this-test-only-" + "x" * 50,
        "DJANGO_ALLOWED_HOSTS": "localhost",
        "DATABASE_URL": f"sqlite:///{tmp_path}/book.sqlite3",
        "AUDIT_SPOOL": str(tmp_path / "spool"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    def ran(*command):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    ran(home / "bin" / "gp-connect-appointments", "migrate", "--verbosity", "0")
    ran(home / "bin" / "gp-connect-appointments", "collectstatic", "--noinput")
    config = home / "share" / "gp-connect-appointments" / "gunicorn.conf.py"
    port = free_port()
    serve = [python, "-m", "gunicorn", "config.wsgi", "--config", config]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [*serve, "--bind", f"127.0.0.1:{port}"], cwd=tmp_path, env=environment, stderr=log
        ) as served,
    ):
        try:
            alive = answer(f"http://127.0.0.1:{port}/health/live", served)
            page = answer(f"http://127.0.0.1:{port}/admin/login/", served)
        finally:
            served.terminate()

    assert alive == '{"status": "ok"}'
    assert "Password" in page


def answer(address: str, served: subprocess.Popen) -> str:
    """What is answered, as soon as somebody listens."""
    headers = {"Host": "localhost", "X-Forwarded-Proto": "https"}
    deadline = time.monotonic() + 120
    while True:
        assert served.poll() is None, "it has ended"
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as said:
                return said.read().decode()
        except URLError as failure:
            if time.monotonic() > deadline or hasattr(failure, "code"):
                raise
            time.sleep(0.2)
