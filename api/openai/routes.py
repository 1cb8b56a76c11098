"""The routes of OpenAI's protocol."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import NinjaAPI, Router

from api.models import ApiKey
from api.openai import catalog, completions, errors
from api.openai.schemas import ChatRequest
from api.requests import KeyRequest, bearer_key, login_free

router = Router()


def any_key(request: HttpRequest) -> ApiKey:
    """Let in whoever has a key; models are listed for every scope."""
    return bearer_key(request)


@router.get("/models")
def models(request: KeyRequest) -> dict[str, Any]:
    """List the models."""
    return {"object": "list", "data": catalog.models_of(request.user)}


@router.get("/models/{path:model}")
def model(request: KeyRequest, model: str) -> dict[str, Any]:
    """Return one model."""
    persona = catalog.find(request.user, model).persona
    if persona is None:
        return catalog.models_of(request.user)[0]
    return catalog.model_of(persona)


@router.post("/chat/completions")
def complete(request: KeyRequest, data: ChatRequest) -> HttpResponseBase:
    """Answer a conversation."""
    return completions.complete(request, data)


def routes(namespace: str) -> tuple[Any, str, str]:
    """Return the routes under one of their prefixes."""
    api = NinjaAPI(
        title="OpenAI's protocol",
        urls_namespace=namespace,
        auth=any_key,
        docs_url=None,
        openapi_url=None,
    )
    errors.add_handlers(api)
    api.add_router("", router)
    return login_free(api.urls)
