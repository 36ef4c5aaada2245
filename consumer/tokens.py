"""The token of a request: who asks, for whom, on what system. Unsigned, as GP Connect's are.

    tokens.make(identity, scope=interaction.scope, audience=provider.audience)

To spoil one on purpose, as the conformance kit does: ``claims={"exp": 0}`` replaces a claim,
``{"exp": ABSENT}`` leaves it out, ``{"exp": None}`` makes it JSON's null; ``encode`` takes any
claims, header and signature, or raw bytes for the parts.
"""

import base64
import json
import time
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from consumer.identity import ODS_CODE, SDS_ROLE_PROFILE_ID, SDS_USER_ID, Identity, User

LIFE_SECONDS = 300  # JWT-031: exactly
HEADER: Final = {"alg": "none", "typ": "JWT"}


class Absent(Enum):
    """The type of ABSENT, which leaves out a claim or a header that would be sent."""

    ABSENT = "left out"


ABSENT: Final = Absent.ABSENT


def _practitioner(user: User) -> dict[str, Any]:
    name: dict[str, Any] = {"family": user.family, "given": [user.given]}
    if user.prefix:
        name["prefix"] = [user.prefix]
    return {
        "resourceType": "Practitioner",
        "id": user.id,
        "identifier": [
            {"system": SDS_USER_ID, "value": user.sds_user_id},
            {"system": SDS_ROLE_PROFILE_ID, "value": user.sds_role_profile_id},
            {"system": user.local_system, "value": user.local_id or user.id},
        ],
        "name": [name],
    }


def claims(
    identity: Identity,
    *,
    scope: str,
    audience: str,
    issued_at: float | None = None,
    replaced: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The claims of a token made now, or at ``issued_at`` (seconds since 1970).

    ``replaced`` puts other values in place of ours, adds claims, or leaves them out (ABSENT).
    """
    now = int(time.time() if issued_at is None else issued_at)
    organisation, device = identity.organisation, identity.device
    made: dict[str, Any] = {
        "iss": identity.issuer,
        "sub": identity.user.id,
        "aud": audience,
        "exp": now + LIFE_SECONDS,
        "iat": now,
        "reason_for_request": "directcare",
        "requested_scope": scope,
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [{"system": device.system, "value": device.value}],
            "model": device.model,
            "version": device.version,
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [{"system": ODS_CODE, "value": organisation.ods_code}],
            "name": organisation.name,
        },
        "requesting_practitioner": _practitioner(identity.user),
        **(replaced or {}),
    }
    return {name: value for name, value in made.items() if value is not ABSENT}


def encode_part(value: Any) -> str:
    """A value as JSON, or raw bytes, as base64url without padding."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode(claims: Any, *, header: Any = HEADER, signature: str = "") -> str:
    """A token of these claims; unsigned, so that it ends with a dot."""
    return f"{encode_part(header)}.{encode_part(claims)}.{signature}"


def make(
    identity: Identity,
    *,
    scope: str,
    audience: str,
    issued_at: float | None = None,
    replaced: Mapping[str, Any] | None = None,
) -> str:
    """A token for one request (JWT-010: a new one for each)."""
    return encode(
        claims(identity, scope=scope, audience=audience, issued_at=issued_at, replaced=replaced)
    )
