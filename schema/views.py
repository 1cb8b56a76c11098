"""Whether the process lives, and whether it may take requests."""

from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse

from schema.status import pending_migrations


@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200: the process lives. It touches no database, so an outage restarts nothing."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200, or 503 with the reason while the database is away or behind the code."""
    try:
        pending = pending_migrations(connection)
    except Error:
        return _not_ready("the database does not answer")
    if pending:
        return _not_ready(f"migrations are not applied: {', '.join(pending)}")
    return HttpResponse("ready\n", content_type="text/plain")


def _not_ready(reason: str) -> HttpResponse:
    return HttpResponse(f"not ready: {reason}\n", status=503, content_type="text/plain")
