"""The image is built, holds what it should and nothing else, and makes a booking."""

import contextlib
import importlib.metadata
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import psycopg
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config import VERSION
from consumer import times
from consumer.bodies import NewPatient
from consumer.client import Client
from consumer.identity import Provider
from consumer.transport import Transport, tls
from deploy.image import make_secrets
from tests.consumer.here import ME
from tests.deploy import images
from tests.deploy.images import Container, Image, until
from workbench import postgresql
from workbench.authority import Authority, Issued
from workbench.nginx import NGINX, PROXY, free_port
from workbench.paths import ROOT

pytestmark = pytest.mark.installs

MISSING = [
    tool for tool in ("mmdebstrap", "buildah", "unshare", "setpriv") if not shutil.which(tool)
]
if os.geteuid() != 0:
    MISSING.append("root")
if MISSING:
    pytest.skip(f"to build the image, what is missing: {MISSING}", allow_module_level=True)

VOLUMES = ("archive", "audit", "backups", "returns", "schedule", "uploads")
NGINX_USER = 101  # compose.yaml: of no group but the application's, whose sockets it opens
FHIR, STAFF = "localhost", "staff.localhost"  # which lead here without any DNS
PRACTICE = SimpleNamespace(ods_code="A00001", asid="200000000101")  # demo/samplebrook.yaml


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    folder.chmod(0o755)
    try:
        archive, seconds = images.build(folder)
        config = images.unpack(archive, folder / "root")
        yield Image(archive, config, folder / "root", seconds)
    finally:
        shutil.rmtree(folder)


def paths(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name)


def said_of(root: Path, found: list[Path]) -> list[str]:
    return [f"/{path.relative_to(root)}" for path in found]


# ---------------------------------------------------------------- what is in it


def test_size_and_build_time_are_told(image, capsys):
    packed = image.archive.stat().st_size
    unpacked = sum(
        p.lstat().st_size for p in paths(image.root) if p.is_file() and not p.is_symlink()
    )
    with capsys.disabled():
        print(
            f"\nimage: {packed / 1e6:.0f} MB packed, {unpacked / 1e6:.0f} MB unpacked,"
            f" built in {image.seconds:.0f} s"
        )

    assert packed < 120e6
    assert unpacked < 320e6


def test_it_says_what_it_is(image):
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()

    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"] == revision
    assert image.archive.name == f"appointments-{VERSION}.tar"


def test_it_runs_as_somebody_without_rights(image):
    user, group = image.config["User"].split(":")

    assert int(user) == int(group) == 10001
    assert f"appointments:x:{user}:{group}:" in (image.root / "etc/passwd").read_text()
    assert not [p for p in paths(image.root) if p.lstat().st_mode & 0o6000], "setuid or setgid"


def test_only_the_folders_for_volumes_can_be_written_by_it(image):
    def may_write(path: Path) -> bool:
        found = path.lstat()
        if path.is_symlink():
            return False
        return bool(
            found.st_mode & 0o002 or (found.st_uid == image.owner and found.st_mode & 0o200)
        )

    writable = sorted(said_of(image.root, [p for p in paths(image.root) if may_write(p)]))

    state = "/var/lib/appointments"
    assert writable == sorted(
        ["/run/appointments", "/tmp", "/var/tmp", state]  # noqa: S108 - of the image
        + [f"{state}/{name}" for name in (*VOLUMES, "nginx")]
    )


TOOLS = re.compile(
    r"sh|bash|dash|busybox|perl.*|apt.*|dpkg.*|gcc.*|cc|ld|as|make|git|pip.*|curl|wget|openssl|su|mount"
)


def test_no_shell_no_compiler_no_installer_is_in_it(image):
    folders = ("usr/bin", "usr/sbin", "usr/local/bin", "usr/lib/postgresql/15/bin")
    programs = {p.name for each in folders for p in (image.root / each).glob("*")}

    assert programs == {"python3.11", "pg_dump", "pg_restore", "psql"}
    assert not [name for name in programs if TOOLS.fullmatch(name)]
    assert not list(image.root.rglob("pip-*.dist-info"))
    assert not list(image.root.rglob("setuptools*"))
    assert not list(image.root.rglob("ensurepip"))


def test_nothing_is_left_from_building_it(image):
    """No cache, no sources of ours that do not serve, no places of this machine, no secrets."""
    names = {path.name for path in paths(image.root)}
    ours = {path.name for path in (image.root / "opt/appointments").iterdir()}
    assert not names & {".git", ".venv", ".cache", "pip.conf", "sources.list", "resolv.conf"}
    assert not ours & {"tests", "benchmarks", "workbench", "docs", "var", "db.sqlite3"}
    assert not list((image.root / "tmp").iterdir())

    places = {str(ROOT), str(image.archive.parent), str(Path.home() / ".cache")}
    for name in (
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_PROXY",
        "HTTPS_PROXY",
    ):
        if os.environ.get(name):
            places |= set(os.environ[name].split())
    secret = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{100}")
    found = []
    for path in paths(image.root):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        found += [(path, place) for place in places if place.encode() in content]
        if b"\0" not in content:  # a library has some to test itself with
            found += [(path, "a key") for _ in secret.findall(content)]

    assert said_of(image.root, [path for path, _ in found]) == [], found


def test_no_secret_stands_in_its_settings(image):
    names = {each.split("=")[0] for each in image.config["Env"]}

    assert not [name for name in names if re.search("SECRET|KEY|TOKEN|PASSWORD|DATABASE", name)]
    assert "DJANGO_DEBUG" not in names
    ((_, config, _),) = images.blobs(image.archive)
    assert [step.get("created_by") for step in config["history"]] == ["/bin/sh"]


def test_every_library_that_a_program_needs_is_there(image):
    """The image has no dpkg that would hold it together."""
    loader = "/lib64/ld-linux-x86-64.so.2"
    if not (image.root / loader.lstrip("/")).exists():
        pytest.skip("another kind of machine")
    elves = []
    for path in paths(image.root):
        if not path.is_symlink() and path.is_file():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    elves.append(f"/{path.relative_to(image.root)}")
    assert len(elves) > 100
    missing = {}
    for elf in elves:
        done = subprocess.run(
            ["/usr/sbin/chroot", image.root, loader, "--list", elf],
            capture_output=True,
            text=True,
            check=False,
        )
        lacks = re.findall(r"(\S+) => not found|: (\S+): cannot open", done.stdout + done.stderr)
        if lacks:
            missing[elf] = lacks

    assert missing == {}


def test_every_package_has_what_it_requires(image):
    """Those of tests are left out of requirements.txt by name: nothing that serves needs them."""
    folder = image.root / "usr/local/lib/python3.11/dist-packages"
    found = list(importlib.metadata.distributions(path=[str(folder)]))
    present = {canonicalize_name(each.metadata["Name"]) for each in found}
    missing = []
    for each in found:
        for line in each.requires or ():
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(needed.name) not in present:
                missing.append((each.metadata["Name"], line))

    assert "django" in present
    assert not present & {"pytest", "pip", "ruff", "playwright"}
    assert missing == []


def test_scanners_find_which_packages_of_debian_are_in_it(image):
    listed = (image.archive.parent / f"appointments-{VERSION}.packages").read_text().splitlines()
    status = {path.name for path in (image.root / "var/lib/dpkg/status.d").iterdir()}

    debian = {line.split()[1] for line in listed if line.startswith("debian ")}
    assert debian == status
    assert "libssl3" in debian
    assert [line for line in listed if line.lower().startswith("python django ")]
    assert "bookworm" in (image.root / "etc/os-release").read_text()


def test_built_again_it_is_the_same(image):
    with tempfile.TemporaryDirectory(prefix="image-again-") as folder:
        again, _ = images.build(Path(folder))
        ((_, first, first_layers),) = images.blobs(image.archive)
        ((_, second, second_layers),) = images.blobs(again)

    assert first == second
    assert first_layers == second_layers


# ---------------------------------------------------------------- without secrets


@pytest.fixture
def bare(image, tmp_path) -> Container:
    """Nothing but a place for sockets, where its user can come to."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(tmp_path, image.owner, image.owner)
    return Container(image, volumes={"/run/appointments": tmp_path})


def test_web_does_not_start_without_a_secret_key(bare):
    done = bare.having(DATABASE_URL="postgresql://nobody@127.0.0.1/nothing").run("web")

    assert done.returncode != 0
    assert "DJANGO_SECRET_KEY must be set" in done.stdout


def test_web_does_not_start_without_a_database(bare):
    done = bare.having(DJANGO_SECRET_KEY=secrets.token_hex(32)).run("web")

    assert done.returncode != 0
    assert "DATABASE_URL must be set" in done.stdout


def test_the_sealer_does_not_start_without_a_key_to_sign_with(bare):
    given = bare.having(
        DJANGO_SECRET_KEY=secrets.token_hex(32), DATABASE_URL="postgresql://nobody@127.0.0.1/none"
    )
    done = given.run("seal")

    assert done.returncode != 0
    assert "AUDIT_HEAD_KEYS is not set" in done.stdout


def test_who_migrates_must_be_the_owner(bare):
    done = bare.having(DATABASE_URL="postgresql://appointments@127.0.0.1/nothing").run("migrate")

    assert done.returncode != 0
    assert "DATABASE_OWNER_URL must be set" in done.stdout


def test_a_secret_whose_file_is_missing_stops_the_start(bare):
    done = bare.having(DJANGO_SECRET_KEY_FILE="/run/secrets/none").run("web")

    assert done.returncode != 0
    assert "/run/secrets/none" in done.stdout


# ---------------------------------------------------------------- it works


@dataclass
class Installation:
    """What compose.yaml sets up: a database with two roles, secrets in files, volumes."""

    container: Container
    folder: Path
    url: str
    authority: Authority
    client: Issued
    port: int

    @property
    def sockets(self) -> Path:
        return self.folder / "run"

    @property
    def provider(self) -> Provider:
        root = f"https://{FHIR}:{self.port}/{PRACTICE.ods_code}/STU3/1/gpconnect"
        return Provider(root, PRACTICE.asid, PRACTICE.ods_code, "Samplebrook Surgery")

    def ask(self, query: str) -> list[tuple]:
        with psycopg.connect(self.url.replace("/postgres", "/appointments")) as connection:
            connection.execute("SET appointments.practices = 'all'")
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def installation(image) -> Iterator[Installation]:
    found = postgresql.binaries()
    if found is None or NGINX is None:
        pytest.skip("PostgreSQL or nginx is not installed")
    folder = Path(tempfile.mkdtemp(prefix="installation-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        url = stack.enter_context(postgresql.server(found))
        there = Path(unquote(url.split("@")[1].rsplit("/", 1)[0]))
        there.chmod(0o755)
        container = Container(image)
        for name in VOLUMES:
            container.volumes[f"/var/lib/appointments/{name}"] = folder / name
        container.volumes |= {
            "/run/appointments": folder / "run",
            "/run/secrets": folder / "secrets",
            "/run/postgresql": there,
            "/nginx": folder / "nginx",
        }
        for outside in container.volumes.values():
            if outside != there:
                outside.mkdir()
                os.chown(outside, image.owner, image.owner)
        (folder / "run").chmod(0o750)
        make_secrets.make(folder / "secrets", "%2Frun%2Fpostgresql")
        subprocess.run(
            [ROOT / "deploy/image/postgresql-init.sh"],
            env={
                "PATH": f"{found}:{os.environ['PATH']}",
                "PGHOST": str(there),
                "SECRETS": str(folder / "secrets"),
            },
            check=True,
        )
        port = free_port()
        container.environment = {
            "DJANGO_SECRET_KEY_FILE": "/run/secrets/secret_key",
            "DATABASE_URL_FILE": "/run/secrets/database_url",
            "DJANGO_ALLOWED_HOSTS": f"{STAFF},{FHIR}",
            "DJANGO_CSRF_TRUSTED_ORIGINS": f"https://{STAFF}:{port}",
            "DEMOGRAPHICS_FILE": "/opt/appointments/demo/demographics.yaml",
        }
        said = container.having(DATABASE_OWNER_URL_FILE="/run/secrets/database_owner_url").must(
            "migrate"
        )
        assert "The serving role has its rights." in said
        container.must("manage", "load_practice", "demo/samplebrook.yaml")
        authority = Authority(folder, "Sub authority", below=Authority(folder, "Root authority"))
        yield Installation(container, folder, url, authority, authority.issue(PROXY), port)


def test_migrations_are_of_the_owner_and_the_role_that_serves_may_not_change_the_trail(
    installation,
):
    owners = {row[0] for row in installation.ask(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    )}  # fmt: skip
    ((may,),) = installation.ask(
        "SELECT has_table_privilege('appointments', 'practice_auditevent', 'DELETE')"
    )

    assert owners == {"appointments_owner"}
    assert may is False


def test_each_job_of_the_scheduler_runs(installation):
    """The units' own commands, in the image, as the role that serves."""
    said = installation.container.must("schedule", "--once")
    listed = installation.container.must("schedule", "--list")

    assert said.count('"event": "starts"') >= 10
    for job in ("generate", "overnight", "sheets", "watch", "archive", "check@verify_audit"):
        assert f'"job": "{job}"' in said
        assert f"\n{job}: " in f"\n{listed}"
    assert installation.ask("SELECT count(*) FROM practice_slot")[0][0] > 1000


def test_its_own_files_cannot_be_changed(installation):
    script = "open('/opt/appointments/manage.py', 'a')"
    done = installation.container.run("manage", "shell", "--no-imports", "-c", script)

    assert done.returncode != 0
    assert re.search("Read-only file system|Permission denied", done.stdout)


def test_a_backup_is_made_by_its_own_pg_dump(installation):
    where = "/var/lib/appointments/archive/by_hand"
    installation.container.must("manage", "backup", where)

    assert (installation.folder / "archive" / "by_hand").stat().st_size > 10_000


@pytest.fixture(scope="module")
def served(installation) -> Iterator[Installation]:
    """web, the sealer and nginx."""
    container, folder = installation.container, installation.folder
    sealer = container.having(AUDIT_HEAD_KEYS_FILE="/run/secrets/audit_head_keys")
    with (
        container.running("web") as web,
        sealer.running("seal"),
        nginx(installation),
    ):
        until((folder / "run" / "web-1.sock").exists, web)
        until(lambda: container.run("health", "ready").returncode == 0, web)
        yield installation


@contextlib.contextmanager
def nginx(installation: Installation) -> Iterator[None]:
    """This machine's nginx, with the configuration that the image writes for the container's."""
    folder, authority = installation.folder, installation.authority
    for name in (FHIR, STAFF):
        purpose = ExtendedKeyUsageOID.SERVER_AUTH
        authority.issue(name, names=[name], file=name, purpose=purpose)
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "crl.pem").write_bytes(authority.revocations())
    names = {
        "FHIR_NAME": FHIR,
        "FHIR_CERTIFICATE": f"{folder}/{FHIR}.pem",
        "FHIR_KEY": f"{folder}/{FHIR}.key",
        "STAFF_NAME": STAFF,
        "STAFF_CERTIFICATE": f"{folder}/{STAFF}.pem",
        "STAFF_KEY": f"{folder}/{STAFF}.key",
        "CLIENT_CA": f"{folder}/ca.pem",
        "CLIENT_CRL": f"{folder}/crl.pem",
        "PROXY_FQDN": PROXY,
        "TLS_LISTEN": f"127.0.0.1:{installation.port}",
        "PLAIN_LISTEN": f"127.0.0.1:{free_port()}",
        # The same folder, as nginx sees it here.
        "UPSTREAM": ",".join(f"unix:{folder}/run/web-{number}.sock" for number in (1, 2)),
    }
    installation.container.having(**names).must("nginx", "/nginx", f"{folder}/nginx")
    # What it writes has a memory of its own in a container.
    own = folder / "nginx-tmp"
    own.mkdir()
    os.chown(own, NGINX_USER, installation.container.image.owner)
    main = folder / "nginx" / "nginx.conf"
    main.write_text(
        re.sub(r"^( *(pid|\w+_temp_path)) /tmp/", rf"\1 {own}/", main.read_text(), flags=re.M)
    )
    process = subprocess.Popen(
        [str(NGINX), "-c", main, "-e", "/dev/stderr"],
        user=NGINX_USER,
        group=installation.container.image.owner,
        extra_groups=[],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None, "nginx has ended"
    finally:
        process.terminate()
        process.wait()


def test_a_booking_is_made_through_it(served):
    """By our own client, with a certificate, through nginx, on a database under two roles."""
    proof = served.client
    trust = tls(certificate=proof.chain, key=proof.key, authority=served.folder / "ca.pem")
    today = times.today()
    with Client(ME, transport=Transport(tls=trust)) as client:
        found = client.search(served.provider, today, today + timedelta(days=13))
        patient = client.find_or_register(
            served.provider,
            NewPatient("9990026270", "Faux", "Walt", date(1990, 9, 9), "male"),
        )
        booked = client.book(served.provider, patient.id, found.slots[:1], description="Cough")
        read = client.read_appointment(served.provider, booked.id)

    assert read.status == "booked"
    assert served.ask(f"SELECT status FROM practice_appointment WHERE id = {booked.id}") == [
        ("booked",)
    ]
    until(lambda: served.ask("SELECT count(*) FROM practice_auditwaiting") == [(0,)])


def test_it_is_healthy(served):
    live, ready = (served.container.must("health", each) for each in ("live", "ready"))

    assert "ok" in live
    assert '"migrations"' in ready


def test_who_has_no_server_is_not_healthy(image):
    done = Container(image).run("health", "live")

    assert done.returncode == 1
    assert "web.sock" in done.stdout


@pytest.mark.parametrize("word", ["web", "seal", "schedule"])
def test_it_stops_when_it_is_told_to(installation, word):
    """Its first process gets the signal, and no init is there to pass it on."""
    container = installation.container.having(AUDIT_HEAD_KEYS_FILE="/run/secrets/audit_head_keys")
    container.volumes = {**container.volumes, "/run/appointments": installation.folder / "archive"}
    with container.running(word) as running:
        if word == "web":  # a process that still begins would be waited for
            until(lambda: container.run("health", "live").returncode == 0, running)
        seconds = running.stop()

    assert seconds < 30
    assert running.process.returncode == 0
