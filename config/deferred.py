"""Answers that take long: awaited after the thread that served the request is free again.

Synchronous middleware holds one of the few request threads until a view has answered. A view
that waits for a model returns a DeferredResponse instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.http import HttpResponse
from django.http.response import HttpResponseBase

# What the middleware says of the empty body that it sees.
OF_THE_BODY = {"content-type", "content-length"}


class DeferredResponse(HttpResponse):
    """Stands for the answer that `make` returns; the ASGI application awaits it."""

    def __init__(self, make: Callable[[], Awaitable[HttpResponseBase]]) -> None:
        super().__init__()
        self.make = make

    async def resolve(self) -> HttpResponseBase:
        """Return the answer, with the headers that the middleware has added."""
        response = await self.make()
        for name, value in self.items():
            if name.lower() not in OF_THE_BODY:
                response.headers.setdefault(name, value)
        return response
