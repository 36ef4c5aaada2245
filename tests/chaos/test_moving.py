"""Practices move between databases and come back the same: a year with 1,000 patients, the demos.

Through files alone, with the rights of production, on PostgreSQL and into SQLite: what was dumped,
loaded and dumped again is letter for letter the same, and so is what was exported as FHIR, imported
and exported again.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.chaos.broken import CHAOS
from workbench import roles
from workbench.cluster import cluster
from workbench.paths import ROOT

pytestmark = CHAOS

YEAR = "Y00000"
DEMO_FILES = [path for path in (ROOT / "demo").glob("*.yaml") if path.name != "demographics.yaml"]
DEMOS = [yaml.safe_load(path.read_text())["practice"]["ods_code"] for path in DEMO_FILES]
PRACTICES = (YEAR, *sorted(DEMOS))
KILOBYTES_IN_MEGABYTE = 1024

Say = Callable[[str], None]


@dataclass
class Store:
    """A database, and what is done in it by command."""

    url: str

    def run(self, *arguments: str, fails: bool = False, say: Say | None = None) -> str:
        """What a command prints; ``say`` hears how long it took, and with how much memory."""
        environment = {**os.environ, "DATABASE_URL": self.url}
        environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
        before = time.monotonic()
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout
            printed = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert bool(process.returncode) == fails, f"{arguments}: {printed[-3000:]}"
        if say:
            seconds = time.monotonic() - before
            megabytes = used.ru_maxrss / KILOBYTES_IN_MEGABYTE
            name = self.url.partition(":")[0]
            say(
                f"{' '.join(arguments[1:2])} on {name}: {seconds:.0f} s, {megabytes:.0f} MB at most"
            )
        return printed

    def manage(self, *arguments: object, fails: bool = False, say: Say | None = None) -> str:
        return self.run("manage.py", *map(str, arguments), fails=fails, say=say)

    def assert_sound(self) -> None:
        """Nothing is wrong with the diary, nor with the trail."""
        self.manage("check_diary")
        self.manage("seal_audit")
        self.manage("verify_audit")


NewStore = Callable[[], Store]


@pytest.fixture(scope="module")
def new_store() -> Iterator[NewStore]:
    """Makes databases of PostgreSQL that have the tables, and serve with the rights of production.

    The first one is filled; it is only read.
    """
    made: list[Store] = []
    with cluster() as server:

        def make() -> Store:
            name = f"moving_{len(made)}"
            server.tell(f"CREATE DATABASE {name}")
            owner = Store(f"{server.url.rpartition('/')[0]}/{name}")
            if made:
                owner.manage("migrate", "--verbosity", 0)
            else:
                owner.run("-m", "tests.chaos.moving")
            with server.connect(dbname=name) as connection:
                for statement in roles.making():
                    connection.execute(statement)
            made.append(Store(roles.served(owner.url)))
            return made[-1]

        yield make


@pytest.fixture(scope="module")
def old(new_store) -> Store:
    """The database with the year and the demo practices."""
    return new_store()


@pytest.fixture
def lite(tmp_path) -> Store:
    """An empty one of SQLite."""
    made = Store(f"sqlite:///{tmp_path / 'lite.sqlite3'}")
    made.manage("migrate", "--verbosity", 0)
    return made


def is_same(one: Path, other: Path) -> bool:
    """Whether two files are letter for letter the same."""
    return subprocess.run(["cmp", str(one), str(other)], check=False).returncode == 0


def test_practices_move_by_dump_and_come_back_the_same(old, new_store, lite, say, tmp_path):
    """Into an empty PostgreSQL and an empty SQLite; the trail is proved where it did not grow."""
    stores = (new_store(), lite)
    for code in PRACTICES:
        old.manage(
            "dump_practice", code, "--to", tmp_path / code, say=say if code == YEAR else None
        )
    sealed = old.manage("seal_audit")
    for code in PRACTICES:
        loud = say if code == YEAR else None
        trail = tmp_path / f"{code} trail"
        old.manage("export_audit", "--practice", code, "--format", "json", "--output", trail)
        for store in stores:
            store.manage("load_practice", tmp_path / code, say=loud)
            again = tmp_path / f"{code} again"
            store.manage("dump_practice", code, "--to", again, say=loud)
            assert is_same(tmp_path / code, again), code
            again.unlink()
            assert "whole" in store.manage("verify_audit", "--export", trail)
    for store in stores:
        store.assert_sound()
    megabytes = (tmp_path / YEAR).stat().st_size / 1e6
    say(f"held: {len(PRACTICES)} dumps the same on both, the year of {megabytes:.0f} MB")
    say(f"held: each trail proved where its database is not ({sealed.splitlines()[0]})")
    # The comparison tells what differs, and who is there already is not loaded again.
    spoilt = tmp_path / "spoilt"
    spoilt.write_text((tmp_path / "A00001").read_text().replace("Samplebrook", "Spoiltbrook"))
    assert not is_same(spoilt, tmp_path / "A00001")
    assert "is here already" in stores[0].manage("load_practice", spoilt, fails=True)


def test_practices_move_as_fhir_and_come_back_the_same(old, new_store, lite, say, tmp_path):
    """Every type, with ids and versions; what FHIR has no room for is in the report."""
    for store in (new_store(), lite):
        for code in PRACTICES:
            loud = say if code == YEAR else None
            out, again = (tmp_path / f"{code} {word}" for word in ("out", "again"))
            if not out.exists():
                old.manage("export_fhir", code, "--to", out, say=loud)
            store.manage("import_fhir", out, "--practice", code, say=loud)
            store.manage("export_fhir", code, "--to", again, say=loud)
            written = sorted(path.name for path in out.glob("[1-9]-*"))
            assert sorted(path.name for path in again.glob("[1-9]-*")) == written
            different = [name for name in written if not is_same(out / name, again / name)]
            assert different == [], code
            for path in again.iterdir():
                path.unlink()
            again.rmdir()
        store.assert_sound()
    report = json.loads((tmp_path / f"{YEAR} out" / "report.json").read_text())
    entries = sum(report["entries"].values())
    say(f"held: {len(PRACTICES)} exports the same on both, the year of {entries:,} resources")
    say("held: no room for " + ", ".join(each["what"] for each in report["no_room"]))
