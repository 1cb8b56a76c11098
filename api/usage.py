"""Counting what replies cost."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from api.models import ApiKey, Exchange, Usage
from chat.generation.in_flight import InFlightReply
from chat.generation.prompt import for_reply
from chat.generation.tokens import estimate_tokens
from chat.replies import Outcome

if TYPE_CHECKING:
    from chat.models import Reply
    from personas.models import Persona

MAX_COUNT = 2**31 - 1


def tokens(outcome: Outcome | None, messages: Iterable[Any], text: str) -> tuple[int, int, bool]:
    """Return the tokens sent and received, and whether they are estimated."""
    sent = outcome.prompt_tokens if outcome else None
    received = outcome.completion_tokens if outcome else None
    is_estimated = sent is None or received is None
    if sent is None:
        sent = sum(estimate_tokens(str(message.get("content") or "")) for message in messages)
    if received is None:
        received = estimate_tokens(text) if text else 0
    return min(sent, MAX_COUNT), min(received, MAX_COUNT), is_estimated


def record(reply: Reply, outcome: Outcome) -> None:
    """Count a reply that has ended; called in the transaction that ends it."""
    exchange = Exchange.objects.filter(question=reply.question_id).first()
    text = reply.answer.content if reply.answer else outcome.text
    messages = for_reply(reply) if outcome.prompt_tokens is None else []
    sent, received, is_estimated = tokens(outcome, messages, text)
    age = timezone.now() - reply.created_at
    Usage.objects.create(
        user_id=reply.thread.user_id,
        key_id=exchange.key_id if exchange else None,
        persona_id=reply.persona_id,
        model=reply.model,
        status=reply.status,
        prompt_tokens=sent,
        completion_tokens=received,
        is_estimated=is_estimated,
        duration_ms=min(max(int(age.total_seconds() * 1000), 0), MAX_COUNT),
        first_text_ms=outcome.first_text_ms,
    )


def record_unstored(
    reply: InFlightReply, user_id: uuid.UUID, persona: Persona | None, key: ApiKey | None = None
) -> None:
    """Count a reply of which nothing else is kept."""
    outcome = reply.outcome
    messages = reply.prompt.messages if reply.prompt else []
    sent, received, is_estimated = tokens(outcome, messages, reply.text)
    Usage.objects.create(
        user_id=user_id,
        key=key,
        persona=persona,
        model=reply.model,
        status=outcome.status if outcome else "interrupted",
        prompt_tokens=sent,
        completion_tokens=received,
        is_estimated=is_estimated,
        duration_ms=reply.age_ms,
        first_text_ms=reply.first_text_ms,
    )
