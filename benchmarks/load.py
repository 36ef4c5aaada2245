"""The whole stack under a realistic mix: ``python -m benchmarks.load`` (docs/load-model.md).

nginx with the configuration of deploy/ and a client certificate, gunicorn as its unit starts it,
sealing beside it, and a PostgreSQL server of its own that keeps its promises over a crash. All of
it on this machine and on loopback, the load generator too. Arrivals are open: a request is due at
its time whether or not the one before it has been answered, and its time is counted from then on.

``--stage load`` holds a rate, ``ramp`` raises it until the limits break and looks whether the
service recovers, ``soak`` holds it for long and watches memory. Afterwards every booking that was
confirmed is looked for in the database, and check_diary and verify_audit are run.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.driving import (
    MOST_CONNECTIONS,
    RECEIVE_SECONDS,
    percentile,
    wait_until_served,
)
from benchmarks.mix import COMMANDS, MIX, Consumers, Practice
from benchmarks.stack import ROOT, TUNED, is_sound, processor_seconds
from workbench import nginx, results

# Milliseconds: what must be kept, what should be (PERF-001 to 004), and what we set ourselves.
MUST = {True: 250, False: 3000}
SHOULD = {True: 100, False: 1000}
OUR_LIMITS = {True: 100, False: 250}


# ---------------------------------------------------------------- the world


def make_world(practices: int, holders: int) -> dict[str, Any]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks import dates, world
    from practice.models import Location, Patient

    call_command("migrate", verbosity=0)
    made = world.build(practices=practices, holders=holders, first=dates.first_day(), days=28)
    places = dict(Location.objects.values_list("organisation_id", "pk"))
    patients: dict[int, list[Any]] = defaultdict(list)
    for owner, pk, number in Patient.objects.values_list("organisation_id", "pk", "nhs_number"):
        patients[owner].append((pk, number))
    return {
        "practices": [
            {
                "ods_code": each.ods_code,
                "asid": each.asid,
                "location": places[each.pk],
                "patients": patients[each.pk],
            }
            for each in made
        ]
    }


# ---------------------------------------------------------------- the client


class Connections:
    """Kept-alive connections: one is taken if it is idle, else a new one made, up to a bound."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, name: str) -> None:
        self.host, self.port, self.tls, self.name = host, port, tls, name
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.room = asyncio.Semaphore(MOST_CONNECTIONS)
        self.opened = 0

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer; status 0 when none came."""
        async with self.room:
            try:
                async with asyncio.timeout(RECEIVE_SECONDS):
                    reader, writer = self.kept() or await self.open()
                    try:
                        writer.write(request)
                        head = await reader.readuntil(b"\r\n\r\n")
                        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
                        body = await reader.readexactly(int(length[1])) if length else b""
                    except BaseException:
                        writer.close()
                        raise
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
                return 0, b"", b""
            if b"connection: close" in head.lower():
                writer.close()
            else:
                self.idle.append((reader, writer))
            return int(head[9:12]), head, body

    def kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection that is still open at the other end."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.opened += 1
        return await asyncio.open_connection(
            self.host,
            self.port,
            ssl=self.tls,
            server_hostname=self.name if self.tls else None,
            limit=2**22,
        )

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()


@dataclass
class Result:
    """What one stretch at one rate came to: (name, milliseconds, status, bytes) of each request."""

    rate: float
    seconds: float
    answers: list[tuple[str, float, int, int]]
    late: float  # milliseconds that the generator itself was behind, 99th percentile

    def times(self, names: set[str] | None = None) -> list[float]:
        return [ms for name, ms, _, _ in self.answers if names is None or name in names]

    def p(self, quantile: float, names: set[str] | None = None) -> float:
        return percentile(self.times(names), quantile)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for _, _, status, _ in self.answers)

    @property
    def faults(self) -> int:
        return sum(n for status, n in self.statuses.items() if status == 0 or status >= 500)

    @property
    def throughput(self) -> float:
        return len(self.answers) / self.seconds

    def broken(self, limits: dict[bool, int]) -> list[str]:
        """Which of the limits the 99th percentiles exceed."""
        names = {True: COMMANDS, False: MIX.keys() - COMMANDS}
        words = {True: "commands", False: "queries"}
        return [
            f"{words[kind]} {self.p(0.99, names[kind]):.0f} ms > {limit} ms"
            for kind, limit in limits.items()
            if self.p(0.99, names[kind]) > limit
        ]


async def drive(
    consumers: Consumers, connections: Connections, *, rate: float, seconds: float
) -> Result:
    """Open arrivals at a rate, as chance has them, for some seconds; waits for the last answer."""
    answers: list[tuple[str, float, int, int]] = []
    behind: list[float] = []
    running: set[asyncio.Task[None]] = set()
    begun = due = time.perf_counter()

    async def one(due: float) -> None:
        name, practice, request, memory = consumers.next()
        status, head, body = await connections.ask(request)
        answers.append((name, (time.perf_counter() - due) * 1000, status, len(body)))
        consumers.learn(name, practice, memory, status, head, body)

    while due - begun < seconds:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        behind.append(max(0.0, time.perf_counter() - due) * 1000)
        task = asyncio.create_task(one(due))
        running.add(task)
        task.add_done_callback(running.discard)
        due += consumers.chance.expovariate(rate)
    while running:
        await asyncio.wait(set(running))
    taken = time.perf_counter() - begun
    return Result(rate, taken, answers, percentile(behind, 0.99))


# ---------------------------------------------------------------- the stack


@dataclass
class Stack:
    """What runs, and where: ``tls`` is None when nginx is missing."""

    url: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    gunicorn: subprocess.Popen[bytes]
    pids: dict[str, int] = field(default_factory=dict)

    def processor(self) -> dict[str, float]:
        """Seconds of processor time that each part has used, with its children."""
        used = {name: processor_seconds(pid) for name, pid in self.pids.items()}
        return {"generator": time.process_time(), **used}

    def megabytes(self) -> list[float]:
        """What each web process holds in memory of its own (RSS)."""
        found = subprocess.run(
            ["ps", "-o", "rss=", "--ppid", str(self.gunicorn.pid)], capture_output=True, text=True
        )
        return [int(line) / 1024 for line in found.stdout.split()]


def environment(url: str, folder: Path) -> dict[str, str]:
    """As in production, on the database of this URL."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "AUDIT_SPOOL": str(folder / "audit"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_SECRET_KEY": "for-load-tests-only-" + "x" * 50,
        "AUDIT_HEAD_KEYS": "for-load-tests-only-" + "x" * 50,
        "DJANGO_ALLOWED_HOSTS": f"{nginx.FHIR},127.0.0.1",
        "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "1" if nginx.NGINX else "0",
    }


def fill(practices: int, file: Path) -> None:
    """Fill the database of DATABASE_URL, and leave in a file what consumers are to know of it."""
    world = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", "--make-world", f"--practices={practices}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    file.write_bytes(world.stdout)


@contextlib.contextmanager
def stack(practices: int, log: Path) -> Iterator[Stack]:
    """PostgreSQL, gunicorn, sealing and nginx, all ended afterwards."""
    import django

    from workbench.cluster import cluster

    with contextlib.ExitStack() as running, log.open("wb") as output:
        database = running.enter_context(cluster(settings=TUNED))
        folder = Path(database.home)
        os.chmod(folder, 0o755)  # nginx's user passes through to the socket
        port = nginx.free_port()
        os.environ.update(environment(database.url, folder))
        django.setup()

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )
            running.callback(process.wait, 60)
            running.callback(process.terminate)
            return process

        fill(practices, log.parent / "world.json")
        # As deploy/systemd/appointments-web.service has it.
        words = ["--umask", "0"]
        if nginx.NGINX:
            os.environ["RUNTIME_DIRECTORY"] = str(folder)
        else:
            words += ["--bind", f"127.0.0.1:{port}"]
        web = start("-m", "gunicorn", "config.wsgi", *words)
        assert database.process is not None
        pids = {"web": web.pid, "PostgreSQL": database.process.pid}
        pids["sealing"] = start("manage.py", "seal_audit", "--loop").pid
        if nginx.NGINX is None:
            shout("nginx is MISSING: gunicorn is asked directly, without TLS")
            wait_until_served(("127.0.0.1", port))
            yield Stack(database.url, "127.0.0.1", port, None, web, pids)
            return
        wait_for_socket(folder / "web.sock", web, log)
        # One address sends everything here, so nginx's limit for each is out of the way.
        nginx.MAIN = nginx.MAIN.replace("connections 256", "connections 2048")
        processes = int(os.environ.get("WEB_CONCURRENCY", "2"))
        sockets = [f"unix:{folder}/web-{number}.sock" for number in range(1, processes + 1)]
        front = running.enter_context(nginx.nginx(",".join(sockets), requests_per_second=5000))
        tls = nginx.context(front.authority, front.valid)
        pids["nginx"] = front.process.pid
        yield Stack(database.url, nginx.FHIR, front.tls_port, tls, web, pids)


def wait_for_socket(socket: Path, web: subprocess.Popen[bytes], log: Path) -> None:
    """Return when gunicorn listens; end the run when it does not within a minute."""
    deadline = time.monotonic() + 60
    while not socket.exists():
        if time.monotonic() > deadline or web.poll() is not None:
            raise SystemExit(f"gunicorn did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def shout(words: str) -> None:
    print(f"\n{'!' * len(words)}\n{words}\n{'!' * len(words)}\n", flush=True)


# ---------------------------------------------------------------- reports


def report(result: Result, title: str) -> None:
    print(f"\n{title}: {result.throughput:.1f} answers a second at {result.rate:.0f} due a second")
    print(f"  {'':<14}{'number':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'most':>9}  ms{'bytes':>10}")
    groups = {
        **{name: {name} for name in MIX},
        "commands": COMMANDS,
        "queries": MIX.keys() - COMMANDS,
    }
    for name, names in groups.items():
        times = result.times(names)
        if not times:
            continue
        sizes = [size for each, _, _, size in result.answers if each in names]
        cells = [result.p(q, names) for q in (0.5, 0.95, 0.99)] + [max(times)]
        told = "".join(f"{cell:9.1f}" for cell in cells)
        print(f"  {name:<14}{len(times):8}{told}    {statistics.mean(sizes):10.0f}")
    told = ", ".join(f"{status or 'none'}: {n}" for status, n in sorted(result.statuses.items()))
    print(f"  answers by status: {told}; the generator was late by p99 {result.late:.1f} ms")
    for words, limits in (("SHALL", MUST), ("SHOULD", SHOULD), ("our own", OUR_LIMITS)):
        broken = result.broken(limits)
        print(f"  {words} limits at p99: {'; '.join(broken) if broken else 'kept'}")


async def stage_load(
    consumers: Consumers, connections: Connections, arguments: argparse.Namespace, running: Stack
) -> None:
    before = running.processor()
    result = await drive(
        consumers, connections, rate=arguments.rate, seconds=arguments.seconds or 60
    )
    report(result, "Load")
    each = {
        name: (used - before[name]) * 1000 / len(result.answers)
        for name, used in running.processor().items()
    }
    told = ", ".join(f"{name} {ms:.1f} ms" for name, ms in each.items())
    print(f"  processor time for each answer: {told}; {sum(each.values()):.1f} ms in all")


async def stage_ramp(
    consumers: Consumers, connections: Connections, arguments: argparse.Namespace, running: Stack
) -> None:
    """Raise the rate until the service answers less than nine tenths of it, or faults."""
    first_broken: dict[str, float] = {}
    print("\nRamp:    due/s  answers/s  commands p99  queries p99  none or 5xx   bytes")
    rate = 50.0
    while rate <= arguments.most:
        result = await drive(consumers, connections, rate=rate, seconds=arguments.step)
        names = MIX.keys() - COMMANDS
        size = statistics.mean(size for _, _, _, size in result.answers)
        print(
            f"      {rate:8.0f} {result.throughput:10.1f} {result.p(0.99, COMMANDS):11.0f} ms"
            f" {result.p(0.99, set(names)):9.0f} ms {result.faults:12} {size:7.0f}",
            flush=True,
        )
        for words, limits in (("SHALL", MUST), ("SHOULD", SHOULD), ("our own", OUR_LIMITS)):
            if result.broken(limits):
                first_broken.setdefault(words, rate)
        if result.faults > 0.01 * len(result.answers) or result.throughput < 0.8 * rate:
            print(f"  it broke at {rate:.0f} a second: {dict(sorted(result.statuses.items()))}")
            break
        rate += 50
    for words in ("our own", "SHOULD", "SHALL"):
        where = f"first exceeded at {first_broken[words]:.0f}" if words in first_broken else "kept"
        print(f"  {words} limits at p99: {where}")
    await asyncio.sleep(3)
    report(await drive(consumers, connections, rate=30, seconds=arguments.step), "Afterwards")


async def stage_soak(
    consumers: Consumers, connections: Connections, arguments: argparse.Namespace, running: Stack
) -> None:
    length = arguments.seconds or 600
    parts: list[Result] = []
    memory: list[float] = []
    while sum(part.seconds for part in parts) < length:
        span = min(60.0, length)
        parts.append(await drive(consumers, connections, rate=arguments.rate, seconds=span))
        memory.append(sum(running.megabytes()))
        print(
            f"  soak, minute {len(parts)}: {parts[-1].throughput:.0f}/s, commands p99"
            f" {parts[-1].p(0.99, COMMANDS):.0f} ms, faults {parts[-1].faults},"
            f" web processes {memory[-1]:.0f} MB",
            flush=True,
        )
    whole = Result(
        arguments.rate,
        sum(part.seconds for part in parts),
        [answer for part in parts for answer in part.answers],
        max(part.late for part in parts),
    )
    report(whole, "Soak")
    print(f"  memory after the first minute {memory[0]:.0f} MB, at the end {memory[-1]:.0f} MB")


STAGES = {"load": stage_load, "ramp": stage_ramp, "soak": stage_soak}


def settle(running: Stack, consumers: Consumers) -> bool:
    """Look for every booking that was confirmed, and for any that was given twice."""
    import psycopg

    with psycopg.connect(running.url) as connection:
        rows = connection.execute(
            "SELECT s.slot_id, s.appointment_id FROM practice_appointmentslot s WHERE NOT released"
        ).fetchall()
    held = Counter(str(slot) for slot, _ in rows)
    by_appointment = {str(appointment): str(slot) for slot, appointment in rows}
    lost = [pk for pk, slot in consumers.confirmed.items() if by_appointment.get(pk) != slot]
    unsure = {slot for slot in consumers.unsure if slot in held}
    extra = held.keys() - set(consumers.confirmed.values()) - unsure
    doubled = [slot for slot, number in held.items() if number > 1]
    print(
        f"\nBookings confirmed and still wanted: {len(consumers.confirmed)}; lost {len(lost)},"
        f" given twice {len(doubled)}, unknown to anybody {len(extra)},"
        f" without an answer {len(unsure)}"
    )
    return is_sound(running.url) and not (lost or doubled or extra)


async def run(arguments: argparse.Namespace, running: Stack, world: dict[str, Any]) -> Consumers:
    practices = [Practice(**each) for each in world["practices"]]
    consumers = Consumers(practices, running.host, arguments.seed)
    connections = Connections("127.0.0.1", running.port, running.tls, running.host)
    for seconds in (3, arguments.warm_up):  # until code and caches are warm, and slots are known
        await drive(consumers, connections, rate=30, seconds=seconds)
    before = sum(running.megabytes())
    for stage in arguments.stage:
        await STAGES[stage](consumers, connections, arguments, running)
    print(
        f"\nWeb processes held {before:.0f} MB when warm and {sum(running.megabytes()):.0f} MB at"
        f" the end; {connections.opened} connections were opened"
    )
    connections.close()
    return consumers


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--stage", action="append", choices=STAGES, help="default: load and ramp")
    parser.add_argument("--rate", type=float, default=100, help="requests a second (load, soak)")
    parser.add_argument("--seconds", type=float, help="default: 60 for load, 600 for soak")
    parser.add_argument("--warm-up", type=float, default=15)
    parser.add_argument("--step", type=float, default=10, help="seconds of each step of the ramp")
    parser.add_argument("--most", type=float, default=600, help="where the ramp ends")
    parser.add_argument("--practices", type=int, default=30)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--log", type=Path, default=ROOT / "var" / "load" / "servers.log")
    parser.add_argument("--make-world", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make_world:
        json.dump(make_world(arguments.practices, 4), sys.stdout)
        return 0
    arguments.stage = arguments.stage or ["load", "ramp"]
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("DJANGO_SECRET_KEY", "for-load-tests-only-" + "x" * 50)
    begun = results.begin("load")
    with results.printed() as said:
        sound = measure(arguments)
    begun.leave(passed=sound, said=said)
    return 0 if sound else 1


def measure(arguments: argparse.Namespace) -> bool:
    """Run the stages against a stack of its own; whether every booking was there afterwards."""
    busy = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores carry all of it; they had a load of {busy:.1f} before it began")
    if busy > 1:
        shout("The machine is busy with something else: these are not the figures of a quiet one")
    with stack(arguments.practices, arguments.log) as running:
        world = json.loads((arguments.log.parent / "world.json").read_text())
        consumers = asyncio.run(run(arguments, running, world))
        return settle(running, consumers)


if __name__ == "__main__":
    sys.exit(main())
