"""Signing in and out: who tried is audited, who tries too often waits, who is idle is signed out.

A password is the first step. Whoever has a second factor (or must have one) reaches nothing but its
page until the session says that it was passed: ``guard`` sees to that for every address of the
site, also for those not yet written.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme

from practice.models import AuditEvent
from practice.reads.accounts import user_named
from practice.services import second_factor
from practice.services.audit.recording import Actor, record_done_to_user
from practice.site.people import actor_of, bound_to_own, client_address

ADMIN = "/admin/"
TICKETED = "/admin/version/"  # opened by its address, for nobody by name (practice.staff.live)
BY_ITSELF = "/admin/changes/"  # a page asks, whether or not somebody sits before it

# What the session remembers. PENDING holds "code" or "set-up" until the second factor is passed.
PENDING = "second_factor_pending"
SEEN_AT = "seen_at"
SIGNED_IN_AT = "signed_in_at"
SEEN_EVERY_SECONDS = 60

NO_PAGES = {"login", "logout", "jsi18n"}  # below /admin/, and nowhere to go to

Handler = Callable[[HttpRequest], HttpResponse]


# ---------------------------------------------------------------- in and out


def signed_in(request: HttpRequest) -> None:
    """What follows a right password: an event in the trail, and the second factor."""
    if second_factor.is_on(request.user):  # type: ignore[arg-type]
        request.session[PENDING] = "code"
    elif settings.STAFF_SECOND_FACTOR_REQUIRED:
        request.session[PENDING] = "set-up"
    request.session[SEEN_AT] = request.session[SIGNED_IN_AT] = timezone.now().timestamp()
    record(request.user, "sign-in", "ok", actor_of(request))


def not_signed_in(request: HttpRequest) -> None:
    """Audit a wrong password. A name that nobody has is not kept: it may be a mistyped password."""
    typed = request.POST.get("username", "")[:150]
    user = user_named(typed)
    locked = bool(getattr(request, "axes_locked_out", False))
    actor = Actor(
        door=AuditEvent.Door.STAFF,
        user_id=typed if user else "",
        role="unknown",
        device=request.headers.get("User-Agent", ""),
        address=client_address(request),
    )
    record(user, "sign-in", "refused", actor, locked_out=locked)


def signed_out(request: HttpRequest) -> None:
    """Audit that somebody leaves; to be called while it is known who."""
    record(request.user, "sign-out", "ok", actor_of(request))


def record(user: Any, event: str, outcome: str, actor: Actor, **detail: Any) -> None:
    """Audit a step of signing in or out: of whom, if that is known."""
    record_done_to_user(
        event, user, actor=actor, now=timezone.now(), outcome=outcome, detail=detail
    )


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """The page of whoever has given too many wrong passwords (django-axes asks for it)."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    return render(request, "staff/sign_in/locked_out.html", {"minutes": minutes}, status=429)


# ---------------------------------------------------------------- every request


def is_of_site(request: HttpRequest) -> bool:
    """Whether somebody signed in asks, and so must be known."""
    return request.path.startswith(ADMIN) and not request.path.startswith(TICKETED)


def guard(get_response: Handler) -> Handler:
    """Middleware of the admin site: idle people are signed out, half signed-in ones held back."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not is_of_site(request):
            return get_response(request)
        response = held_back(request) or get_response(request)
        # Pages hold patients' data (SEC-029).
        response.headers.pop("Expires", None)
        response.headers.pop("Cache-Control", None)
        patch_cache_control(response, no_store=True, private=True)
        return response

    return middleware


def within_own_practices(get_response: Handler) -> Handler:
    """Middleware of the admin site: the database shows nothing but the reader's own practices."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not is_of_site(request) or not request.user.is_authenticated:
            return get_response(request)
        with bound_to_own(request):
            return get_response(request)

    return middleware


def held_back(request: HttpRequest) -> HttpResponse | None:
    """The answer for somebody who may not go on, or None."""
    if not request.user.is_authenticated:
        return None
    open_to_all = {reverse(f"admin:{name}") for name in NO_PAGES}
    if request.path in open_to_all:
        return None
    if is_idle(request, timezone.now()):
        record(request.user, "sign-out", "ok", actor_of(request), reason="idle")
        logout(request)
        messages.info(
            request, "You were signed out, as nothing had been done for a while, or for the day."
        )
        return away(request, redirect_to_login(page_of(request), reverse("admin:login")))
    page = reverse("admin:second_factor")
    if request.session.get(PENDING) and request.path != page:
        wanted = f"?{urlencode({'next': request.get_full_path()})}"
        return away(request, redirect(page + wanted if request.method == "GET" else page))
    return None


def page_of(request: HttpRequest) -> str:
    """The address of the page that somebody was at: where the form that they sent stands."""
    asked = request.headers.get("HX-Current-URL", "")
    if not asked and request.method not in {"GET", "HEAD"}:
        asked = request.headers.get("Referer", "")
    page = urlsplit(asked)
    if page.netloc != request.get_host() or not page.path.startswith(ADMIN):
        return request.get_full_path()
    return f"{page.path}?{page.query}" if page.query else page.path


def is_idle(request: HttpRequest, now: datetime) -> bool:
    """Whether a session was left alone, or has lasted, too long; notes that it is being used."""
    seen, since = (request.session.get(name) for name in (SEEN_AT, SIGNED_IN_AT))
    if seen is not None and now.timestamp() - seen > settings.STAFF_IDLE_MINUTES * 60:
        return True
    if since is not None and now.timestamp() - since > settings.SESSION_COOKIE_AGE:
        return True
    if request.path.startswith(BY_ITSELF):
        return False
    if seen is not None and now.timestamp() - seen > SEEN_EVERY_SECONDS:
        request.session[SEEN_AT] = now.timestamp()
    return False


def away(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A redirect of the whole page, also when only a part of it was asked for."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
    return response


def way_on(request: HttpRequest) -> str:
    """Where somebody wanted to go before they were held back: a page of ours, or the front page."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith(ADMIN):
        try:
            found = resolve(urlsplit(wanted).path)
        except Resolver404:
            return reverse("admin:index")
        if found.url_name and found.url_name not in NO_PAGES:
            return wanted
    return reverse("admin:index")
