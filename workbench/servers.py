"""Real servers on the test database, and a client that talks to them over the network.

``Consumer(practice, client=NetworkClient(address))`` sends through a socket what it otherwise hands
to Django directly. Servers listen on loopback only, and end with the test.
"""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection, connections

from workbench.paths import ROOT

ENOUGH_SECONDS = 60  # for anything here; nothing comes near it unless it hangs


Address = tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """As much of Django's response as the readers of workbench.consumer need."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


class NetworkClient:
    """Stands in for Django's test client. ``ready``: connected before the race begins."""

    def __init__(self, address: Address, *, ready: bool = False) -> None:
        self.connection = http.client.HTTPConnection(*address, timeout=ENOUGH_SECONDS)
        if ready:
            self.connection.connect()

    def generic(
        self, verb: str, path: str, *, data: bytes, content_type: str, headers: Mapping[str, str]
    ) -> Answer:
        self.connection.request(verb, path, data, {**headers, "Content-Type": content_type})
        response = self.connection.getresponse()
        return Answer(response.status, dict(response.headers.items()), response.read())

    def close(self) -> None:
        self.connection.close()


def in_its_own_connection(call: Callable[[], Any]) -> Callable[[], Any]:
    """A call for a thread, which has a connection to the database only while it runs."""

    def run() -> Any:
        try:
            return call()
        finally:
            connections.close_all()

    return run


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls in the same moment, each in a thread; their results in the same order."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait(ENOUGH_SECONDS)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        running = [pool.submit(run, call) for call in calls]
        return [each.result(ENOUGH_SECONDS) for each in running]


# ---------------------------------------------------------------- processes


def database_url() -> str:
    """The URL of the database that this test runs on, for a process of its own."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    user, host = quote(found["USER"], safe=""), quote(found["HOST"], safe="")
    password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    port = f":{found['PORT']}" if found["PORT"] else ""
    return f"postgresql://{user}{password}@{host}{port}/{found['NAME']}"


class Gunicorn:
    """gunicorn as in production, on the test database; ``served`` counts requests by process."""

    def __init__(self, address: Address, process: subprocess.Popen, log: Any) -> None:
        self.address, self.process, self.log = address, process, log

    def output(self) -> list[str]:
        self.log.seek(0)
        return self.log.read().splitlines()

    @property
    def served(self) -> Counter[str]:
        return Counter(line.split()[1] for line in self.output() if line.startswith("served "))


@contextmanager
def gunicorn(
    *,
    workers: int = 2,
    threads: int = 4,
    environment: Mapping[str, str] | None = None,
    application: str = "config.wsgi",
    keep_alive: bool = False,
) -> Iterator[Gunicorn]:
    """Run gunicorn. What it wrote is in the message when the test fails."""
    variables = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **(environment or {}),
    }
    with (
        socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
        tempfile.TemporaryFile("w+") as log,
    ):
        command = [sys.executable, "-m", "gunicorn", application]
        if "RUNTIME_DIRECTORY" not in variables:  # there its sockets lie, as its unit has it
            command += [f"--bind=fd://{listener.fileno()}"]
        command += [f"--workers={workers}", f"--threads={threads}"]
        if not keep_alive:
            command += ["--keep-alive=0"]
        command += ["--access-logfile=-", "--access-logformat=served %(p)s %(s)s"]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        running = Gunicorn(listener.getsockname(), process, log)
        try:
            yield running
        except BaseException as failure:
            failure.add_note("\n".join(["gunicorn wrote:", *running.output()[-60:]]))
            raise
        finally:
            process.terminate()
            try:
                process.wait(ENOUGH_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
