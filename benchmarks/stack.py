"""The servers that a benchmark drives, as they are deployed, and what they use of the machine.

PostgreSQL keeps its promises over a crash here (fsync, synchronous commits), sealing runs beside
the web server, and all of it ends with the block that started it.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.driving import Address, wait_until_served

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
TUNED = {"max_wal_size": "1GB", "shared_buffers": "256MB", "max_connections": "200"}
SETTINGS = "config.settings"


def environment(url: str, **more: str) -> dict[str, str]:
    """What a process of ours finds in its environment: production, but for nginx in front."""
    return {
        **{name: each for name, each in os.environ.items() if not name.startswith("GPCONNECT_")},
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "DJANGO_SECRET_KEY": "for-benchmarks-only-" + "x" * 50,
        "AUDIT_HEAD_KEYS": "for-benchmarks-only-" + "x" * 50,
        "DJANGO_ALLOWED_HOSTS": HOST,
        "DJANGO_DEBUG": "0",
        "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "0",
        **more,
    }


def use(url: str) -> None:
    """Set Django up in this process, on that database and with that environment."""
    os.environ.update(environment(url))
    import django

    django.setup()


def leave_database() -> None:
    """Close what this process has open, so that nothing of it stands in anybody's way."""
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper

    for connection in connections.all(initialized_only=True):
        connection.close()
        if isinstance(connection, DatabaseWrapper):
            connection.close_pool()


def manage(*words: str, url: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py to its end, that of the tree that lies at ``root``."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=root,
        env=environment(url),
        capture_output=True,
        text=True,
    )


def migrate(url: str, *, root: Path = ROOT) -> None:
    """Bring a database to what the tree at ``root`` wants."""
    done = manage("migrate", url=url, root=root)
    if done.returncode:
        raise SystemExit(f"no migration in {root}:\n{done.stderr[-3000:]}")


def is_sound(url: str) -> bool:
    """Seal what waits, then let check_diary and verify_audit look; says what they found."""
    sound = True
    for command in ("seal_audit", "check_diary", "verify_audit"):
        done = manage(command, url=url)
        last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
        print(f"{command}: {'sound' if not done.returncode else 'FAULTS'} ({''.join(last)[:160]})")
        sound = sound and not done.returncode
    return sound


# ---------------------------------------------------------------- servers


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cores: set[int] | None = None,
    log: Any = None,
    root: Path = ROOT,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, on these cores if they are given, until the block ends."""
    process = subprocess.Popen(
        command,
        cwd=root,
        env=env,
        stdout=log or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def postgresql(**settings: str) -> Iterator[Any]:
    """A ``workbench.cluster.Cluster``: ``url``, ``process`` and a connection with ``connect``."""
    from workbench.cluster import cluster

    with cluster(settings={**TUNED, **settings}) as database:
        yield database


@contextlib.contextmanager
def web(
    url: str,
    *options: str,
    settings: str = SETTINGS,
    cores: set[int] | None = None,
    command: Sequence[str] = (),
    variables: Mapping[str, str] = {},  # noqa: B006 - only read
    root: Path = ROOT,
) -> Iterator[tuple[Address, int]]:
    """Our server as ``make serve`` starts it, with further options; its address and its process id.

    ``command`` is another server's, with ``{port}`` where its port belongs. ``root`` is where the
    tree lies that is served: gunicorn reads the settings that it finds there.
    """
    port = free_port()
    gunicorn = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"{HOST}:{port}"]
    words = [word.replace("{port}", str(port)) for word in command] or [*gunicorn, *options]
    with tempfile.TemporaryFile() as log:
        env = environment(url, DJANGO_SETTINGS_MODULE=settings, **variables)
        try:
            with running(words, env=env, cores=cores, log=log, root=root) as process:
                wait_until_served((HOST, port))
                yield (HOST, port), process.pid
        except BaseException as failure:
            log.seek(0)
            failure.add_note("the server wrote:\n" + log.read().decode()[-3000:])
            raise


@contextlib.contextmanager
def sealing(url: str) -> Iterator[int]:
    """Sealing of the trail beside it, as its unit has it; the id of its process."""
    with running([sys.executable, "manage.py", "seal_audit", "--loop"], env=environment(url)) as it:
        yield it.pid


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# ---------------------------------------------------------------- what they use


def descendants(pid: int) -> list[int]:
    """A process and all that came from it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{each}/task/{each}/children").read_text().split()
            found.extend(map(int, children))
    return found


def apart() -> tuple[set[int], set[int]] | tuple[None, None]:
    """One core for the web server and the others for what is beside it; None where there is one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return ({first}, set(others)) if others else (None, None)


@contextlib.contextmanager
def on(cores: set[int] | None, pid: int) -> Iterator[None]:
    """Keep this process and another, with what comes from it, on some cores until the block ends.

    What this process starts meanwhile is there too, unless it is told otherwise.
    """
    before = os.sched_getaffinity(0)
    move(pid, cores or before)
    try:
        yield
    finally:
        move(pid, before)


def move(pid: int, cores: set[int]) -> None:
    """Let this process and another, with what comes from it, run on these cores only."""
    for each in (0, *descendants(pid)):
        with contextlib.suppress(ProcessLookupError):  # such as a vacuum that has just ended
            os.sched_setaffinity(each, cores)


def processor_seconds(pid: int) -> float:
    """What a process and its descendants have used, those included that have ended."""
    seconds = 0.0
    for each in descendants(pid):
        with contextlib.suppress(OSError):
            seconds += time.clock_gettime(clock_of(each))
            words = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ended = sum(int(word) for word in words[13:15])
            seconds += ended / os.sysconf("SC_CLK_TCK")
    return seconds


def clock_of(pid: int) -> int:
    """The clock of a process's processor time, which is finer than /proc (clock_getcpuclockid)."""
    return ~pid << 3 | 2


def busiest(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """The share of the busiest of a server's processes in what all of them used: 1 of 2 is 0.5."""
    used = [after[pid] - before.get(pid, 0.0) for pid in after]
    return max(used, default=0.0) / (sum(used) or 1.0)


def of_children(pid: int) -> dict[int, float]:
    """The processor seconds of each process that came from this one, such as a server's workers."""
    return {each: processor_seconds(each) for each in descendants(pid)[1:]}


def megabytes(pid: int) -> list[float]:
    """The memory of each of a process's children, its share of what is common included (PSS)."""
    found = []
    for each in descendants(pid)[1:]:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    found.append(int(line.split()[1]) / 1024)
    return found


@dataclass
class Meter:
    """Processor time of named processes between two looks."""

    pids: dict[str, int]
    before: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        self.before = {name: processor_seconds(pid) for name, pid in self.pids.items()}

    def milliseconds(self, answers: int) -> dict[str, float]:
        """Of each process since ``start``, for each of so many answers."""
        return {
            name: (processor_seconds(pid) - self.before[name]) * 1000 / max(answers, 1)
            for name, pid in self.pids.items()
        }
