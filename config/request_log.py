"""Middleware: a line in the log for each request, and its count and duration for Prometheus."""

import logging
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from config import logs, metrics
from fhirapi import ssp
from fhirapi.errors import trace_id_of

logger = logging.getLogger("config.requests")

INTERACTIONS = {each.id: each.id.removeprefix(ssp.PREFIX) for each in ssp.INTERACTIONS}
NOT_LOGGED = ("/health/", "/metrics", settings.STATIC_URL)


def log_and_count(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """Middleware for every request but those of health checks and for static files."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(NOT_LOGGED):
            return get_response(request)
        started = perf_counter()
        token = logs.context.set({"trace_id": trace_id_of(request)})
        asked = logs.asked.set(request)
        try:
            response = get_response(request)
            note(request, response, perf_counter() - started)
        finally:
            logs.context.reset(token)
            logs.asked.reset(asked)
        return response

    return middleware


def note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Log and count an answered request. Of its address only the route is told (config.logs)."""
    match = request.resolver_match
    practice = match.kwargs.get("ods_code", "") if match else ""
    interaction = interaction_of(request, is_fhir=bool(practice))
    refusal = getattr(response, "refusal", None)
    code = refusal.error.code if refusal else ""
    status = response.status_code
    logger.log(
        logging.ERROR if status >= 500 else logging.INFO,
        "%s %s",
        request.method,
        status,
        extra={
            "fields": {
                "practice": practice,
                "interaction": interaction,
                "route": "" if practice else logs.route_of(request),
                "status": status,
                "code": code,
                "duration_ms": round(seconds * 1000, 1),
            },
            "holds_no_address": True,  # a verb and a number, and fields of ours
        },
    )
    requests, duration = series(interaction, str(status), code)
    requests.inc()
    duration.observe(seconds)
    if status == 201 and interaction == INTERACTIONS[ssp.BOOK_APPOINTMENT.id]:
        metrics.BOOKINGS.inc()
    if status == 409:
        metrics.CONFLICTS.labels(interaction).inc()


@lru_cache(maxsize=1024)
def series(interaction: str, status: str, code: str) -> tuple[Counter, Histogram]:
    """The time series that count such requests, looked up once."""
    return (
        metrics.REQUESTS.labels(interaction, status, code),
        metrics.DURATION.labels(interaction),
    )


def interaction_of(request: HttpRequest, *, is_fhir: bool) -> str:
    """Name what was asked for, in few words: whatever is sent makes no new time series."""
    if is_fhir:
        return INTERACTIONS.get(request.headers.get(ssp.INTERACTION_ID, "").strip(), "unknown")
    return "admin" if request.path.startswith("/admin/") else "other"
