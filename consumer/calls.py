"""A request of GP Connect made ready to send: address, Ssp headers, token, body.

    request = prepare(identity, provider, READ_PATIENT, "/Patient/7")
    answer = transport.send(request)

Whatever is to be wrong is named, as in the conformance kit. ``headers={"Ssp-To": ABSENT}`` leaves a
header out, another value replaces it, a new name adds one; ``claims`` does the same for the token's
claims (None is JSON's null); ``token`` replaces the whole token; ``verb``, ``path``, ``query`` and
``body`` (raw bytes) may be anything. ``dataclasses.replace(request, url=...)`` does the rest.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from consumer import formats, tokens
from consumer.formats import TYPES
from consumer.identity import Identity, Provider
from consumer.interactions import Interaction
from consumer.tokens import ABSENT, Absent
from consumer.transport import Request

TRACE_ID = "Ssp-TraceID"
SENT_FROM = "Ssp-From"
SENT_TO = "Ssp-To"
INTERACTION_ID = "Ssp-InteractionID"

Query = str | Mapping[str, str | Sequence[str]] | Sequence[tuple[str, str]]


def encode_query(query: Query) -> str:
    """A query string; a value may be a list, a string is taken as it is."""
    if isinstance(query, str):
        return query
    return urlencode(query, doseq=True, quote_via=quote)


def ssp_headers(
    identity: Identity, provider: Provider, interaction: Interaction, *, token: str
) -> dict[str, str]:
    """The headers without which no provider answers."""
    return {
        TRACE_ID: str(uuid.uuid4()),
        SENT_FROM: identity.asid,
        SENT_TO: provider.asid,
        INTERACTION_ID: interaction.id,
        "Authorization": f"Bearer {token}",
    }


def prepare(
    identity: Identity,
    provider: Provider,
    interaction: Interaction,
    path: str | None = None,
    *,
    query: Query = "",
    body: bytes | Mapping[str, Any] = b"",
    format: str = "json",
    verb: str | None = None,
    headers: Mapping[str, str | Absent] | None = None,
    claims: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> Request:
    """The request of an interaction; ``path`` is below the service root, with its leading slash.

    ``format`` ("json" or "xml") is what is sent and asked for.
    """
    if token is None:
        token = tokens.make(
            identity, scope=interaction.scope, audience=provider.audience, replaced=claims
        )
    data = body if isinstance(body, bytes) else formats.write(body, format)
    sent: dict[str, str | Absent] = {
        **ssp_headers(identity, provider, interaction, token=token),
        "Accept": TYPES[format],
        "Accept-Encoding": "gzip",
        **({"Content-Type": f"{TYPES[format]};charset=utf-8"} if data else {}),
        **(headers or {}),
    }
    encoded = encode_query(query)
    path = interaction.path if path is None else path
    return Request(
        verb or interaction.verb,
        provider.address + path + (f"?{encoded}" if encoded else ""),
        {name: value for name, value in sent.items() if value is not ABSENT},
        data,
        who=str(provider),
        what=interaction.name,
    )
