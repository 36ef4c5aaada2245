"""What gunicorn refuses before the application has it: in FHIR, without a word of the sender's."""

import logging
import re
import socket
from types import SimpleNamespace

import pytest
from gunicorn.http import errors as unreadable

from config.serving import Worker
from fhirapi import errors
from tests.raw_requests import answers
from workbench.consumer import diagnostics, issues, spine_code
from workbench.paths import ROOT

PATIENT = "9990123456"
PATH = f"/A20047/STU3/1/gpconnect/Patient?identifier={PATIENT}"


def refused(exc, request=None):
    """What a client reads when gunicorn meets an exception."""
    here, there = socket.socketpair()
    worker = Worker.__new__(Worker)  # a whole one would want a listening server
    with there:
        with here:
            worker.handle_error(request, here, None, exc)
        received = b""
        while chunk := there.recv(65536):
            received += chunk
    (answer,) = answers(received)
    return answer


MALFORMED = "The request is malformed."
TOO_LONG = "The request line or a header is too long, or there are too many headers."


@pytest.mark.req("ERR-001", "ERR-012", "GEN-059")
@pytest.mark.parametrize(
    ("exc", "status", "code", "words"),
    [
        (unreadable.InvalidRequestLine(f"GET {PATH}"), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.InvalidRequestMethod(PATIENT), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.InvalidHTTPVersion(PATIENT), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.InvalidHeader(PATIENT), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.InvalidHeaderName(PATIENT), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.ObsoleteFolding(PATIENT), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.ExpectationFailed(PATIENT), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.InvalidChunkSize(PATIENT.encode()), 400, "BAD_REQUEST", MALFORMED),
        (unreadable.LimitRequestLine(9000, 8190), 400, "BAD_REQUEST", TOO_LONG),
        (unreadable.LimitRequestHeaders(PATIENT), 400, "BAD_REQUEST", TOO_LONG),
        (
            unreadable.UnsupportedTransferCoding(PATIENT),
            501,
            "NOT_IMPLEMENTED",
            "The transfer encoding is not supported.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_gunicorn_cannot_read_is_refused_in_fhir(caplog, exc, status, code, words):
    answer = refused(exc)

    assert answer.status_code == status
    assert issues(answer)
    assert (spine_code(answer), diagnostics(answer)) == (code, words)
    assert answer["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Connection"] == "close"
    assert type(exc).__name__ in caplog.text
    assert PATIENT not in caplog.text
    assert PATIENT.encode() not in answer.content


@pytest.mark.req("ERR-063", "ERR-009")
@pytest.mark.parametrize(
    "exc", [ValueError("SELECT secret"), unreadable.InvalidResponseHeader("secret")], ids=repr
)
def test_a_fault_outside_the_application_says_nothing_but_its_trace_id(caplog, exc):
    request = SimpleNamespace(
        method="GET", uri=PATH, headers=[("ACCEPT", "*/*"), ("SSP-TRACEID", "4fd1-b\n 'x")]
    )

    with caplog.at_level(logging.ERROR, logger="config.serving"):
        answer = refused(exc, request)

    assert answer.status_code == 500
    assert diagnostics(answer) == errors.neutral_diagnostics("4fd1-bx")
    assert "secret" in caplog.text
    assert "4fd1-bx" in caplog.text
    assert PATIENT not in caplog.text


def test_nobody_who_waits_is_no_fault():
    here, there = socket.socketpair()
    there.close()
    with here:
        Worker.__new__(Worker).handle_error(None, here, None, unreadable.InvalidHeader("x"))


def test_what_nginx_lets_through_gunicorn_reads():
    """Each limit of nginx stands at or below gunicorn's: the one is told of what the other was."""
    template = (ROOT / "deploy" / "nginx" / "appointments.conf.template").read_text()
    number, kilobytes = re.findall(r"^large_client_header_buffers (\d+) (\d+)k;", template, re.M)[0]
    chosen = dict(re.findall(r"^(\w+) = (.+)$", (ROOT / "gunicorn.conf.py").read_text(), re.M))
    without_line_end = int(kilobytes) * 1024 - 2
    added = len(", 255.255.255.255")  # to X-Forwarded-For

    assert chosen["worker_class"] == f'"{Worker.__module__}.{Worker.__qualname__}"'
    assert int(chosen["limit_request_line"]) >= without_line_end
    assert int(chosen["limit_request_field_size"]) >= without_line_end + 2 + added
    assert int(number) == 4
