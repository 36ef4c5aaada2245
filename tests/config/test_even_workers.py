"""Connections are spread evenly over the processes of the web server, whatever happens to these.

Real gunicorn with its own configuration, asked directly and through nginx with the upstream that is
deployed; the application says which process answers.
"""

import os
import re
import runpy
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import driving
from config.attendance import EVERYBODY, NOBODY, Attendance, free_place, socket_number
from deploy.nginx.render import render
from deploy.over_socket import OverSocket
from tests.test_transport import MISSING, NAMES, needs_nginx
from workbench import servers
from workbench.nginx import NGINX, without_doors
from workbench.paths import ROOT

CONNECTIONS = (4, 16, 100)
TRIALS = 4
AT_ONCE = 40  # requests: nginx refuses more than 24 for each process
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
# Half is ideal. The requests of a trial are few, so one process may answer some more of them.
MOST = 0.7


def shares(address: driving.Address, connections: int) -> Counter[bytes]:
    """How many requests each process answers, of those that so many kept connections send."""
    found: Counter[bytes] = Counter()
    kept: dict[int, driving.Connection] = {}
    for _ in range(max(3, 48 // connections)):
        for first in range(0, connections, AT_ONCE):
            asked = range(connections)[first : first + AT_ONCE]
            for number in asked:
                if number not in kept:
                    kept[number] = driving.Connection(address)
                kept[number].ask(REQUEST, due=0)
            for number in asked:
                while not kept[number].read():
                    pass
                assert kept[number].status == 200
                found[kept[number].body] += 1
                if kept[number].closes:
                    kept.pop(number).socket.close()
    for each in kept.values():
        each.socket.close()
    return found


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + servers.ENOUGH_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


# ---------------------------------------------------------------- one socket for all


@pytest.fixture(scope="module")
def one_socket() -> Iterator[driving.Address]:
    with servers.gunicorn(application="workbench.who_answers", keep_alive=True) as running:
        until(lambda: len(shares(running.address, 4)) == 2)
        yield running.address


@pytest.mark.parametrize("connections", CONNECTIONS)
def test_kept_connections_are_spread_evenly(one_socket, connections):
    for _ in range(TRIALS):
        found = shares(one_socket, connections)
        assert len(found) == 2
        assert max(found.values()) <= MOST * found.total()


# ---------------------------------------------------------------- a socket for each, behind nginx


class UnixConnection(OverSocket):
    def __init__(self, path: Path) -> None:
        super().__init__(str(path), "127.0.0.1", timeout=servers.ENOUGH_SECONDS)

    def ask(self) -> tuple[int, bool]:
        """The id of the process that answers, and whether it ends the connection."""
        self.request("GET", "/")
        answer = self.getresponse()
        return int(answer.read()), answer.getheader("Connection") == "close"


@dataclass
class Served:
    """gunicorn with a socket for each process, in a folder, as systemd starts it."""

    folder: Path
    server: servers.Gunicorn

    @property
    def may_start(self) -> Path:
        """No process starts without this file."""
        return self.folder / "may_start"

    def socket(self, number: int) -> Path:
        return self.folder / f"web-{number}.sock"

    def who(self, number: int) -> int:
        """The process that answers on a socket when it is newly connected to."""
        connection = UnixConnection(self.socket(number))
        try:
            return connection.ask()[0]
        finally:
            connection.close()

    def owners(self) -> tuple[int, int]:
        return self.who(1), self.who(2)

    def settle(self, *gone: int) -> tuple[int, int]:
        """Wait until each of the two sockets has a process of its own, none of those."""

        def is_settled() -> bool:
            first = self.owners()
            return len({*first}) == 2 and not {*first} & {*gone} and first == self.owners()

        until(is_settled)
        return self.owners()


@pytest.fixture(scope="module")
def own_sockets() -> Iterator[Served]:
    # Not in pytest's folder, which nginx's user could not enter.
    with tempfile.TemporaryDirectory(prefix="even-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        environment = {"RUNTIME_DIRECTORY": name, "MAY_START": f"{name}/may_start"}
        (folder / "may_start").touch()
        with servers.gunicorn(
            application="tests.config.waits_to_start", keep_alive=True, environment=environment
        ) as running:
            served = Served(folder, running)
            until(served.socket(2).exists)
            served.settle()
            yield served


@pytest.fixture(scope="module")
def through_nginx(own_sockets) -> Iterator[driving.Address]:
    if NGINX is None:
        pytest.skip(MISSING)
    with without_doors(f"unix:{own_sockets.socket(1)},unix:{own_sockets.socket(2)}") as address:
        yield address


@needs_nginx
@pytest.mark.parametrize("connections", CONNECTIONS)
def test_through_nginx_they_are_spread_as_evenly(own_sockets, through_nginx, connections):
    own_sockets.settle()
    for _ in range(TRIALS):
        found = shares(through_nginx, connections)
        assert len(found) == 2
        assert max(found.values()) <= MOST * found.total()


def test_while_a_process_is_replaced_the_other_answers_for_it(own_sockets):
    """Nothing waits until a new one has started; then it gets what is its own."""
    ended, other = own_sockets.settle()
    own_sockets.may_start.unlink()
    os.kill(ended, signal.SIGKILL)

    kept = UnixConnection(own_sockets.socket(1))
    meanwhile = kept.ask()
    own_sockets.may_start.touch()
    successor, same = own_sockets.settle(ended)
    afterwards = kept.ask()
    kept.close()

    assert meanwhile == (other, False)
    assert same == other
    assert successor not in {ended, other}
    assert afterwards == (other, True), "sent home, to connect anew"


def test_after_a_reload_each_socket_has_a_process_of_its_own(own_sockets):
    before = own_sockets.settle()
    own_sockets.server.process.send_signal(signal.SIGHUP)
    own_sockets.settle(*before)


def test_there_may_be_more_processes_than_sockets_or_fewer(own_sockets):
    own_sockets.settle()
    gunicorn = own_sockets.server.process

    def answer() -> int:
        """How many processes answer on the two sockets that are asked."""
        kept = [UnixConnection(own_sockets.socket(1 + n % 2)) for n in range(12)]
        found = {each.ask()[0] for each in kept}
        for each in kept:
            each.close()
        return len(found)

    gunicorn.send_signal(signal.SIGTTIN)
    until(lambda: answer() == 3)
    gunicorn.send_signal(signal.SIGTTOU)
    until(lambda: answer() == 2)
    gunicorn.send_signal(signal.SIGTTOU)
    until(lambda: answer() == 1)
    gunicorn.send_signal(signal.SIGTTIN)
    own_sockets.settle()


@pytest.mark.parametrize("processes", [1, 2, 5, 20])
def test_each_socket_that_nginx_knows_is_there(monkeypatch, processes):
    """As many as there are processes, also where nginx still knows of some more, or of the one."""
    rendered = render({**NAMES, "WEB_CONCURRENCY": str(processes)})
    named = re.findall(r"^    server (\S+) .*max_conns", rendered, re.M)
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/appointments")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere")
    there = {}
    for started in (1, processes):
        monkeypatch.setenv("WEB_CONCURRENCY", str(started))
        there[started] = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["bind"]

    assert len(named) == processes
    assert {*named} <= {*there[processes]}
    assert {*named[:16]} <= {*there[1]}
    assert "unix:/run/appointments/web.sock" in there[1]


# ---------------------------------------------------------------- who takes what


def attended(*numbers: int, visited: tuple[int, ...] = ()) -> Attendance:
    """Processes with these numbers, in rows of this order."""
    made = Attendance()
    for row, number in enumerate(numbers):
        made.numbers[row] = number
    for number in visited:
        made.visited[number] = True
    return made


@pytest.mark.parametrize(
    ("numbers", "visited", "taken"),
    [
        pytest.param((1, 2), (1, 2), {1: {0}, 2: {1}, EVERYBODY: {0, 1}}, id="each its own"),
        pytest.param((NOBODY, 2), (1, 2), {1: {1}, 2: {1}}, id="one is away"),
        pytest.param((1, 2, 1), (1, 2), {1: {0, 2}, 2: {1}}, id="one more"),
        pytest.param((1, 2), (1, 2, 3), {3: {0, 1}}, id="nginx knows of more sockets"),
        pytest.param((1, 2), (1,), {1: {0, 1}, 2: {1}}, id="nginx knows of fewer sockets"),
        pytest.param((), (), {1: set(), EVERYBODY: set()}, id="nobody is there"),
    ],
)
def test_who_takes_the_connections_of_a_socket(numbers, visited, taken):
    assert attended(*numbers, visited=visited).takers(taken) == taken


@pytest.mark.parametrize(
    ("taken", "place"),
    [
        pytest.param([], (0, 1), id="the first"),
        pytest.param([(0, 1)], (1, 2), id="the second"),
        pytest.param([(1, 2)], (0, 1), id="a successor"),
        pytest.param([(0, 1), (1, 2)], (2, 1), id="reload"),
        pytest.param([(0, 1), (1, 2), (2, 1)], (3, 2), id="reload, the second"),
        pytest.param([(2, 1), (3, 2)], (0, 1), id="the reload after that"),
    ],
)
def test_a_new_process_gets_the_place_that_is_free(taken, place):
    assert free_place(taken, processes=2) == place


def test_the_number_of_a_socket_is_in_its_name():
    assert socket_number("/run/appointments/web-12.sock") == 12
    assert socket_number("/run/appointments-2/web.sock") == EVERYBODY
    assert socket_number(("127.0.0.1", 8000)) == EVERYBODY
