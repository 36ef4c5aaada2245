"""One exchange over HTTP: a request out, an answer back, whatever its status; no FHIR in it.

    transport = Transport(Limits(total=5), tls=tls(certificate="cert.pem", key="key.pem"))
    answer = transport.send(calls.prepare(identity, provider, SEARCH_SLOTS, query=...))

Connections are kept and shared by threads. No redirect is followed: the token would be lost on
the way. What is repeated is what cannot do harm: a GET, and whatever was never sent. A change
(POST, PUT) goes over a connection of its own, so that none that the other side has just closed
makes its fate unknown.
"""

import contextlib
import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from consumer.errors import About, FateUnknown, NoAnswer, NotSent

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Answers to a GET after which it is worth asking once more. A 500 says that it will not help.
REPEATED = frozenset({408, 429, 502, 503, 504})


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value, whatever the case of its name; empty if there is none."""
    wanted = name.lower()
    return next((value for given, value in headers.items() if given.lower() == wanted), "")


@dataclass(frozen=True)
class Limits:
    """How long one call may take, in seconds, and how large its answer may be.

    ``connect`` for one attempt to connect, TLS included; ``total`` for all of the call: every
    attempt, the waits between, the answer to its last byte. ``attempts`` of what is safe to repeat.
    """

    connect: float = 3.0
    total: float = 10.0
    attempts: int = 3
    bytes: int = 32 * 2**20


@dataclass(frozen=True)
class Request:
    """What is sent, to the letter. ``dataclasses.replace`` changes whatever is to be wrong.

    ``who`` and ``what`` only name it in errors.
    """

    verb: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    who: str = ""
    what: str = ""

    def header(self, name: str) -> str:
        """What ``header`` finds among these."""
        return header(self.headers, name)

    @property
    def is_command(self) -> bool:
        """Whether it may change something, so that it must not be sent twice."""
        return self.verb not in SAFE

    @property
    def about(self) -> About:
        """What errors say of it."""
        return {"who": self.who, "what": self.what, "trace_id": self.header("Ssp-TraceID")}


@dataclass(frozen=True)
class Answer:
    """What came back. ``headers`` are asked in any case of letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request: Request
    seconds: float
    attempts: int = 1

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in small letters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def tls(
    *, certificate: str = "", key: str = "", authority: str = "", password: str | None = None
) -> ssl.SSLContext:
    """How to speak TLS: own certificate and key, and whom to trust (files; PEM).

    Without ``authority`` whoever the system trusts. Names and certificates are always checked.
    """
    context = ssl.create_default_context(cafile=authority or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate, key or None, password)
    return context


# ---------------------------------------------------------------- how far an exchange has come


class _Exchange:
    """One attempt: what its connection has done so far, and the time of the whole call.

    A timer cuts the connection when that is over: time limits of sockets begin anew with each
    byte, so that a slow answer would never end.
    """

    def __init__(self, clock: "_Clock") -> None:
        self.clock = clock
        self.socket: socket.socket | None = None
        self.sent = False
        self.cut = False

    @property
    def late(self) -> bool:
        return self.cut or self.clock.left <= 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        _here.exchange = self
        timer = threading.Timer(max(self.clock.left, 0), self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            _here.exchange = None

    def _end(self) -> None:
        self.cut = True
        if self.socket is not None:
            with contextlib.suppress(OSError):
                # Of the plain class: TLS would forget its state while another thread reads.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


_here = threading.local()  # .exchange: the one of this thread


class _Clock:
    """The time of one call, with all its attempts."""

    def __init__(self, total: float) -> None:
        self.began = time.monotonic()
        self.ends = self.began + total

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self.began


class _Noting(HTTPConnection):
    """A connection that says when the first byte of a request goes out."""

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange = _here.exchange
        # The connection lets go of it before the answer's end if that ends with the connection.
        exchange.socket, exchange.sent = self.sock, True
        super().send(data)


class _NotingSecurely(_Noting, HTTPSConnection):
    """The same over TLS."""


class _Last(http.client.HTTPResponse):
    """The last answer on its connection, whether or not the other side says that it closes."""

    def begin(self) -> None:
        super().begin()
        self.will_close = True


class _Once(_Noting):
    response_class = _Last


class _OnceSecurely(_NotingSecurely):
    response_class = _Last


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Noting


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _NotingSecurely


class _FreshPool(HTTPConnectionPool):
    ConnectionCls = _Once


class _FreshSecurePool(HTTPSConnectionPool):
    ConnectionCls = _OnceSecurely


KEEPING: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _SecurePool}
FRESH: dict[str, type[HTTPConnectionPool]] = {"http": _FreshPool, "https": _FreshSecurePool}


def _manager(
    pools: dict[str, type[HTTPConnectionPool]], context: ssl.SSLContext, connections: int
) -> urllib3.PoolManager:
    manager = urllib3.PoolManager(num_pools=64, maxsize=connections, ssl_context=context)
    manager.pool_classes_by_scheme = pools
    return manager


# ---------------------------------------------------------------- the transport


class Transport:
    """Sends requests over connections that it keeps; for many threads at once.

    ``tls`` is made by the function of that name. ``close`` lets the connections go.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        connections: int = 8,
    ) -> None:
        self.limits = limits or Limits()
        context = tls or ssl.create_default_context()
        self._kept = _manager(KEEPING, context, connections)
        self._fresh = _manager(FRESH, context, connections)

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._kept.clear()
        self._fresh.clear()

    def __enter__(self) -> "Transport":
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def send(self, request: Request, limits: Limits | None = None) -> Answer:
        """The provider's answer, whatever it says.

        Raises NotSent, NoAnswer, or FateUnknown if a change may have been made. With
        ``Limits(attempts=1)`` nothing is repeated.
        """
        limits = limits or self.limits
        clock = _Clock(limits.total)
        for attempt in range(1, limits.attempts + 1):
            last = attempt == limits.attempts
            try:
                answer = self._exchange(request, limits, clock)
            except NotSent as error:
                if last or error.late or not _wait(attempt, clock):
                    raise
            except NoAnswer as error:
                if last or error.late or request.is_command or not _wait(attempt, clock):
                    raise
            else:
                again = answer.status in REPEATED and not request.is_command and not last
                if not (again and _wait(attempt, clock, answer.headers.get("Retry-After", ""))):
                    return replace(answer, attempts=attempt)
        raise AssertionError("the last attempt returns or raises")

    def _exchange(self, request: Request, limits: Limits, clock: _Clock) -> Answer:
        exchange = _Exchange(clock)
        with exchange.watched():
            try:
                return self._ask(request, limits, exchange)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise _told(error, request, limits, exchange) from error

    def _ask(self, request: Request, limits: Limits, exchange: _Exchange) -> Answer:
        left = max(exchange.clock.left, 0.001)
        headers = dict(request.headers)
        if request.is_command:
            headers.setdefault("Connection", "close")
        manager = self._fresh if request.is_command else self._kept
        response = manager.urlopen(
            request.verb,
            request.url,
            headers=headers,
            body=request.body or (b"" if request.is_command else None),
            timeout=urllib3.Timeout(connect=min(limits.connect, left), read=left),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        body = _read(response, limits, exchange)
        return Answer(response.status, response.headers, body, request, exchange.clock.spent)


def _read(response: Any, limits: Limits, exchange: _Exchange) -> bytes:
    """The whole body, unpacked; the connection goes back to the others."""
    parts, size = [], 0
    try:
        while part := response.read(2**16, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > limits.bytes:
                raise urllib3.exceptions.ResponseError(f"more than {limits.bytes} bytes")
        if exchange.late:  # what ends with its connection looks whole when that was cut
            raise urllib3.exceptions.ResponseError("cut")
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return b"".join(parts)


def _wait(attempt: int, clock: _Clock, asked: str = "") -> bool:
    """Wait a moment before the next attempt; False if no time is left for one."""
    pause = float(asked) if asked.isdigit() else 0.1 * 2**attempt * random.uniform(0.5, 1)  # noqa: S311 # nosec B311
    if pause >= clock.left:
        return False
    time.sleep(pause)
    return True


def _told(
    error: Exception, request: Request, limits: Limits, exchange: _Exchange
) -> NotSent | NoAnswer:
    """A failure as the caller needs it told: can it have reached the provider?"""
    if not exchange.sent:
        slow = isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not isinstance(
            error, urllib3.exceptions.NewConnectionError
        )
        why = _why_unsent(error, limits, slow)
        return NotSent(why, late=slow or exchange.late, **request.about)
    late = exchange.late
    why = f"no whole answer within {limits.total:g} s." if late else f"no whole answer: {error}."
    kind = FateUnknown if request.is_command else NoAnswer
    return kind(why, late=late, **request.about)


def _why_unsent(error: Exception, limits: Limits, slow: bool) -> str:
    if slow:
        return f"not sent: no connection within {limits.connect:g} s."
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "not sent: its name is not known."
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"not sent: no secure connection ({error})."
    return "not sent: it takes no connections."
