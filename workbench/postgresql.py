"""A throw-away PostgreSQL server around one command: ``python -m workbench.postgresql -- pytest``.

The server is made from the binaries on the machine (those in PATH, or Debian's), or from those of
the folder that POSTGRESQL_BINARIES names, whose tools are then found first. It listens on a
Unix socket in a temporary folder only, and is stopped and removed when the command ends, however
it ends. The command finds it in ``DATABASE_URL``, and its exit code becomes ours.

Without binaries one loud line is printed and the exit code is 0, or 1 after ``--required``.
"""

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

MISSING = "PostgreSQL tests SKIPPED: no server binaries found"
START_SECONDS = 60
# Nothing in this server outlives the command, so it need not survive a crash.
CONFIGURATION = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "UTC",
}


NAMED = "POSTGRESQL_BINARIES"


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``postgres``: the named one, by PATH, or Debian's newest."""
    if named := os.environ.get(NAMED):
        if not (Path(named) / "initdb").exists():
            raise SystemExit(f"{NAMED}: there is no initdb in {named}.")
        return Path(named)
    candidates = []
    if found := shutil.which("initdb"):
        candidates += [Path(found).parent, Path(found).resolve().parent]
    candidates += debians()
    return next(filter(is_whole, candidates), None)


def debians() -> list[Path]:
    """The folders of Debian's servers, the newest first."""
    found = filter(is_whole, Path("/usr/lib/postgresql").glob("*/bin"))
    return sorted(found, key=lambda folder: folder.parent.name.zfill(4), reverse=True)


def is_whole(folder: Path) -> bool:
    return (folder / "initdb").exists() and (folder / "postgres").exists()


def unprivileged() -> dict[str, Any]:
    """The arguments that make a child of root run as someone else: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL does not run as root, and there is no user postgres or nobody.")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a new server from the binaries in ``folder``; gives the URL of its database."""
    child = unprivileged()
    home = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if child:
        os.chown(home, child["user"], child["group"])
    log = home / "log"
    process = None
    try:
        with log.open("wb") as output:
            options = {"cwd": home, "stdin": subprocess.DEVNULL, "stdout": output, **child}
            created = subprocess.run(
                [str(folder / "initdb"), "--pgdata", str(home / "data"), "--username", "postgres"]
                + ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"],
                stderr=output,
                **options,
            )
            if created.returncode:
                raise SystemExit(f"initdb failed:\n{log.read_text()}")
            settings = [f"--{name}={value}" for name, value in CONFIGURATION.items()]
            # A session of its own: Ctrl-C is for the command; the server stops after it.
            process = subprocess.Popen(
                [folder / "postgres", "-D", home / "data", "-k", home, *settings],
                stderr=output,
                start_new_session=True,
                **options,
            )
        url = f"postgresql://postgres@{quote(str(home), safe='')}/postgres"
        wait_until_ready(home, process, log)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(home, ignore_errors=True)


def wait_until_ready(home: Path, process: subprocess.Popen, log: Path) -> None:
    """Return when the server answers; stop with its log when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(home), user="postgres", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)


def run(command: list[str], url: str) -> int:
    """Run ``command`` with the server in its environment; gives its exit code as a shell would."""
    environment = {**os.environ, "DATABASE_URL": url}
    if named := os.environ.get(NAMED):  # pg_dump is not to be older than its server
        environment["PATH"] = f"{named}:{os.environ['PATH']}"
    process = subprocess.Popen(command, env=environment)
    # A terminal sends Ctrl-C to the command as well: let it finish its own way. A signal sent to
    # us alone is passed on.
    signal.signal(signal.SIGINT, lambda *_: None)
    for passed_on in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(passed_on, lambda number, _: process.send_signal(number))
    code = process.wait()
    return code if code >= 0 else 128 - code


def clean_up_when_ended() -> None:
    """Whoever ends this process lets its blocks remove what they have made, as Ctrl-C does."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workbench.postgresql", description=__doc__)
    parser.add_argument("--required", action="store_true", help="fail when there are no binaries")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    folder = binaries()
    if folder is None:
        print(f"\n{'!' * len(MISSING)}\n{MISSING}\n{'!' * len(MISSING)}\n", flush=True)
        return 1 if arguments.required else 0
    clean_up_when_ended()
    with server(folder) as url:
        return run(arguments.command, url)


if __name__ == "__main__":
    sys.exit(main())
