"""gunicorn's ASGI worker, with limits for connections that send or read too slowly.

Every connection takes a file descriptor, and clients can open many without sending a request. The
limits keep the site and its health checks reachable, also without a reverse proxy.
"""

from __future__ import annotations

import resource
from asyncio import TimerHandle, Transport
from collections import defaultdict
from typing import Any, cast

from django.conf import settings
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

HEADER_SECONDS = 10  # from the connection to the end of the first request's headers
BODY_PAUSE_SECONDS = 20  # between two pieces of a body
BODY_SECONDS = 60  # for a whole body, and one second more for every BODY_RATE bytes
BODY_RATE = 16 * 1024
WRITE_SECONDS = 60  # for a client that does not read
CLOSE_SECONDS = 10  # for the last bytes of a response on a connection that closes
CHECK_SECONDS = 5  # between two checks of a body

MAX_CONNECTIONS = 4096
RESERVED_FILES = 200  # for database connections, log files, model servers and uploads
RESERVED_CONNECTIONS = 16  # for health checks
HEALTH_CHECKS = {"/healthz", "/readyz"}
# Connections without a request that one address may keep beyond IDLE_SECONDS.
IDLE_PER_ADDRESS = 64
IDLE_SECONDS = 2


class Connections:
    """The open connections of a worker, by address; idle ones have no request yet.

    When a limit is reached, the connection that has been idle longest is closed, so that a new
    request is served. Only if none is idle, a new connection is refused.
    """

    def __init__(self, limit: int, per_address: int) -> None:
        self.limit = limit
        self.per_address = per_address
        self.count = 0
        self.counts: dict[str, int] = defaultdict(int)
        # Dictionaries keep the order of insertion: the first has been idle longest.
        self.idle: dict[Connection, None] = {}
        self.idle_at: dict[str, dict[Connection, None]] = defaultdict(dict)

    def admit(self, connection: Connection) -> bool:
        """Register a new connection and return whether it may stay."""
        idle = self.idle_at[connection.address]
        if len(idle) >= IDLE_PER_ADDRESS and next(iter(idle)).idle_seconds() > IDLE_SECONDS:
            next(iter(idle)).evict()
        if self.counts[connection.address] >= self.per_address:
            if not idle:
                return False
            next(iter(idle)).evict()
        if self.count >= self.limit:
            if self.idle:
                next(iter(self.idle)).evict()
            connection.is_reserved = self.count >= self.limit
            if self.count >= self.limit + RESERVED_CONNECTIONS:
                return False
        self.count += 1
        self.counts[connection.address] += 1
        self.set_idle(connection, is_idle=True)
        return True

    def set_idle(self, connection: Connection, *, is_idle: bool) -> None:
        """Note that a connection has no request, or that one has begun."""
        for group in (self.idle, self.idle_at[connection.address]):
            group.pop(connection, None)
            if is_idle:
                group[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self.set_idle(connection, is_idle=False)
        self.count -= 1
        self.counts[connection.address] -= 1
        if not self.counts[connection.address]:
            del self.counts[connection.address], self.idle_at[connection.address]


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's HTTP protocol with time limits for headers, bodies and slow readers."""

    transport: Transport

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self.connections = worker.connections
        self.loop = worker.loop
        self.address = ""
        self.is_admitted = False
        self.is_reserved = False
        self.idle_since = self.body_since = self.body_at = self.loop.time()
        self.body_bytes = 0
        self.timers: dict[str, TimerHandle] = {}

    def connection_made(self, transport: Any) -> None:
        """Serve the connection, or refuse it."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.is_admitted = self.connections.admit(self)
        if not self.is_admitted:
            transport.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n")
            transport.close()
            return
        self.set_timer("headers", HEADER_SECONDS, self.time_out)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Read from a connection that is not refused."""
        if self.is_admitted:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        for name in list(self.timers):
            self.cancel_timer(name)
        if self.is_admitted:
            self.leave()
            super().connection_lost(exc)

    def idle_seconds(self) -> float:
        """Return for how long the connection has had no request."""
        return cast(float, self.loop.time() - self.idle_since)

    def evict(self) -> None:
        """Close a connection at once, to make room for another."""
        self.leave()
        self.transport.abort()

    def leave(self) -> None:
        """Give up the connection's place; may be called twice."""
        if self.address not in self.connections.counts or self._has_left:
            return
        self._has_left = True
        self.connections.remove(self)

    _has_left = False

    def _on_headers_complete(self) -> Any:
        self.cancel_timer("headers")
        self.connections.set_idle(self, is_idle=False)
        skip_body = super()._on_headers_complete()
        request = self._current_request
        if self.is_reserved and request.path not in HEALTH_CHECKS:
            self._send_error_response(503, "All connections are in use.")
            self._close_transport()
        elif request.content_length or request.chunked:
            self.body_since = self.body_at = self.loop.time()
            self.body_bytes = 0
            self.set_timer("body", CHECK_SECONDS, self.check_body)
        return skip_body

    def _on_body(self, chunk: bytes) -> None:
        self.body_bytes += len(chunk)
        self.body_at = self.loop.time()
        super()._on_body(chunk)

    def _on_message_complete(self) -> None:
        self.cancel_timer("body")
        super()._on_message_complete()

    def _arm_keepalive_timer(self) -> None:
        self.idle_since = self.loop.time()
        self.connections.set_idle(self, is_idle=True)
        super()._arm_keepalive_timer()

    def check_body(self) -> None:
        """Close the connection if its body arrives too slowly."""
        now = self.loop.time()
        if self._reading_paused:  # the application is slow, not the client
            self.body_since += CHECK_SECONDS
            self.body_at = now
        allowed = BODY_SECONDS + self.body_bytes / BODY_RATE
        if now - self.body_at > BODY_PAUSE_SECONDS or now - self.body_since > allowed:
            self.transport.abort()
        else:
            self.set_timer("body", CHECK_SECONDS, self.check_body)

    def pause_writing(self) -> None:
        """Give a client that does not read a limited time."""
        self.set_timer("write", WRITE_SECONDS, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        self.cancel_timer("write")
        super().resume_writing()

    def _close_transport(self) -> None:
        self.set_timer("close", CLOSE_SECONDS, self.transport.abort)
        super()._close_transport()

    def time_out(self) -> None:
        """Close the connection: its headers did not arrive in time."""
        self._send_error_response(408, "The request did not arrive in time.")
        self._close_transport()
        self._request_ready.set()  # ends the task that waits for the request

    def set_timer(self, name: str, seconds: float, action: Any) -> None:
        """Call `action` after some seconds, unless the timer is set again or cancelled."""
        self.cancel_timer(name)
        self.timers[name] = self.loop.call_later(seconds, action)

    def cancel_timer(self, name: str) -> None:
        """Cancel a timer, if it is set."""
        if timer := self.timers.pop(name, None):
            timer.cancel()


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's ASGI worker for connections with limits."""

    def init_process(self) -> None:
        """Raise the limit of open files as far as the system allows, and derive the others."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MAX_CONNECTIONS + RESERVED_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        files = wanted if soft == resource.RLIM_INFINITY else soft
        limit = min(MAX_CONNECTIONS, files - min(RESERVED_FILES, files // 3))
        # Behind a proxy all connections have its address; the proxy limits its clients.
        self.connections = Connections(limit, limit if settings.BEHIND_PROXY else limit // 2)
        super().init_process()


# The worker has no setting for the class of its connections.
gasgi.ASGIProtocol = Connection
