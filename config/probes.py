"""Health checks for a load balancer, and metrics: what machines ask for."""

from collections.abc import Callable

from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse

from config import metrics
from schema.history.status import pending_migrations

PROBES = {"/healthz", "/readyz", "/metrics"}


class Probes:
    """Answer `/healthz`, `/readyz` and `/metrics` before any other middleware.

    A load balancer addresses the process by IP address: its requests have a host that is not
    in ALLOWED_HOSTS, no TLS and no session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a machine, or pass the request on."""
        if request.path_info == "/metrics":
            return metrics.page(request)
        probe = {"/healthz": healthz, "/readyz": readyz}.get(request.path_info)
        return probe() if probe else self.get_response(request)


def healthz() -> HttpResponse:
    """Return 200 without using the database, so that an outage of it restarts no process."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz() -> HttpResponse:
    """Return 200, or 503 with the reason.

    The process is not ready while the database is unreachable, while migrations are
    unapplied, or if the static files were not collected when the process started.
    """
    if getattr(staticfiles_storage, "hashed_files", None) == {}:
        return _not_ready(
            "no static files: run `python manage.py collectstatic --noinput` and restart"
        )
    try:
        pending = pending_migrations(connection)
    except Error:
        return _not_ready("the database does not answer")
    if pending:
        return _not_ready(f"migrations are not applied: {', '.join(pending)}")
    return HttpResponse("ready\n", content_type="text/plain")


def _not_ready(reason: str) -> HttpResponse:
    return HttpResponse(f"not ready: {reason}\n", status=503, content_type="text/plain")
