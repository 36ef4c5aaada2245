"""Pages that stay open and show what others change.

A page asks every few seconds whether anything has, at an address that it got when it was shown. The
address is signed, and opens nothing but a number that is another one after each change: so it asks
neither who is there nor what they may, leaves no trace, and is no sign that somebody works. What
has changed the page then asks for as the person who reads it, below ``CHANGES``.
"""

import json
import re
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from practice import clock
from practice.db import availability
from practice.db.row_security import bound_to
from practice.models import Organisation
from practice.reads.audit_trail import version_of_trail
from practice.reads.diary_changes import version_of_days, version_of_practice

SIGNER = TimestampSigner(salt="practice.staff.live")
CLOCK_SECONDS = 300  # what the clock alone changes is looked for so often


def live(
    practice: Organisation,
    now: datetime,
    days: tuple[date, date] | None = None,
    *,
    changed: int | None = None,
) -> Any:
    """Return the address that a page asks, and the version that it shows: ask before you read.

    Without ``days``, of all days of the practice. ``changed``: how often they have, if that is
    known.
    """
    words = [str(practice.pk), *(day.isoformat() for day in days or ())]
    return {
        "address": _address(words),
        "version": version(practice.pk, now, days, changed=changed),
    }


def live_trail(practice: Organisation) -> dict[str, str]:
    """The same for a page that shows what others did, which the audit trail has."""
    return {
        "address": _address([str(practice.pk), TRAIL]),
        "version": version_of_trail(practice.pk),
    }


TRAIL = "trail"


def _address(words: list[str]) -> str:
    return reverse("live", args=[SIGNER.sign("_".join(words))])


def version(
    practice_id: int,
    now: datetime,
    days: tuple[date, date] | None,
    *,
    changed: int | None = None,
) -> str:
    """What stands for all that is shown: for a day that runs, it goes on with the clock too."""
    if days is None:
        return str(version_of_practice(practice_id))
    found = version_of_days(practice_id, *days) if changed is None else changed
    runs = days[0] <= clock.today(now) <= days[1]
    return f"{found}-{clock.seconds(now) // CLOCK_SECONDS if runs else 0}"


@require_safe
def poll(request: HttpRequest, ticket: str) -> HttpResponse:
    """304 where nothing has changed, else the version; 403 for a page that is from yesterday.

    No middleware of pages stands before it (config.fhir_door).
    """
    if availability.would_block():
        return HttpResponse(status=503, content_type="text/plain")
    try:
        words = SIGNER.unsign(ticket, max_age=settings.SESSION_COOKIE_AGE)
    except BadSignature:
        return HttpResponseForbidden("Reload the page.", content_type="text/plain")
    practice, *days = words.split("_")
    with bound_to(int(practice)):
        if days == [TRAIL]:
            found = version_of_trail(int(practice))
        else:
            span = (date.fromisoformat(days[0]), date.fromisoformat(days[1])) if days else None
            found = version(int(practice), timezone.now(), span)
    tag = f'"{found}"'
    is_known = request.headers.get("If-None-Match") == tag
    response = HttpResponse(
        b"" if is_known else found, status=304 if is_known else 200, content_type="text/plain"
    )
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["Content-Length"] = str(len(response.content))
    return response


# ---------------------------------------------------------------- pages in parts

# What is another text each time, and says nothing new: a form's token, minutes that pass.
PASSING = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|(?<=")>\d+(?=</span>)')


class Part:
    """A part of a page that stays open: what stands in it, and what tells it from another."""

    def __init__(self, request: HttpRequest, name: str, template: str, context: Any) -> None:
        self.name = name
        inner = render_to_string(template, context, request=request)
        said = PASSING.sub("", inner)
        self.digest = blake2b(said.encode(), digest_size=8).hexdigest()
        self.html = format_html(
            '<div id="{}" data-part="{}">{}</div>', self.name, self.digest, inner
        )


def changed_parts(request: HttpRequest, parts: list[Part]) -> list[Part]:
    """Return the parts that are others than the page has: ``have=`` names their digests."""
    try:
        have = json.loads(request.GET.get("have", ""))
    except ValueError:
        have = {}
    if not isinstance(have, dict):
        have = {}
    return [part for part in parts if have.get(part.name) != part.digest]


def answer(given: dict[str, Any], parts: list[Part]) -> dict[str, Any]:
    """What live.js is told: what to ask next, and the parts that are to be exchanged."""
    return {
        "version": given["version"],
        "live": given["address"],
        "parts": {part.name: part.html for part in parts},
    }
