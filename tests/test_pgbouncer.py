"""Everything works through PgBouncer in transaction mode, with two connections for all.

Real PgBouncer, as deploy/pgbouncer sets it up, in front of a PostgreSQL server of the test's own.
"""

import configparser
import importlib
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.chaos.broken import Broken, assert_clean, wait_for
from workbench import roles
from workbench.bodies import cancelled
from workbench.cluster import cluster
from workbench.consumer import as_dict
from workbench.paths import ROOT
from workbench.postgresql import MISSING, binaries, unprivileged

# Debian keeps it where the PATH of ordinary users does not lead.
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.skipif(binaries() is None, reason=MISSING),
    pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer tests SKIPPED: no pgbouncer found"),
]

POOL, CLIENTS, EACH = 2, 10, 3
NAME, PORT = "appointments", 6432


class Pooled(Broken):
    """A world that is reached through PgBouncer; ``home`` is the folder of its socket."""

    home: Path

    def environment(self):
        url = f"postgresql://{roles.SERVING}@{quote(str(self.home), safe='')}:{PORT}/{NAME}"
        return {**super().environment(), "DATABASE_URL": url, "DATABASE_PGBOUNCER": "1"}

    def connect(self, database):
        return psycopg.connect(
            host=str(self.home), port=PORT, user="postgres", dbname=database, autocommit=True
        )

    def shown(self, what):
        """The rows of ``SHOW POOLS`` and the like, of our database."""
        with self.connect("pgbouncer") as console:
            cursor = console.execute(f"SHOW {what}")
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return [row for row in rows if row["database"] == NAME]


@contextmanager
def pgbouncer(server):
    """Run it before a server; gives the folder of its socket."""
    home = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    child = unprivileged()
    if child:
        os.chown(home, child["user"], child["group"])
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini", encoding="utf-8")
    settings["databases"] = {NAME: f"host={server.home} dbname=postgres user={roles.SERVING}"}
    settings["pgbouncer"].update(
        {
            "unix_socket_dir": str(home),
            "logfile": str(home / "log"),
            "pidfile": str(home / "pid"),
            "auth_type": "any",
            "admin_users": "postgres",
            "default_pool_size": str(POOL),
        }
    )
    file = home / "pgbouncer.ini"
    with file.open("w") as output:
        settings.write(output)
    process = subprocess.Popen(
        [PGBOUNCER, "--quiet", file], cwd=home, stdin=subprocess.DEVNULL, **child
    )
    try:
        wait_for((home / f".s.PGSQL.{PORT}").exists, seconds=10)
        yield home
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def pooled():
    # Another time zone than ours, so that each connection has to be told.
    with cluster(settings={"fsync": "off", "timezone": "Europe/London"}) as server:
        direct, pooled = Broken(server, print), Pooled(server, print)
        direct.fill(slots=CLIENTS * EACH)
        pooled.world = direct.world
        with pgbouncer(server) as pooled.home:
            yield pooled


def test_nothing_is_left_in_a_connection_for_the_next_transaction(monkeypatch):
    from config import settings as module

    with monkeypatch.context() as environment:
        environment.setenv("DATABASE_URL", "postgresql://host/name")
        environment.setenv("DATABASE_PGBOUNCER", "1")
        found = importlib.reload(module).DATABASES["default"]
    importlib.reload(module)

    assert found["OPTIONS"]["prepare_threshold"] is None
    assert found["DISABLE_SERVER_SIDE_CURSORS"]


def use(pooled, address, slots):
    """What a consumer does with some slots; the statuses of all answers, by what was asked."""
    consumer = pooled.consumer(address)
    told = Counter()

    def note(what, answer):
        told[what, answer.status_code] += 1
        return answer

    for slot in slots:
        note("search", pooled.search(address))
        booked = as_dict(note("book", pooled.book(address, slot)))
        pk = booked["id"]
        amended = {**booked, "description": "A sore throat, and now a cough."}
        changed = as_dict(note("amend", consumer.amend(pk, amended)))
        note("read", consumer.read_appointment(pk))
        if slot.pk % 2:
            note("cancel", consumer.cancel(pk, cancelled(changed)))
    return told


def test_many_clients_share_two_connections_in_transaction_mode(pooled, tmp_path):
    environment = {**pooled.environment(), "DATABASE_POOL_SIZE": "8"}
    slots = pooled.world.slots
    with (
        pooled.served(workers=2, threads=5, environment=environment) as running,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        commands = [
            pooled.start("manage.py", "generate_slots", "--weeks=4"),
            pooled.start("manage.py", "seal_audit"),
        ]
        clients = [
            pool.submit(use, pooled, running.address, slots[number::CLIENTS])
            for number in range(CLIENTS)
        ]
        seen = []
        while not all(client.done() for client in clients):
            seen += pooled.shown("POOLS")
            time.sleep(0.2)
        told = sum((client.result() for client in clients), Counter())
        done = [(command.communicate(timeout=60)[0], command.returncode) for command in commands]

    number = len(slots)
    dropped = sum(slot.pk % 2 for slot in slots)
    assert told == {
        ("search", 200): number,
        ("book", 201): number,
        ("amend", 200): number,
        ("read", 200): number,
        ("cancel", 200): dropped,
    }
    assert [code for _, code in done] == [0, 0], done
    assert max(each["sv_active"] + each["sv_idle"] + each["sv_used"] for each in seen) <= POOL
    assert max(each["cl_active"] + each["cl_waiting"] for each in seen) > POOL
    assert len(pooled.booked()) == number - dropped
    pooled.check()
    trail = tmp_path / "trail.csv"
    ods_code = pooled.world.organisation.ods_code
    pooled.run("manage.py", "export_audit", "--practice", ods_code, "--output", str(trail))
    assert len(trail.read_text("utf-8").splitlines()) > 4 * number


def test_who_waits_too_long_for_a_connection_is_told_to_try_again(pooled):
    environment = pooled.environment()
    with pooled.served(workers=1, environment=environment) as running:
        with pooled.connect(NAME) as one, pooled.connect(NAME) as other, one.transaction():
            one.execute("SELECT 1")
            with other.transaction():
                other.execute("SELECT 1")
                refused = pooled.search(running.address)
        afterwards = pooled.search(running.address)

    assert refused.status_code == 503
    assert_clean(refused)
    assert afterwards.status_code == 200
