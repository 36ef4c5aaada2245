"""Whatever is sent through nginx and gunicorn, the answer is FHIR, or there is none.

Real nginx with the project's configuration before the application as it is served, and requests
sent byte by byte: too long, too many, misspelt, smuggled. A table of them with what each is
answered, then some at random of a fixed seed; ``make fuzz`` tries more of new seeds (FUZZ_INPUTS,
FUZZ_SEED). What the application never saw is not in the trail, and nginx's log has it.
"""

import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fhirapi import errors, ssp
from practice.models import AuditEvent
from tests.raw_requests import LARGEST, LONGEST, Answer, Raw, answers, exchange, raw, spoil
from tests.test_transport import MISSING, needs_nginx
from workbench import servers
from workbench.consumer import ASID, diagnostics, issues, make_claims, make_token, spine_code
from workbench.factories import make_organisation
from workbench.nginx import FHIR, NGINX, STAFF, Transport, nginx

pytestmark = [
    needs_nginx,
    pytest.mark.django_db(transaction=True),
    pytest.mark.req("ERR-001", "ERR-002", "ERR-012", "SEC-021"),
]

INPUTS = int(os.environ.get("FUZZ_INPUTS", "500")) // 10
SEED = int(os.environ.get("FUZZ_SEED", "20261128"))

ROOT = "/A20047/STU3/1/gpconnect"
METADATA = f"{ROOT}/metadata"
TRACE = "7a1c2f60-1f7a-4c53-9f0e"


@pytest.fixture(scope="module")
def stack(django_db_setup) -> Iterator[Transport]:
    """nginx before one process of gunicorn, both as they are deployed, started once."""
    if NGINX is None:
        pytest.skip(MISSING)
    environment = {
        "DJANGO_ALLOWED_HOSTS": f"{FHIR},{STAFF}",
        "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "1",
    }
    with (
        servers.gunicorn(workers=1, environment=environment) as application,
        nginx("{}:{}".format(*application.address)) as transport,
    ):
        yield transport


def ask(stack: Transport, request: Raw, **more: Any) -> list[Answer]:
    received = exchange(stack, request.sent(), with_certificate=request.with_certificate, **more)
    return answers(received, verb=request.verb)


# ---------------------------------------------------------------- a table

MALFORMED = "The request is malformed."
TOO_LONG = "The request line or a header is too long, or there are too many headers."
TOO_LARGE = "The request body is too large."
NO_HOST = "The Host header is missing, or is not the name of this server."
NO_ROOT = "The address is not that of a service root."
NO_CODING = "The transfer encoding is not supported."
NO_CERTIFICATE = "No client certificate was sent."

BAD, BIG = errors.BAD_REQUEST, errors.BODY_TOO_LARGE
UNIMPLEMENTED, UNKNOWN = errors.NOT_IMPLEMENTED, errors.ORGANISATION_NOT_FOUND
NO_ENTRY = replace(errors.ACCESS_DENIED, status=496)


@dataclass(frozen=True)
class Seen:
    """What is expected where the application has the last word: its status, and a record of it."""

    status: int


NOT_OURS = Seen(404)  # an address below no practice's service root; the others lack all headers
SEEN = Seen(400)


def header_of(length: int, name: str = "X-Long") -> str:
    return f"{name}: {'y' * (length - len(name) - 2)}"


CASES: dict[str, tuple[Raw, Any]] = {
    "the longest line": (raw(METADATA).with_line_of(LONGEST), SEEN),
    "a longer line": (raw(METADATA).with_line_of(LONGEST + 1), (BAD, TOO_LONG)),
    "a very long line": (raw(METADATA).with_line_of(40_000), (BAD, TOO_LONG)),
    "the longest header": (raw(METADATA, header_of(LONGEST)), SEEN),
    "the longest that nginx adds to": (raw(METADATA, header_of(LONGEST, "X-Forwarded-For")), SEEN),
    "a longer header": (raw(METADATA, header_of(LONGEST + 1)), (BAD, TOO_LONG)),
    "a very long header": (raw(METADATA, header_of(40_000)), (BAD, TOO_LONG)),
    "32 KB of headers": (raw(METADATA, *[header_of(3900)] * 8), SEEN),
    "80 headers": (raw(METADATA, *["X-A: b"] * 80), SEEN),
    "101 headers": (raw(METADATA, *["X-A: b"] * 101), (BAD, TOO_LONG)),
    "5,000 headers": (raw(METADATA, *["X-A: b"] * 5000), (BAD, TOO_LONG)),
    "the largest body": (
        raw(METADATA, f"Content-Length: {LARGEST}", verb="POST", body=b" " * LARGEST),
        SEEN,
    ),
    "a larger body": (
        raw(METADATA, f"Content-Length: {LARGEST + 1}", verb="POST"),
        (BIG, TOO_LARGE),
    ),
    "a larger body in chunks": (
        raw(
            METADATA,
            "Transfer-Encoding: chunked",
            verb="POST",
            body=b"100001\r\n" + b" " * 0x100001,
        ),
        (BIG, TOO_LARGE),
    ),
    "an endless length": (raw(METADATA, f"Content-Length: {'9' * 30}"), (BAD, MALFORMED)),
    "a length below nought": (raw(METADATA, "Content-Length: -1"), (BAD, MALFORMED)),
    "two lengths": (raw(METADATA, "Content-Length: 0", "Content-Length: 0"), (BAD, MALFORMED)),
    "an unknown transfer encoding": (
        raw(METADATA, "Transfer-Encoding: zip", verb="POST"),
        (UNIMPLEMENTED, NO_CODING),
    ),
    "a transfer encoding for later": (
        raw(METADATA, "Transfer-Encoding: gzip, chunked", verb="POST"),
        (UNIMPLEMENTED, NO_CODING),
    ),
    "two transfer encodings": (
        raw(METADATA, *["Transfer-Encoding: chunked"] * 2, verb="POST", body=b"0\r\n\r\n"),
        (BAD, MALFORMED),
    ),
    "a length and chunks": (
        raw(
            METADATA,
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            verb="POST",
            body=b"0\r\n\r\n" + raw(METADATA).sent(),
        ),
        (BAD, MALFORMED),
    ),
    "a hidden transfer encoding": (
        raw(METADATA, "Transfer-Encoding : chunked", verb="POST", body=b"0\r\n\r\n"),
        (BAD, MALFORMED),
    ),
    "a broken chunk": (
        raw(METADATA, "Transfer-Encoding: chunked", verb="POST", body=b"zz\r\n\r\n"),
        (BAD, MALFORMED),
    ),
    "no Host": (raw(METADATA, host=None), (BAD, NO_HOST)),
    "no Host in HTTP/1.0": (raw(METADATA, host=None, version="HTTP/1.0"), (BAD, NO_HOST)),
    "two Hosts": (raw(METADATA, f"Host: {FHIR}"), (BAD, MALFORMED)),
    "another Host": (raw(METADATA, host="other.example"), (BAD, NO_HOST)),
    "staff's Host": (raw(METADATA, host=STAFF), (BAD, NO_HOST)),
    "a Host that is none": (raw(METADATA, host="a b"), (BAD, MALFORMED)),
    "a control character in a header": (raw(METADATA, b"X-A: a\x01b"), (BAD, MALFORMED)),
    "DEL in a header": (raw(METADATA, b"X-A: a\x7fb"), (BAD, MALFORMED)),
    "NUL in a header": (raw(METADATA, b"X-A: a\x00b"), (BAD, MALFORMED)),
    "a carriage return in a header": (raw(METADATA, b"X-A: a\rb"), (BAD, MALFORMED)),
    "a control character in the address": (raw(f"{ROOT}/\x01"), (BAD, MALFORMED)),
    "a character beyond ASCII in the address": (raw(f"{ROOT}/ä"), (BAD, MALFORMED)),
    "a space in the address": (raw(f"{ROOT}/a b"), (BAD, MALFORMED)),
    "a folded header": (raw(METADATA, "X-A: b", " c"), (BAD, MALFORMED)),
    "a header without a name": (raw(METADATA, ": b"), (BAD, MALFORMED)),
    "HTTP/1.0": (raw(METADATA, version="HTTP/1.0"), SEEN),
    "HTTP/2.0": (raw(METADATA, version="HTTP/2.0"), (BAD, MALFORMED)),
    "HTTP/9.9": (raw(METADATA, version="HTTP/9.9"), (BAD, MALFORMED)),
    "another protocol": (raw(METADATA, version="HTTQ/1.1"), (BAD, MALFORMED)),
    "a verb in small letters": (raw(METADATA, verb="get"), (BAD, MALFORMED)),
    "a verb of one letter": (raw(METADATA, verb="A"), (BAD, MALFORMED)),
    "a verb of 40 letters": (raw(METADATA, verb="X" * 40), (BAD, MALFORMED)),
    "TRACE": (raw(METADATA, verb="TRACE"), (BAD, MALFORMED)),
    "CONNECT": (raw(f"{FHIR}:443", verb="CONNECT"), (BAD, MALFORMED)),
    "PROPFIND": (raw(METADATA, verb="PROPFIND"), SEEN),
    "an absolute address": (raw(f"https://{FHIR}{METADATA}"), SEEN),
    "an absolute address elsewhere": (raw(f"https://other.example{METADATA}"), (BAD, NO_HOST)),
    "an asterisk": (raw("*", verb="OPTIONS"), (BAD, MALFORMED)),
    "NUL in the address": (raw(f"{METADATA}%00"), (BAD, MALFORMED)),
    "a slash too many": (raw(f"/{METADATA}"), (UNKNOWN, NO_ROOT)),
    "a slash that is none": (raw(METADATA.replace("/STU3", "%2fSTU3")), (UNKNOWN, NO_ROOT)),
    "no practice's address": (raw("/ZZZ99/STU3/1/gpconnect/metadata"), NOT_OURS),
    "what no ODS code is": (raw("/Z-9/STU3/1/gpconnect/metadata"), (UNKNOWN, NO_ROOT)),
    "what is nginx's own": (raw("/refused/certificate.json"), (UNKNOWN, NO_ROOT)),
    "no certificate": (
        raw(METADATA, with_certificate=False),
        (NO_ENTRY, NO_CERTIFICATE),
    ),
    "no certificate, and a larger body": (
        raw(METADATA, f"Content-Length: {LARGEST + 1}", verb="POST", with_certificate=False),
        (NO_ENTRY, NO_CERTIFICATE),
    ),
    "no certificate, and a broken chunk": (
        raw(
            METADATA,
            "Transfer-Encoding: chunked",
            verb="POST",
            body=b"zz\r\n\r\n",
            with_certificate=False,
        ),
        (BAD, MALFORMED),
    ),
    "a broken chunk where nobody reads it": (
        raw("/x", "Transfer-Encoding: chunked", verb="POST", body=b"zz\r\n\r\n"),
        (BAD, MALFORMED),
    ),
}


def test_what_cannot_be_read_is_refused_in_fhir(stack):
    """And only what the application saw is in the trail."""
    make_organisation(ods_code="A20047")
    faults, recorded = {}, 0

    for name, (request, expected) in CASES.items():
        found = ask(stack, request)
        try:
            assert len(found) == 1, f"{len(found)} answers"
            check(found[0])
            if isinstance(expected, Seen):
                assert found[0].status_code == expected.status, found[0].content
                recorded += 1
            else:
                error, words = expected
                assert found[0].status_code == error.status, found[0].content
                assert (spine_code(found[0]), diagnostics(found[0])) == (error.code, words)
        except AssertionError as fault:
            faults[name] = str(fault)

    assert faults == {}
    assert AuditEvent.objects.count() == recorded


def test_the_trace_id_of_what_nobody_audited_is_in_the_log_of_nginx(stack):
    make_organisation(ods_code="A20047")
    odd = {
        "of-nginx": raw(METADATA, "Ssp-TraceID: of-nginx", "Transfer-Encoding: zip"),
        "of-gunicorn": raw(METADATA, "Ssp-TraceID: of-gunicorn", b"X-A: \x01"),
        "of-application": raw(METADATA, "Ssp-TraceID: of-application"),
        "forged": raw(METADATA, b'Ssp-TraceID: x" 200 \\x application=200', "X-A: \x01"),
    }
    for request in odd.values():
        ask(stack, request)

    # A line may be written a moment after the answer.
    deadline = time.monotonic() + 20
    found: list[tuple[str, str]] = []
    while len(found) < len(odd) and time.monotonic() < deadline:
        log = (stack.folder / "appointments-access.log").read_text()
        found = re.findall(r" (of-\w+|unreadable) (application=\S+)$", log, re.M)
    assert sorted(found) == [
        ("of-application", "application=400"),
        ("of-gunicorn", "application=400"),
        ("of-nginx", "application=-"),
        ("unreadable", "application=400"),
    ]
    assert AuditEvent.objects.get().trace_id == "of-application"


# ---------------------------------------------------------------- at random

CODES = {each.code for each in vars(errors).values() if isinstance(each, errors.SpineError)}
FORMATS = {"application/fhir+json;charset=utf-8", "application/fhir+xml;charset=utf-8"}
TRACES = (b"<html", b"Traceback", b"django.", b"gunicorn", b"nginx", b"psycopg", b"sqlite3")


def check(answer: Any) -> str:
    """The answer's code; fails unless a consumer can read it and nothing of ours has failed."""
    assert not any(trace in answer.content.lower() for trace in TRACES), answer.content[:300]
    if not answer.status_code:  # HTTP/0.9 has no head to look at
        assert answer.content.startswith((b"{", b"<?xml")), answer.content[:300]
        return "no head"
    assert answer["Content-Type"] in FORMATS
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    status = answer.status_code
    assert 200 <= status < 300 or 400 <= status < 500 or status == 501, (status, answer.content)
    if status < 400 or not answer.content:  # HEAD
        return str(status)
    code = issues(answer)[0]["details"]["coding"][0]["code"]
    assert code in CODES
    assert status != 501 or code == "NOT_IMPLEMENTED"
    return f"{status} {code}"


def good_requests(practice: Any) -> list[Raw]:
    """Two that are answered 200 and 422; the second has a body."""
    root = f"/{practice.organisation.ods_code}/STU3/1/gpconnect"

    def headers(interaction: ssp.Interaction) -> list[str]:
        token = make_token(make_claims(scope=interaction.scope))
        return [
            f"{ssp.TRACE_ID}: {TRACE}",
            f"{ssp.SENT_FROM}: {ASID}",
            f"{ssp.SENT_TO}: {practice.organisation.asid}",
            f"{ssp.INTERACTION_ID}: {interaction.id}",
            f"Authorization: Bearer {token}",
            "Content-Type: application/fhir+json",
        ]

    body = b'{"resourceType": "Appointment"}'
    return [
        raw(f"{root}/metadata", *headers(ssp.READ_METADATA)),
        raw(
            f"{root}/Appointment",
            *headers(ssp.BOOK_APPOINTMENT),
            f"Content-Length: {len(body)}",
            verb="POST",
            body=body,
        ),
    ]


def test_whatever_is_sent_is_answered_in_fhir_or_not_at_all(stack, practice, capsys):
    good = good_requests(practice)
    assert [check(ask(stack, each)[0]) for each in good] == ["200", "422 INVALID_RESOURCE"]
    tried: Counter[str] = Counter()

    for number in range(INPUTS):
        chance = random.Random(f"{SEED}/{number}")
        request = spoil(chance.choice(good), chance)
        door = FHIR
        if chance.random() < 0.1:
            door = STAFF
            lines = [line.replace(FHIR.encode(), STAFF.encode()) for line in request.headers]
            request = replace(request, headers=lines)
        try:
            # At staff's door only what is below a service root must be FHIR.
            found = ask(stack, request, door=door, seconds=2)
            if door == FHIR or re.match(rb"/\w+/STU3/1/gpconnect((?!\.\.).)*\Z", request.target):
                tried.update([check(each) for each in found] or ["dropped"])
        except Exception as failure:
            failure.add_note(f"seed {SEED}, input {number}, {door}: {request.done}")
            failure.add_note(f"sent {request.sent()[:1500]!r}")
            raise

    assert tried.total() > INPUTS // 2
    assert tried["dropped"] < INPUTS // 5, "refusals are to be read, not guessed"
    if "FUZZ_INPUTS" in os.environ:
        with capsys.disabled():
            print(f"\n  {INPUTS} unread requests with seed {SEED}:")
            for code, count in tried.most_common():
                print(f"  {count:6}  {code}")
