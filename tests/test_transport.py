"""The door as it is in production: real nginx with the project's configuration, and who gets in.

nginx runs without privileges on loopback, with certificates made on the spot. Behind it is a small
server that says what reached it, and once the application itself on the test database.
"""

import configparser
import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.management import get_commands
from fhir.resources.STU3.operationoutcome import OperationOutcome

from deploy.nginx.render import render
from fhirapi import errors, parsers
from practice.models import AuditEvent
from workbench import servers
from workbench.authority import Authority
from workbench.consumer import TYPES, Consumer, read_back, spine_code
from workbench.nginx import FHIR, NGINX, PROXY, STAFF, context, free_port, nginx
from workbench.paths import ROOT

MISSING = "nginx is not installed: the transport tests were SKIPPED (apt-get install nginx-light)"

needs_nginx = pytest.mark.skipif(NGINX is None, reason=MISSING)

METADATA = "/A20047/STU3/1/gpconnect/metadata"

# Those of the four families that go with an RSA certificate, in the order of OpenSSL 3.0.
ALLOWED = (
    *("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"),  # AESGCM+EECDH
    *("DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256"),  # AESGCM+EDH
    *("ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA"),  # AES256+EECDH
    *("DHE-RSA-AES256-CCM8", "DHE-RSA-AES256-CCM"),  # AES256+EDH
    *("DHE-RSA-AES256-SHA256", "DHE-RSA-AES256-SHA"),
)
FORBIDDEN = (
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA",
    "DHE-RSA-AES128-SHA256",
    "DHE-RSA-AES128-SHA",
    "DHE-RSA-AES128-CCM",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-SHA256",
    "AES256-SHA",
    "AES128-SHA",
    "DHE-RSA-CAMELLIA256-SHA",
)


# ---------------------------------------------------------------- the servers


class Echo(BaseHTTPRequestHandler):
    """Answers with what reached it: the verb, the path as it came, and the headers."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {"verb": self.command, "path": self.path, "headers": self.headers.items()}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Strict-Transport-Security", "max-age=1")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PROPFIND = answer

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def echo(handler=Echo):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def transport():
    if NGINX is None:
        pytest.skip(MISSING)
    with echo() as upstream, nginx(upstream) as running:
        yield running


# ---------------------------------------------------------------- a client


@dataclass
class Answer:
    """What a client saw, with the protocol and suite that were agreed."""

    status_code: int
    headers: http.client.HTTPMessage
    content: bytes
    version: str
    cipher: str

    def __getitem__(self, name):
        return self.headers[name]

    @property
    def reached(self):
        """What the upstream was told; fails when the request did not get so far."""
        assert self.status_code == 200, self.content
        return json.loads(self.content)

    def header(self, name):
        """All values of a header that reached the upstream."""
        return [value for key, value in self.reached["headers"] if key.lower() == name.lower()]


def ask(
    transport,
    path=METADATA,
    *,
    certificate=None,
    door=FHIR,
    host=None,
    verb="GET",
    headers=(),
    body=b"",
    version=None,
    ciphers=None,
):
    """Send one request over a connection of its own; ``host`` where it differs from the SNI."""
    tls = context(transport.authority, certificate, version=version, ciphers=ciphers)
    with (
        socket.create_connection(("127.0.0.1", transport.tls_port), timeout=20) as plain,
        tls.wrap_socket(plain, server_hostname=door) as secured,
    ):
        lines = [f"{verb} {path} HTTP/1.1", f"Host: {host or door}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            secured.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        response = http.client.HTTPResponse(secured, method=verb)
        response.begin()
        return Answer(
            response.status,
            response.headers,
            response.read(),
            secured.version(),
            secured.cipher()[0],
        )


def is_refusal(answer, error, diagnostics, *, status=None):
    """The answer is our OperationOutcome, letter for letter, with the headers it needs."""
    OperationOutcome.model_validate_json(answer.content)
    assert json.loads(answer.content) == errors.operation_outcome(error, [diagnostics])
    assert answer.status_code == (status or error.status)
    assert answer["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers.get_all("Strict-Transport-Security") == [HSTS]
    return True


HSTS = "max-age=31536000; includeSubDomains"
REFUSED = "The client certificate is not a valid one of the Spine Secure Proxy."
NONE_SENT = "No client certificate was sent."


# ---------------------------------------------------------------- whose certificate


@pytest.mark.req("SEC-001", "SEC-002", "SEC-003", "GEN-075")
def test_the_proxy_gets_in(transport):
    answer = ask(transport, certificate=transport.valid)

    assert answer.reached["path"] == METADATA
    assert answer.header("X-Client-Verify") == ["SUCCESS"]
    assert answer.header("X-Client-Name") == [PROXY]
    assert answer.headers.get_all("Strict-Transport-Security") == [HSTS]
    assert answer.headers.get_all("Cache-Control") == ["no-store"]


@pytest.mark.req("SEC-001", "SEC-002")
def test_without_a_certificate_nobody_gets_in(transport):
    assert is_refusal(ask(transport), errors.ACCESS_DENIED, NONE_SENT, status=496)


def of_another_authority(transport):
    folder = transport.folder
    root = Authority(folder, "Root authority")  # the same names, other keys
    return Authority(folder, "Sub authority", below=root).issue(PROXY)


@pytest.mark.req("SEC-001", "SEC-002", "SEC-007", "SEC-008")
@pytest.mark.parametrize(
    "issue",
    [
        pytest.param(lambda t: t.authority.issue(PROXY, days=(-30, -1)), id="expired"),
        pytest.param(lambda t: t.authority.issue(PROXY, days=(1, 30)), id="not-yet-valid"),
        pytest.param(of_another_authority, id="another-authority"),
        pytest.param(
            lambda t: t.authority.issue(PROXY, purpose=ExtendedKeyUsageOID.SERVER_AUTH),
            id="made-for-servers",
        ),
        pytest.param(lambda t: t.authority.issue("other.example"), id="another-name"),
        pytest.param(lambda t: t.authority.issue(f"{PROXY}.other.example"), id="longer-name"),
        pytest.param(lambda t: t.authority.issue(f"x.{PROXY}"), id="name-below"),
        pytest.param(lambda t: t.authority.issue("*.spine.example"), id="wildcard"),
        pytest.param(
            lambda t: t.authority.issue("other.example", names=[PROXY]), id="only-an-alternative"
        ),
        pytest.param(
            lambda t: t.authority.issue("other.example", organisation=f"x,CN={PROXY},O=x"),
            id="name-hidden-in-the-organisation",
        ),
        pytest.param(
            lambda t: t.authority.issue("other.example", organisation=f"CN={PROXY}"),
            id="organisation-that-looks-like-a-name",
        ),
    ],
)
def test_another_certificate_is_refused(transport, issue):
    certificate = issue(transport)

    answer = ask(transport, certificate=certificate)

    assert is_refusal(answer, errors.ACCESS_DENIED, REFUSED, status=495)


@pytest.mark.req("SEC-008")
def test_the_case_of_the_proxys_name_does_not_matter(transport):
    certificate = transport.authority.issue(PROXY.upper())

    assert ask(transport, certificate=certificate).reached


@needs_nginx
@pytest.mark.req("SEC-007")
def test_a_revoked_certificate_is_refused_from_the_next_connection_on():
    with echo() as upstream, nginx(upstream) as transport:
        assert ask(transport, certificate=transport.valid).reached

        transport.authority.revoked.append(transport.valid.certificate.serial_number)
        (transport.folder / "crl.pem").write_bytes(transport.authority.revocations())
        transport.reload()

        answer = ask(transport, certificate=transport.valid)
        assert is_refusal(answer, errors.ACCESS_DENIED, REFUSED, status=495)
        assert ask(transport, certificate=transport.authority.issue(PROXY)).reached


@needs_nginx
@pytest.mark.req("SEC-007")
def test_with_a_revocation_list_that_has_run_out_nobody_gets_in():
    with echo() as upstream, nginx(upstream, crl_days=(-9, -2)) as transport:
        answer = ask(transport, certificate=transport.valid)

        assert is_refusal(answer, errors.ACCESS_DENIED, REFUSED, status=495)


@pytest.mark.req("SEC-007")
def test_a_connection_is_never_resumed_past_its_check(transport):
    tls = context(transport.authority, transport.valid, version=ssl.TLSVersion.TLSv1_2)
    sessions = []
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", transport.tls_port), timeout=20) as plain,
            tls.wrap_socket(
                plain, server_hostname=FHIR, session=sessions[-1] if sessions else None
            ) as secured,
        ):
            sessions.append(secured.session)
            resumed = secured.session_reused

    assert not resumed


# ---------------------------------------------------------------- protocols and suites


def speaks(version):
    """Whether this machine's OpenSSL still speaks a protocol, so that a refusal means something."""
    folder = Path(tempfile.mkdtemp())
    try:
        issued = Authority(folder, "Any").issue("any", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_context.load_cert_chain(issued.chain, issued.key)
        server_context.set_ciphers("DEFAULT:@SECLEVEL=0")
        client_context = context(version=version)
        client_context.check_hostname = False
        client_context.verify_mode = ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            server_context.minimum_version = version
    finally:
        shutil.rmtree(folder)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    try:
        for _ in range(6):
            for side in (client, server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLError:
        return False
    return client.version() is not None


@pytest.mark.req("SEC-004")
@pytest.mark.parametrize("door", [FHIR, STAFF])
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_protocols_are_refused(transport, version, door):
    version = getattr(ssl.TLSVersion, version)
    if not speaks(version):
        pytest.skip(f"OpenSSL here cannot speak {version.name}, not even where it is allowed")

    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        ask(transport, certificate=transport.valid, version=version, door=door)


@pytest.mark.req("SEC-003", "SEC-005")
@pytest.mark.parametrize("door", [FHIR, STAFF])
@pytest.mark.parametrize("first", range(len(ALLOWED)), ids=ALLOWED.__getitem__)
def test_the_servers_order_of_suites_decides(transport, first, door):
    """Each suite is agreed when it is the server's first of those offered, in whatever order."""
    answer = ask(
        transport,
        "/admin/" if door == STAFF else METADATA,
        certificate=transport.valid,
        door=door,
        version=ssl.TLSVersion.TLSv1_2,
        ciphers=":".join(reversed(ALLOWED[first:])),
    )

    assert answer.status_code == 200
    assert (answer.version, answer.cipher) == ("TLSv1.2", ALLOWED[first])


@pytest.mark.req("SEC-005")
@pytest.mark.parametrize("suite", FORBIDDEN)
def test_other_suites_are_refused(transport, suite):
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        ask(
            transport,
            certificate=transport.valid,
            version=ssl.TLSVersion.TLSv1_2,
            ciphers=suite,
        )


@pytest.mark.req("SEC-003", "SEC-005")
def test_tls_1_3_is_spoken_with_the_same_kind_of_suite(transport):
    answer = ask(transport, certificate=transport.valid, version=ssl.TLSVersion.TLSv1_3)

    assert answer.reached
    assert (answer.version, answer.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")


@pytest.mark.req("SEC-005")
@pytest.mark.parametrize(
    ("suite", "agreed"),
    [
        ("TLS_AES_256_GCM_SHA384", True),
        ("TLS_AES_128_GCM_SHA256", True),
        ("TLS_CHACHA20_POLY1305_SHA256", False),
    ],
)
def test_the_suites_of_tls_1_3(transport, suite, agreed):
    """Python cannot choose these suites; the openssl command can."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is not installed")

    said = subprocess.run(
        [openssl, "s_client", "-connect", f"127.0.0.1:{transport.tls_port}", "-brief"]
        + ["-servername", FHIR, "-tls1_3", "-ciphersuites", suite],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (f"Ciphersuite: {suite}" in said.stderr) is agreed


# ---------------------------------------------------------------- plain HTTP, and other names


def raw(port, text):
    """Whatever comes back for raw bytes: nothing, when the connection is dropped."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(text)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := plain.recv(4096):
                received += chunk
        return received


@pytest.mark.req("SEC-006")
@pytest.mark.parametrize("door", [FHIR, STAFF])
@pytest.mark.parametrize("port", ["plain_port", "tls_port"])
def test_unencrypted_connections_are_dropped(transport, port, door):
    request = f"GET {METADATA} HTTP/1.1\r\nHost: {door}\r\n\r\n".encode()

    assert raw(getattr(transport, port), request) == b""


@pytest.mark.req("SEC-006")
@pytest.mark.parametrize("port", ["plain_port", "tls_port"])
@pytest.mark.parametrize(
    "request_line",
    [
        f"GET {METADATA}",
        f"get {METADATA} HTTP/1.1",
        f"GET {METADATA} HTTP/9.9",
        "x",
        f"GET /{'x' * 40_000} HTTP/1.1",
    ],
)
def test_unencrypted_connections_are_dropped_whatever_is_sent(transport, port, request_line):
    request = f"{request_line}\r\nHost: {FHIR}\r\nTransfer-Encoding: zip\r\n\r\n".encode()

    assert raw(getattr(transport, port), request) == b""


@pytest.mark.req("SEC-002")
@pytest.mark.parametrize("door", [FHIR, STAFF])
@pytest.mark.parametrize("host", ["other.example", "127.0.0.1", "localhost"])
@pytest.mark.parametrize("path", [METADATA, "/", "/index.html"])
def test_a_host_that_is_neither_doors_is_refused_by_the_door_that_was_opened(
    transport, door, host, path
):
    """nginx would hand it to the server for all other names, which asks for no certificate."""
    answer = ask(transport, path, door=door, host=host)

    assert answer.status_code == 400
    assert b"<html" not in answer.content
    if door == FHIR or path == METADATA:
        words = "The Host header is missing, or is not the name of this server."
        assert is_refusal(answer, errors.BAD_REQUEST, words)


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1", None])
def test_a_name_that_is_neither_doors_gets_no_handshake(transport, name):
    tls = context(transport.authority)
    tls.check_hostname = False

    with (
        socket.create_connection(("127.0.0.1", transport.tls_port), timeout=20) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        tls.wrap_socket(plain, server_hostname=name)


@pytest.mark.req("SEC-001", "SEC-002")
@pytest.mark.parametrize("path", [METADATA, "/admin/"])
@pytest.mark.parametrize(("door", "host"), [(STAFF, FHIR), (FHIR, STAFF)])
def test_one_door_is_not_opened_with_the_name_of_the_other(transport, door, host, path):
    answer = ask(transport, path, door=door, host=host)

    assert answer.status_code == 400
    if door == FHIR or path == METADATA:
        words = "The Host header is missing, or is not the name of this server."
        assert is_refusal(answer, errors.BAD_REQUEST, words)


# ---------------------------------------------------------------- which addresses


@pytest.mark.req("SEC-001")
@pytest.mark.parametrize(
    "path",
    [
        METADATA,
        "/A20047/STU3/1/gpconnect",
        "/admin/../A20047/STU3/1/gpconnect/metadata",
        "/static/%2e%2e/A20047/STU3/1/gpconnect/metadata",
        "/static/..%2fA20047/STU3/1/gpconnect/metadata",
        "//A20047/STU3/1/gpconnect/metadata",
        "/health/live",
        "/metrics",
    ],
)
def test_staffs_door_leads_to_no_fhir(transport, path):
    answer = ask(transport, path, door=STAFF)

    assert answer.status_code == 404
    if "/STU3/" in path:
        words = "The address is not that of a service root."
        assert is_refusal(answer, errors.ORGANISATION_NOT_FOUND, words)
    else:
        assert answer["Content-Type"] == "text/plain;charset=utf-8"
        assert answer.content.decode() == "There is no page at this address.\n"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/admin/", "/admin/"),
        ("/admin/practice/slot/?q=%2Fx", "/admin/practice/slot/?q=%2Fx"),
        ("/admin/login/?next=/admin/", "/admin/login/?next=/admin/"),
        ("/static/unfold/css/styles.css", "/static/unfold/css/styles.css"),
        ("/developer/sandbox/1.x/", "/developer/sandbox/1.x/"),
        # What the application reads is what nginx judged, not what was sent.
        ("/A20047/STU3/1/gpconnect/Slot/../../../../../admin/", "/admin/"),
    ],
)
def test_staff_reach_their_pages_without_a_certificate(transport, path, told):
    answer = ask(transport, path, door=STAFF)

    assert answer.reached["path"] == told
    assert answer.header("X-Client-Verify") == []
    assert answer.headers.get_all("Strict-Transport-Security") == [HSTS]


@pytest.mark.req("GEN-009")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/admin/",
        "/static/unfold/css/styles.css",
        "/A20047/STU3/1/gpconnectx",
        "/A20047/STU3/1/gpconnect/../../../../admin/",
        "/admin/../A20047/STU3/1/gpconnect/metadata",
        "/A20047%2fSTU3/1/gpconnect/metadata",
    ],
)
def test_the_other_door_leads_to_nothing_but_fhir(transport, path):
    answer = ask(transport, path, certificate=transport.valid)

    diagnostics = "The address is not that of a service root."
    assert is_refusal(answer, errors.ORGANISATION_NOT_FOUND, diagnostics)


@pytest.mark.parametrize(
    "path",
    [
        "/A20047/STU3/1/gpconnect/Slot?status=free&start=ge2026-11-25T00:00:00%2B00:00",
        "/A20047/STU3/1/gpconnect/Patient/a%2Fb",
        "/A20047/STU3/1/gpconnect/Patient/$gpc.registerpatient",
        "/A20047/STU3/1/gpconnect?x=1",
    ],
)
def test_an_address_arrives_as_it_was_sent(transport, path):
    assert ask(transport, path, certificate=transport.valid).reached["path"] == path


# ---------------------------------------------------------------- headers that a client may not set

SMUGGLED = [
    ("X-Client-Verify", "SUCCESS"),
    ("X-Client-Name", PROXY),
    ("X_Client_Verify", "SUCCESS"),
    ("X-Forwarded-Proto", "http"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "80"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("Forwarded", "for=203.0.113.9;proto=http"),
]


@pytest.mark.req("SEC-009")
def test_staff_cannot_claim_a_certificate_or_another_address(transport):
    answer = ask(transport, "/admin/", door=STAFF, headers=SMUGGLED)

    for name in ("X-Client-Verify", "X-Client-Name", "X_Client_Verify", "Forwarded"):
        assert answer.header(name) == []
    assert answer.header("X-Forwarded-For") == ["127.0.0.1"]
    assert answer.header("X-Forwarded-Proto") == ["https"]
    assert answer.header("X-Forwarded-Host") == answer.header("X-Forwarded-Port") == []


@pytest.mark.req("SEC-009", "GEN-076")
def test_the_proxy_may_say_for_whom_it_asks_and_nothing_else(transport):
    headers = [*SMUGGLED, ("X-Client-Verify", "FAILED"), ("X-Client-Name", "evil.example")]

    answer = ask(transport, certificate=transport.valid, headers=headers)

    assert answer.header("X-Client-Verify") == ["SUCCESS"]
    assert answer.header("X-Client-Name") == [PROXY]
    assert answer.header("X_Client_Verify") == []
    assert answer.header("X-Forwarded-Proto") == ["https"]
    assert answer.header("X-Forwarded-Host") == answer.header("X-Forwarded-Port") == []
    assert answer.header("X-Forwarded-For") == ["203.0.113.9, 127.0.0.1"]
    assert answer.header("Forwarded") == ["for=203.0.113.9;proto=http"]


# ---------------------------------------------------------------- limits and faults


@pytest.mark.req("ERR-001", "SEC-022")
def test_what_is_too_large_or_malformed_is_refused_in_fhir(transport):
    too_large = ask(
        transport, certificate=transport.valid, verb="POST", body=b"x" * (parsers.LARGEST_BODY + 1)
    )
    headers = [("X-Long", "x" * 40_000)]
    too_long = ask(transport, certificate=transport.valid, headers=headers)
    traversal = ask(transport, "/../../etc/passwd", certificate=transport.valid)
    nought = ask(transport, f"{METADATA}%00", certificate=transport.valid)

    assert is_refusal(too_large, errors.BODY_TOO_LARGE, "The request body is too large.")
    long = "The request line or a header is too long, or there are too many headers."
    assert is_refusal(too_long, errors.BAD_REQUEST, long)
    assert is_refusal(traversal, errors.BAD_REQUEST, "The request is malformed.")
    assert is_refusal(nought, errors.BAD_REQUEST, "The request is malformed.")


@needs_nginx
@pytest.mark.req("SEC-022", "ERR-001")
def test_without_the_application_consumers_are_told_to_come_back():
    with nginx(f"127.0.0.1:{free_port()}") as transport:
        answer = ask(transport, certificate=transport.valid)

    diagnostics = "The appointment book cannot be reached at the moment."
    assert is_refusal(answer, errors.UNAVAILABLE, diagnostics)
    assert answer["Retry-After"] == "2"


@needs_nginx
@pytest.mark.req("SEC-022", "ERR-001")
def test_where_the_application_hangs_up_nobody_is_told_that_nothing_was_done():
    """A server process that is killed may have booked."""

    class HangsUp(Echo):
        def answer(self):
            self.close_connection = True

        do_GET = do_POST = answer

    with echo(HangsUp) as upstream, nginx(upstream) as transport:
        answer = ask(transport, certificate=transport.valid, verb="POST", body=b"x")
        staffs = ask(transport, "/admin/", door=STAFF, verb="POST", body=b"x")

    words = "The appointment book did not answer in time. What was asked for may have been done."
    assert is_refusal(answer, errors.UNAVAILABLE, words)
    assert answer["Retry-After"] == "2"
    assert staffs.status_code == 503
    assert b"may have been made" in staffs.content
    assert staffs["Content-Type"] == "text/plain;charset=utf-8"


@pytest.mark.req("ERR-001", "GEN-052", "GEN-053", "GEN-054", "GEN-055")
@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/x", {}, "json"),
        ("/x", {"Accept": "application/fhir+xml"}, "xml"),
        ("/x", {"Accept": "application/fhir+json, application/fhir+xml"}, "json"),
        ("/x", {"Accept": "application/fhir+xml, application/fhir+json"}, "xml"),
        ("/x", {"Accept": "text/html, application/fhir+xml;q=0.9"}, "xml"),
        ("/x", {"Accept": "text/html"}, "json"),
        ("/x", {"Content-Type": "application/fhir+xml; charset=utf-8"}, "xml"),
        ("/x", {"Content-Type": "application/fhir+xml", "Accept": "application/json"}, "json"),
        ("/x?_format=xml", {"Accept": "application/fhir+json"}, "xml"),
        ("/x?_format=application/fhir%2Bxml", {}, "xml"),
        ("/x?_format=json", {"Accept": "application/fhir+xml"}, "json"),
    ],
)
def test_a_refusal_of_nginx_is_in_the_format_that_was_asked_for(transport, path, headers, expected):
    answer = ask(transport, path, certificate=transport.valid, headers=headers.items())

    assert answer["Content-Type"] == f"{TYPES[expected]};charset=utf-8"
    told = errors.operation_outcome(
        errors.ORGANISATION_NOT_FOUND, ["The address is not that of a service root."]
    )
    assert read_back(answer) == OperationOutcome.model_validate(told)


@needs_nginx
@pytest.mark.req("SEC-022")
def test_a_flood_is_refused_in_fhir():
    with echo() as upstream, nginx(upstream, requests_per_second=1) as transport:
        answers = [ask(transport, certificate=transport.valid) for _ in range(6)]

    refused = [answer for answer in answers if answer.status_code != 200]
    words = "Too many requests come from this address. Nothing was done: try again later."
    assert refused
    assert all(is_refusal(answer, errors.UNAVAILABLE, words) for answer in refused)
    assert refused[0]["Retry-After"] == "2"


@needs_nginx
@pytest.mark.req("SEC-022")
def test_a_flood_of_staffs_door_is_told_so_in_words():
    with echo() as upstream, nginx(upstream) as transport:
        answers = [ask(transport, "/admin/login/", door=STAFF, verb="POST") for _ in range(24)]

    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert {answer.status_code for answer in refused} == {429}
    assert refused[0]["Retry-After"] == "2"
    assert b"try again in a minute" in refused[0].content


@needs_nginx
@pytest.mark.req("SEC-022")
def test_whoever_looks_at_the_page_for_signing_in_uses_up_nobodys_tries():
    """A practice has one address, and its browsers open that page all day."""
    with echo() as upstream, nginx(upstream) as transport:
        looked = [ask(transport, "/admin/login/", door=STAFF).status_code for _ in range(24)]
        tried = ask(transport, "/admin/login/", door=STAFF, verb="POST").status_code

    assert {*looked, tried} == {200}


@pytest.mark.req("SEC-023")
def test_the_access_log_names_no_patient(transport):
    path = (
        "/A20047/STU3/1/gpconnect/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990123456"
    )
    ask(transport, path, certificate=transport.valid, headers=[("Ssp-TraceID", "trace-77")])
    time.sleep(0.2)

    log = (transport.folder / "appointments-access.log").read_text()

    assert "trace-77" in log
    assert "9990123456" not in log
    assert "Patient" not in log


@needs_nginx
@pytest.mark.req("SEC-023")
@pytest.mark.parametrize("trouble", ["the application is away", "a flood", "an odd request"])
def test_no_log_of_nginx_names_a_patient_or_the_secret_of_a_feed(trouble):
    """Its own lines about a request quote it; the access log says what went wrong without."""
    secret = "Qp0Zk-3vT_8sLxY7w1NfRb2uHc5eJd9aGmKi4oVqXtE"
    patient = "/A20047/STU3/1/gpconnect/Patient/9990123456"
    with echo() as upstream:
        there = upstream
    with contextlib.ExitStack() as running:
        if trouble != "the application is away":
            there = running.enter_context(echo())
        transport = running.enter_context(nginx(there, requests_per_second=1))
        odd = [("Transfer-Encoding", "zip")] if trouble == "an odd request" else []
        for _ in range(5):
            ask(transport, patient, certificate=transport.valid, headers=odd)
            for verb in ("GET", "PROPFIND"):
                ask(transport, f"/calendar/{secret}.ics", door=STAFF, verb=verb, headers=odd)
                ask(transport, f"/developer/sandbox/{secret}/", door=STAFF, verb=verb, headers=odd)
        time.sleep(0.2)
        logs = {path.name: path.read_text() for path in transport.folder.glob("*.log")}

    for name, text in logs.items():
        assert secret not in text, name
        assert "9990123456" not in text, name
    if trouble == "a flood":
        assert "limit=REJECTED" in logs["appointments-access.log"]
    if trouble == "the application is away":
        assert "application=502" in logs["appointments-access.log"]


# ---------------------------------------------------------------- with the application behind it


class TransportClient:
    """Stands in for Django's test client: sends through nginx, with or without a certificate."""

    def __init__(self, transport, certificate=None):
        self.transport, self.certificate = transport, certificate

    def generic(self, verb, path, *, data, content_type, headers):
        return ask(
            self.transport,
            path,
            certificate=self.certificate,
            verb=verb,
            body=data,
            headers=[*headers.items(), ("Content-Type", content_type)],
        )


@needs_nginx
@pytest.mark.django_db(transaction=True)
@pytest.mark.req("SEC-001", "SEC-002", "SEC-009", "GEN-002")
def test_a_consumer_reads_a_patient_through_the_whole_stack(practice):
    environment = {
        "DJANGO_ALLOWED_HOSTS": f"{FHIR},{STAFF}",
        "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "1",
    }
    with (
        servers.gunicorn(workers=1, environment=environment) as application,
        nginx("{}:{}".format(*application.address)) as transport,
    ):
        proxy = Consumer(practice.organisation, client=TransportClient(transport, transport.valid))
        stranger = Consumer(practice.organisation, client=TransportClient(transport))
        around = Consumer(
            practice.organisation,
            client=servers.NetworkClient(application.address),
            headers={"Host": FHIR},
        )

        read = proxy.read_patient(practice.patient.pk)
        refused = stranger.read_patient(practice.patient.pk)
        past_nginx = around.read_patient(practice.patient.pk)
        login = ask(transport, "/admin/login/", door=STAFF)
        around.client.close()

    assert read.status_code == 200
    assert read["Content-Location"].startswith(f"https://{FHIR}/")
    assert refused.status_code == 496
    assert spine_code(past_nginx) == "ACCESS_DENIED"
    assert login.status_code == 200
    assert b"csrfmiddlewaretoken" in login.content
    assert AuditEvent.objects.get(outcome="200").address == "127.0.0.1"


# ---------------------------------------------------------------- the configuration itself

NAMES = {
    "FHIR_NAME": FHIR,
    "STAFF_NAME": STAFF,
    "PROXY_FQDN": PROXY,
    **{
        name: f"/etc/appointments/{name.lower()}.pem"
        for name in ("FHIR_CERTIFICATE", "FHIR_KEY", "STAFF_CERTIFICATE", "STAFF_KEY")
    },
    "CLIENT_CA": "/etc/appointments/ca.pem",
    "CLIENT_CRL": "/etc/appointments/crl.pem",
}


def test_every_name_of_the_template_is_needed_or_has_a_default():
    assert "${" not in render(NAMES)
    for name in NAMES:
        with pytest.raises(KeyError, match=name):
            render({key: value for key, value in NAMES.items() if key != name})


def test_a_value_cannot_end_a_directive():
    with pytest.raises(ValueError, match="FHIR_NAME"):
        render({**NAMES, "FHIR_NAME": "a; return 200"})


UNITS = sorted((ROOT / "deploy" / "systemd").glob("appointments-*"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_commands_that_exist(unit):
    named = set(re.findall(r"manage\.py (\w+)", unit.read_text()))

    assert named <= set(get_commands())


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_services_are_hardened(unit):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(unit)
    service = parser["Service"]

    assert service["User"] == "appointments"
    for directive in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "PrivateDevices"):
        assert service[directive] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize(
    ("setting", "other"),
    [
        pytest.param("AUDIT_SPOOL", "seal", id="audit events"),
        pytest.param("UPLOADS_FOLDER", "sheets", id="spreadsheets"),
        pytest.param("RETURNS_FOLDER", "overnight", id="weekly returns"),
    ],
)
def test_what_web_keeps_aside_is_where_the_other_unit_looks(setting, other):
    """On a file system that is otherwise read-only to both."""
    folders = set()
    for unit in ("web", other):
        text = (ROOT / "deploy" / "systemd" / f"appointments-{unit}.service").read_text()
        assert "\nStateDirectory=appointments\n" in text
        folders |= set(
            re.findall(rf"^Environment={setting}=(/var/lib/appointments/\w+)$", text, re.M)
        )

    assert len(folders) == 1


def test_both_proofs_run_every_night_and_the_runbook_enables_them():
    """A template for each: one that finds something keeps the other from nothing."""
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    service, timer = (
        (ROOT / "deploy" / "systemd" / f"appointments-check@.{kind}").read_text(encoding="utf-8")
        for kind in ("service", "timer")
    )

    assert set(re.findall(r"appointments-check@(\w+)\.timer", runbook)) == {
        "check_diary",
        "verify_audit",
    }
    assert re.findall(r"^ExecStart=.*", service, re.M) == [
        "ExecStart=/opt/appointments/current/.venv/bin/python manage.py %i"
    ]
    assert "OnCalendar=*-*-* " in timer


def test_systemd_accepts_the_units(tmp_path):
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        text = unit.read_text().replace(
            "/opt/appointments/current/.venv/bin/python", sys.executable
        )
        (tmp_path / unit.name).write_text(text)

    said = subprocess.run(
        [verifier, "verify", *(tmp_path / unit.name for unit in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (said.returncode, said.stdout + said.stderr) == (0, "")
