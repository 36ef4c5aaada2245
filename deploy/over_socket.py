"""HTTP through a socket in the file system, as gunicorn has; only Python itself is needed."""

import http.client
import socket


class OverSocket(http.client.HTTPConnection):
    """A connection to a socket at a path, under the name of a host."""

    def __init__(self, path: str, host: str, *, timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)
