"""Follow each request from its first byte to its last: log line, id and metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config import metrics
from config.probes import PROBES

log = logging.getLogger("twinthread.request")

# What a proxy may have called the request.
REQUEST_ID = re.compile(rb"[\w.-]{8,64}", re.ASCII)


@dataclass
class RequestRecord:
    """What is known about a request. The route stands for its path, which may hold a secret."""

    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    method: str = ""
    route: str = ""
    person: str = ""
    queries: int = 0

    def count(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Run a statement and count it."""
        self.queries += 1
        return execute(sql, params, many, context)


_current: ContextVar[RequestRecord | None] = ContextVar("request", default=None)


def current() -> RequestRecord | None:
    """Return the record of the request that this code serves, if it serves one."""
    return _current.get()


def request_id() -> str:
    """Return the id of the request that this code serves."""
    record = current()
    return record.request_id if record else uuid.uuid4().hex


class FollowedRequests:
    """An ASGI application that logs and counts what `app` answers."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, and write its line when the last byte is sent."""
        if scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        record = RequestRecord(method=scope["method"])
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        if settings.BEHIND_PROXY and REQUEST_ID.fullmatch(given):
            record.request_id = given.decode()
        token = _current.set(record)
        begin = time.perf_counter()
        first = status = 0.0

        async def observe(message: Any) -> None:
            nonlocal first, status
            if message["type"] == "http.response.start":
                first, status = time.perf_counter() - begin, message["status"]
                message = message | {"headers": with_id(message["headers"], record.request_id)}
            await send(message)

        try:
            await self.app(scope, receive, observe)
        finally:
            _current.reset(token)
            # The client has gone if there is no answer.
            write(record, int(status) or 499, first, time.perf_counter() - begin)


def with_id(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers with the request's id."""
    kept = [(name, value) for name, value in headers if name.lower() != b"x-request-id"]
    return [*kept, (b"x-request-id", request_id.encode())]


def write(record: RequestRecord, status: int, first: float, seconds: float) -> None:
    """Log and count a request that has ended."""
    metrics.request_ended(record.method, record.route, status, first or seconds, record.queries)
    if settings.LOG_FORMAT == "json":
        log.info(
            "%s %s %s",
            record.method,
            record.route or "-",
            status,
            extra={
                "request_id": record.request_id,
                "person": record.person or None,
                "method": record.method,
                "route": record.route,
                "status": status,
                "first_byte_ms": round(1000 * (first or seconds), 1),
                "duration_ms": round(1000 * seconds, 1),
                "queries": record.queries,
            },
        )


class RequestDetails:
    """Middleware that notes the route, the person and the statements of a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on, and note what is known then."""
        record = current()
        if record is None:  # not served by ASGI
            return self.get_response(request)
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(record.count))
            try:
                return self.get_response(request)
            finally:
                match = request.resolver_match
                record.route = match.route if match else ""
                record.person = person(request)


def person(request: HttpRequest) -> str:
    """Return the key of the person, if the request has found out who it is; ask nothing."""
    user = request.__dict__.get("user")
    if type(user) is not get_user_model():  # a lazy object, which would query the session
        user = request.__dict__.get("_cached_user")
    return str(getattr(user, "pk", None) or "")
