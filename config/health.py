"""What operators' machines ask: is it alive, may it be sent requests, how is it doing?

Not behind the guards of the FHIR door, and without a word about any patient. The proxy does not
pass these on (deploy/nginx); docs/runbook.md says what each alarm means.
"""

import hmac
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from math import isfinite
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from config import metrics, replicas
from practice.db import availability
from practice.db.row_security import across_practices
from practice.reads import monitoring
from practice.services.audit import sealing, spool

OK, WARNING, FAILED = "ok", "warning", "failed"


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. If it does not, start it again."""
    return JsonResponse({"status": OK})


@require_safe
@never_cache
@across_practices()
def ready(request: HttpRequest) -> HttpResponse:
    """Whether this process may be sent requests: 503 when it could not answer them.

    A short diary, a late sealer or a lost replica are warnings: no other process would do better,
    and taking all of them out would turn an inconvenience into an outage.
    """
    now = timezone.now()
    try:
        with availability.database_within_reach():
            checks = {
                "database": database(),
                "migrations": migrations(),
                "diary": diary(now),
                "audit": audit(now),
                **reads(),
            }
    except DatabaseError:
        checks = {"database": database_away()}
    found = {check["status"] for check in checks.values()}
    worst = next(status for status in (FAILED, WARNING, OK) if status in found)
    return JsonResponse({"status": worst, "checks": checks}, status=503 if worst == FAILED else 200)


def database() -> dict[str, Any]:
    """Whether the database answers; it raises what the database raises."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"status": OK}


def database_away() -> dict[str, Any]:
    """That it does not answer; and, while everybody is refused, for how long it has not."""
    outage = availability.outage
    told = {"away_seconds": round(outage.seconds(), 1)} if outage.is_under_way else {}
    return {"status": FAILED, **told}


@cache
def wanted_migrations() -> frozenset[tuple[str, str]]:
    """The migrations that this version of the program brings; they do not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


def migrations() -> dict[str, Any]:
    """Whether every migration of this version has been applied."""
    missing = wanted_migrations() - MigrationRecorder(connection).applied_migrations().keys()
    names = [f"{app}.{name}" for app, name in sorted(missing)]
    return {"status": FAILED if names else OK, "unapplied": names}


def runs_out(end: monitoring.DiaryEnd) -> bool:
    """Whether somebody should see to it that a practice's diary goes on."""
    return end.days_left < settings.DIARY_DAYS_WARNING


def diary(now: datetime) -> dict[str, Any]:
    """How far ahead the shortest of the practices' diaries reaches."""
    ends = monitoring.diary_ends(now=now)
    short = [end for end in ends if runs_out(end)]
    return {
        "status": WARNING if short else OK,
        "fewest_days_left": min((end.days_left for end in ends), default=None),
        "practices_running_out": len(short),
    }


def audit(now: datetime) -> dict[str, Any]:
    """How far sealing the audit trail is behind, and taking in what this machine kept aside."""
    lag, kept = sealing.lag(), spool.spool()
    seconds, aside, writable = lag.seconds(now), kept.seconds(now), kept.is_writable
    late = max(seconds, aside) > settings.AUDIT_LAG_WARNING_SECONDS
    unreadable = kept.count_unreadable()
    return {
        "status": OK if writable and not late and not unreadable else WARNING,
        "waiting": lag.waiting,
        "lag_seconds": round(seconds, 1),
        "kept_aside_seconds": round(aside, 1),
        "spool_writable": writable,
        "spool_unreadable": unreadable,
    }


def reads() -> dict[str, Any]:
    """How the replicas are, where there are any: a lag of None is unknown or beyond the limit."""
    if not replicas.REPLICAS:
        return {}
    found = replicas.watched()
    lags = {replica.alias: round(replica.lag(), 1) for replica in found}
    return {
        "replicas": {
            "status": OK if all(replica.may_be_asked() for replica in found) else WARNING,
            "lag_seconds": {alias: lag if isfinite(lag) else None for alias, lag in lags.items()},
        }
    }


@require_safe
@never_cache
@across_practices()
def prometheus(request: HttpRequest) -> HttpResponse:
    """The metrics, for whoever knows the token or asks from an allowed network."""
    if not may_read_metrics(request):
        return HttpResponse("Not allowed.\n", status=403, content_type="text/plain")
    return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)


def may_read_metrics(request: HttpRequest) -> bool:
    """Closed unless a token or a network is configured; open in a trial."""
    if not (settings.METRICS_TOKEN or settings.METRICS_NETWORKS):
        return bool(settings.DEBUG)
    sent = request.headers.get("Authorization", "").encode()
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()
    if settings.METRICS_TOKEN and hmac.compare_digest(sent, expected):
        return True
    # What a proxy passed on comes from the proxy's address, whoever asked.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a socket without addresses
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)
