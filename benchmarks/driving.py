"""Sends requests over kept-alive connections and times the answers, at little cost of its own.

The generator shares the machine with what it measures: bytes go out and come in through plain
sockets and one selector, and of an answer only its status and its length are looked at.
"""

import random
import re
import selectors
import socket
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]
Ask = Callable[[], bytes]  # makes the next request

RECEIVE_SECONDS = 30
MOST_CONNECTIONS = 200
PIECE = 2**18  # bytes
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
NO_ANSWER = 0  # stands for the status of a request that none came to


@dataclass
class Round:
    """What one stretch came to: (milliseconds, status) of each answer."""

    answers: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    own_seconds: float = 0.0  # of processor time, the generator's
    late: float = 0.0  # milliseconds that the generator itself was behind, 99th percentile

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    @property
    def statuses(self) -> Counter[int]:
        return Counter(status for _, status in self.answers)

    @property
    def own_share(self) -> float:
        """How much of one processor the generator used."""
        return self.own_seconds / self.seconds

    def p(self, quantile: float) -> float:
        """Milliseconds within which this share of the answers came."""
        return percentile([ms for ms, _ in self.answers], quantile)


def percentile(values: Sequence[float], quantile: float) -> float:
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]


@dataclass
class Taken:
    """All rounds of one alternative, and the processor time of each part for each answer."""

    rounds: list[Round] = field(default_factory=list)
    processor: list[dict[str, float]] = field(default_factory=list)

    def add(self, taken: Round, processor: dict[str, float]) -> None:
        own = taken.own_seconds * 1000 / len(taken.answers)
        self.rounds.append(taken)
        self.processor.append({**processor, "generator": own})

    @property
    def throughput(self) -> float:
        return statistics.median(each.throughput for each in self.rounds)

    @property
    def spread(self) -> float:
        """Half of what lies between the slowest and the fastest round."""
        found = [each.throughput for each in self.rounds]
        return (max(found) - min(found)) / 2

    def p(self, quantile: float) -> float:
        return percentile([ms for each in self.rounds for ms, _ in each.answers], quantile)

    def milliseconds(self, part: str) -> float:
        return statistics.median(each[part] for each in self.processor)

    @property
    def all_milliseconds(self) -> float:
        """Processor time of all parts for each answer: it hardly depends on what else runs."""
        return statistics.median(sum(each.values()) for each in self.processor)

    def times_faster(self, than: "Taken") -> float:
        """How much more it answered than an alternative that took turns with it, round by round."""
        pairs = zip(self.rounds, than.rounds, strict=True)
        return statistics.median(mine.throughput / other.throughput for mine, other in pairs)

    def times_cheaper(self, than: "Taken") -> float:
        """How much less processor time each of its answers took, round by round."""
        pairs = zip(self.processor, than.processor, strict=True)
        return statistics.median(sum(other.values()) / sum(mine.values()) for mine, other in pairs)

    def figures(self) -> dict[str, Any]:
        parts = self.processor[0] if self.processor else {}
        return {
            "per_second": round(self.throughput, 1),
            "spread": round(self.spread, 1),
            **{f"p{q}_ms": round(self.p(q / 100), 1) for q in (50, 95, 99)},
            "processor_ms": {part: round(self.milliseconds(part), 3) for part in parts},
            "all_processor_ms": round(self.all_milliseconds, 3),
        }


class Connection:
    """A kept-alive connection with at most one request under way."""

    def __init__(self, address: Address) -> None:
        self.socket = socket.create_connection(address, timeout=RECEIVE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.busy = False
        self.due = 0.0
        self.status = NO_ANSWER
        self.pieces: list[bytes] = []
        self.missing = 0
        self.closes = False

    def ask(self, request: bytes, due: float) -> None:
        """Send a request; its time counts from ``due``."""
        self.busy, self.due, self.status, self.missing = True, due, NO_ANSWER, 0
        self.pieces.clear()
        self.socket.sendall(request)

    def read(self) -> bool:
        """Take what has arrived; whether that completes the answer. Raises OSError at its end."""
        piece = self.socket.recv(PIECE)
        if not piece:
            raise ConnectionError("closed by the server")
        self.pieces.append(piece)
        if self.status:
            self.missing -= len(piece)
            return self.missing == 0
        head = b"".join(self.pieces)
        end = head.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = LENGTH.search(head, 0, end + 2)
        self.status = int(head[9:12])
        self.closes = b"\r\nConnection: close" in head[:end]
        self.missing = end + 4 + (int(length[1]) if length else 0) - len(head)
        return self.missing == 0

    @property
    def body(self) -> bytes:
        """That of the last answer."""
        return b"".join(self.pieces).partition(b"\r\n\r\n")[2]


class Driver:
    """Many connections to one server, watched together. A context manager: closes them.

    ``bodies`` gets those of the answers, if anybody wants them.
    """

    def __init__(self, address: Address, bodies: list[bytes] | None = None) -> None:
        self.address, self.bodies = address, bodies
        self.selector = selectors.DefaultSelector()
        self.idle: list[Connection] = []
        self.under_way = 0

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *exception: object) -> None:
        for key in list(self.selector.get_map().values()):
            self.drop(key.data)
        self.selector.close()

    def open(self) -> Connection:
        connection = Connection(self.address)
        self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        return connection

    def drop(self, connection: Connection) -> None:
        self.selector.unregister(connection.socket)
        connection.socket.close()

    def ask(self, request: bytes, due: float) -> None:
        connection = self.idle.pop() if self.idle else self.open()
        connection.ask(request, due)
        self.under_way += 1

    def collect(self, into: Round, timeout: float) -> int:
        """Add the answers that are complete within ``timeout`` seconds; how many there were."""
        done = 0
        for key, _ in self.selector.select(timeout):
            connection: Connection = key.data
            try:
                if not connection.read():
                    continue
            except OSError:
                self.drop(connection)
                if connection in self.idle:
                    self.idle.remove(connection)
                if not connection.busy:
                    continue
                connection.status = NO_ANSWER
            else:
                if self.bodies is not None:
                    self.bodies.append(connection.body)
                if connection.closes:
                    self.drop(connection)
                else:
                    self.idle.append(connection)
            connection.busy = False
            into.answers.append(((time.perf_counter() - connection.due) * 1000, connection.status))
            self.under_way -= 1
            done += 1
        return done

    def finish(self, into: Round, begun: float, own: float) -> Round:
        """Wait for what is under way; what never comes is an answer without a status."""
        deadline = time.perf_counter() + RECEIVE_SECONDS
        while self.under_way and time.perf_counter() < deadline:
            self.collect(into, 0.1)
        into.answers += [(RECEIVE_SECONDS * 1000.0, NO_ANSWER)] * self.under_way
        into.seconds = time.perf_counter() - begun
        into.own_seconds = time.process_time() - own
        return into


def in_turn(
    address: Address,
    requests: Iterable[bytes],
    *,
    clients: int,
    bodies: list[bytes] | None = None,
) -> Round:
    """``clients`` that each send the next request when their last one has been answered.

    ``bodies`` gets those of the answers, as they come.
    """
    taken = Round()
    with Driver(address, bodies) as driver:
        driver.idle = [driver.open() for _ in range(clients)]
        begun, own = time.perf_counter(), time.process_time()
        for request in requests:
            asked = time.perf_counter()
            while driver.under_way == clients:
                driver.collect(taken, 0.1)
                if time.perf_counter() - asked > RECEIVE_SECONDS:
                    return driver.finish(taken, begun, own)
            driver.ask(request, time.perf_counter())
        return driver.finish(taken, begun, own)


def closed(address: Address, ask: Ask, *, clients: int, seconds: float) -> Round:
    """The same for some seconds, with requests that are made as they are wanted."""
    end = time.perf_counter() + seconds

    def wanted() -> Iterator[bytes]:
        while time.perf_counter() < end:
            yield ask()

    return in_turn(address, wanted(), clients=clients)


def opened(
    address: Address, ask: Ask, *, rate: float, seconds: float, seed: int = 20261125
) -> Round:
    """Requests that are due at random times, ``rate`` a second in the mean, answered or not."""
    taken, chance, behind = Round(), random.Random(seed), []
    waiting: deque[float] = deque()
    with Driver(address) as driver:
        begun, own = time.perf_counter(), time.process_time()
        due = begun
        while due - begun < seconds:
            now = time.perf_counter()
            while due <= now and due - begun < seconds:
                behind.append((now - due) * 1000)
                waiting.append(due)
                due += chance.expovariate(rate)
            while waiting and driver.under_way < MOST_CONNECTIONS:
                driver.ask(ask(), waiting.popleft())
            driver.collect(taken, max(0.0, due - time.perf_counter()))
        for late in waiting:
            driver.ask(ask(), late)
        driver.finish(taken, begun, own)
    taken.late = percentile(behind, 0.99)
    return taken


def at_once(address: Address, requests: Iterable[bytes]) -> Round:
    """All requests in the same moment, each over a connection that was open before."""
    taken, waiting = Round(), list(requests)
    with Driver(address) as driver:
        driver.idle = [driver.open() for _ in waiting]
        begun, own = time.perf_counter(), time.process_time()
        for request in waiting:
            driver.ask(request, begun)
        return driver.finish(taken, begun, own)


def answer(address: Address, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to one request."""
    connection = Connection(address)
    try:
        connection.ask(request, 0.0)
        while not connection.read():
            pass
        return connection.status, connection.body
    finally:
        connection.socket.close()


def wait_until_served(address: Address, seconds: float = 60) -> None:
    """Return when something listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
