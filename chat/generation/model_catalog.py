"""The models that the provider offers, remembered for a while.

One thread asks, so that a server that is slow holds up nobody but who waits for its list.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings

from chat.generation import provider

FRESH_SECONDS = 300
# Shorter, so that a server that was just started is soon found.
FAILED_FRESH_SECONDS = 15
# How long the server may take, and how long somebody who wants the list waits for it.
ASK_SECONDS = 30
WAIT_SECONDS = 5
# What servers call the number of tokens a model reads: vLLM, OpenRouter, and others.
CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True)
class Offer:
    """A model by name, and how many tokens it reads where the server says so."""

    name: str
    context_tokens: int | None = None


@dataclass(frozen=True)
class _Known:
    source: tuple[str, str]
    offers: list[Offer]
    stale_at: float


_known: _Known | None = None
_asker = ThreadPoolExecutor(1, thread_name_prefix="offers")


def refresh() -> None:
    """Have the list asked for where it is old, and do not wait for it."""
    if _fresh() is None:
        _asker.submit(_refresh)


async def listed() -> list[Offer]:
    """Return what the provider lists, by name; nothing where it does not answer in time."""
    if _known and _known.source == _source() and _known.offers:
        refresh()
    elif _fresh() is None:
        asked = asyncio.wrap_future(_asker.submit(_refresh))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), WAIT_SECONDS)
    return _known.offers if _known and _known.source == _source() else []


async def default_model() -> str:
    """Return the model for threads that chose none: the setting's, else the first offered."""
    if settings.OPENAI_MODEL:
        return str(settings.OPENAI_MODEL)
    return next((offer.name for offer in await listed()), "")


def context_tokens(model: str) -> int:
    """Return how much `model` reads, as far as that is known without asking."""
    listed = _known.offers if _known else []
    said = next((offer.context_tokens for offer in listed if offer.name == model), None)
    return said or int(settings.OPENAI_CONTEXT_TOKENS)


def _source() -> tuple[str, str]:
    return settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY


def _fresh() -> _Known | None:
    is_fresh = _known and _known.source == _source() and _known.stale_at > time.monotonic()
    return _known if is_fresh else None


def _refresh() -> None:
    """Ask, unless whoever came before has done so; what was known outlives a failure."""
    global _known
    if _fresh() is not None:
        return
    source = _source()
    found = _ask() if provider.is_configured() else []
    stale_at = time.monotonic() + (FRESH_SECONDS if found else FAILED_FRESH_SECONDS)
    if not found and _known and _known.source == source:
        found = _known.offers
    _known = _Known(source, found, stale_at)


def _ask() -> list[Offer]:
    import openai

    client = openai.OpenAI(
        base_url=settings.OPENAI_BASE_URL or None,
        api_key=settings.OPENAI_API_KEY or "none",
        max_retries=0,
        timeout=openai.Timeout(ASK_SECONDS),
    )
    try:
        with client:
            return read(json.loads(client.models.with_raw_response.list().content))
    except (openai.OpenAIError, ValueError, RecursionError):
        return []


def read(answer: object) -> list[Offer]:
    """Return the models of a list, by name; what is no list holds none."""
    rows = answer.get("data") if isinstance(answer, dict) else answer  # Together's is bare
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(name := row.get("id"), str):
            sizes = [row[field] for field in CONTEXT_FIELDS if isinstance(row.get(field), int)]
            found.append(Offer(name, sizes[0] if sizes else None))
    return sorted(found, key=lambda offer: offer.name)
