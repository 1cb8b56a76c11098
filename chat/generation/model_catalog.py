"""The models that the server offers, cached for a while.

A single thread asks for the list, so a slow server delays only those who need the list.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings

from chat.failures import Failure
from chat.generation import provider
from chat.generation.errors import ProviderError, from_status
from chat.unicode import one_line

MAX_AGE_SECONDS = 300
# After a failure, shorter, so that a server that has just started is found soon.
FAILED_MAX_AGE_SECONDS = 15
# How long the server may take, and how long a request for the list waits for it.
REQUEST_SECONDS = 30
WAIT_SECONDS = 5
MAX_MODELS = 5_000
MAX_NAME = 255
# What servers call the number of tokens that a model reads: vLLM, OpenRouter and others.
CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True)
class AvailableModel:
    """A model's name, and how many tokens it reads if the server tells it."""

    name: str
    context_tokens: int | None = None


@dataclass(frozen=True)
class _Catalog:
    source: tuple[str, str]
    models: list[AvailableModel]
    expires_at: float


_catalog: _Catalog | None = None
_executor = ThreadPoolExecutor(1, thread_name_prefix="model-catalog")


def refresh() -> None:
    """Ask for the list in the background if it has expired."""
    if _current() is None:
        _executor.submit(_refresh)


async def available_models() -> list[AvailableModel]:
    """Return the models sorted by name; none if the server does not answer in time."""
    if _catalog and _catalog.source == _source() and _catalog.models:
        refresh()
    elif _current() is None:
        request = asyncio.wrap_future(_executor.submit(_refresh))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(request), WAIT_SECONDS)
    return _catalog.models if _catalog and _catalog.source == _source() else []


async def default_model() -> str:
    """Return the model of threads without one: the configured one, else the first offered."""
    if settings.OPENAI_MODEL:
        return str(settings.OPENAI_MODEL)
    return next((model.name for model in await available_models()), "")


def context_tokens(name: str) -> int:
    """Return how many tokens the model reads, as far as the cached list tells it."""
    models = _catalog.models if _catalog else []
    known = next((model.context_tokens for model in models if model.name == name), None)
    return known or int(settings.OPENAI_CONTEXT_TOKENS)


def _source() -> tuple[str, str]:
    return settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY


def _current() -> _Catalog | None:
    if _catalog and _catalog.source == _source() and _catalog.expires_at > time.monotonic():
        return _catalog
    return None


def _refresh() -> None:
    """Ask for the list, unless another call has just done so; keep the old one on failure."""
    global _catalog
    if _current() is not None:
        return
    source = _source()
    try:
        models = fetch() if provider.is_configured() else []
    except ProviderError:
        models = []
    expires_at = time.monotonic() + (MAX_AGE_SECONDS if models else FAILED_MAX_AGE_SECONDS)
    if not models and _catalog and _catalog.source == source:
        models = _catalog.models
    _catalog = _Catalog(source, models, expires_at)


def fetch() -> list[AvailableModel]:
    """Ask the server for its models.

    Raises:
        ProviderError: It does not answer, or with something else.
    """
    import openai

    client = openai.OpenAI(
        base_url=settings.OPENAI_BASE_URL or None,
        api_key=settings.OPENAI_API_KEY or "none",
        max_retries=0,
        timeout=openai.Timeout(REQUEST_SECONDS),
    )
    try:
        with client:
            return read_models(json.loads(client.models.with_raw_response.list().content))
    except openai.OpenAIError as error:
        raise from_status(error) from error
    except (ValueError, RecursionError) as error:
        raise ProviderError(Failure.NO_SERVICE, str(error)) from error


def read_models(answer: object) -> list[AvailableModel]:
    """Return the models in an answer, sorted by name; none if it is not a list of models."""
    rows = answer.get("data") if isinstance(answer, dict) else answer  # Together sends a bare list
    models = []
    for row in rows[:MAX_MODELS] if isinstance(rows, list) else []:
        name = row.get("id") if isinstance(row, dict) else None
        if isinstance(name, str) and 0 < len(name) <= MAX_NAME and one_line(name) == name:
            models.append(AvailableModel(name, _context_tokens(row)))
    return sorted(models, key=lambda model: model.name)


def _context_tokens(row: dict[str, object]) -> int | None:
    sizes = (row.get(field) for field in CONTEXT_FIELDS)
    return next((size for size in sizes if isinstance(size, int) and size > 0), None)
