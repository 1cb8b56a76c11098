"""What Prometheus reads at `/metrics`.

Every worker counts for itself, in files of one folder (PROMETHEUS_MULTIPROC_DIR, which
gunicorn.conf.py makes); the worker that answers adds them up. What the database knows is read
when it is asked for.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client import generate_latest as text_of
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from schema.history.status import pending_migrations

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
FIRST_TEXT_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)

REQUESTS = Counter(
    "twinthread_requests", "Requests, by route and status.", ["method", "route", "status"]
)
REQUEST_SECONDS = Histogram(
    "twinthread_request_seconds", "Time to the first byte.", ["route"], buckets=SECONDS
)
QUERIES = Counter("twinthread_request_queries", "SQL statements of requests.", ["route"])
REPLIES = Counter("twinthread_replies", "Replies, by how they ended.", ["end"])
FIRST_TEXT = Histogram(
    "twinthread_first_text_seconds",
    "Time from the request to the model's first text.",
    buckets=FIRST_TEXT_SECONDS,
)
PROVIDER_ERRORS = Counter("twinthread_provider_errors", "Failed replies, by cause.", ["failure"])
IMPORTS = Counter("twinthread_imports", "Imports, by how they ended.", ["end"])

# Called when /metrics is read; what they raise counts as an outage of the database.
in_database: list[Callable[[], Iterable[Metric]]] = []


def request_ended(method: str, route: str, status: int, seconds: float, queries: int) -> None:
    """Count a request. Unknown paths and methods share one label, so that nobody makes more."""
    name = route or "unmatched"
    REQUESTS.labels(method if method in METHODS else "other", name, str(status)).inc()
    REQUEST_SECONDS.labels(name).observe(seconds)
    if queries:
        QUERIES.labels(name).inc(queries)


def reply_ended(end: str, failure: str, first_text_ms: int | None) -> None:
    """Count a reply."""
    REPLIES.labels(end).inc()
    if failure:
        PROVIDER_ERRORS.labels(failure).inc()
    if first_text_ms is not None:
        FIRST_TEXT.observe(first_text_ms / 1000)


def page(request: HttpRequest) -> HttpResponse:
    """Answer whoever sends METRICS_TOKEN; without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, expected):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(everything(), content_type=CONTENT_TYPE_LATEST)


def everything() -> bytes:
    """Return the metrics of all workers and of the database, in Prometheus' text format."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(DatabaseCollector())
    return text_of(registry)


class DatabaseCollector(Collector):
    """What the database knows, or that it does not answer."""

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is is known when it is collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all of it, or only that the database is away."""
        try:
            found = [*connections_and_waits(), *migrations()]
            for source in in_database:
                found += source()
        except Error:
            found = []
        yield GaugeMetricFamily(
            "twinthread_database_up", "1 if the database answers.", value=float(bool(found))
        )
        yield from found


def connections_and_waits() -> Iterator[Metric]:
    """Count the sessions on this database, and what they wait for."""
    if connection.vendor != "postgresql":
        return
    states = GaugeMetricFamily(
        "twinthread_database_connections", "Sessions on the database, by state.", labels=["state"]
    )
    waits = GaugeMetricFamily(
        "twinthread_database_waits",
        "Active sessions that wait, by what for (wait_event_type).",
        labels=["type"],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1"
        )
        for state, count in cursor.fetchall():
            states.add_metric([state], count)
        cursor.execute(
            "SELECT wait_event_type, count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active'"
            " AND wait_event_type IS NOT NULL GROUP BY 1"
        )
        for kind, count in cursor.fetchall():
            waits.add_metric([kind], count)
    yield states
    yield waits


def migrations() -> Iterator[Metric]:
    """Count the migrations that are not applied."""
    yield GaugeMetricFamily(
        "twinthread_migrations_pending",
        "Migrations that are not applied.",
        value=len(pending_migrations(connection)),
    )
