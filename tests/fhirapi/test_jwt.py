"""The bearer token: every claim has its rule, and every broken rule its refusal."""

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from fhirapi import jwt, ssp
from fhirapi.errors import FHIRError
from tests.shared import GPCONNECT, needs_shared
from workbench.consumer import (
    ABSENT,
    Consumer,
    diagnostics,
    encode_part,
    issues,
    make_claims,
    make_token,
    spine_code,
)
from workbench.factories import make_organisation

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ISSUED = int(NOW.timestamp())
DAY = 24 * 3600
IN_2050 = int(datetime(2050, 1, 1, tzinfo=UTC).timestamp())

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS = "https://fhir.nhs.uk/Id/sds-user-id"


def claims(**overrides):
    times = {"iat": ISSUED, "exp": ISSUED + 300}
    return make_claims(**{"scope": "patient/*.read", **times, **overrides})


def part(claim: str, **overrides):
    """The claims with members of one FHIR claim replaced, or left out by ABSENT."""
    whole = {**claims()[claim], **overrides}
    return claims(**{claim: {key: value for key, value in whole.items() if value is not ABSENT}})


def check(given, *, now=NOW, scheme="Bearer ") -> jwt.Requester:
    return jwt.check(scheme + (given if isinstance(given, str) else make_token(given)), now=now)


def refusal(given, **options) -> FHIRError:
    with pytest.raises(FHIRError) as caught:
        check(given, **options)
    return caught.value


# ---------------------------------------------------------------- what a good token gives


@pytest.mark.req("JWT-001", "JWT-005", "JWT-047")
def test_a_good_token_says_who_asks():
    requester = check(claims())

    assert requester == jwt.Requester(
        iss="https://consumer.example/",
        sub="10019",
        aud="https://provider.example",
        exp=ISSUED + 300,
        iat=ISSUED,
        reason_for_request="directcare",
        scope="patient/*.read",
        user_id="111222333444",
        role_profile_id="444555666777",
        user_name="Dr Claire Jones",
        family="Jones",
        given="Claire",
        prefix="Dr",
        user_identifiers=(
            (SDS, "111222333444"),
            ("https://fhir.nhs.uk/Id/sds-role-profile-id", "444555666777"),
            ("https://consumer.example/Id/user-guid", "98ed4f78-814d"),
        ),
        ods_code="A1001",
        organisation_name="Test Hospital",
        device_identifier="CONS-APP-4",
        device_model="Consumer product",
        device_version="5.3.0",
    )


@needs_shared
@pytest.mark.req("JWT-003", "JWT-006", "JWT-010")
def test_the_published_token_is_accepted_twice_within_its_life():
    token = (GPCONNECT / "examples" / "jwt" / "complete_token.txt").read_text().strip()
    now = datetime.fromtimestamp(1469436700, UTC)

    first, second = check(token, now=now), check(token, now=now)

    assert first == second
    assert first.user_name == "Dr Claire Jones"


PRACTITIONER = claims()["requesting_practitioner"]
ACCEPTED = {
    "unknown claim": claims(requested_record={"resourceType": "Patient"}, jti="1"),
    "no role profile id": part(
        "requesting_practitioner", identifier=[{"system": SDS, "value": "1"}]
    ),
    "no smartcard": part(
        "requesting_practitioner",
        identifier=[
            {"system": SDS, "value": "UNK"},
            {"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "UNK"},
        ],
    ),
    "identifiers of their own": part(
        "requesting_practitioner",
        identifier=[
            {"value": "without a system"},
            {"system": "urn:own", "value": "1"},
            {"system": SDS, "value": "1"},
        ],
    ),
    "no prefix": part("requesting_practitioner", name=[{"family": "Jones", "given": ["C"]}]),
    "a second name": part(
        "requesting_practitioner",
        name=[{"text": "Jones"}, {"family": "Jones", "given": ["Claire", "Ann"]}],
    ),
    "a device with an id": part("requesting_device", id="1"),
    "not to the profiles": part("requesting_organization", alias=["Hub"], partOf={"display": "x"}),
    "fast clock": claims(iat=ISSUED + 200, exp=ISSUED + 500),
    "a clock in another zone": claims(iat=ISSUED + 14 * 3600, exp=ISSUED + 14 * 3600 + 300),
    "a clock that is a day fast": claims(iat=ISSUED + DAY, exp=ISSUED + DAY + 300),
    "slow clock": claims(iat=ISSUED - 299, exp=ISSUED + 1),
    "another audience": claims(aud="https://provider.example/GP0001/STU3/1"),
    **{scope: claims(requested_scope=scope) for scope in ssp.SCOPES},
}


@pytest.mark.req(
    *("JWT-021", "JWT-026", "JWT-030", "JWT-033", "JWT-046", "JWT-047", "JWT-049", "AUD-034")
)
@pytest.mark.parametrize("given", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_consumers_send_in_the_field_is_accepted(given):
    assert check(given).sub == "10019"


@pytest.mark.parametrize("given", [ACCEPTED["no role profile id"], ACCEPTED["no smartcard"]])
def test_a_user_without_a_role_is_recorded_as_unknown(given):
    assert check(given).role_profile_id == "UNK"


@pytest.mark.req("JWT-002", "JWT-005")
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Bearer   "])
def test_the_scheme_is_read_in_any_case(scheme):
    assert check(claims(), scheme=scheme).sub == "10019"


@pytest.mark.req("JWT-005")
def test_padding_is_tolerated():
    header, payload, _ = make_token(claims()).split(".")
    padded = ".".join(each + "=" * (-len(each) % 4) for each in (header, payload)) + "."

    assert check(padded).sub == "10019"


@pytest.mark.req("JWT-006")
def test_the_type_in_the_header_may_be_left_out():
    assert check(make_token(claims(), header={"alg": "none"})).sub == "10019"


# ---------------------------------------------------------------- refusals: the token

GOOD = make_token(claims())
HEADER, PAYLOAD, _ = GOOD.split(".")
DOUBLED = json.dumps(claims()).replace('{"iss"', '{"iss": "x", "iss"', 1).encode()
BAD_TOKENS = {
    "empty": "",
    "blank": "   ",
    "no dots": "abc",
    "two parts": f"{HEADER}.{PAYLOAD}",
    "four parts": f"{GOOD}.",
    "signed": f"{GOOD}c2lnbmF0dXJl",
    "no header": f".{PAYLOAD}.",
    "no payload": f"{HEADER}..",
    "plain json": f"{HEADER}.{json.dumps(claims())}.".replace(" ", ""),
    "standard base64": f"{HEADER}.{base64.b64encode(b'???>>>').decode()}.",
    "impossible length": f"{HEADER}.{PAYLOAD}.".replace(HEADER, "e"),
    "spaces": f"{HEADER}.{PAYLOAD[:9]} {PAYLOAD[9:]}.",
    "not json": f"{HEADER}.{encode_part(b'iss=me')}.",
    "cut off json": f"{HEADER}.{encode_part(b'{')}.",
    "not utf-8": f"{HEADER}.{encode_part(bytes([0xFF, 0xFE]))}.",
    "a claim twice": f"{HEADER}.{encode_part(DOUBLED)}.",
    "a list": make_token([claims()]),
    "null": make_token(None),
    "a string": make_token("x"),
    "header is a list": make_token(claims(), header=["none"]),
    "header is not json": f"{encode_part(b'none')}.{PAYLOAD}.",
    "signed with HS256": make_token(claims(), header={"alg": "HS256", "typ": "JWT"}),
    "alg None": make_token(claims(), header={"alg": "None", "typ": "JWT"}),
    "alg null": make_token(claims(), header={"alg": None, "typ": "JWT"}),
    "no alg": make_token(claims(), header={"typ": "JWT"}),
    "another type": make_token(claims(), header={"alg": "none", "typ": "JWE"}),
}


@pytest.mark.req(
    *("JWT-002", "JWT-003", "JWT-004", "JWT-006", "JWT-007", "JWT-008", "JWT-009", "ERR-040")
)
@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_malformed_token_is_a_bad_request(token):
    error = refusal(token)

    assert error.error.code == "BAD_REQUEST"
    assert error.headers["WWW-Authenticate"].startswith('Bearer error="invalid_')


@pytest.mark.req("JWT-001", "JWT-002", "JWT-009", "ERR-043")
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Basic {GOOD}", GOOD, f"Bearer{GOOD}"]
)
def test_an_authorization_without_a_bearer_token_is_a_bad_request(header):
    with pytest.raises(FHIRError) as caught:
        jwt.check(header, now=NOW)

    assert caught.value.error.code == "BAD_REQUEST"
    assert caught.value.headers == {"WWW-Authenticate": 'Bearer error="invalid_request"'}


# ---------------------------------------------------------------- refusals: the claims

ALL_CLAIMS = list(claims())


@pytest.mark.req("JWT-020", "JWT-009", "ERR-040")
@pytest.mark.parametrize("value", [ABSENT, None], ids=["absent", "null"])
@pytest.mark.parametrize("name", ALL_CLAIMS)
def test_every_claim_is_required(name, value):
    error = refusal(claims(**{name: value}))

    assert error.error.code == "BAD_REQUEST"
    assert error.diagnostics == (f"The {name} claim is missing or null.",)
    assert error.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}


BAD_CLAIMS = {
    **{
        f"{name}: {label}": ({name: value}, name)
        for name in ("iss", "sub", "aud", "reason_for_request", "requested_scope")
        for label, value in {
            "empty": "",
            "blank": "  ",
            "number": 5,
            "list": ["https://x.example"],
            "object": {"a": "b"},
            "control character": "a\x00b",
        }.items()
    },
    **{
        f"{name}: {label}": ({name: value}, name)
        for name in ("exp", "iat")
        for label, value in {
            "string": str(ISSUED),
            "fraction": ISSUED + 0.5,
            "whole float": float(ISSUED),
            "true": True,
            "date": "2026-03-01T12:00:00Z",
            "list": [ISSUED],
        }.items()
    },
    "expired this second": ({"iat": ISSUED - 300, "exp": ISSUED}, "exp"),
    "expired long ago": ({"iat": ISSUED - 9000, "exp": ISSUED - 8700}, "exp"),
    "life too short": ({"exp": ISSUED + 299}, "exp"),
    "life too long": ({"exp": ISSUED + 301}, "exp"),
    "life reversed": ({"iat": ISSUED + 300, "exp": ISSUED}, "exp"),
    "no life": ({"exp": ISSUED}, "exp"),
    "in milliseconds": ({"iat": ISSUED * 1000, "exp": (ISSUED + 300) * 1000}, "exp"),
    "more than a day fast": ({"iat": ISSUED + DAY + 1, "exp": ISSUED + DAY + 301}, "iat"),
    "for decades": ({"iat": IN_2050, "exp": IN_2050 + 300}, "iat"),
    "iat in milliseconds": ({"iat": ISSUED * 1000, "exp": ISSUED * 1000 + 300}, "iat"),
    "reason: other": ({"reason_for_request": "secondaryuses"}, "reason_for_request"),
    "reason: capitals": ({"reason_for_request": "DirectCare"}, "reason_for_request"),
    "scope: unknown": ({"requested_scope": "patient/*.*"}, "requested_scope"),
    "scope: two": ({"requested_scope": "patient/*.read patient/*.write"}, "requested_scope"),
    "scope: one resource": ({"requested_scope": "patient/Appointment.read"}, "requested_scope"),
    "sub of another": ({"sub": "10020"}, "sub"),
}


@pytest.mark.req(
    *("JWT-022", "JWT-023", "JWT-024", "JWT-025", "JWT-027", "JWT-028", "JWT-029", "JWT-031"),
    *("JWT-032", "JWT-033", "JWT-034", "ERR-040", "GEN-167"),
)
@pytest.mark.parametrize(("overrides", "named"), BAD_CLAIMS.values(), ids=BAD_CLAIMS.keys())
def test_a_claim_that_breaks_its_rule_is_a_bad_request(overrides, named):
    error = refusal(claims(**overrides))

    assert error.error.code == "BAD_REQUEST"
    assert named in error.diagnostics[0]
    assert error.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


# ---------------------------------------------------------------- refusals: the FHIR claims

TYPES = {
    "requesting_device": "Device",
    "requesting_organization": "Organization",
    "requesting_practitioner": "Practitioner",
}


@pytest.mark.req("JWT-040", "JWT-042", "JWT-044", "ERR-041")
@pytest.mark.parametrize(
    "value",
    ["Device/1", 5, True, [], {}, {"resourceType": "Patient"}, {"id": "1"}, {"resourceType": 1}],
    ids=str,
)
@pytest.mark.parametrize("name", TYPES)
def test_a_claim_of_another_resource_type_is_a_bad_request(name, value):
    error = refusal(claims(**{name: value}))

    assert error.error.code == "BAD_REQUEST"
    assert TYPES[name] in error.diagnostics[0]


LACKING = {
    "device without identifier": part("requesting_device", identifier=ABSENT),
    "device identifier without system": part("requesting_device", identifier=[{"value": "1"}]),
    "device identifier without value": part("requesting_device", identifier=[{"system": "urn:a"}]),
    "device without model": part("requesting_device", model=ABSENT),
    "device without version": part("requesting_device", version=ABSENT),
    "organisation without name": part("requesting_organization", name=ABSENT),
    "organisation without identifier": part("requesting_organization", identifier=ABSENT),
    "organisation with another system": part(
        "requesting_organization", identifier=[{"system": "urn:a", "value": "A1001"}]
    ),
    "organisation without code": part("requesting_organization", identifier=[{"system": ODS}]),
    "practitioner without id": part("requesting_practitioner", id=ABSENT),
    "practitioner without name": part("requesting_practitioner", name=ABSENT),
    "practitioner without family": part("requesting_practitioner", name=[{"given": ["C"]}]),
    "practitioner without given": part("requesting_practitioner", name=[{"family": "Jones"}]),
    "practitioner's name in text": part("requesting_practitioner", name=[{"text": "C Jones"}]),
    "practitioner without identifier": part("requesting_practitioner", identifier=ABSENT),
    "practitioner without SDS user id": part(
        "requesting_practitioner", identifier=[{"system": "urn:a", "value": "1"}]
    ),
}


@pytest.mark.req("JWT-041", "JWT-043", "JWT-045", "JWT-046", "ERR-040")
@pytest.mark.parametrize("given", LACKING.values(), ids=LACKING.keys())
def test_a_claim_that_lacks_a_part_is_a_bad_request(given):
    error = refusal(given)

    assert error.error.code == "BAD_REQUEST"
    assert "claim" in error.diagnostics[0]


NOT_FHIR = {
    "unknown element": part("requesting_device", colour="red"),
    "unknown element inside": part(
        "requesting_organization", identifier=[{"system": ODS, "value": "A1001", "colour": "red"}]
    ),
    "name as an object": part(
        "requesting_practitioner", name={"family": "Jones", "given": ["Claire"]}
    ),
    "identifier as an object": part("requesting_device", identifier={"value": "1"}),
    "number for string": part("requesting_device", version=5.3),
    "null": part("requesting_organization", name=None),
    "empty string": part("requesting_organization", name=""),
    "empty list": part("requesting_practitioner", identifier=[]),
    "family as a list": part(
        "requesting_practitioner", name=[{"family": ["Jones"], "given": ["Claire"]}]
    ),
    "given as a string": part(
        "requesting_practitioner", name=[{"family": "Jones", "given": "Claire"}]
    ),
    "id of the wrong form": part("requesting_practitioner", id="a/b"),
    "control character": part("requesting_organization", name="a\x00b"),
}


@pytest.mark.req("JWT-050", "ERR-051")
@pytest.mark.parametrize("given", NOT_FHIR.values(), ids=NOT_FHIR.keys())
def test_a_claim_of_the_right_type_that_is_not_fhir_is_an_invalid_resource(given):
    error = refusal(given)

    assert error.error.code == "INVALID_RESOURCE"
    assert all("requesting_" in text for text in error.diagnostics)


@pytest.mark.req("ERR-008")
@pytest.mark.parametrize(
    "given",
    [
        claims(sub="secret"),
        claims(requested_scope="secret"),
        claims(reason_for_request="secret"),
        part("requesting_device", version=["secret"]),
        part("requesting_practitioner", id="secret/1"),
    ],
)
def test_no_refusal_repeats_what_a_token_says(given):
    assert "secret" not in " ".join(refusal(given).diagnostics)


def test_a_claim_seen_before_is_not_validated_again():
    jwt.problems_of_claim.cache_clear()

    check(claims())
    check(claims(iss="https://another.example/"))

    assert jwt.problems_of_claim.cache_info().misses == len(TYPES)
    assert jwt.problems_of_claim.cache_info().hits == len(TYPES)


# ---------------------------------------------------------------- a token sent again


@pytest.mark.req("JWT-003", "JWT-010")
def test_a_token_sent_again_is_not_read_again(monkeypatch):
    first = check(claims())
    monkeypatch.setattr(jwt, "decode", None)

    assert check(claims(), now=NOW + timedelta(seconds=299)) == first


@pytest.mark.req("JWT-030", "JWT-031")
@pytest.mark.parametrize(
    ("now", "named"),
    [
        (NOW + timedelta(seconds=300), "expired (exp"),
        (NOW + timedelta(days=1), "expired (exp"),
        (NOW - timedelta(days=1, seconds=1), "The iat claim"),
    ],
)
def test_the_times_of_a_token_are_compared_each_time(now, named):
    check(claims())

    assert named in refusal(claims(), now=now).diagnostics[0]


def test_a_refused_token_is_read_each_time():
    early = NOW - timedelta(days=2)
    assert "iat" in refusal(claims(), now=early).diagnostics[0]

    assert jwt.accepted.kept == {}
    assert check(claims()).sub == "10019"


def test_no_token_is_kept():
    check(claims())

    [digest] = jwt.accepted.kept
    assert digest == sha256(f"Bearer {make_token(claims())}".encode()).digest()


# ---------------------------------------------------------------- scope and audience


@pytest.mark.req("JWT-064", "JWT-065", "JWT-063", "JWT-009")
@pytest.mark.parametrize("interaction", ssp.INTERACTIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("scope", ssp.SCOPES)
def test_only_the_scope_of_the_interaction_will_do(interaction, scope):
    requester = check(claims(requested_scope=scope))

    if scope == interaction.scope:
        jwt.check_scope(requester, interaction)
        return
    with pytest.raises(FHIRError) as caught:
        jwt.check_scope(requester, interaction)

    assert caught.value.error.code == "BAD_REQUEST"
    assert caught.value.headers == {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}


@pytest.mark.req("JWT-026", "JWT-025")
@pytest.mark.parametrize(
    ("audience", "accepted"),
    [
        ("https://p.example/A1/STU3/1/gpconnect", True),
        ("https://p.example/A1/STU3/1/gpconnect/", True),
        ("https://p.example/A1/STU3/1", False),
        ("https://p.example/B1/STU3/1/gpconnect", False),
    ],
)
def test_an_audience_can_be_compared_with_our_address(audience, accepted):
    requester = check(claims(aud=audience))

    if accepted:
        jwt.check_audience(requester, "https://p.example/A1/STU3/1/gpconnect")
        return
    with pytest.raises(FHIRError):
        jwt.check_audience(requester, "https://p.example/A1/STU3/1/gpconnect")


# ---------------------------------------------------------------- through the URL


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("JWT-001", "META-003", "SEC-020")
def test_even_the_capability_statement_wants_a_token(practice):
    response = Consumer(practice.organisation).read_metadata(headers={"Authorization": ABSENT})

    assert response.status_code == 400
    assert spine_code(response) == "BAD_REQUEST"
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_request"'


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("JWT-050", "ERR-064")
def test_an_invalid_claim_is_answered_with_an_issue_for_each_problem(practice):
    device = {**claims()["requesting_device"], "colour": "red", "version": ""}

    response = Consumer(practice.organisation).read_metadata(claims={"requesting_device": device})

    assert response.status_code == 422
    assert len(issues(response)) == 2
    assert "Device.colour" in diagnostics(response)


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("JWT-064", "JWT-065")
def test_scopes_are_enforced_unless_switched_off(practice, settings):
    consumer = Consumer(practice.organisation, claims={"requested_scope": "patient/*.write"})

    assert consumer.read_metadata().status_code == 400

    settings.GPCONNECT_ENFORCE_SCOPE = False
    assert consumer.read_metadata().status_code == 200


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("JWT-026")
def test_the_audience_is_not_compared_unless_switched_on(practice, settings):
    consumer = Consumer(practice.organisation)

    assert consumer.read_metadata().status_code == 200

    settings.GPCONNECT_CHECK_AUDIENCE = True
    assert "aud" in diagnostics(consumer.read_metadata())
    right = f"http://testserver{consumer.base}"
    assert consumer.read_metadata(claims={"aud": right}).status_code == 200


@pytest.mark.django_db
@pytest.mark.urls("tests.fhirapi.echo")
@pytest.mark.req("JWT-030")
def test_a_token_from_a_fast_clock_is_accepted(practice):
    later = int((datetime.now(UTC) + timedelta(minutes=10)).timestamp())

    response = Consumer(practice.organisation).read_metadata(
        claims={"iat": later, "exp": later + 300}
    )

    assert response.status_code == 200


@pytest.mark.django_db
@pytest.mark.req("JWT-025", "JWT-064", "JWT-065")
def test_a_token_sent_again_is_compared_with_each_request(practice, settings):
    """Its scope with the interaction, its audience with the practice that is addressed."""
    settings.GPCONNECT_CHECK_AUDIENCE = True
    consumer, other = Consumer(practice.organisation), Consumer(make_organisation())
    audience = f"http://testserver{consumer.base}"
    token = make_token(make_claims(scope="organization/*.read", audience=audience))

    answers = [
        consumer.read_metadata(token=token),
        consumer.read_patient(practice.patient.pk, token=token),
        other.read_metadata(token=token),
        consumer.read_metadata(token=token),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 400, 200]
    assert "requested_scope" in diagnostics(answers[1])
    assert "aud" in diagnostics(answers[2])
