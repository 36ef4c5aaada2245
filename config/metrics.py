"""What Prometheus reads: counted by each process as it answers, or asked of the database.

With PROMETHEUS_MULTIPROC_DIR the counts of all processes of a server are added up (gunicorn.conf.py
sets it); without, a process knows its own.
"""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from practice.db.availability import database_within_reach
from practice.reads import asking, monitoring, promises
from practice.services.audit import heads, sealing, spool

counted = CollectorRegistry()

REQUESTS = Counter(
    "gpconnect_requests",
    "Requests answered, by interaction, HTTP status and Spine error code.",
    ["interaction", "status", "code"],
    registry=counted,
)
DURATION = Histogram(
    "gpconnect_request_seconds",
    "How long requests took. Required: queries 3 s, commands 0.25 s; aimed at: 1 s and 0.1 s.",
    ["interaction"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10),
    registry=counted,
)
BOOKINGS = Counter(
    "gpconnect_bookings", "Appointments booked by other organisations.", registry=counted
)
CONFLICTS = Counter(
    "gpconnect_conflicts",
    "Commands refused because somebody else came first (409).",
    ["interaction"],
    registry=counted,
)
STALE_READS = Counter(
    "gpconnect_stale_reads",
    "Reads that a replica might answer, by the database that was asked.",
    ["database"],
    registry=counted,
)
REPLICA_LOST = Counter(
    "gpconnect_replica_lost",
    "How often a replica no longer answered.",
    ["replica"],
    registry=counted,
)
REPLICA_LAG = Gauge(
    "gpconnect_replica_lag_seconds",
    "How far a replica is behind at most; +Inf where it is not known or beyond the limit.",
    ["replica"],
    registry=counted,
    multiprocess_mode="livemax",
)


class Condition(Collector):
    """Gauges that are looked up at each scrape: small queries, none about a patient."""

    def collect(self) -> Iterator[Metric]:
        """The gauges, and whether the database answered; called by Prometheus's client."""
        up = GaugeMetricFamily("gpconnect_database_up", "Whether the database answers.")
        try:
            with database_within_reach():
                gauges = list(self.gauges())
        except DatabaseError:
            gauges = []
        up.add_metric([], float(bool(gauges)))
        kept_aside = GaugeMetricFamily(
            "gpconnect_audit_kept_aside_seconds",
            "For how long the oldest audit event that this machine kept aside has waited.",
            spool.spool().seconds(timezone.now()),
        )
        unreadable = GaugeMetricFamily(
            "gpconnect_audit_unreadable_lines",
            "How many lines of what this machine kept aside are no events, and wait for somebody.",
            spool.spool().count_unreadable(),
        )
        yield from (up, kept_aside, unreadable, *gauges)

    def gauges(self) -> Iterator[Metric]:
        """What the database knows: the audit trail, the diary, generation, locks."""
        now = timezone.now()
        lag = sealing.lag()
        yield GaugeMetricFamily(
            "gpconnect_audit_waiting", "Audit events that are not sealed yet.", lag.waiting
        )
        yield GaugeMetricFamily(
            "gpconnect_audit_lag_seconds",
            "For how long the oldest of them has waited.",
            lag.seconds(now),
        )
        sealed = GaugeMetricFamily(
            "gpconnect_audit_sealed",
            "The last number of each practice's audit trail. It must never fall.",
            labels=["practice"],
        )
        for head in heads.present():
            sealed.add_metric([head.practice], head.sequence)
        yield sealed
        free = GaugeMetricFamily(
            "gpconnect_free_slots", "Free slots to come, by days from today.", labels=["days_ahead"]
        )
        for days, number in monitoring.free_slots_by_day(now=now).items():
            free.add_metric([str(days)], number)
        yield free
        left = GaugeMetricFamily(
            "gpconnect_diary_days_left", "Days until the diary ends.", labels=["practice"]
        )
        for end in monitoring.diary_ends(now=now):
            left.add_metric([end.practice], end.days_left)
        yield left
        yield self.short_days()
        yield self.who_asks()
        age = GaugeMetricFamily(
            "gpconnect_generation_age_seconds",
            "Time since the diary was last generated.",
            labels=["practice"],
        )
        for practice, seconds in monitoring.generation_ages(now=now).items():
            age.add_metric([practice], seconds)
        yield age
        if connection.vendor == "postgresql":
            yield GaugeMetricFamily(
                "gpconnect_lock_waits", "Connections that wait for a lock.", self.lock_waits()
            )

    def short_days(self) -> Metric:
        """Where less is offered to others than was promised."""
        short = GaugeMetricFamily(
            "gpconnect_promise_short_days",
            "Days on which less is offered to others than was promised.",
            labels=["practice"],
        )
        for practice, number in promises.short_days_by_practice().items():
            short.add_metric([practice], number)
        return short

    def who_asks(self) -> Metric:
        """Who is promised something and went silent, and who searches and is shown nothing."""
        found = GaugeMetricFamily(
            "gpconnect_asking_findings",
            "Organisations that are promised slots and no longer search (silent), or that search,"
            " are named nowhere and are shown nothing (nothing).",
            labels=["practice", "kind"],
        )
        for practice, kinds in asking.findings_by_practice().items():
            for kind in ("silent", "nothing"):
                found.add_metric([practice, kind], kinds[kind])
        return found

    def lock_waits(self) -> int:
        """How many connections to PostgreSQL wait for a lock."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return int(cursor.fetchone()[0])


def exposition() -> bytes:
    """Everything, in Prometheus's text format."""
    registry = CollectorRegistry()
    if settings.PROMETHEUS_MULTIPROC_DIR:
        MultiProcessCollector(registry)
    else:
        registry.register(counted)
    registry.register(Condition())
    return generate_latest(registry)
