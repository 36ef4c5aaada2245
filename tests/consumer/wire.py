"""A server that behaves as it is told: each connection is given to the next script."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

Script = Callable[[socket.socket, list[bytes]], None]


def take(connection: socket.socket) -> bytes:
    """A request to the end of its body; empty if the other side has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    expected = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < expected:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status: str = "200 OK", body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answers(*replies: bytes) -> Script:
    """Answer one request after the other on one connection, then close it."""

    def run(connection: socket.socket, seen: list[bytes]) -> None:
        for one in replies:
            request = take(connection)
            if not request:
                return
            seen.append(request)
            connection.sendall(one)

    return run


def breaks(connection: socket.socket, seen: list[bytes]) -> None:
    """Take a request, and close without a word."""
    seen.append(take(connection))


def trickles(begin: bytes) -> Script:
    """Begin an answer, and go on a byte at a time for ever."""

    def run(connection: socket.socket, seen: list[bytes]) -> None:
        seen.append(take(connection))
        connection.sendall(begin)
        with suppress(OSError):
            while True:
                connection.sendall(b"1")
                time.sleep(0.02)

    return run


@contextmanager
def served(*scripts: Script) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server, and the requests that it has seen; the last script goes on."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def one(script: Script, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            script(connection, seen)

    def run(left: Sequence[Script]) -> None:
        count = 0
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                script = left[min(count, len(left) - 1)]
                count += 1
                threading.Thread(target=one, args=(script, connection), daemon=True).start()

    threading.Thread(target=run, args=(scripts,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which nothing listens, held so that nothing else comes to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
