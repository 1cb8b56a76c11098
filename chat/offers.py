"""The models that the provider offers, remembered for a while."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from django.conf import settings

from chat import provider

FRESH_SECONDS = 300
# Shorter, so that a server that was just started is soon found.
FAILED_FRESH_SECONDS = 15
ASK_SECONDS = 5
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
_asking = threading.Lock()


def offers() -> list[Offer]:
    """Return what the provider lists, by name; nothing where it does not answer."""
    global _known
    source = (settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY)
    with _asking:
        if _known is None or _known.source != source or _known.stale_at < time.monotonic():
            found = _ask() if provider.is_configured() else []
            fresh = FRESH_SECONDS if found else FAILED_FRESH_SECONDS
            _known = _Known(source, found, time.monotonic() + fresh)
        return _known.offers


def default_model() -> str:
    """Return the model for threads that chose none: the setting's, else the first offered."""
    if settings.OPENAI_MODEL:
        return str(settings.OPENAI_MODEL)
    return next((offer.name for offer in offers()), "")


def context_tokens(model: str) -> int:
    """Return how much `model` reads, as far as that is known without asking."""
    listed = _known.offers if _known else []
    said = next((offer.context_tokens for offer in listed if offer.name == model), None)
    return said or int(settings.OPENAI_CONTEXT_TOKENS)


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
            listed = client.models.list().data or []
    except (openai.OpenAIError, ValueError):
        return []
    found = []
    for model in listed:
        extra = model.model_extra or {}
        sizes = [extra[field] for field in CONTEXT_FIELDS if isinstance(extra.get(field), int)]
        found.append(Offer(model.id, sizes[0] if sizes else None))
    return sorted(found, key=lambda offer: offer.name)
