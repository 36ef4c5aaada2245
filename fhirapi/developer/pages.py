"""The pages of /developer/: for a supplier's developers, where DEVELOPER_PAGES is on.

Nobody signs in. Without a sandbox they show nothing but this software; with the code of one, what
stands in it, where nobody is real. No page sends a request for anybody: try-it-out is the browser's
own request through the same door, with the same guards, as any other consumer's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

from csp import constants as csp
from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from consumer import tokens
from fhirapi import errors, ssp
from fhirapi.developer import description, refusals, requests, samples
from fhirapi.developer.refusals import Refusal
from fhirapi.developer.requests import REQUESTS, Values, values_of
from fhirapi.developer.samples import Sample
from fhirapi.ssp import Interaction
from practice import clock
from practice.db.row_security import bound_to, bound_to_ods_code
from practice.models import Organisation
from practice.reads import directory

View = Callable[[HttpRequest], HttpResponseBase]


def where_switched_on(view: View) -> View:
    """A page that is there only if the settings say so."""

    @wraps(view)
    def page(request: HttpRequest) -> HttpResponseBase:
        if not settings.DEVELOPER_PAGES:
            raise Http404
        return view(request)

    return page


# ---------------------------------------------------------------- which sandbox


@dataclass(frozen=True)
class Chosen:
    """What a page is about: a sandbox with its service root, or none yet.

    ``asked_for`` is the code that was typed.
    """

    practice: Organisation | None
    root: str
    asked_for: str

    @property
    def query(self) -> str:
        """What keeps the choice in an address."""
        return f"?practice={self.practice.ods_code}" if self.practice else ""

    def values(self) -> Values:
        """What requests can name there now, or words that stand for it."""
        now = timezone.now()
        if self.practice is None:
            return Values(today=clock.today(now))
        with bound_to(self.practice.pk):
            return values_of(self.practice, root=self.root, now=now)


def chosen(request: HttpRequest) -> Chosen:
    """The sandbox that ``?practice=`` names. A real practice is as unknown as none at all."""
    code = request.GET.get("practice", "").strip()
    practice = None
    if code.isascii() and code.isalnum():
        with bound_to_ods_code(code):
            practice = directory.practice_by_ods_code(code)
    if practice is None or not practice.sandbox_of:
        return Chosen(None, "", code)
    address = f"{request.scheme}://{request.get_host()}"
    return Chosen(practice, ssp.public_root(practice.ods_code, address), code)


def chosen_or_404(request: HttpRequest) -> Chosen:
    """The sandbox that is asked for; nothing at all without one."""
    found = chosen(request)
    if found.practice is None:
        raise Http404
    return found


# ---------------------------------------------------------------- what is shown


@dataclass(frozen=True)
class ShownInteraction:
    """An interaction with its requests to paste, and what else it can be answered with."""

    interaction: Interaction
    anchor: str
    samples: list[Sample]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class ShownRefusal:
    """An error with a request to paste that provokes it."""

    refusal: Refusal
    samples: list[Sample]


def anchor(interaction: Interaction) -> str:
    """What the place of an interaction on the page is called."""
    return interaction.id.removeprefix(ssp.PREFIX).replace(":", "-").replace(".", "-")


def shown_interactions(values: Values) -> Iterator[ShownInteraction]:
    """All interactions in the order of their table."""
    for interaction in ssp.INTERACTIONS:
        yield ShownInteraction(
            interaction,
            anchor(interaction),
            samples.samples(REQUESTS[interaction](values), values),
            refusals.refusals_of(interaction),
        )


def shown_refusals(values: Values) -> Iterator[ShownRefusal]:
    """All errors; the request for a body that is too large is too large to be shown."""
    for each in refusals.REFUSALS:
        too_long = each.error is errors.BODY_TOO_LARGE
        shown = [] if too_long else samples.samples(each.request(values), values)
        yield ShownRefusal(each, shown)


@where_switched_on
@never_cache
@require_safe
@csp_replace({"script-src": [csp.NONE], "connect-src": [csp.NONE]})
def overview(request: HttpRequest) -> HttpResponse:
    """Everything a supplier begins with. No script: each part opens as any browser opens it."""
    found = chosen(request)
    values = found.values()
    return render(
        request,
        "developer/overview.html",
        {
            "chosen": found,
            "values": values,
            "missing": sorted(values.missing),
            "interactions": list(shown_interactions(values)),
            "refusals": list(shown_refusals(values)),
            "needs_certificate": settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE,
            "caller": requests.CALLER,
        },
    )


@where_switched_on
@never_cache
@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The description for programs: of the sandbox that is named, or of any practice."""
    found = chosen(request)
    document = description.description(found.values(), is_sandbox=found.practice is not None)
    return JsonResponse(document, json_dumps_params={"indent": 1, "ensure_ascii": False})


# ---------------------------------------------------------------- trying it


@where_switched_on
@never_cache
@require_safe
def headers(request: HttpRequest) -> HttpResponse:
    """The token and the Ssp headers of a request to a sandbox, for try-it-out.

    The token is as good as one that anybody writes, since none is signed; it is made for sandboxes
    only so that nothing here ever makes one for a real practice.
    """
    found = chosen_or_404(request)
    named = request.GET.get("interaction", "")
    interaction = next((each for each in ssp.INTERACTIONS if each.id == named), None)
    if interaction is None:
        raise Http404
    issued_at = int(timezone.now().timestamp())
    made = requests.claims(scope=interaction.scope, audience=found.root, issued_at=issued_at)
    return JsonResponse({"Authorization": f"Bearer {tokens.encode(made)}"})


def try_policy(request: HttpRequest, root: str) -> dict[str, list[str]]:
    """What Swagger UI may do: its own files, and requests to one sandbox.

    It stands on the same origin as the pages of staff, so it is let nowhere near them: no other
    address may be asked, no window or frame opened, nothing sent by a form.
    """
    pages = f"{request.scheme}://{request.get_host()}{reverse('developer:overview')}"
    return {
        "connect-src": [f"{root}/", pages],
        "script-src": [csp.SELF],
        "form-action": [csp.NONE],
        "sandbox": ["allow-scripts", "allow-same-origin"],
    }


@where_switched_on
@never_cache
@require_safe
def try_it(request: HttpRequest) -> HttpResponse:
    """Swagger UI for one sandbox."""
    found = chosen_or_404(request)
    response = render(
        request,
        "developer/try_it.html",
        {
            "chosen": found,
            "configuration": {
                "description": reverse("developer:openapi") + found.query,
                "headers": reverse("developer:headers") + found.query,
                "root": found.root,
            },
            "needs_certificate": settings.GPCONNECT_REQUIRE_CLIENT_CERTIFICATE,
        },
    )
    policy: Any = response
    policy._csp_replace = try_policy(request, found.root)
    return response
