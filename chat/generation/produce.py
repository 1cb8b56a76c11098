"""Generate one reply: read the conversation, ask the model, save the outcome."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DataError, Error

from chat import replies
from chat.failures import Failure
from chat.generation import model_catalog, prompt, provider, titles
from chat.generation.errors import ProviderError
from chat.generation.in_flight import InFlightReply
from chat.generation.reasoning import Parts, ReasoningFilter, tidy
from chat.models import Reply
from chat.replies import Outcome
from chat.unicode import split_surrogate, storable
from config import metrics

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

log = logging.getLogger(__name__)
InDatabase = Callable[..., Awaitable[Any]]

# How much of the context to fill. Token estimates may be wrong, so after a refusal the request
# is sent again with a shorter history.
CONTEXT_SHARES = (1.0, 0.5, 0.2)
# Stops a model that repeats itself without end; the longest possible answers are half as long.
MAX_CHARACTERS = 1_000_000
# How long the outcome is kept to be saved while the database is away.
AWAY_SECONDS = 600
MAX_PAUSE = 10


@dataclass
class Usage:
    """Token counts, if the server sends them."""

    prompt: int | None = None
    completion: int | None = None


async def produce(reply: InFlightReply, in_database: InDatabase) -> None:
    """Generate the reply and save its outcome, whatever that is."""
    outcome = await _outcome(reply, _generate, in_database)
    saved = await _save(reply, outcome, in_database)
    if saved is not None and saved.status == Reply.Status.COMPLETE:
        reply.end()  # nobody has to wait for the title
        if reply.prompt is None:
            await titles.generate_title(saved, in_database)


async def produce_unstored(reply: InFlightReply, in_database: InDatabase) -> None:
    """Generate a reply that has no row; its outcome is left in `reply`."""
    await _outcome(reply, _generate_unstored, in_database)


async def _outcome(reply: InFlightReply, generate: Generate, in_database: InDatabase) -> Outcome:
    """Generate the reply and return how that ended."""
    usage = Usage()
    status, failure, error, wait = Reply.Status.COMPLETE, None, "", None
    try:
        await generate(reply, usage, in_database)
    except ProviderError as problem:
        status, failure = Reply.Status.FAILED, problem.failure
        error, wait = problem.detail, problem.retry_after
    except asyncio.CancelledError:
        status = reply.stopped_as or Reply.Status.INTERRUPTED
    except Reply.DoesNotExist:  # the thread was deleted
        status = Reply.Status.INTERRUPTED
    except Exception:
        log.exception("reply %s failed", reply.reply_id)
        status, failure = Reply.Status.FAILED, Failure.INTERNAL
    reply.is_finishing = True
    if failure:
        # The row has the server's words, which may quote the conversation.
        log.warning("reply %s failed: %s", reply.reply_id, failure.value)
    metrics.reply_ended(status.value, failure.value if failure else "", reply.first_text_ms)
    counts = (usage.prompt, usage.completion, reply.first_text_ms)
    thought = (tidy(reply.reasoning), reply.reasoning_ms)
    reply.outcome = Outcome(status, reply.text, failure, error, wait, *counts, *thought)
    return reply.outcome


async def _save(reply: InFlightReply, outcome: Outcome, in_database: InDatabase) -> Reply | None:
    """Save the outcome, trying again while the database is away.

    What the server reported besides the text never prevents the reply from being saved: if the
    database rejects the row, the text is saved alone.
    """
    pause, waited = 0.5, 0.0
    while True:
        try:
            saved: Reply | None = await in_database(replies.finish, reply.reply_id, outcome)
        except (DataError, OverflowError, ValueError) as problem:
            bare = Outcome(outcome.status, storable(outcome.text), outcome.failure)
            if outcome == bare:
                raise
            log.warning("reply %s is saved without its details: %s", reply.reply_id, problem)
            outcome = bare
        except Error as problem:
            if waited > AWAY_SECONDS:
                raise
            log.warning("reply %s could not be saved yet: %s", reply.reply_id, problem)
            await asyncio.sleep(pause)
            waited += pause
            pause = min(2 * pause, MAX_PAUSE)
        else:
            return saved


async def _generate(reply: InFlightReply, usage: Usage, in_database: InDatabase) -> None:
    model_catalog.refresh()  # the list may tell how much the model reads
    default = await model_catalog.default_model()
    for share in CONTEXT_SHARES[:1] if reply.prompt else CONTEXT_SHARES:
        model, messages = await in_database(_prompt, reply.reply_id, default, share)
        if reply.prompt:
            messages = reply.prompt.messages
        try:
            await _receive(reply, usage, model, messages)
        except ProviderError as problem:
            can_shorten = share != CONTEXT_SHARES[-1] and len(messages) > 2 and not reply.text
            can_shorten = can_shorten and reply.prompt is None
            if problem.failure != Failure.TOO_LONG or not can_shorten:
                raise
        else:
            return


async def _generate_unstored(reply: InFlightReply, usage: Usage, in_database: InDatabase) -> None:
    model = await model_catalog.default_model()
    if not model:
        raise ProviderError(Failure.UNLISTED)
    reply.model = model
    if reply.prompt:
        await _receive(reply, usage, model, reply.prompt.messages)


Generate = Callable[[InFlightReply, Usage, InDatabase], Awaitable[None]]


async def _receive(
    reply: InFlightReply, usage: Usage, model: str, messages: list[ChatCompletionMessageParam]
) -> None:
    """Append the text as it arrives, and the model's reasoning apart from it."""
    half, received, filter_ = "", 0, ReasoningFilter()
    parameters = reply.prompt.parameters if reply.prompt else {}
    try:
        async for chunk in provider.stream(model=model, messages=messages, parameters=parameters):
            text, half = split_surrogate(half + chunk.text)
            reply.think(storable(chunk.reasoning))
            _append(reply, filter_.feed(storable(text)))
            received += len(chunk.text) + len(chunk.reasoning)
            if received > MAX_CHARACTERS:
                raise ProviderError(Failure.LENGTH)
            if chunk.prompt_tokens is not None:
                usage.prompt = chunk.prompt_tokens
            if chunk.completion_tokens is not None:
                usage.completion = chunk.completion_tokens
    finally:
        _append(reply, filter_.end())
    if not reply.text:
        raise ProviderError(Failure.EMPTY)


def _append(reply: InFlightReply, parts: Parts) -> None:
    if parts.is_recall:
        reply.recall()
    reply.think(parts.reasoning)
    reply.append(parts.text)


def _prompt(
    reply_id: uuid.UUID, default: str, share: float
) -> tuple[str, list[ChatCompletionMessageParam]]:
    reply = Reply.objects.select_related("thread__user", "persona", "question").get(pk=reply_id)
    if not reply.model:
        reply.model = default
        if not reply.model:
            raise ProviderError(Failure.UNLISTED)
        reply.save(update_fields=["model", "updated_at"])
    return reply.model, prompt.for_reply(reply, share=share)
