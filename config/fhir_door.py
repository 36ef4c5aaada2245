"""The way in for other organisations: as short as it can be.

Staff's pages need sessions, messages and protection from forged forms; what is asked for below a
service root needs none of it, and each would cost every request a little. Nor does what a page that
stays open asks every few seconds (practice.staff.live): its address is a ticket.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.urls import resolve
from django.utils.module_loading import import_string

from fhirapi.urls import SERVICE_ROOT
from practice.staff.error_pages import is_for_staff
from practice.staff.sign_in import TICKETED

Handler = Callable[[HttpRequest], HttpResponse]

# What they add to an answer of ours depends on nothing but whether TLS was used.
THAT_ADD_HEADERS = (
    "django.middleware.security.SecurityMiddleware",
    "config.headers.protect",
    "config.headers.PolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)

is_below_service_root = re.compile(f"/{SERVICE_ROOT}").match


def straight_to_view(get_response: Handler) -> Handler:
    """Middleware: what needs none of those that come after this one passes none of them.

    Their headers are on its answers all the same.
    """
    find_and_answer: Any = convert_exception_to_response(answer)
    found: dict[bool, dict[str, tuple[str, str]]] = {}

    def middleware(request: HttpRequest) -> HttpResponse:
        if not goes_straight(request):
            return get_response(request)
        request.__dict__["headers"] = SentHeaders(request.META)
        response = find_and_answer(request)
        is_secure = request.is_secure()
        if is_secure not in found:
            found[is_secure] = headers_added(request)
        # One after the other they would be encoded again for each answer.
        headers = response.headers
        headers._store = {**found[is_secure], **headers._store}  # type: ignore[attr-defined]
        return response

    return middleware


def goes_straight(request: HttpRequest) -> bool:
    """Whether a request is one of another organisation, or of a page that stays open."""
    path = request.path_info
    if path.startswith(TICKETED):
        return True
    return bool(is_below_service_root(path)) and not is_for_staff(request)


def answer(request: HttpRequest) -> HttpResponse:
    """The view's answer, to a request whose Host is one of ours (else DisallowedHost is raised)."""
    request.get_host()
    match = request.resolver_match = resolve(request.path_info)
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


def headers_added(request: HttpRequest) -> dict[str, tuple[str, str]]:
    """What the middleware of THAT_ADD_HEADERS adds to an answer, in the form that Django keeps."""

    def no_page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(content_type="application/fhir+json")

    handler: Handler = no_page
    for name in reversed(THAT_ADD_HEADERS):
        handler = import_string(name)(handler)
    added = handler(request)
    del added["Content-Type"]
    return dict(added.headers._store)  # type: ignore[attr-defined]


class SentHeaders(Mapping[str, str]):
    """``request.headers``, each looked up when it is asked for: few are, of all that are sent."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self.environ = environ

    def get(self, name: str, default: Any = None) -> Any:
        return self.environ.get(in_environ(name), default)

    def __getitem__(self, name: str) -> str:
        value: str = self.environ[in_environ(name)]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(HttpHeaders(self.environ))

    def __len__(self) -> int:
        return len(HttpHeaders(self.environ))


@lru_cache(maxsize=256)
def in_environ(name: str) -> str:
    """How WSGI calls a header."""
    return str(HttpHeaders.to_wsgi_name(name))
