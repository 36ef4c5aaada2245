"""What a supplier sent to their sandbox, and what they were answered, kept for them to read."""

import gzip
import logging
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse

from fhirapi import ssp
from practice.db.availability import would_block
from practice.models import Organisation
from practice.services import sandboxes
from practice.services.sandboxes import Passed

logger = logging.getLogger(__name__)

SENT = (
    "Authorization",
    ssp.TRACE_ID,
    ssp.SENT_FROM,
    ssp.SENT_TO,
    ssp.INTERACTION_ID,
    *("Accept", "Content-Type", "Prefer", "If-Match", "If-None-Match", "Cache-Control"),
    "User-Agent",
)
ANSWERED = ("Content-Type", "Location", "ETag", "Content-Location", "Allow", "Retry-After")


def keep(request: HttpRequest, response: HttpResponse, practice: Organisation, *, key: str) -> None:
    """Keep an exchange of a sandbox; that it cannot be kept takes nothing from the answer."""
    if would_block():
        return
    passed = Passed(
        chosen(request.headers, SENT),
        sent_body(request),
        chosen(response.headers, ANSWERED),
        answered_body(response),
    )
    try:
        sandboxes.keep_exchange(practice, key, passed)
    except Exception:
        logger.exception("an exchange of the sandbox %s was not kept", practice.ods_code)


def chosen(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The headers that say something, in the order of their names here."""
    return {name: value for name in names if (value := headers.get(name))}


def sent_body(request: HttpRequest) -> str:
    """The body as text; one that was too large to be read, or broke off, is not there."""
    try:
        return request.body.decode("utf-8", "replace")
    except Exception:
        return ""


def answered_body(response: HttpResponse) -> str:
    """The body as text, unpacked."""
    content = response.content
    if response.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    return content.decode("utf-8", "replace")
