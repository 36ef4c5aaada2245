"""The bearer token: what is refused, and what is not."""

import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from consumer import interactions as gpc
from consumer import tokens
from consumer.check import codes
from consumer.check.checks import Problem, answered, check, refuses
from consumer.check.codes import BAD_REQUEST, INVALID_RESOURCE
from consumer.check.exchange import Exchange
from consumer.check.kit import Kit
from consumer.tokens import ABSENT

CLAIMS = (
    *("iss", "sub", "aud", "exp", "iat", "reason_for_request", "requested_scope"),
    *("requesting_device", "requesting_organization", "requesting_practitioner"),
)


def right(kit: Kit) -> dict[str, Any]:
    """The claims of a right token for the capability statement."""
    wire = kit.wire
    return tokens.claims(
        wire.identity, scope=gpc.READ_METADATA.scope, audience=wire.provider.audience
    )


def with_claims(kit: Kit, changed: Mapping[str, Any]) -> Exchange:
    return kit.wire.ask(gpc.READ_METADATA, claims=changed)


def with_token(kit: Kit, token: str) -> Exchange:
    return kit.wire.ask(gpc.READ_METADATA, token=token)


def register_claims() -> None:
    """For each claim: that it is missing, that it is null."""
    for claim in CLAIMS:

        def missing(kit: Kit, claim: str = claim) -> Exchange:
            return with_claims(kit, {claim: ABSENT})

        def null(kit: Kit, claim: str = claim) -> Exchange:
            return with_claims(kit, {claim: None})

        name = claim.replace("_", "-")
        needed = "JWT-020 ERR-040"
        refuses(f"token.no-{name}", f"The claim {claim} is missing", needed, BAD_REQUEST)(missing)
        refuses(f"token.null-{name}", f"The claim {claim} is null", needed, BAD_REQUEST)(null)


register_claims()


# ---------------------------------------------------------------- the header and its parts


@refuses("token.no-header", "Authorization is missing", "JWT-001 ERR-043", BAD_REQUEST)
def no_header(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_METADATA, headers={"Authorization": ABSENT})


@refuses("token.other-scheme", "The scheme is Basic", "JWT-002", BAD_REQUEST)
def other_scheme(kit: Kit) -> Exchange:
    return kit.wire.ask(gpc.READ_METADATA, headers={"Authorization": "Basic dXNlcjp4"})


@refuses(
    "token.two-parts", "The token has two parts, without the dot at its end", "JWT-004", BAD_REQUEST
)
def two_parts(kit: Kit) -> Exchange:
    return with_token(kit, tokens.encode(right(kit)).rstrip("."))


@refuses("token.signed", "The token has a signature", "JWT-007", BAD_REQUEST)
def signed(kit: Kit) -> Exchange:
    return with_token(kit, tokens.encode(right(kit), signature="c2lnbmF0dXJl"))


@refuses("token.algorithm", "alg is HS256", "JWT-006", BAD_REQUEST)
def other_algorithm(kit: Kit) -> Exchange:
    return with_token(kit, tokens.encode(right(kit), header={"alg": "HS256", "typ": "JWT"}))


@refuses("token.no-json", "The payload is no JSON", "JWT-008 ERR-040", BAD_REQUEST)
def no_json(kit: Kit) -> Exchange:
    return with_token(kit, tokens.encode(b"{not json"))


@refuses("token.no-base64", "The payload is not base64url", "JWT-003", BAD_REQUEST)
def no_base64(kit: Kit) -> Exchange:
    header = tokens.encode_part(tokens.HEADER)
    return with_token(kit, f"{header}.***.")


# ---------------------------------------------------------------- what the claims say


@refuses("token.expired", "exp is in the past", "JWT-028", BAD_REQUEST)
def expired(kit: Kit) -> Exchange:
    then = int(time.time()) - 3600
    return with_claims(kit, {"iat": then, "exp": then + 300})


@refuses("token.life", "exp is not iat and 300 seconds", "JWT-031 JWT-034", BAD_REQUEST, must=False)
def other_life(kit: Kit) -> Exchange:
    now = int(time.time())
    return with_claims(kit, {"iat": now, "exp": now + 3600})


@refuses("token.exp-text", "exp is a text", "JWT-027", BAD_REQUEST)
def exp_as_text(kit: Kit) -> Exchange:
    return with_claims(kit, {"exp": "tomorrow"})


@refuses("token.reason", "reason_for_request is not directcare", "JWT-032 GEN-167", BAD_REQUEST)
def other_reason(kit: Kit) -> Exchange:
    return with_claims(kit, {"reason_for_request": "secondaryuses"})


@refuses("token.unknown-scope", "requested_scope is none of the four", "JWT-033", BAD_REQUEST)
def unknown_scope(kit: Kit) -> Exchange:
    return with_claims(kit, {"requested_scope": "world/*.read"})


@refuses(
    "token.other-scope",
    "requested_scope is that of another interaction",
    "JWT-064 JWT-065",
    BAD_REQUEST,
    must=False,
)
def other_scope(kit: Kit) -> Exchange:
    return with_claims(kit, {"requested_scope": gpc.PATIENT_WRITE})


@refuses("token.sub", "sub is not the id of requesting_practitioner", "JWT-024", BAD_REQUEST)
def other_sub(kit: Kit) -> Exchange:
    return with_claims(kit, {"sub": "somebody-else"})


@refuses("token.empty-iss", "iss is empty", "JWT-022", BAD_REQUEST)
def empty_issuer(kit: Kit) -> Exchange:
    return with_claims(kit, {"iss": ""})


@refuses("token.empty-aud", "aud is empty", "JWT-025", BAD_REQUEST)
def empty_audience(kit: Kit) -> Exchange:
    return with_claims(kit, {"aud": ""})


Change = Callable[[dict[str, Any]], Any]

# What is wrong inside of a claim that holds a resource: (id, sentence, requirements, claim, change)
INSIDE: tuple[tuple[str, str, str, str, Change], ...] = (
    (
        *("device-type", "requesting_device is a Patient", "JWT-040 ERR-041", "requesting_device"),
        lambda claim: claim.update(resourceType="Patient"),
    ),
    (
        *("device-identifier", "requesting_device has no identifier", "JWT-041"),
        *("requesting_device", lambda claim: claim.pop("identifier")),
    ),
    (
        *("device-model", "requesting_device has no model", "JWT-041"),
        *("requesting_device", lambda claim: claim.pop("model")),
    ),
    (
        *("device-version", "requesting_device has no version", "JWT-041"),
        *("requesting_device", lambda claim: claim.pop("version")),
    ),
    (
        *("organisation-type", "requesting_organization is a Patient", "JWT-042 ERR-041"),
        *("requesting_organization", lambda claim: claim.update(resourceType="Patient")),
    ),
    (
        *("organisation-code", "requesting_organization has no ODS code", "JWT-043"),
        *("requesting_organization", lambda claim: claim.pop("identifier")),
    ),
    (
        *("organisation-name", "requesting_organization has no name", "JWT-043"),
        *("requesting_organization", lambda claim: claim.pop("name")),
    ),
    (
        *("practitioner-type", "requesting_practitioner is a Patient", "JWT-044 ERR-041"),
        *("requesting_practitioner", lambda claim: claim.update(resourceType="Patient")),
    ),
    (
        *("practitioner-id", "requesting_practitioner has no id", "JWT-045"),
        *("requesting_practitioner", lambda claim: claim.pop("id")),
    ),
    (
        *("practitioner-name", "requesting_practitioner has no name", "JWT-045"),
        *("requesting_practitioner", lambda claim: claim.pop("name")),
    ),
    (
        *("practitioner-sds", "requesting_practitioner has no SDS user id", "JWT-046"),
        "requesting_practitioner",
        lambda claim: claim.update(
            identifier=[each for each in claim["identifier"] if each["system"] != codes.SDS_USER_ID]
        ),
    ),
)


def spoilt(kit: Kit, claim: str, change: Change) -> Exchange:
    """A request whose token has a claim changed inside."""
    resource = deepcopy(right(kit)[claim])
    change(resource)
    return with_claims(kit, {claim: resource})


def register_inside() -> None:
    """Make each row of INSIDE a check."""
    for name, sentence, requirements, claim, change in INSIDE:

        def send(kit: Kit, claim: str = claim, change: Change = change) -> Exchange:
            return spoilt(kit, claim, change)

        refuses(f"token.{name}", sentence, requirements, BAD_REQUEST)(send)


register_inside()


@refuses(
    "token.invalid-fhir",
    "A claim of the right type is no valid FHIR",
    "JWT-049 JWT-050 ERR-051",
    INVALID_RESOURCE,
    BAD_REQUEST,
)
def invalid_fhir(kit: Kit) -> Exchange:
    return spoilt(
        kit, "requesting_practitioner", lambda claim: claim.update(name={"family": "No list"})
    )


# ---------------------------------------------------------------- what is no fault


@check("token.extra-claim", "A claim that GP Connect does not know is ignored", "JWT-021")
def extra_claims_are_ignored(kit: Kit) -> Iterator[Problem]:
    exchange = with_claims(kit, {"requested_record": {"resourceType": "Patient"}, "jti": "1"})
    yield from answered(exchange, 200, "CapabilityStatement")


@check(
    "token.fast-clock",
    "A consumer's clock that is two minutes fast is no fault",
    "JWT-030",
)
def fast_clocks_are_accepted(kit: Kit) -> Iterator[Problem]:
    then = int(time.time()) + 120
    exchange = with_claims(kit, {"iat": then, "exp": then + 300})
    yield from answered(exchange, 200, "CapabilityStatement")


@check(
    "token.no-smartcard",
    "A user without smartcard (UNK) and without role profile is no fault",
    *("JWT-046", "JWT-047"),
)
def users_without_smartcard_are_accepted(kit: Kit) -> Iterator[Problem]:
    exchange = spoilt(
        kit,
        "requesting_practitioner",
        lambda claim: claim.update(identifier=[{"system": codes.SDS_USER_ID, "value": "UNK"}]),
    )
    yield from answered(exchange, 200, "CapabilityStatement")
