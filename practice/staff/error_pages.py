"""Pages for when something is wrong. They ask neither the database nor the session for anything."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from practice.db import availability

STAFF_PATHS = ("/admin/", "/calendar/")


def is_for_staff(request: HttpRequest) -> bool:
    """Whether a request came through staff's door."""
    return request.path.startswith(STAFF_PATHS)


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what one can do."""

    title: str
    words: str
    what_to_do: str


TROUBLES = {
    400: Trouble(
        "This request could not be understood",
        "Something in the address or in the form was damaged on its way.",
        "Begin again from the front page. If it happens again, tell whoever runs the appointment "
        "book what you were doing.",
    ),
    403: Trouble(
        "You may not do this",
        "Your role at this practice does not include it.",
        "Ask your practice administrator, if it is part of your work.",
    ),
    404: Trouble(
        "There is no such page",
        "It was removed, or belongs to another practice, or the address has a mistake.",
        "If you work at several practices, choose the right one and look for it there.",
    ),
    500: Trouble(
        "Something went wrong",
        "The fault is ours, and has been noted.",
        "If it happens again, tell whoever runs the appointment book when it was.",
    ),
    503: Trouble(
        "The appointment book cannot be reached",
        "Its database does not answer at the moment.",
        "Try again in a minute.",
    ),
}
FORM_TOO_OLD = Trouble(
    "This form is too old",
    "You have signed in or out since it was opened, perhaps in another tab.",
    "Load the page with the form again before you send it.",
)


def page(request: HttpRequest, status: int, *, why: str = "") -> HttpResponse:
    """The page for a status; ``why`` are words of ours that say it more exactly."""
    return _page(request, TROUBLES[status], status, why=why)


def unavailable(request: HttpRequest) -> HttpResponse:
    """The page for when the database is away."""
    response = page(request, 503)
    response["Retry-After"] = str(availability.RETRY_AFTER_SECONDS)
    return response


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's view for a form without the right token: most often of a session before."""
    return _page(request, FORM_TOO_OLD, 403)


def _page(request: HttpRequest, trouble: Trouble, status: int, *, why: str = "") -> HttpResponse:
    """Without a request in the template, so that no context processor asks who is signed in."""
    only_read = request.method in {"GET", "HEAD"}
    context = {
        "trouble": trouble,
        "why": why,
        "again": request.get_full_path() if only_read and status in {500, 503} else "",
        "typed": not only_read,
        "perhaps_saved": status >= 500,  # the fault may have come after the change
    }
    return HttpResponse(render_to_string("staff/error_pages/page.html", context), status=status)


def fail_fast_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: while the database is away, staff are told so at once.

    Each request would hold a thread of the server for as long as the pool waits, and other
    organisations' requests would wait behind it.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_for_staff(request) and availability.would_block():
            return unavailable(request)
        return get_response(request)

    return middleware


def refuse_nul_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a text with a NUL is refused, wherever staff's door receives it.

    PostgreSQL stores none and compares with none, and no keyboard types one. Searches, choices and
    cookies would each fail in a way of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_for_staff(request) and any("\0" in text for text in _texts_of(request)):
            return page(request, 400)
        return get_response(request)

    return middleware


def _texts_of(request: HttpRequest) -> Iterator[str]:
    yield request.path
    yield from request.COOKIES.values()
    for sent in (request.GET, request.POST):
        for name, values in sent.lists():
            yield name
            yield from values
