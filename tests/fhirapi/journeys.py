"""How often a request goes to PostgreSQL and waits for an answer, as the driver itself tells it.

A journey is all that is sent before the next wait: a statement, its preparation, BEGIN, COMMIT and
a savepoint are one each, and so are several that travel together (a pipeline). They are read from
libpq's trace of the connection, so that nothing that asks the database can escape.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import RequestFactory
from psycopg.pq import Trace

from workbench.servers import Answer

# A message: who sends it (F: we do, B: the server does), its kind, and what it says. SQL goes on
# over several lines.
MESSAGE = re.compile(r"^([FB])\t\d+\t(\w+)(.*?)$(?=\n[FB]\t\d+\t|\n?\Z)", re.MULTILINE | re.DOTALL)
SENT = {
    "Query": re.compile(r'\t "(?P<sql>.*)"', re.DOTALL),
    "Parse": re.compile(r'\t "(?P<name>\w*)" "(?P<sql>.*)" \d+(?: \d+)*', re.DOTALL),
    "Bind": re.compile(r'\t "\w*" "(?P<name>\w*)" '),
}


class ServerClient:
    """Stands in for Django's test client: begins and ends a request as a server does.

    So a request gets its connection from the pool, and gives it back.
    """

    def __init__(self) -> None:
        self.handler, self.requests = WSGIHandler(), RequestFactory()

    def generic(
        self, verb: str, path: str, *, data: bytes, content_type: str, headers: Mapping[str, str]
    ) -> Answer:
        sent = self.requests.generic(verb, path, data, content_type, headers=headers)
        begun: list[Any] = []

        def begin(*given: Any) -> Any:
            begun.extend(given)

        response: Any = self.handler(sent.environ, begin)
        content = b"".join(response)
        response.close()
        return Answer(int(begun[0].split()[0]), dict(begun[1]), content)


class Wire:
    """What goes over the one connection of a pool that was empty before."""

    def __init__(self, trace: int) -> None:
        self.trace, self.told = trace, 0  # the file that libpq writes, and how much of it was read
        self.prepared: dict[str, str] = {}  # what was prepared, by the name it was given
        self.traced: Any = None

    def begin(self, **_: Any) -> None:
        """The connection was taken out of the pool; its first time, it is new."""
        driver: Any = connection.connection
        assert self.traced in (None, driver), "a second connection, of which nothing is known"
        if self.traced is None:
            self.traced = driver
            self.follow()

    def follow(self) -> None:
        self.traced.pgconn.trace(self.trace)
        self.traced.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)

    def journeys(self) -> list[list[str]]:
        """What was sent on each journey since the last call, in order."""
        if self.traced is None:
            return []
        self.traced.pgconn.untrace()  # so that all of it is written
        size = os.fstat(self.trace).st_size
        told = os.pread(self.trace, size - self.told, self.told).decode()
        self.told = size
        self.follow()
        made: list[list[str]] = []
        before = "B"
        for sender, kind, text in MESSAGE.findall(told):
            if sender == "F":
                if before == "B":
                    made.append([])
                made[-1] += self.words(kind, text)
            before = sender
        return made

    def words(self, kind: str, text: str) -> list[str]:
        """A message that was sent, for a reader; none for those that only belong to another."""
        if kind not in SENT:
            return []
        found = SENT[kind].match(text)
        assert found, (kind, text)
        if kind == "Query":
            return [found["sql"]]
        if kind == "Bind":
            return [self.prepared[found["name"]]]
        self.prepared[found["name"]] = found["sql"]
        return [f"prepare {found['sql']}"] if found["name"] else []


@contextmanager
def followed() -> Iterator[Wire]:
    """The wire of this thread, from a new connection on; what opening it takes does not count."""
    ours: Any = connection  # Django's own for PostgreSQL, which has a pool
    ours.close()
    ours.close_pool()
    ours.pool.open(wait=True)  # else it would open a second one for who cannot wait
    with tempfile.TemporaryFile() as trace:
        wire = Wire(trace.fileno())
        connection_created.connect(wire.begin)
        try:
            yield wire
        finally:
            connection_created.disconnect(wire.begin)
            if wire.traced is not None:
                wire.traced.pgconn.untrace()
