"""Requests byte by byte, as no library would send them, and what comes back for them.

``spoil(good, chance)`` changes one to three things of a good request. Everything depends on the
random numbers given, so that a seed and a number name a request for ever.
"""

import contextlib
import http.client
import io
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fhirapi.parsers import LARGEST_BODY
from workbench.nginx import FHIR, STAFF, Transport, context

Chance = random.Random

LONGEST = 8190  # of a request line or a header, without its line end: deploy/nginx
LARGEST = LARGEST_BODY  # which nginx has too


@dataclass
class Raw:
    """A request in pieces. ``headers`` are whole lines; nothing is added to them but line ends."""

    target: bytes
    verb: bytes = b"GET"
    version: bytes = b"HTTP/1.1"
    headers: list[bytes] = field(default_factory=list)
    body: bytes = b""
    before: bytes = b""
    after: bytes = b""
    end: bytes = b"\r\n"
    with_certificate: bool = True
    done: list[str] = field(default_factory=list)

    @property
    def line(self) -> bytes:
        return b" ".join((self.verb, self.target, self.version))

    def sent(self) -> bytes:
        """The bytes that go over the wire."""
        head = self.end.join([self.line, *self.headers, b"", b""])
        return self.before + head + self.body + self.after

    def with_line_of(self, length: int) -> "Raw":
        """The same with a query that makes the request line so long."""
        mark = b"&" if b"?" in self.target else b"?"
        missing = length - len(self.line) - len(mark) - len(b"x=")
        return replace(self, target=self.target + mark + b"x=" + b"y" * max(missing, 0))

    def without(self, *names: bytes) -> "Raw":
        """The same without some headers, named in lower case."""
        kept = [line for line in self.headers if line.partition(b":")[0].lower() not in names]
        return replace(self, headers=kept)

    def plus(self, *headers: bytes) -> "Raw":
        return replace(self, headers=[*self.headers, *headers])


def raw(target: str | bytes, *headers: str | bytes, host: str | None = FHIR, **more: Any) -> Raw:
    """A request with a Host that ends its connection; words are sent as UTF-8."""
    lines = [] if host is None else [f"Host: {host}"]
    lines += ["Connection: close"]
    for name in {"verb", "version"} & more.keys():
        more[name] = to_bytes(more[name])
    return Raw(to_bytes(target), headers=[to_bytes(line) for line in (*lines, *headers)], **more)


def to_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8")


# ---------------------------------------------------------------- over the wire


@dataclass(frozen=True)
class Answer:
    """One response of a connection; ``status_code`` is 0 where it has no head, as in HTTP/0.9."""

    status_code: int
    headers: http.client.HTTPMessage
    content: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


class Received(io.BytesIO):
    """What came over a connection, as the socket from which http.client reads responses."""

    def makefile(self, *args: object) -> "Received":
        return self

    def close(self) -> None:
        """Not yet: the next response may follow."""


def answers(received: bytes, *, verb: bytes = b"GET") -> list[Answer]:
    """The responses in what came back, the first of them to ``verb``: HEAD makes a difference."""
    found: list[Answer] = []
    stream, method = Received(received), verb.decode("latin-1")
    while stream.tell() < len(received):
        start = stream.tell()
        response = http.client.HTTPResponse(stream, method=method)  # type: ignore[arg-type]
        method = "GET"
        try:
            response.begin()
        except http.client.HTTPException:
            return [*found, Answer(0, http.client.HTTPMessage(), received[start:])]
        found.append(Answer(response.status, response.headers, response.read()))
    return found


def exchange(
    transport: Transport,
    data: bytes,
    *,
    door: str = FHIR,
    with_certificate: bool = True,
    seconds: float = 20,
) -> bytes:
    """Send bytes through a door and return all that comes back, until nothing more does."""
    tls = context(transport.authority, transport.valid if with_certificate else None)
    received = b""
    with (
        socket.create_connection(("127.0.0.1", transport.tls_port), timeout=20) as plain,
        tls.wrap_socket(plain, server_hostname=door) as secured,
        contextlib.suppress(OSError),  # such as a time-out, or a connection that is dropped
    ):
        with contextlib.suppress(OSError):  # an answer may come before all is sent
            secured.sendall(data)
        secured.settimeout(seconds)
        while not is_last(received) and (chunk := secured.recv(65536)):
            received += chunk
    return received


def is_last(received: bytes) -> bool:
    """Whether nothing can follow what came: where it reads no body to its end, nginx lingers."""
    try:
        found = answers(received)
    except http.client.HTTPException:  # half a response
        return False
    return bool(found) and found[-1].headers["Connection"] == "close"


# ---------------------------------------------------------------- what may be wrong with one

NAMES = (
    *(b"X-Odd", b"Accept", b"Ssp-TraceID", b"Authorization", b"Cookie", b"X-Forwarded-For"),
    *(b"If-Match", b"Content-Type", b"Ssp-InteractionID", b"User-Agent", b"Forwarded"),
)
CODINGS = (
    *(b"chunked", b"Chunked", b"identity", b"gzip", b"gzip, chunked", b"chunked, chunked", b"zip"),
    *(b"chunked;q=1", b"x", b"", b" chunked ", b"\x0bchunked", b"chunked\x00", b"chunke\xe4"),
    *(b"identity, chunked", b"chunked, identity", b"\tchunked", b'"chunked"', b"chunked,"),
)
LENGTHS = (
    *(b"0", b"3", b"-1", b"+3", b"3, 3", b"3,4", b"0x3", b"3.0", b"", b"9" * 30, b" 3 ", b"a"),
    *(b"%d" % LARGEST, b"%d" % (LARGEST + 1), b"3 3", b"\xb2", b"00003"),
)
CHUNKS = (
    *(b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n\r\n0\r\n\r\n"),
    *(b"3\nabc\n0\n\n", b"3;x=y\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\na", b"0x3\r\nabc\r\n"),
    *(b"4\r\nabc\r\n0\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n0\r\nX-A: b\r\n\r\n"),
)
HOSTS = (
    *(
        b"other.example",
        STAFF.encode(),
        b"",
        b"a b",
        b"a/b",
        b"[::1]",
        b"127.0.0.1",
        b"\xe4.example",
    ),
    *(FHIR.upper().encode(), FHIR.encode() + b":443", FHIR.encode() + b":x", b"x" * 300),
    *(FHIR.encode() + b".", FHIR.encode() + b"@other.example", b"a\tb", b"%66hir", b"a,b"),
)
VERSIONS = (
    *(b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3", b"HTTP/9.9", b"http/1.1"),
    *(b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP/1.", b"", b"HTTQ/1.1", b"HTTP/1.10", b"HTTP/11"),
)
VERBS = (
    *(b"HEAD", b"OPTIONS", b"PATCH", b"DELETE", b"TRACE", b"CONNECT", b"PUT", b"get", b"A", b""),
    *(b"PROPFIND", b"X" * 21, b"F-OO", b"F_O", b"G(T", b"GET\x00", b"PRI", b"M\xe4H", b"POST"),
)
BYTES = (*(bytes([code]) for code in (*range(32), 127)), b"\x80", b"\xff", b"\xc3\xa4", b" ", b"#")


def spoil(good: Raw, chance: Chance) -> Raw:
    """A good request with one to three things changed."""
    spoilt = replace(good, headers=list(good.headers), done=[])
    for _ in range(chance.choices((1, 2, 3), (70, 20, 10))[0]):
        way = chance.choice(WAYS)
        spoilt = way(spoilt, chance)
        spoilt.done.append(way.__name__)
    return spoilt


def near(limit: int, chance: Chance) -> int:
    """A size a little below, at or above a limit, or far beyond it."""
    return max(limit + chance.choice((-300, -2, -1, 0, 1, 2, 3, 40, limit, 3 * limit)), 1)


def line(request: Raw, chance: Chance) -> Raw:
    return request.with_line_of(near(chance.choice((4094, LONGEST)), chance))


def long_header(request: Raw, chance: Chance) -> Raw:
    name = chance.choice(NAMES) + b": "
    return request.plus(name + b"z" * (near(LONGEST, chance) - len(name)))


def many_headers(request: Raw, chance: Chance) -> Raw:
    number = chance.choice((85, 90, 95, 99, 100, 101, 130, 1000, 9000))
    return request.plus(*(b"X-%d: y" % each for each in range(number)))


def all_headers(request: Raw, chance: Chance) -> Raw:
    size = chance.choice((500, 4000, 8000))
    return request.plus(*[b"X-Some: " + b"y" * size] * (near(4 * LONGEST, chance) // size))


def large_body(request: Raw, chance: Chance) -> Raw:
    body = b" " * near(chance.choice((LARGEST, 4096, 65536)), chance)
    request = replace(request.without(b"content-length"), verb=b"POST")
    if chance.random() < 0.5:
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return replace(request.plus(b"Transfer-Encoding: chunked"), body=chunked)
    return replace(request.plus(b"Content-Length: %d" % len(body)), body=body)


def framing(request: Raw, chance: Chance) -> Raw:
    """Content-Length and Transfer-Encoding at odds, with another request hidden in the body."""
    lines = []
    for _ in range(chance.choice((0, 1, 1, 2))):
        space = chance.choice((b"", b"", b"", b" ", b"\t"))
        lines.append(b"Transfer-Encoding" + space + b": " + chance.choice(CODINGS))
    for _ in range(chance.choice((0, 1, 1, 2))):
        lines.append(b"Content-Length: " + chance.choice(LENGTHS))
    chance.shuffle(lines)
    body = chance.choice(CHUNKS) + chance.choice((b"", replace(request, after=b"").sent()))
    return replace(request.without(b"content-length").plus(*lines), verb=b"POST", body=body)


def host(request: Raw, chance: Chance) -> Raw:
    request = request if chance.random() < 0.3 else request.without(b"host")
    number = chance.choice((0, 1, 1, 2))
    return replace(
        request,
        headers=[*(b"Host: " + chance.choice(HOSTS) for _ in range(number)), *request.headers],
    )


def version(request: Raw, chance: Chance) -> Raw:
    return replace(request, version=chance.choice(VERSIONS))


def verb(request: Raw, chance: Chance) -> Raw:
    return replace(request, verb=chance.choice(VERBS))


def odd_byte(request: Raw, chance: Chance) -> Raw:
    """A byte that has no place there, in the address or in a header."""
    odd = chance.choice(BYTES)
    if chance.random() < 0.4 or not request.headers:
        return replace(request, target=put(request.target, odd, chance))
    lines = list(request.headers)
    index = chance.randrange(len(lines))
    lines[index] = put(lines[index], odd, chance)
    return replace(request, headers=lines)


def put(text: bytes, odd: bytes, chance: Chance) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + odd + text[at + chance.choice((0, 1)) :]


def target(request: Raw, chance: Chance) -> Raw:
    path = request.target
    ways: Sequence[Callable[[], bytes]] = (
        lambda: b"https://" + FHIR.encode() + path,
        lambda: b"http://" + chance.choice(HOSTS) + path,
        lambda: chance.choice((b"*", b"", b"/", FHIR.encode() + b":443", b"x", b"//", b"/..")),
        lambda: path.replace(b"/", b"%2f", chance.randint(1, 5)),
        lambda: path.replace(b"/", b"//", chance.randint(1, 5)),
        lambda: b"/" + path,
        lambda: b"/admin/.." + path,
        lambda: path + b"/../../../../../admin/",
        lambda: path + chance.choice((b"%00", b"%zz", b"%", b"%c0%af", b"%0d%0aX: y", b"#x")),
        lambda: b"/ZZZ99" + path[path.find(b"/", 1) :],
        lambda: b"/" + chance.choice((b"Z-9", b"%41", b"a.b", b"%20", b"~")) + path[7:],
        lambda: path.upper(),
        lambda: path + b"\\..\\..",
        lambda: path + b" x",
        lambda: path + b"?" + chance.choice((b"a=\"<>^`{|}'", b"?&&==", b"_format=xml", b"%")),
        lambda: b"/refused/certificate.json",
        lambda: b"/dropped",
    )
    return replace(request, target=chance.choice(ways)())


def odd_header(request: Raw, chance: Chance) -> Raw:
    odd = (
        *(
            b"X-A",
            b": x",
            b"X(A: b",
            b"X A: b",
            b"X-A : b",
            b" folded",
            b"X-A:",
            b"X_A: b",
            b"\xe4: x",
        ),
        *(b"Expect: 100-continue", b"Expect: 200-ok", b"Upgrade: h2c", b"Upgrade: websocket"),
        *(
            b"Connection: upgrade",
            b"TE: trailers",
            b"Range: bytes=0-3",
            b'If-Match: "x"',
            b"Via: x",
        ),
        *(b"X-Forwarded-Proto: ftp", b"X-Client-Verify: SUCCESS", b"Accept: text/html"),
        *(b"Accept: application/fhir+xml", b"Content-Encoding: gzip", b"If-None-Match: *"),
    )
    lines = list(request.headers)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(odd))
    return replace(request, headers=lines)


def line_ends(request: Raw, chance: Chance) -> Raw:
    if chance.random() < 0.5:
        return replace(request, end=b"\n")
    before = chance.choice((b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\x00", b"PRI * HTTP/2.0\r\n\r\n"))
    return replace(request, before=before)


def pipelined(request: Raw, chance: Chance) -> Raw:
    """A good request before, or anything behind."""
    good = replace(request.without(b"connection"), before=b"", after=b"").sent()
    if chance.random() < 0.5:
        return replace(request, before=good)
    after = chance.choice((request.sent(), b"BAD\r\n\r\n", chance.randbytes(200)))
    return replace(request.without(b"connection"), after=after)


def without_certificate(request: Raw, chance: Chance) -> Raw:
    return replace(request, with_certificate=False)


WAYS = (
    *(line, long_header, many_headers, all_headers, large_body, framing, framing, host, version),
    *(verb, odd_byte, odd_byte, target, target, odd_header, odd_header, line_ends, pipelined),
    without_certificate,
)
