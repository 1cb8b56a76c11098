"""Settings of the servers that `benchmarks.pages` measures: the site's, and a bare view beside it.

It is copied out of this package and runs beside the code of other revisions too. GET /bare/NAME
returns the bytes that a page had when it was last asked for with the header `X-Keep: NAME`. The
header `X-Parts` adds to the answer how many milliseconds it took, by part.
"""

import contextlib
import time
from typing import Any

from config.settings import *  # noqa: F403 - they are extended
from config.settings import MIDDLEWARE

ROOT_URLCONF = "pages_probe"
MIDDLEWARE = ["pages_probe.probe", *MIDDLEWARE]
kept: dict[str, tuple[bytes, str]] = {}


def __getattr__(name: str) -> Any:
    """Return `urlpatterns`: the routes can be imported only once the settings are complete."""
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.contrib.auth.decorators import login_not_required
    from django.http import HttpRequest, HttpResponse
    from django.urls import include, path

    def bare(request: HttpRequest, name: str) -> HttpResponse:
        """Return the bytes of a page."""
        body, kind = kept[name]
        return HttpResponse(body, content_type=kind)

    return [path("bare/<name>", login_not_required(bare)), path("", include("config.urls"))]


class Parts:
    """Milliseconds spent in the database and in templates, queries inside them not counted."""

    def __init__(self) -> None:
        self.sql = self.templates = 0.0
        self.queries = self.depth = 0

    def execute(self, execute: Any, *arguments: Any) -> Any:
        """Time a query."""
        begin = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.sql += (time.perf_counter() - begin) * 1000
            self.queries += 1

    def render(self, render: Any, *arguments: Any, **options: Any) -> Any:
        """Time a template, unless it is part of another."""
        begin, sql = time.perf_counter(), self.sql
        self.depth += 1
        try:
            return render(*arguments, **options)
        finally:
            self.depth -= 1
            if not self.depth:
                self.templates += (time.perf_counter() - begin) * 1000 - (self.sql - sql)


def probe(get_response: Any) -> Any:
    """Return the middleware that measures the parts."""
    from django.db import connection
    from django.template import Template

    original = Template.render

    def middleware(request: Any) -> Any:
        if "X-Parts" not in request.headers:
            return get_response(request)
        parts = Parts()

        def render(*arguments: Any, **options: Any) -> Any:
            return parts.render(original, *arguments, **options)

        begin = time.perf_counter()
        with contextlib.ExitStack() as stack:
            stack.enter_context(connection.execute_wrapper(parts.execute))
            Template.render = render  # type: ignore[method-assign]  # only one asks at a time
            response = get_response(request)
        Template.render = original  # type: ignore[method-assign]
        total = (time.perf_counter() - begin) * 1000
        response["X-Parts"] = f"{parts.queries} {parts.sql} {parts.templates} {total}"
        if name := request.headers.get("X-Keep"):
            kept[name] = response.content, response["Content-Type"]
        return response

    return middleware
