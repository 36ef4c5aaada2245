"""The page of a supplier's sandbox: what to call it with, what went wrong, and a button to reset.

Suppliers have no account: whoever knows the address may read it, and reset what is there. Nobody in
a sandbox is real. The page opens nothing else.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views import View

from demo import sandboxes
from fhirapi import ssp
from fhirapi.guards import Allowance
from practice.db.row_security import bound_to
from practice.models import AuditEvent, Organisation
from practice.reads import sandboxes as reads
from practice.services.audit.recording import Actor, record_done
from practice.services.sandboxes import MADE, RESET
from practice.site.people import client_address
from practice.site.trail_words import phrase

PER_PAGE = 25
RESETS_A_MINUTE = 4
resets = Allowance()
VIEWED = "sandbox.viewed"
SAID = {
    "reset": "The sandbox was reset: its diary begins today.",
    "soon": "It was reset a moment ago, several times. Try again in a minute.",
}


@dataclass(frozen=True)
class Line:
    """A request as the page says it."""

    event: AuditEvent

    @property
    def is_wrong(self) -> bool:
        return self.event.outcome not in reads.DONE

    @property
    def said(self) -> str:
        """What was asked: "Searched for free slots"."""
        words = phrase(self.event)
        return words[:1].upper() + words[1:]

    @property
    def request(self) -> str:
        """Verb and address, without what is the same in each."""
        path = unquote(str(self.event.detail.get("url", "")))
        return f"{self.event.detail.get('verb', '')} {path.partition('/gpconnect')[2] or path}"

    @property
    def key(self) -> str:
        return str(self.event.detail.get("exchange", ""))

    @property
    def who(self) -> str:
        """Who asked, as the token says; empty where none could be read."""
        return self.event.user_organisation


class SandboxView(View):
    """A page below a ticket, which says whose sandbox it is; ``self.practice`` is it."""

    practice: Organisation

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        found = sandboxes.opened_by(kwargs.pop("ticket"))
        if found is None:
            raise Http404("There is no such sandbox.")
        self.practice, self.now = found, timezone.now()
        with bound_to(found.pk):
            response = super().dispatch(request, *args, **kwargs)
            if hasattr(response, "render"):
                response.render()
        response["Cache-Control"] = "no-store"
        return response

    @property
    def actor(self) -> Actor:
        """The supplier, who has no account."""
        return Actor(
            door=AuditEvent.Door.STAFF,
            user_id="supplier",
            name=f"Supplier {self.practice.sandbox_of}",
            organisation=self.practice.sandbox_of,
            device=self.request.headers.get("User-Agent", ""),
            address=client_address(self.request),
        )

    def show(self, template: str, **context: Any) -> HttpResponse:
        about = {
            "sandbox": self.practice,
            "page": sandboxes.page_of(self.practice),
            "now": self.now,
        }
        record_done(VIEWED, self.practice, actor=self.actor, now=self.now)
        return TemplateResponse(self.request, f"sandbox/{template}.html", {**about, **context})


class SandboxPage(SandboxView):
    """What to call, and the last requests, ``?wrong=1`` only those that failed; POST resets."""

    def get(self, request: HttpRequest) -> HttpResponse:
        only_wrong = request.GET.get("wrong") == "1"
        found = reads.requests(organisation=self.practice, only_wrong=only_wrong)
        shown = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        address = f"{request.scheme}://{request.get_host()}"
        return self.show(
            "page",
            root=ssp.public_root(self.practice.ods_code, address),
            codes=sandboxes.codes_of(self.practice),
            diary=reads.diary_of(self.practice),
            begun=reads.last_event(MADE, RESET, organisation=self.practice),
            patients=[
                (each, sandboxes.special(each, now=self.now))
                for each in reads.patients(organisation=self.practice)
            ],
            example=sandboxes.example(self.practice, address),
            said=SAID.get(request.GET.get("said", ""), ""),
            only_wrong=only_wrong,
            shown=shown,
            lines=[Line(event) for event in shown],
            name="page",
            address="wrong=1" if only_wrong else "wrong=0",
            most=reads.SHOWN,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        if resets.take(self.practice.pk, per_minute=RESETS_A_MINUTE):
            said = "soon"
        else:
            sandboxes.reset(self.practice, actor=self.actor, now=self.now)
            said = "reset"
        return redirect(f"{sandboxes.page_of(self.practice)}?said={said}")


class ExchangePage(SandboxView):
    """One request and its answer, as they were on the wire."""

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        event = reads.request_of(key, organisation=self.practice)
        if event is None:
            raise Http404("There is no such request, or it is long past.")
        passed = reads.exchange(key, organisation=self.practice)
        return self.show(
            "exchange",
            line=Line(event),
            passed=passed,
            headers=headers_in_short(passed.request_headers) if passed else {},
            sent=readable(passed.request_body) if passed else "",
            answered=readable(passed.response_body) if passed else "",
            claims=claims_in(passed.request_headers.get("Authorization", "")) if passed else "",
        )


def readable(body: str) -> str:
    """A body with its parts on lines of their own; as it is where it is neither JSON nor XML."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def headers_in_short(headers: dict[str, str]) -> dict[str, str]:
    """Headers, a token that can be read cut: what it says stands below."""
    sent = headers.get("Authorization", "")
    return {**headers, "Authorization": f"{sent[:40]}…"} if claims_in(sent) else headers


def claims_in(authorization: str) -> str:
    """What a token says; empty where it cannot be read."""
    parts = authorization.removeprefix("Bearer ").split(".")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
        return json.dumps(claims, indent=2, ensure_ascii=False)
    except (ValueError, IndexError):
        return ""
