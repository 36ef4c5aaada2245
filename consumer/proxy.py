"""A local stand-in for the Spine proxy, for FHIR tools that know nothing of GP Connect.

    python -m consumer proxy --to https://gp.example/Y99001/STU3/1/gpconnect --to-asid 200000000205

Its address is the practice's service root: each request gets a token, the Ssp headers, and the
interaction that fits its verb and path. A PUT whose body is cancelled is a cancellation. Absolute
addresses of the service root become the proxy's in answers (Location, fullUrl, links), and are
put back in requests, so that whatever follows them comes here again.

It listens on this machine only, and answers no page of another site: with its token, any page in a
browser could otherwise read patients through it. ``--allow-origin`` lets one in.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from consumer import calls, command_line, formats, interactions, resources
from consumer.errors import BadAnswer, ConsumerError, NotSent
from consumer.formats import Unreadable
from consumer.identity import Identity, Provider
from consumer.transport import Answer, Transport, header

LARGEST_BODY = 2**20
TO_THE_PROVIDER = ("Accept", "Content-Type", "If-Match", "If-None-Match", "Prefer")
TO_THE_CALLER = (
    *("Content-Type", "ETag", "Last-Modified", "Location", "Content-Location", "Cache-Control"),
    *("WWW-Authenticate", "Retry-After"),
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Asked:
    """A request of a tool: ``target`` is path and query as they came."""

    verb: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What the tool gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    said: str = ""


class Forwarder:
    """Makes a tool's request one of GP Connect; ``here`` is the proxy's own address."""

    def __init__(
        self, identity: Identity, provider: Provider, transport: Transport, here: str
    ) -> None:
        self.identity, self.provider = identity, provider
        self.transport, self.here = transport, here

    def forward(self, asked: Asked) -> Reply:
        """The provider's answer, or an OperationOutcome that says why there is none."""
        path, _, query = asked.target.partition("?")
        body = self.outwards(asked.body)
        interaction = interactions.pick(asked.verb, path, cancels=_cancels(asked, body))
        if interaction is None:
            return _outcome(
                400, "BAD_REQUEST", f"No interaction of GP Connect is a {asked.verb} of {path}."
            )
        request = calls.prepare(
            self.identity,
            self.provider,
            interaction,
            path,
            query=query,
            body=body,
            headers=_outgoing(asked.headers),
        )
        try:
            answer = self.transport.send(request)
        except ConsumerError as error:
            status = 502 if isinstance(error, NotSent | BadAnswer) else 504
            return _outcome(status, "INTERNAL_SERVER_ERROR", str(error))
        return self.reply(answer, asked, interaction.name)

    def reply(self, answer: Answer, asked: Asked, said: str) -> Reply:
        """An answer as the tool gets it."""
        headers = {
            name: self.inwards(value.encode()).decode()
            for name in TO_THE_CALLER
            if (value := answer.headers.get(name))
        }
        if "text/html" in header(asked.headers, "Accept") and "json" in answer.content_type:
            headers["Content-Type"] = "application/json"  # a browser shows that, and saves FHIR's
        return Reply(answer.status, headers, self.inwards(answer.body), said)

    def inwards(self, text: bytes) -> bytes:
        """The service root's address as the proxy's."""
        return _moved(text, self.provider.audience, self.here)

    def outwards(self, text: bytes) -> bytes:
        """The proxy's address as the service root's."""
        return _moved(text, self.here, self.provider.audience)


def _moved(text: bytes, old: str, new: str) -> bytes:
    """Addresses below ``old`` put below ``new``, as they are written in XML and in JSON."""
    for before, after in ((old, new), (old.replace("/", "\\/"), new.replace("/", "\\/"))):
        pattern = re.escape(before.encode()) + rb"(?=[/?\"\\]|$)"
        text = re.sub(pattern, lambda _, after=after: after.encode(), text)  # type: ignore[misc]
    return text


def _outgoing(headers: Mapping[str, str]) -> dict[str, str]:
    """What of a tool's headers goes on; a browser's wishes are for pages, and become JSON."""
    found = {name: value for name in TO_THE_PROVIDER if (value := header(headers, name))}
    accept = found.get("Accept", "")
    if accept in ("", "*/*") or "text/html" in accept:
        found["Accept"] = formats.TYPES["json"]
    return found


def _cancels(asked: Asked, body: bytes) -> bool:
    if asked.verb != "PUT":
        return False
    try:
        resource = formats.read(header(asked.headers, "Content-Type"), body)
    except Unreadable:
        return False
    return resource.get("status") == "cancelled"


def _outcome(status: int, code: str, diagnostics: str) -> Reply:
    """The proxy's own no, in the form of every other."""
    coding = {
        "system": resources.SPINE_CODE,
        "code": code,
        "display": code.replace("_", " ").capitalize(),
    }
    resource = {
        "resourceType": "OperationOutcome",
        "meta": {"profile": [resources.PROFILES["OperationOutcome"]]},
        "issue": [
            {
                "severity": "error",
                "code": "processing" if status >= 500 else "invalid",
                "details": {"coding": [coding]},
                "diagnostics": diagnostics,
            }
        ],
    }
    headers = {"Content-Type": f"{formats.TYPES['json']};charset=utf-8"}
    return Reply(status, headers, json.dumps(resource).encode(), diagnostics)


# ---------------------------------------------------------------- the server


class Handler(BaseHTTPRequestHandler):
    """One connection of a tool."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: "Proxy"

    def answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY or self.chunked:
            self.close_connection = True
            self.send(_outcome(400, "BAD_REQUEST", "A body has a length, of at most 1 MiB."))
            return
        body = self.rfile.read(int(length))
        asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        refused = self.server.refusal(asked.headers)
        if refused:
            self.send(_outcome(403, "ACCESS_DENIED", refused))
        elif self.command == "OPTIONS":
            self.send(Reply(204, {}, b""))
        else:
            self.send(self.server.forwarder.forward(asked))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer  # noqa: N815

    @property
    def chunked(self) -> bool:
        return bool(self.headers.get("Transfer-Encoding"))

    def send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {**reply.headers, **self.server.cross_origin}.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.server.say(f"{self.command} {self.path.partition('?')[0]} {reply.status} {reply.said}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing besides ``say``: the usual line would hold NHS numbers."""


class Proxy(ThreadingHTTPServer):
    """The proxy on 127.0.0.1; ``port=0`` takes any that is free. ``address`` is where it is."""

    daemon_threads = True

    def __init__(
        self,
        identity: Identity,
        provider: Provider,
        transport: Transport,
        *,
        port: int = 0,
        allow_origin: str = "",
        quiet: bool = True,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.forwarder = Forwarder(identity, provider, transport, self.address)
        self.allow_origin, self.quiet = allow_origin, quiet

    @property
    def cross_origin(self) -> dict[str, str]:
        """What lets the one page in that may come from elsewhere."""
        if not self.allow_origin:
            return {}
        return {
            "Access-Control-Allow-Origin": self.allow_origin,
            "Access-Control-Allow-Methods": "GET, POST, PUT",
            "Access-Control-Allow-Headers": "Accept, Content-Type, If-Match, Prefer",
            "Access-Control-Expose-Headers": "ETag, Location",
            "Vary": "Origin",
        }

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Why a request must not go on; empty if it may.

        A page of another site reaches this machine by a name of its own, or by ours with its own
        origin: browsers say both.
        """
        host = urlsplit(f"//{header(headers, 'Host')}").hostname
        origin = header(headers, "Origin")
        if host not in LOOPBACK:
            return "This proxy answers on this machine only, by the name of it."
        ours = (self.address, self.address.replace("127.0.0.1", "localhost"), self.allow_origin)
        if (origin and origin not in ours) or (
            not origin and header(headers, "Sec-Fetch-Site") in ("cross-site", "same-site")
        ):
            return "A page of another site may not ask; --allow-origin lets one in."
        return ""

    def say(self, line: str) -> None:
        """A line for whoever started it, without queries: those hold NHS numbers."""
        if not self.quiet:
            print(line.rstrip(), file=sys.stderr, flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("--to", required=True, metavar="URL", help="service root: https://.../STU3/1/gpconnect")
    add("--to-asid", required=True, metavar="ASID", help="of the provider's system (Ssp-To)")
    add("--port", type=int, default=8090, help="on this machine (default: 8090)")
    add("--allow-origin", default="", metavar="ORIGIN", help="of a page that may ask, in a browser")
    command_line.add_identity(parser)
    command_line.add_transport(parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m consumer proxy", description=_summary())
    arguments(parser)
    given = parser.parse_args(argv)
    provider = Provider(given.to, given.to_asid, through=given.through)
    transport = Transport(command_line.limits_of(given), tls=command_line.tls_of(given))
    with (
        transport,
        Proxy(
            command_line.identity_of(given),
            provider,
            transport,
            port=given.port,
            allow_origin=given.allow_origin,
            quiet=False,
        ) as proxy,
    ):
        print(f"{proxy.address} is {provider.audience} (Ctrl-C ends it)", flush=True)
        try:
            proxy.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def _summary(lines: Iterable[str] = (__doc__ or "").splitlines()) -> str:
    return next(iter(lines), "")
