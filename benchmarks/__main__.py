"""Run the parts, each in a process and on a throw-away database of its own: ``make bench``.

``python -m benchmarks [PART ...] [--database postgresql|sqlite]``. Prints what each part prints,
keeps the figures in benchmarks/results/ with a chart of them, and ends with the acceptance figures.
The exit code is 0 even where one is missed: it speaks of what ran, not of how busy the machine was.

``--against REVISION`` takes that revision and this tree in turns instead; PART is then one of those
of ``benchmarks.against``.
"""

import argparse
import contextlib
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import against, chart, results
from workbench import postgresql

POSTGRESQL, SQLITE = "postgresql", "sqlite"
BOTH = (POSTGRESQL, SQLITE)


@dataclass(frozen=True)
class Part:
    """A module of this package, and the databases on which it makes sense.

    ``brings_server``: it starts a PostgreSQL server of its own, which keeps its promises.
    ``words`` follow on its command line.
    """

    name: str
    databases: tuple[str, ...] = BOTH
    brings_server: bool = False
    words: tuple[str, ...] = ()


PARTS = (
    Part("search"),
    Part("requests", (POSTGRESQL,), brings_server=True),
    Part("booking", brings_server=True),
    Part("growth"),
    Part("generation"),
    Part("pages"),
    Part("watch", (POSTGRESQL,)),
    Part("returns", (POSTGRESQL,)),
    Part("memory", (POSTGRESQL,), brings_server=True),
    Part("workers", (POSTGRESQL,), brings_server=True),
)
# As in production, but asked directly and as fast as it can answer.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DJANGO_DEBUG": "0",
    "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
    "DJANGO_ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "0",
    "GPCONNECT_QUERIES_PER_MINUTE": "0",
    "GPCONNECT_COMMANDS_PER_MINUTE": "0",
}


@contextlib.contextmanager
def database(kind: str, *, brought: bool) -> Iterator[tuple[str, str]]:
    """A new, empty database: its URL, and the name and version of what runs it.

    Where the server is ``brought`` along, the URL is empty.
    """
    if kind == SQLITE:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
            yield f"sqlite:///{folder}/benchmarks.sqlite3", f"SQLite {sqlite3.sqlite_version}"
        return
    binaries = postgresql.binaries()
    if binaries is None:
        raise SystemExit(postgresql.MISSING)
    told = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True)
    server = told.stdout.strip().replace("postgres (PostgreSQL)", "PostgreSQL")
    if brought:
        yield "", server
        return
    with postgresql.server(binaries) as url:
        yield url, server


def run(part: Part, kind: str) -> results.Figures | None:
    """The figures of a part on a database of its own, or nothing when it failed."""
    print(f"\n== {part.name}, {kind}", flush=True)
    load = os.getloadavg()[0]
    brought = part.brings_server and kind == POSTGRESQL
    with tempfile.TemporaryDirectory() as folder, database(kind, brought=brought) as (url, server):
        own = {"DATABASE_URL": url, "AUDIT_SPOOL": f"{folder}/audit"}
        environment = {**os.environ, **ENVIRONMENT, **own}
        file = Path(folder) / "figures.json"
        commands = [["-m", f"benchmarks.{part.name}", *part.words, "--json", str(file)]]
        if not part.brings_server:
            commands.insert(0, ["manage.py", "migrate", "--verbosity", "0"])
        for command in commands:
            done = subprocess.run(
                # whitenoise misses the folder of static files, which no part asks for.
                [sys.executable, "-W", "ignore:No directory at", *command],
                cwd=results.ROOT,
                env=environment,
            )
            if done.returncode:
                print(f"{part.name} on {kind} FAILED", flush=True)
                return None
        return results.measured_now(json.loads(file.read_text()), load, server)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"default: {' '.join(known)}")
    parser.add_argument("--database", choices=BOTH, help="default: both")
    parser.add_argument("--against", metavar="REVISION", help="an older revision, such as main~20")
    options = parser.parse_args()
    parts = [part for part in PARTS if part.name in (options.parts or known)]
    if options.against:
        words = (options.against, *options.parts)
        parts = [Part("against", (POSTGRESQL,), brings_server=True, words=words)]
        known = list(against.PARTS)
    if unknown := set(options.parts) - set(known):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    busy = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, with a load of {busy:.1f} before it began")
    failed = False
    kept = results.latest()
    for part in parts:
        for kind in part.databases:
            if options.database in (None, kind):
                found = run(part, kind)
                failed = failed or found is None
                if found:
                    kept.setdefault(part.name, {})[kind] = found
                    results.keep(kept)
    chart.draw(kept)
    print("\n" + "\n".join(results.verdicts(kept)))
    print(f"\nFigures: {results.shown(results.LATEST)}; chart: {results.shown(chart.FILE)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
