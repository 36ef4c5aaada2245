"""The bearer token: who asks, for whom, with what. Unsigned; trust comes from mutual TLS.

Every fault of a token is 400 BAD_REQUEST (DEC-033), except a claim of the right resource type that
is not valid FHIR: 422 INVALID_RESOURCE. Source: GP Connect, "Cross-organisation audit and
provenance".
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypedDict, cast

import orjson

from fhirapi.errors import BAD_REQUEST, INVALID_RESOURCE, FHIRError
from fhirapi.remembered import Remembered
from fhirapi.resources.common import ODS_CODE, SDS_ROLE_PROFILE_ID, SDS_USER_ID, Element
from fhirapi.ssp import SCOPES, Interaction
from fhirapi.validation import problems_of
from fhirapi.well_formed import JSON, Malformed, strict_json

UNKNOWN = "UNK"  # what stands for the smartcard ids of a user without a smartcard

LIFE_SECONDS = 300
# A consumer's clock may be wrong by hours, as one is that took another time zone for UTC (JWT-030);
# by more than a day none is, and its token would be valid for as long (DEC-061, docs/security.md).
MOST_FAST_SECONDS = 24 * 3600
TEXT_CLAIMS = ("iss", "sub", "aud", "reason_for_request", "requested_scope")
TIME_CLAIMS = ("exp", "iat")
FHIR_CLAIMS = {
    "requesting_device": "Device",
    "requesting_organization": "Organization",
    "requesting_practitioner": "Practitioner",
}


class Claims(TypedDict):
    """The claims of a token, each of the kind that it must have."""

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    reason_for_request: str
    requested_scope: str
    requesting_device: object
    requesting_organization: object
    requesting_practitioner: object


@dataclass(frozen=True)
class Requester:
    """Who asks, as the token says. All texts; ``exp`` and ``iat`` are seconds since 1970, UTC.

    ``role_profile_id`` is UNK where the token has none (AUD-034). ``user_identifiers`` holds every
    (system, value) pair of the practitioner, those two included.
    """

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    reason_for_request: str
    scope: str
    user_id: str
    role_profile_id: str
    user_name: str
    family: str
    given: str
    prefix: str
    user_identifiers: tuple[tuple[str, str], ...]
    ods_code: str
    organisation_name: str
    device_identifier: str
    device_model: str
    device_version: str


def check(authorization: str, *, now: datetime) -> Requester:
    """The requester of an Authorization header, every rule of the token having been checked.

    ``now`` is timezone-aware. Raises BAD_REQUEST with a WWW-Authenticate header (JWT-009), or
    INVALID_RESOURCE.
    """
    digest, requester = accepted.get(authorization.encode("utf-8", "surrogatepass"))
    if requester is None:
        requester = read(authorization, now=now)
        accepted.keep(digest, requester)
    else:  # all else that is checked here is the same for the same token
        check_times(requester.iat, requester.exp, now=now)
    return requester


def read(authorization: str, *, now: datetime) -> Requester:
    """What ``check`` gives, and raises, for a token that was not accepted before."""
    claims = check_claims(decode(authorization), now=now)
    device = fhir_claim("requesting_device", claims["requesting_device"])
    organisation = fhir_claim("requesting_organization", claims["requesting_organization"])
    practitioner = fhir_claim("requesting_practitioner", claims["requesting_practitioner"])
    user_id = identifier(practitioner, SDS_USER_ID)
    if not user_id:
        raise bad_token("The requesting_practitioner claim has no SDS user id.")
    if not practitioner.get("id"):
        raise bad_token("The requesting_practitioner claim has no id.")
    if practitioner["id"] != claims["sub"]:
        raise bad_token("The sub claim is not the id of the requesting practitioner.")
    name = user_name(practitioner)
    return Requester(
        iss=claims["iss"],
        sub=claims["sub"],
        aud=claims["aud"],
        exp=claims["exp"],
        iat=claims["iat"],
        reason_for_request=claims["reason_for_request"],
        scope=claims["requested_scope"],
        user_id=user_id,
        role_profile_id=identifier(practitioner, SDS_ROLE_PROFILE_ID) or UNKNOWN,
        user_name=" ".join(part for part in name if part),
        prefix=name[0],
        given=name[1],
        family=name[2],
        user_identifiers=tuple(identifiers(practitioner)),
        ods_code=required(identifier(organisation, ODS_CODE), "organization", "ODS code"),
        organisation_name=required(organisation.get("name"), "organization", "name"),
        device_identifier=required(first_identifier(device), "device", "identifier"),
        device_model=required(device.get("model"), "device", "model"),
        device_version=required(device.get("version"), "device", "version"),
    )


# A consumer sends the same token again and again within its life.
accepted: Remembered[Requester] = Remembered(most=2048)


def check_scope(requester: Requester, interaction: Interaction) -> None:
    """Refuse a token whose scope is not the interaction's own (JWT-065)."""
    if requester.scope != interaction.scope:
        raise bad_token(
            f"The requested_scope claim must be {interaction.scope} for this interaction.",
            "insufficient_scope",
        )


def check_audience(requester: Requester, service_root: str) -> None:
    """Refuse a token that was made for another service root (JWT-026)."""
    if requester.aud.rstrip("/") != service_root:
        raise bad_token("The aud claim is not the service root URL of the practice.")


def bad_token(diagnostics: str, reason: str = "invalid_token") -> FHIRError:
    """The refusal of a token; ``reason`` is an error code of RFC 6750, section 3.1."""
    return FHIRError(
        BAD_REQUEST, diagnostics, headers={"WWW-Authenticate": f'Bearer error="{reason}"'}
    )


# ---------------------------------------------------------------- from header to claims


def decode(authorization: str) -> dict[str, JSON]:
    """The claims of ``Bearer header.payload.``: three base64url parts, the last one empty."""
    scheme, _, token = authorization.strip().partition(" ")
    if not scheme:
        raise bad_token("The Authorization header is missing.", "invalid_request")
    if scheme.lower() != "bearer" or not token.strip():
        raise bad_token("The Authorization header holds no bearer token.", "invalid_request")
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise bad_token("The bearer token does not have three parts.", "invalid_request")
    if parts[2]:
        raise bad_token("The bearer token must be unsigned: its third part empty.")
    check_header(parts[0])
    return decode_part(parts[1], "payload")


@lru_cache(maxsize=64)
def check_header(part: str) -> None:
    """Refuse a first part that names an algorithm or another type; nearly all send the same one."""
    header = decode_part(part, "header")
    if header.get("alg") != "none":
        raise bad_token("The alg of the bearer token's header must be none.")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise bad_token("The typ of the bearer token's header must be JWT.")


def decode_part(part: str, name: str) -> dict[str, JSON]:
    """The JSON object in a base64url part; padding is not needed (JWT-005)."""
    bare = part.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", bare) or len(bare) % 4 == 1:
        raise bad_token(f"The {name} of the bearer token is not base64url.", "invalid_request")
    try:
        value = strict_json(base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4)))
    except Malformed as malformed:
        raise bad_token(
            f"The {name} of the bearer token is malformed: {malformed}", "invalid_request"
        ) from malformed
    if not isinstance(value, dict):
        raise bad_token(f"The {name} of the bearer token is no JSON object.", "invalid_request")
    return value


# ---------------------------------------------------------------- the claims


def check_claims(sent: Mapping[str, JSON], *, now: datetime) -> Claims:
    """The claims; refuses one that is absent, of the wrong kind, or breaks its own rule."""
    check_kinds(sent)
    claims = cast(Claims, sent)
    if claims["exp"] - claims["iat"] != LIFE_SECONDS:
        raise bad_token(f"The exp claim must be the iat claim plus {LIFE_SECONDS} seconds.")
    check_times(claims["iat"], claims["exp"], now=now)
    if claims["reason_for_request"] != "directcare":
        raise bad_token("The reason_for_request claim must be directcare.")
    if claims["requested_scope"] not in SCOPES:
        raise bad_token("The requested_scope claim is none of the four scopes.")
    return claims


def check_times(iat: int, exp: int, *, now: datetime) -> None:
    """Refuse a token that has expired, or that was made too far in the future."""
    if exp <= now.timestamp():
        raise bad_token("The bearer token has expired (exp claim).")
    if iat > now.timestamp() + MOST_FAST_SECONDS:
        raise bad_token("The iat claim is more than a day in the future.")


def check_kinds(claims: Mapping[str, JSON]) -> None:
    """Refuse a claim that is absent or of the wrong kind."""
    for name in (*TEXT_CLAIMS, *TIME_CLAIMS, *FHIR_CLAIMS):
        if claims.get(name) is None:
            raise bad_token(f"The {name} claim is missing or null.")
    for name in TEXT_CLAIMS:
        text = claims[name]
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise bad_token(f"The {name} claim must be a printable string that is not empty.")
    for name in TIME_CLAIMS:
        if type(claims[name]) is not int:
            raise bad_token(f"The {name} claim must be an integer (seconds since 1970, UTC).")


def fhir_claim(name: str, claim: object) -> Element:
    """A claim that holds a resource, valid against the base STU3 definition (JWT-049)."""
    expected = FHIR_CLAIMS[name]
    if not isinstance(claim, dict) or claim.get("resourceType") != expected:
        raise bad_token(f"The {name} claim must be a FHIR resource of type {expected}.")
    problems = problems_of_claim(orjson.dumps(claim), expected)
    if problems:
        raise FHIRError(INVALID_RESOURCE, [f"{name} claim: {problem}" for problem in problems])
    return claim


@lru_cache(maxsize=1024)
def problems_of_claim(claim: bytes, expected: str) -> tuple[str, ...]:
    """What is wrong with a claim, kept because consumers send the same few again and again."""
    return tuple(problems_of(orjson.loads(claim), expected))


def identifiers(resource: Element) -> list[tuple[str, str]]:
    """The (system, value) pairs of a resource, those that have both."""
    return [
        (each["system"], each["value"])
        for each in resource.get("identifier", [])
        if "system" in each and "value" in each
    ]


def identifier(resource: Element, system: str) -> str:
    """The first value with that system, or an empty string."""
    return next((value for name, value in identifiers(resource) if name == system), "")


def first_identifier(resource: Element) -> str:
    """The value of the first complete identifier, whatever its system, or an empty string."""
    return next((value for _, value in identifiers(resource)), "")


def required(value: str | None, claim: str, part: str) -> str:
    """A part that a claim must have although base FHIR lets it be absent."""
    if not value:
        raise bad_token(f"The requesting_{claim} claim has no {part}.")
    return value


def user_name(practitioner: Element) -> tuple[str, str, str]:
    """Prefix ("" when not sent), given names and family name of the first complete name."""
    for name in practitioner.get("name", []):
        given = " ".join(text for text in name.get("given", []) if text)
        if name.get("family") and given:
            prefix = " ".join(text for text in name.get("prefix", []) if text)
            return prefix, given, name["family"]
    raise bad_token("The requesting_practitioner claim has no name with family and given.")
