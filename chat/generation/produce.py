"""How one reply comes about: read the conversation, ask the model, keep what it says."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import Error

from chat import replies
from chat.characters import clean, whole
from chat.failures import Failure
from chat.generation import model_catalog, provider, titles
from chat.generation import prompt as prompts
from chat.generation.in_flight import Live
from chat.generation.provider import ProviderError
from chat.models import Reply
from chat.replies import End

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

log = logging.getLogger(__name__)

# How much of the room to fill: estimates can be wrong, so a refusal is answered with less.
SHARES = (1.0, 0.5, 0.2)
# A model that repeats itself without end is stopped here; the longest answers that models
# are sold with are half of it.
MOST_CHARACTERS = 1_000_000
# While the database is away an ended reply waits here to be saved, for so long.
AWAY_SECONDS = 600
LONGEST_PAUSE = 10


@dataclass
class Cost:
    """Tokens, where the server counts them."""

    prompt: int | None = None
    completion: int | None = None


async def produce(live: Live, in_database: Callable[..., Awaitable[Any]]) -> None:
    """Produce the reply and save its end, whatever that is."""
    cost = Cost()
    status, failure, error, wait = Reply.Status.COMPLETE, None, "", None
    try:
        await _listen(live, cost, in_database)
    except ProviderError as problem:
        status, failure = Reply.Status.FAILED, problem.failure
        error, wait = problem.detail, problem.retry_after
    except asyncio.CancelledError:
        status = live.stopped_as or Reply.Status.INTERRUPTED
    except Reply.DoesNotExist:  # its thread is gone, and nobody waits
        status = Reply.Status.INTERRUPTED
    except Exception:
        log.exception("reply %s failed", live.reply_id)
        status, failure = Reply.Status.FAILED, Failure.INTERNAL
    live.is_finishing = True
    if failure:
        log.warning("reply %s failed: %s %s", live.reply_id, failure.label, error)
    end = End(status, live.text, failure, error, wait, cost.prompt, cost.completion)
    reply = await _save(live, end, in_database)
    if reply is not None and reply.status == Reply.Status.COMPLETE:
        live.end()  # a title may take a while, and nobody has to wait for it
        await titles.give(reply, in_database)


async def _save(live: Live, end: End, in_database: Callable[..., Awaitable[Any]]) -> Reply | None:
    """Save the end of a reply, also if the database comes back only after a while."""
    pause, waited = 0.5, 0.0
    while True:
        try:
            reply: Reply | None = await in_database(replies.finish, live.reply_id, end)
        except Error as problem:
            if waited > AWAY_SECONDS:
                raise
            log.warning("the end of reply %s could not be saved yet: %s", live.reply_id, problem)
        else:
            return reply
        await asyncio.sleep(pause)
        waited += pause
        pause = min(2 * pause, LONGEST_PAUSE)


async def _listen(live: Live, cost: Cost, in_database: Callable[..., Awaitable[Any]]) -> None:
    model_catalog.refresh()  # how much a model reads may be in the list
    default = await model_catalog.default_model()
    for share in SHARES:
        model, messages = await in_database(_prompt, live.reply_id, default, share)
        half = ""
        try:
            async for piece in provider.stream(model=model, messages=messages):
                if piece.text:
                    words, half = whole(half + piece.text)
                    live.add(clean(words))
                if len(live.text) > MOST_CHARACTERS:
                    raise ProviderError(Failure.LENGTH)
                cost.prompt = piece.prompt_tokens or cost.prompt
                cost.completion = piece.completion_tokens or cost.completion
            return
        except ProviderError as problem:
            can_shorten = share != SHARES[-1] and len(messages) > 2 and not live.text
            if problem.failure != Failure.TOO_LONG or not can_shorten:
                raise


def _prompt(
    reply_id: uuid.UUID, default: str, share: float
) -> tuple[str, list[ChatCompletionMessageParam]]:
    reply = Reply.objects.select_related("thread__user", "persona", "question").get(pk=reply_id)
    if not reply.model:
        reply.model = default
        if not reply.model:
            raise ProviderError(Failure.UNLISTED)
        reply.save(update_fields=["model", "updated_at"])
    return reply.model, prompts.for_reply(reply, share=share)
