"""The processes of gunicorn, as they differ from its own: who answers what, and how they refuse.

Named in gunicorn.conf.py.

**Connections are spread evenly.** One that is kept stays where it was taken, so what takes it
decides which processor works for it. Behind nginx each process has a socket of its own, and nginx
chooses the one with the least to do (deploy/nginx). While a process is away, because it is being
replaced, the others take what comes to its socket, and send it home when there is somebody again.
Those who share a socket look at how many connections each has: who has more leaves the next one to
the others for a moment, and ends some of its own after their next answer.

**What cannot be handed to the application is refused in FHIR.** It has reached no view, so the
audit trail has nothing of it; nginx has a line for it in its log.
"""

import logging
import socket
import time
from collections.abc import Iterable
from selectors import EVENT_READ
from typing import Any

import orjson
from gunicorn.http import errors as unreadable
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from config.attendance import NOBODY, Attendance, free_place, socket_number

logger = logging.getLogger(__name__)

TOO_LONG = (unreadable.LimitRequestLine, unreadable.LimitRequestHeaders)
# Of the same kind, but a fault of ours: a header that the application wanted to send.
OURS = (unreadable.InvalidResponseHeader, unreadable.InvalidResponseHeaderName)

# For so long a connection is left to those who have fewer; a thread may wait for 5 ms until it is
# let in by another. Then it is taken after all: they may be too busy.
PATIENCE_SECONDS = 0.02
LOOK_AGAIN_SECONDS = 0.001
# Without this much of a difference nobody is sent away: it could go to and fro.
MORE_THAN_OTHERS = 2

attendance = Attendance()


class Worker(ThreadWorker):
    """gunicorn's threads, evenly busy, without its pages of HTML, and nothing sent in its log."""

    # Its place in the attendance, from ``settle``.
    row, number = 0, 1

    _accepting = False
    _state = b""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._names = {each: each.getsockname() for each in self.sockets}
        self._takers: dict[Any, frozenset[int]] = {}  # of each name, the rows of who listens there
        self._left: dict[Any, float] = {}  # sockets that are left to others, and until when
        self._heard: set[Any] = set()  # sockets that it listens to

    @property
    def nr_conns(self) -> int:
        """How many connections it has, as gunicorn counts them; the others see it too."""
        return self._connections

    @nr_conns.setter
    def nr_conns(self, connections: int) -> None:
        self._connections = connections
        if self._accepting:
            attendance.connections[self.row] = connections

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections, or leave them all to others."""
        self._accepting = enabled
        attendance.connections[self.row] = self.nr_conns
        attendance.numbers[self.row] = self.number if enabled else NOBODY
        self._look_around()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of gunicorn's loop, after a look at the others."""
        if self._left:
            self._take_what_is_left()
        if self._state != attendance.state():
            self._look_around()
        super().wait_for_and_dispatch_events(LOOK_AGAIN_SECONDS if self._left else timeout)

    def accept(self, listener: Any) -> None:
        """Take a connection, or leave it for now to somebody who has fewer."""
        name = self._names[listener]
        if self._has_more(name, 1):
            self._left[listener] = time.monotonic() + PATIENCE_SECONDS
            self._listen()
            return
        super().accept(listener)
        attendance.visited[socket_number(name)] = True

    def _take_what_is_left(self) -> None:
        """Listen again where nobody has fewer connections any more, or where they were too slow."""
        now = time.monotonic()
        for listener, until in list(self._left.items()):
            if now >= until or not self._has_more(self._names[listener], 1):
                del self._left[listener]
                if now >= until:
                    super().accept(listener)  # does nothing where there is nothing any more
        self._listen()

    def _look_around(self) -> None:
        """Find out who takes what, now that somebody has come or gone."""
        self._state = attendance.state()
        numbers = {name: socket_number(name) for name in self._names.values()}
        takers = attendance.takers(set(numbers.values()))
        self._takers = {name: takers[number] for name, number in numbers.items()}
        self._listen()

    def _listen(self) -> None:
        """Listen to the sockets whose connections it takes, and to no others."""
        wanted = {
            listener
            for listener, name in self._names.items()
            if self._accepting and self.row in self._takers[name] and listener not in self._left
        }
        for listener in wanted - self._heard:
            self.poller.register(listener, EVENT_READ, self.accept)
        for listener in self._heard - wanted:
            self.poller.unregister(listener)
        self._heard = wanted

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer; the last answer on this connection, if it is better kept by another process."""
        name = conn.server
        if self._accepting and (
            self.row not in self._takers[name] or self._has_more(name, MORE_THAN_OTHERS)
        ):
            req.force_close()
        return super().handle_request(req, conn)

    def _has_more(self, name: Any, difference: int) -> bool:
        """Whether another who takes the connections of this socket has so many fewer."""
        fewest = attendance.fewest(self._takers[name] - {self.row})
        return fewest is not None and self.nr_conns >= fewest + difference

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer for a request that could not be read, or that failed outside the application."""
        # Only now: the process that starts the others does without the application.
        from fhirapi import errors

        sent = dict(req.headers) if req else {}
        trace_id = errors.safe_trace_id(sent.get("SSP-TRACEID", ""))
        refusal = _refusal(exc, trace_id)
        if refusal.error is errors.INTERNAL_SERVER_ERROR:
            logger.error("Request %s failed outside the application.", trace_id, exc_info=exc)
        else:
            logger.warning("Request refused unread: %s", type(exc).__name__)
        content = orjson.dumps(errors.operation_outcome(refusal.error, refusal.diagnostics))
        head = (
            f"HTTP/1.1 {refusal.error.status} {refusal.error.display}",
            "Connection: close",
            "Content-Type: application/fhir+json;charset=utf-8",
            "Cache-Control: no-store",
            f"Content-Length: {len(content)}",
        )
        try:
            write_nonblock(client, "\r\n".join([*head, "", ""]).encode() + content)
        except OSError:
            logger.debug("Nobody waits for the refusal any more.")


def settle(worker: Any, *, among: Iterable[Any], processes: int) -> None:
    """Give a process its place, before it is started."""
    if isinstance(worker, Worker):
        taken = [(each.row, each.number) for each in among]
        worker.row, worker.number = free_place(taken, processes=processes)


def clear_away(worker: Any) -> None:
    """Say for a process that has ended that it is not there any more."""
    if isinstance(worker, Worker):
        attendance.numbers[worker.row] = NOBODY


def _refusal(exc: Exception, trace_id: str) -> Any:
    """What one of gunicorn's own exceptions amounts to; its words are not ours, and may quote."""
    from fhirapi import errors

    if isinstance(exc, unreadable.UnsupportedTransferCoding):
        return errors.FHIRError(errors.NOT_IMPLEMENTED, "The transfer encoding is not supported.")
    if isinstance(exc, TOO_LONG):
        return errors.FHIRError(
            errors.BAD_REQUEST,
            "The request line or a header is too long, or there are too many headers.",
        )
    if isinstance(exc, unreadable.ParseException) and not isinstance(exc, OURS):
        return errors.FHIRError(errors.BAD_REQUEST, "The request is malformed.")
    return errors.FHIRError(errors.INTERNAL_SERVER_ERROR, errors.neutral_diagnostics(trace_id))
