"""Whether the processes of the web server share the work, with 4, 16 and 100 kept connections.

``python -m benchmarks.workers [--trials N]``, without a database: the application says which of two
processes answers, and works 1.5 ms for it. Each trial opens its connections anew, since where these
are taken decides who works; alternatives take turns in an order of chance. The share of the busier
process is 0.5 where it is even, and 1 where the other one idles. The slowest trial against the
median says whether a server that was measured once might have been measured at its worst.
"""

import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import driving, results, stack
from benchmarks.driving import Address, Connection, Driver, Round
from workbench.nginx import NGINX, without_doors

CONNECTIONS = (4, 16, 100)
AT_ONCE = 20  # requests: nginx refuses more than 24 on each socket
REQUESTS = 240
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
PLAIN = "--worker-class=gthread"  # gunicorn's own

SERVED, DEPLOYED = "directly, as make serve", "nginx, a socket for each"
SERVERS = {  # in front of what it is asked through, and further words for gunicorn
    SERVED: ((), ()),
    "directly, gunicorn's own threads": ((), (PLAIN,)),
    DEPLOYED: (("web-1.sock", "web-2.sock"), ()),
    "nginx, one socket for both": (("web.sock",), (PLAIN,)),
}


class InTurn(Driver):
    """So many kept connections, each used when it is its turn, and opened when it is needed."""

    def __init__(self, address: Address, bodies: list[bytes], connections: int) -> None:
        super().__init__(address, bodies)
        self.missing = connections

    def ask(self, request: bytes, due: float) -> None:
        if self.missing:
            self.missing -= 1
            self.idle.append(self.open())
        else:
            self.idle.append(self.idle.pop(0))
        super().ask(request, due)

    def drop(self, connection: Connection) -> None:
        super().drop(connection)
        self.missing += 1


@dataclass
class Found:
    """What each trial came to: the share of the busier process, and answers a second."""

    busier: list[float] = field(default_factory=list)
    throughput: list[float] = field(default_factory=list)

    def figures(self) -> results.Figures:
        middle = statistics.median(self.throughput)
        return {
            "busier": round(statistics.median(self.busier), 3),
            "busier_at_worst": round(max(self.busier), 3),
            "per_second": round(middle, 1),
            "slowest_of_median": round(min(self.throughput) / middle, 3),
        }


def trial(address: Address, connections: int, found: Found) -> None:
    """Send the requests of a trial, at most AT_ONCE at a time."""
    taken, bodies = Round(), list[bytes]()
    with InTurn(address, bodies, connections) as driver:
        begun, own = time.perf_counter(), time.process_time()
        for _ in range(REQUESTS):
            while driver.under_way == min(connections, AT_ONCE):
                driver.collect(taken, 0.1)
            driver.ask(REQUEST, time.perf_counter())
        driver.finish(taken, begun, own)
    assert set(taken.statuses) == {200}, taken.statuses
    found.busier.append(max(Counter(bodies).values()) / len(bodies))
    found.throughput.append(taken.throughput)


@contextlib.contextmanager
def served(sockets: tuple[str, ...], words: tuple[str, ...]) -> Iterator[Address]:
    """Two processes with gunicorn.conf.py, behind nginx with these sockets, or without it."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="workers-")))
        folder.chmod(0o755)  # nginx's user passes through
        address: Address = (stack.HOST, stack.free_port())
        env = stack.environment("sqlite://:memory:", WEB_CONCURRENCY="2")
        if not sockets:
            words = (*words, "--bind", f"{stack.HOST}:{address[1]}")
        env["RUNTIME_DIRECTORY"] = str(folder)
        command = [sys.executable, "-m", "gunicorn", "workbench.who_answers", *words]
        web = running.enter_context(stack.running(command, env=env))
        if sockets:
            while not all((folder / name).exists() for name in sockets):
                if web.poll() is not None:
                    raise SystemExit("gunicorn did not start")
                time.sleep(0.1)
            upstream = ",".join(f"unix:{folder}/{name}" for name in sockets)
            address = running.enter_context(without_doors(upstream))
        driving.wait_until_served(address)
        for connections in CONNECTIONS:  # until both have started
            trial(address, connections, Found())
        yield address


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--trials", type=int, default=24)
    options = parser.parse_args()
    if NGINX is None:
        print("  nginx is not installed: asked directly only")
    with ExitStack() as running:
        addresses = {
            name: running.enter_context(served(sockets, words))
            for name, (sockets, words) in SERVERS.items()
            if NGINX or not sockets
        }
        found = {name: {number: Found() for number in CONNECTIONS} for name in addresses}
        for _ in range(options.trials):
            for name in random.sample(list(addresses), len(addresses)):
                for number in CONNECTIONS:
                    trial(addresses[name], number, found[name][number])
    figures = {
        name: {str(number): each.figures() for number, each in numbers.items()}
        for name, numbers in found.items()
    }
    print(f"  the busier of two processes: median, worst of {options.trials} trials;", end=" ")
    print("throughput of the slowest, of the median")
    print(f"  {'':<34}" + "".join(f"{f'{number} connections':>22}" for number in CONNECTIONS))
    for name, numbers in figures.items():
        cells = (
            f"{each['busier']:9.2f}{each['busier_at_worst']:6.2f}{each['slowest_of_median']:7.2f}"
            for each in numbers.values()
        )
        print(f"  {name:<34}" + "".join(cells), flush=True)
    return results.leave(figures, options.json)


if __name__ == "__main__":
    main()
