"""Limit request bodies by route, before they are read.

Django writes a body to disk before it calls the view, whoever sends it and wherever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import close_old_connections
from django.http import parse_cookie
from django.urls import Resolver404, resolve

View = TypeVar("View", bound=Callable[..., Any])

# Django limits forms and JSON by this setting; multipart headers come on top.
DEFAULT = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 64 * 1024
# A client that is still sending reads the response only if its body is read for a while.
DRAIN_SECONDS = 5
MESSAGE = b"The request body is too large.\n"
Headers = dict[bytes, bytes]
# Called with the path and the headers of a refused request; return the headers and the body of
# the answer, or None for an answer in plain text.
refusals: list[Callable[[str, Headers], tuple[Headers, bytes] | None]] = []
# Called with the headers of a request; return whether they name a user who is logged in.
identities: list[Callable[[Headers], bool]] = []


def max_body(size: int) -> Callable[[View], View]:
    """Let a view accept bodies of up to `size` bytes, from users who are logged in."""

    def mark(view: View) -> View:
        view.max_body = size  # type: ignore[attr-defined]  # functions have attributes
        return view

    return mark


class BodyLimit:
    """An ASGI application that answers 413 in place of `app` if a body is too large."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Compare the announced length, and count what arrives."""
        headers = dict(scope["headers"])
        length = int(headers.get(b"content-length", b"0"))
        is_chunked = b"transfer-encoding" in headers
        if length <= DEFAULT and not is_chunked:
            await self.app(scope, receive, send)
            return
        limit = await limit_for(scope["path"], headers)
        if length > limit:
            await refuse(scope, receive, send)
            return
        counted = Counted(receive, send, limit)
        await self.app(scope, counted.receive, counted.send)
        if counted.is_exceeded and not counted.has_response:
            await refuse(scope, receive, send)


class Counted:
    """The channels of a request whose body ends, for the application, at its limit."""

    def __init__(self, receive: Any, send: Any, limit: int) -> None:
        self._receive = receive
        self._send = send
        self.left = limit
        self.has_response = False

    @property
    def is_exceeded(self) -> bool:
        """Return whether the body was larger than the limit."""
        return self.left < 0

    async def receive(self) -> Any:
        """Return the next message; beyond the limit, that the client has gone."""
        if not self.is_exceeded:
            message = await self._receive()
            self.left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.is_exceeded else message

    async def send(self, message: Any) -> None:
        """Pass a message on."""
        self.has_response = True
        await self._send(message)


async def limit_for(path: str, headers: dict[bytes, bytes]) -> int:
    """Return how large a body the route accepts from this client."""
    try:
        limit: int = getattr(resolve(path).func, "max_body", DEFAULT)
    except Resolver404:
        return DEFAULT
    return limit if limit <= DEFAULT or await is_logged_in(headers) else DEFAULT


@sync_to_async
def is_logged_in(headers: Headers) -> bool:
    """Return whether a request is made by a user who is logged in."""
    close_old_connections()
    return any(has_identity(headers) for has_identity in (has_session, *identities))


def has_session(headers: Headers) -> bool:
    """Return whether the request's session belongs to a user."""
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    sessions = import_module(settings.SESSION_ENGINE)
    return bool(key) and SESSION_KEY in sessions.SessionStore(key)


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answer 413, and discard for some seconds what the client is still sending."""
    headers, body = {b"content-type": b"text/plain; charset=utf-8"}, MESSAGE
    for refusal in refusals:
        headers, body = refusal(scope["path"], dict(scope["headers"])) or (headers, body)
    headers |= {b"content-length": str(len(body)).encode(), b"connection": b"close"}
    sent = list(headers.items())
    await send({"type": "http.response.start", "status": 413, "headers": sent})
    await send({"type": "http.response.body", "body": body})
    end = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < end:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
