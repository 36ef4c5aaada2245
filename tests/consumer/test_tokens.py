"""The token and the headers of a request, well made and spoilt."""

import base64
import json

import pytest

from consumer import calls, tokens
from consumer.identity import Device, Identity, Organisation, Provider, User
from consumer.interactions import BOOK_APPOINTMENT, SEARCH_SLOTS
from consumer.tokens import ABSENT
from fhirapi import jwt

IDENTITY = Identity(
    "200000000115",
    Organisation("A1001", "Trial call centre", "urgent-care", "0113 496 0111"),
    User("10019", "Handler", "Jane", "Miss"),
    Device("TRIAL-1", "Trial", "1"),
)
PRACTICE = Provider("https://gp.example/Y99001/STU3/1/gpconnect/", "200000000205", "Y99001")


def decoded(token):
    header, payload, signature = token.split(".")
    return [json.loads(base64.urlsafe_b64decode(part + "===")) for part in (header, payload)] + [
        signature
    ]


@pytest.mark.req("JWT-003", "JWT-006", "JWT-020", "JWT-024", "JWT-031")
def test_a_token_has_every_claim_and_no_signature():
    token = tokens.make(IDENTITY, scope="patient/*.read", audience=PRACTICE.audience)
    header, claims, signature = decoded(token)

    assert (header, signature) == ({"alg": "none", "typ": "JWT"}, "")
    assert set(claims) == {*jwt.TEXT_CLAIMS, *jwt.TIME_CLAIMS, *jwt.FHIR_CLAIMS}
    assert claims["exp"] - claims["iat"] == 300
    assert claims["sub"] == claims["requesting_practitioner"]["id"] == "10019"
    assert claims["aud"] == "https://gp.example/Y99001/STU3/1/gpconnect"


def test_a_claim_is_replaced_left_out_or_null():
    spoilt = tokens.claims(
        IDENTITY,
        scope="x",
        audience="y",
        issued_at=1000.7,
        replaced={"exp": 0, "iss": ABSENT, "sub": None, "more": 1},
    )

    assert (spoilt["exp"], spoilt["iat"], spoilt["sub"], spoilt["more"]) == (0, 1000, None, 1)
    assert "iss" not in spoilt


@pytest.mark.req("SSP-001", "SSP-003", "JWT-010")
def test_each_request_has_the_proxys_headers_and_a_token_and_trace_of_its_own():
    query = {"start": "ge2026-11-30T09:00:00+00:00", "_include:recurse": ["a", "b"]}
    first, second = (calls.prepare(IDENTITY, PRACTICE, SEARCH_SLOTS, query=query) for _ in "12")

    assert first.url == (
        "https://gp.example/Y99001/STU3/1/gpconnect/Slot"
        "?start=ge2026-11-30T09%3A00%3A00%2B00%3A00&_include%3Arecurse=a&_include%3Arecurse=b"
    )
    assert first.header("ssp-from") == "200000000115"
    assert first.header("Ssp-To") == "200000000205"
    assert first.header("Ssp-InteractionID") == SEARCH_SLOTS.id
    assert first.header("Ssp-TraceID") != second.header("Ssp-TraceID")
    assert decoded(first.header("Authorization").removeprefix("Bearer "))[1]["requested_scope"] == (
        "organization/*.read"
    )
    assert first.header("Content-Type") == ""


def test_a_header_is_replaced_left_out_or_added():
    request = calls.prepare(
        IDENTITY,
        PRACTICE,
        BOOK_APPOINTMENT,
        body={"resourceType": "Appointment"},
        headers={"Ssp-To": ABSENT, "Ssp-From": "wrong", "X-More": "1"},
        token="no.token.",
    )

    assert "Ssp-To" not in request.headers
    assert (request.header("Ssp-From"), request.header("X-More")) == ("wrong", "1")
    assert request.header("Authorization") == "Bearer no.token."
    assert request.body == b'{"resourceType": "Appointment"}'


def test_a_proxys_address_comes_before_the_service_root():
    behind = Provider(PRACTICE.root, PRACTICE.asid, through="https://proxy.example/")

    assert behind.address == "https://proxy.example/https://gp.example/Y99001/STU3/1/gpconnect"
    assert behind.audience == PRACTICE.audience
