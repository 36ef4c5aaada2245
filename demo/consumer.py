"""What a person needs to try the API by hand: a token, the headers, a command to paste.

Nothing here serves a request. The consumer that it speaks for is invented; the tokens are unsigned,
as those of GP Connect are, and get past no proxy that asks for a client's certificate.
"""

import base64
import json
import shlex
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from fhirapi.jwt import LIFE_SECONDS
from fhirapi.resources import organization
from fhirapi.resources.common import ODS_CODE, SDS_ROLE_PROFILE_ID, SDS_USER_ID
from fhirapi.ssp import INTERACTION_ID, SENT_FROM, SENT_TO, TRACE_ID, Interaction
from practice import terminology
from practice.models import Organisation

CONSUMER_ASID = "200000000115"
CONSUMER_ODS_CODE = "A1001"
CONSUMER_NAME = "Trial call centre"
CONSUMER_TYPE = "urgent-care"


def claims(
    *,
    scope: str,
    audience: str,
    now: datetime,
    ods_code: str = CONSUMER_ODS_CODE,
    name: str = CONSUMER_NAME,
) -> dict[str, Any]:
    """The claims of a token for a call handler of the invented consumer, valid from ``now``.

    Or, as it may serve several, of another organisation.
    """
    issued_at = int(now.timestamp())
    return {
        "iss": "https://consumer.example/",
        "sub": "1",
        "aud": audience,
        "exp": issued_at + LIFE_SECONDS,
        "iat": issued_at,
        "reason_for_request": "directcare",
        "requested_scope": scope,
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [{"system": "https://consumer.example/Id/device", "value": "TRIAL-1"}],
            "model": "Trial",
            "version": "1",
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [{"system": ODS_CODE, "value": ods_code}],
            "name": name,
        },
        "requesting_practitioner": {
            "resourceType": "Practitioner",
            "id": "1",
            "identifier": [
                {"system": SDS_USER_ID, "value": "111222333444"},
                {"system": SDS_ROLE_PROFILE_ID, "value": "444555666777"},
                {"system": "https://consumer.example/Id/user", "value": "handler"},
            ],
            "name": [{"family": "Handler", "given": ["Jane"], "prefix": ["Miss"]}],
        },
    }


def token(**said: Any) -> str:
    """An unsigned token: header, ``claims``, and an empty signature after the last dot."""
    parts = ({"alg": "none", "typ": "JWT"}, claims(**said))
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.rstrip(b"=").decode() for part in encoded) + "."


def booking_organisation() -> dict[str, Any]:
    """The invented consumer as it describes itself in a booking: a contained Organization."""
    type_system = terminology.value_set("organisation_type").system
    return {
        "resourceType": "Organization",
        "id": "1",
        "meta": {"profile": [organization.PROFILE]},
        "identifier": [{"system": ODS_CODE, "value": CONSUMER_ODS_CODE}],
        "type": [{"coding": [{"system": type_system, "code": CONSUMER_TYPE}]}],
        "name": CONSUMER_NAME,
        "telecom": [{"system": "phone", "value": "0113 496 0111"}],
    }


def headers(
    interaction: Interaction, *, organisation: Organisation, trace_id: str
) -> dict[str, str]:
    """What goes along with ``interaction``, but for the token."""
    return {
        TRACE_ID: trace_id,
        SENT_FROM: CONSUMER_ASID,
        SENT_TO: organisation.asid,
        INTERACTION_ID: interaction.id,
        "Accept": "application/fhir+json",
    }


def curl(
    interaction: Interaction,
    *,
    organisation: Organisation,
    service_root: str,
    token_command: str,
    query: Iterable[tuple[str, str]] = (),
) -> str:
    """A shell command that sends ``interaction``; its token is what ``token_command`` prints then.

    ``service_root`` is the address of the practice's root, without a slash at its end.
    """
    sent = headers(interaction, organisation=organisation, trace_id="a-trial-by-hand")
    lines = [f"curl --silent --show-error --get {shlex.quote(service_root + interaction.path)}"]
    lines += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in query]
    lines += [f"--header {shlex.quote(f'{name}: {value}')}" for name, value in sent.items()]
    lines += [f'--header "Authorization: Bearer $({token_command})"']
    return " \\\n  ".join(lines)
