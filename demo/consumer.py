"""What a person needs to try the API by hand: a token, the headers, a command to paste.

Nothing here serves a request. The consumer that it speaks for is invented; the tokens are unsigned,
as those of GP Connect are, and get past no proxy that asks for a client's certificate.
"""

import shlex
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from consumer import bodies, tokens
from consumer.identity import Organisation as ConsumerOrganisation
from fhirapi.developer.requests import CALLER
from fhirapi.ssp import INTERACTION_ID, SENT_FROM, SENT_TO, TRACE_ID, Interaction
from practice.models import Organisation

CONSUMER_NAME = "Trial NHS 111"  # so that an open diary says "New from 111"
OWN = replace(CALLER, organisation=replace(CALLER.organisation, name=CONSUMER_NAME))
CONSUMER_ODS_CODE = OWN.organisation.ods_code
CONSUMER_TYPE = OWN.organisation.type


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
    own = replace(OWN, organisation=ConsumerOrganisation(ods_code, name))
    return tokens.claims(own, scope=scope, audience=audience, issued_at=now.timestamp())


def token(**said: Any) -> str:
    """An unsigned token of ``claims``."""
    return tokens.encode(claims(**said))


def booking_organisation() -> dict[str, Any]:
    """The invented consumer as it describes itself in a booking: a contained Organization."""
    return bodies.booking_organisation(OWN.organisation)


def headers(
    interaction: Interaction, *, organisation: Organisation, trace_id: str
) -> dict[str, str]:
    """What goes along with ``interaction``, but for the token."""
    return {
        TRACE_ID: trace_id,
        SENT_FROM: OWN.asid,
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
