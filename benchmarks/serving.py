"""Which application server, and with which settings: searches of 300 slots and bookings in a mix.

``python -m benchmarks.serving [--rounds N] [--seconds N] [--only NAME ...]``, on PostgreSQL only,
a server of its own. Two processes of every candidate wait side by side and are asked in short
rounds, in a random order. Processor time for each request is the figure to go by where the machine
is busy; memory is a process's share (PSS) while all the others run too.

granian and uvicorn take part where they can be imported: neither belongs to this project. For a
comparison, ``pip install --target FOLDER granian uvicorn`` and set PYTHONPATH to it.
"""

import importlib.util
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks import booking, consumers, dates, driving, results, stack
from benchmarks.booking import Free
from benchmarks.consumers import Systems
from benchmarks.driving import Address, Ask, Taken

CLIENTS = 8
SEARCHES = 0.8  # of all requests; the others are bookings
DAYS = 3  # 28 slots of each of four holders on a day
WORKERS = 2
DEPLOYED = "gunicorn, 8 threads"

UNPREPARED = """
exec(open("gunicorn.conf.py").read())
def post_worker_init(worker): pass
"""


@dataclass(frozen=True)
class Candidate:
    """The words of a command, after the interpreter's; ``{port}`` is where it shall listen.

    ``configuration`` is the text of a file for gunicorn, instead of its own.
    """

    words: tuple[str, ...]
    configuration: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        return importlib.util.find_spec(self.words[1]) is not None


def gunicorn(*words: str, configuration: str = "", **environment: str) -> Candidate:
    common = ("-m", "gunicorn", "config.wsgi", "--bind", stack.HOST + ":{port}")
    return Candidate((*common, f"--workers={WORKERS}", *words), configuration, environment)


def granian(*words: str) -> Candidate:
    common = ("-m", "granian", "config.wsgi:application", "--interface", "wsgi")
    return Candidate(
        (*common, "--host", stack.HOST, "--port", "{port}", "--workers", f"{WORKERS}", *words)
    )


UVICORN = ("-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application")
CANDIDATES = {
    "gunicorn sync": gunicorn("--worker-class=sync", "--threads=1"),
    **{f"gunicorn, {n} threads": gunicorn(f"--threads={n}") for n in (1, 2, 4, 8, 16)},
    "gunicorn, not frozen": gunicorn(configuration=UNPREPARED),
    "gunicorn, preloaded": gunicorn("--preload"),
    "gunicorn, no keep-alive": gunicorn("--keep-alive=0"),
    "gunicorn, pool of 2": gunicorn(DATABASE_POOL_SIZE="2"),
    "gunicorn, pool of 4": gunicorn(DATABASE_POOL_SIZE="4"),
    **{f"granian, {n} threads": granian("--blocking-threads", f"{n}") for n in (1, 4)},
    "uvicorn": Candidate(
        (*UVICORN, "--host", stack.HOST, "--port", "{port}", "--workers", f"{WORKERS}")
    ),
}


def mix(systems: Systems, free: list[Free], first: date) -> Ask:
    """What makes the next request: a search of a random practice, or a booking of a free slot."""
    practices = list({(each.ods_code, each.asid) for each in free})
    last = first + timedelta(days=DAYS - 1)

    def ask() -> bytes:
        system = random.randrange(systems.number)
        if random.random() < SEARCHES:
            ods_code, asid = random.choice(practices)
            path = consumers.search(ods_code, first, last)
            return systems.request("search", path, asid=asid, system=system)
        return booking.request(systems, free.pop(), system)

    return ask


@dataclass
class Server:
    """A candidate that runs: how to ask it, and what its rounds came to."""

    address: Address
    pid: int
    ask: Ask
    taken: Taken = field(default_factory=Taken)

    def round(self, postmaster: int, seconds: float) -> None:
        meter = stack.Meter({"web": self.pid, "PostgreSQL": postmaster})
        meter.start()
        found = driving.closed(self.address, self.ask, clients=CLIENTS, seconds=seconds)
        self.taken.add(found, meter.milliseconds(len(found.answers)))

    @property
    def megabytes(self) -> float:
        """Of its largest process."""
        return max(stack.megabytes(self.pid))


@contextmanager
def served(candidate: Candidate, url: str, free: list[Free], first: date) -> Iterator[Server]:
    """The candidate, warm, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *candidate.words]
        if candidate.configuration:
            configuration = Path(folder) / "conf.py"
            configuration.write_text(candidate.configuration)
            command += ["--config", str(configuration)]
        variables = {"PROMETHEUS_MULTIPROC_DIR": folder, **candidate.environment}
        with stack.web(url, command=command, variables=variables) as (address, pid):
            ask = mix(Systems(f"{address[0]}:{address[1]}"), free, first)
            driving.closed(address, ask, clients=CLIENTS, seconds=2)
            yield Server(address, pid, ask)


def tell(servers: dict[str, Server]) -> dict[str, Any]:
    """Print a table of the candidates; return it as figures."""
    print(
        f"{'':<28}{'a second':>15}{'p50':>8}{'p99':>8} ms{'web':>8}{'database':>10}{'all':>8}"
        f" ms of processor{'to ours':>9}{'MB':>6}  answers"
    )
    ours = servers.get(DEPLOYED, next(iter(servers.values()))).taken
    figures = {}
    for name, server in servers.items():
        each = server.taken
        statuses = sum((found.statuses for found in each.rounds), Counter())
        told = ", ".join(f"{status or 'none'}: {n}" for status, n in sorted(statuses.items()))
        print(
            f"{name:<28}{each.throughput:7.0f} ± {each.spread:5.0f}{each.p(0.5):8.0f}"
            f"{each.p(0.99):8.0f}   {each.milliseconds('web'):8.2f}"
            f"{each.milliseconds('PostgreSQL'):10.2f}{each.all_milliseconds:8.2f}"
            f"{ours.times_cheaper(each):23.2f} x{server.megabytes:6.0f}  {told}"
        )
        figures[name] = {
            **each.figures(),
            "processor_to_ours": round(ours.times_cheaper(each), 3),
            "worker_megabytes": round(server.megabytes, 1),
        }
    return figures


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1, help="of each round")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=CANDIDATES, default=CANDIDATES)
    options = parser.parse_args()
    candidates = {name: CANDIDATES[name] for name in options.only if CANDIDATES[name].is_here}
    with ExitStack() as running:
        database = running.enter_context(stack.postgresql())
        stack.use(database.url)
        stack.migrate(database.url)
        free = booking.build(100)
        stack.leave_database()
        first = dates.first_day()
        servers = {
            name: running.enter_context(served(candidate, database.url, free, first))
            for name, candidate in candidates.items()
        }
        for _ in range(options.rounds):
            for name in random.sample(list(servers), len(servers)):
                servers[name].round(database.process.pid, options.seconds)
        figures = tell(servers)
    return results.leave(figures, options.json)


if __name__ == "__main__":
    main()
