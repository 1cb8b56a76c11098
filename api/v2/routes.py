"""The routes of the resources, their OpenAPI document and its page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.renderers import BaseRenderer
from ninja.security.http import HttpAuthBase
from pydantic_core import to_json

from api.contracts import json_response
from api.models import ApiKey
from api.requests import bearer_key, login_free
from api.v2 import archives, problems, resources
from chat.imports.views import MAX_UPLOAD
from config.body_limits import max_body

PREFIX = "/api/v2/"
READS = {"GET", "HEAD"}
ABOUT = "Threads, messages, replies, personas, search and usage of the person a key belongs to."
SCOPES = {True: {"read", "everything"}, False: {"everything"}}


class Renderer(BaseRenderer):
    """Write JSON by pydantic, which takes a fifth of the time of Python's own module."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return `data` as JSON."""
        return to_json(data)


class BearerKey(HttpAuthBase):
    """A key whose scope allows to read, or to write."""

    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> ApiKey:
        """Return the key of a request."""
        key = bearer_key(request)
        if key.scope not in SCOPES[request.method in READS]:
            raise HttpError(HTTPStatus.FORBIDDEN, "The scope of this key does not allow this.")
        return key


api = NinjaAPI(
    title="Twinthread",
    version="2",
    description=ABOUT,
    urls_namespace="v2",
    auth=BearerKey(),
    renderer=Renderer(),
    docs_url=None,
    openapi_url=None,
)
problems.add_handlers(api)
api.add_router("", resources.router)
api.add_router("", archives.router)
urls = login_free(api.urls)
for route in urls[0]:
    if route.name == "import_file":
        max_body(MAX_UPLOAD)(route.callback)


def document() -> dict[str, Any]:
    """Return the OpenAPI document; errors are problems (RFC 9457), and events no JSON."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix=PREFIX)
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if int(status) >= HTTPStatus.BAD_REQUEST and content:
                    content["application/problem+json"] = content.pop("application/json")
            if operation["operationId"].endswith("_events"):
                operation["responses"][200]["content"] = {
                    "text/event-stream": {"schema": {"type": "string"}}
                }
    return schema


@login_not_required
@require_GET
def openapi(request: HttpRequest) -> HttpResponse:
    """Send the OpenAPI document."""
    return json_response(document())


@login_not_required
@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Show the OpenAPI document for reading."""
    schema = document()
    operations = [
        {"verb": verb.upper(), "path": path, "operation": operation}
        for path, methods in schema["paths"].items()
        for verb, operation in methods.items()
    ]
    context = {"operations": operations, "schemas": schema["components"]["schemas"]}
    return render(request, "api/docs.html", context)
