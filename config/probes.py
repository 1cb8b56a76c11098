"""Whether the process lives, and whether it may take requests: what a load balancer asks."""

from collections.abc import Callable

from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse

from schema.history.status import pending_migrations


class Probes:
    """Answers `/healthz` and `/readyz` before anything else looks at the request.

    A load balancer asks by address: its requests name a host that is none of ALLOWED_HOSTS,
    speak no TLS and bear no log-in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe, or pass the request on."""
        probe = {"/healthz": healthz, "/readyz": readyz}.get(request.path_info)
        return probe() if probe else self.get_response(request)


def healthz() -> HttpResponse:
    """Answer 200: the process lives. It touches no database, so an outage restarts nothing."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz() -> HttpResponse:
    """Answer 200, or 503 with the reason.

    That is while the database is away or behind the code, or where the names of the static
    files, which every page needs, were not there when the process started.
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
