"""`chat/completions`: a conversation answered, whole or streamed."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from api import limits, usage
from api.contracts import json_response
from api.models import ApiKey
from api.openai import catalog, conversations
from api.openai.answers import Answer
from api.openai.catalog import Voice
from api.openai.errors import OpenAIError, error_of, finish_reason
from api.openai.schemas import INSTRUCTIONS, ChatRequest
from api.requests import KeyRequest
from api.streams import with_pings
from chat.failures import Failure
from chat.generation import prompt as prompts
from chat.generation import provider, twin
from chat.generation.engine import engine
from chat.generation.in_flight import Prompt
from chat.generation.tokens import estimate_tokens
from chat.models import Reply
from chat.replies import InFlightError, Outcome, TooManyInFlightError
from config.deferred import DeferredResponse
from personas.models import Persona
from schema.functions import uuid7
from users.models import User

log = logging.getLogger(__name__)
# How long a stream waits for the first words: a failure within that time has its own status.
BEGIN_SECONDS = 1.0
PING = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}
CHAT = {ApiKey.Scope.CHAT, ApiKey.Scope.EVERYTHING}


@dataclass
class Completion:
    """An answer as OpenAI writes it."""

    model: str
    prompt: Prompt
    includes_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid7().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, outcome: Outcome | None) -> dict[str, Any]:
        """Return the whole answer."""
        message = {"role": "assistant", "content": text, "refusal": None}
        return self._object("chat.completion") | {
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": finish_reason(outcome),
                }
            ],
            "usage": self.usage(text, outcome),
        }

    def chunk(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        """Return an event with a part of the answer."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event(self._object("chat.completion.chunk") | {"choices": [choice]})

    def usage_chunk(self, text: str, outcome: Outcome | None) -> bytes:
        """Return the event with the token counts."""
        counts = {"choices": [], "usage": self.usage(text, outcome)}
        return event(self._object("chat.completion.chunk") | counts)

    def usage(self, text: str, outcome: Outcome | None) -> dict[str, int]:
        """Return the token counts, estimated if the model server has not counted."""
        sent, received, _ = usage.tokens(outcome, self.prompt.messages, text)
        return {
            "prompt_tokens": sent,
            "completion_tokens": received,
            "total_tokens": sent + received,
        }

    def _object(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def event(data: dict[str, Any]) -> bytes:
    """Return a server-sent event; in ASCII, for readers that split lines at U+2028 too."""
    return f"data: {json.dumps(data)}\n\n".encode()


def complete(request: KeyRequest, data: ChatRequest) -> HttpResponseBase:
    """Answer a conversation."""
    key = request.auth
    if key.scope not in CHAT:
        raise OpenAIError(
            HTTPStatus.FORBIDDEN, "This API key may read but not chat.", "insufficient_scope"
        )
    limits.count_chat(request)
    voice = catalog.find(request.user, data.model)
    if not provider.is_configured():
        failed = error_of(Outcome(Reply.Status.FAILED, "", Failure.UNCONFIGURED))
        assert failed is not None  # noqa: S101 - for the type checker
        raise failed
    prompt = prompt_for(request.user, voice, data)
    conversation = conversations.Conversation.read(data.messages)
    is_kept = data.store is not False and key.chats != ApiKey.Chats.UNKEPT
    reply = None
    limits.check_budget(request.user.pk)
    if is_kept and conversation:
        retries = request.headers.get("x-stainless-retry-count", "0")
        try:
            reply = conversations.store(
                key=key,
                voice=voice,
                conversation=conversation,
                prompt=prompt,
                is_retry=retries != "0",
            )
        except (InFlightError, TooManyInFlightError):
            raise OpenAIError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many replies are being written. Wait until one is done.",
                "rate_limit_exceeded",
                headers={"Retry-After": "1"},
            ) from None
    completion = Completion(data.model, prompt, data.includes_usage())
    send = stream if data.stream else whole_answer
    return deferred(request, partial(respond, reply, key, voice, completion, send))


def prompt_for(user: User, voice: Voice, data: ChatRequest) -> Prompt:
    """Return what the model is asked: who it is, then what the program sends.

    The instructions of a twin come before the program's. The assistant has instructions of its
    own only where the program gives none.
    """
    messages = [message.forwarded() for message in data.messages]
    own = twin_instructions(user, voice.persona, data) if voice.persona else ""
    leading = 0
    while leading < len(messages) and data.messages[leading].role in INSTRUCTIONS:
        leading += 1
    theirs = [message["content"] for message in messages[:leading]]
    if not own and not any(message.role in INSTRUCTIONS for message in data.messages):
        own = prompts.ASSISTANT
    system = "\n\n".join(text for text in (own, *theirs) if text)
    head = [{"role": "system", "content": system}] if system else []
    return Prompt([*head, *messages[leading:]], data.parameters())  # type: ignore[list-item]  # checked by the schema


def twin_instructions(user: User, persona: Persona, data: ChatRequest) -> str:
    """Return the instructions of a twin, with the samples that fit the last message best."""
    asked = [message.content for message in data.messages if message.role == "user"]
    others = sum(estimate_tokens(message.content) for message in data.messages)
    question = asked[-1] if asked else ""
    room = prompts.prompt_tokens(settings.OPENAI_MODEL) - others + estimate_tokens(question)
    person = user.get_short_name()
    return twin.instructions(persona, person, question=question, room=room)


Send = Callable[[Answer, Completion], Awaitable[HttpResponseBase]]


async def respond(
    reply: Reply | None, key: ApiKey, voice: Voice, completion: Completion, send: Send
) -> HttpResponseBase:
    """Return the answer once its status is known. It runs in the event loop."""
    if reply is None:
        in_flight = engine.start_unstored(completion.prompt)
        engine.run_in_background(count_unstored(in_flight, key, voice))
        answer = Answer(None, in_flight)
    else:
        answer = Answer(reply.pk, engine.find(reply.pk))
    try:
        return await send(answer, completion)
    except Exception:
        log.exception("a completion failed")
        return OpenAIError(
            HTTPStatus.INTERNAL_SERVER_ERROR, str(Failure.INTERNAL.label), "internal_error"
        ).response()


async def count_unstored(in_flight: Any, key: ApiKey, voice: Voice) -> None:
    """Count what is not kept, once it has ended."""
    if in_flight.task:
        await in_flight.task
    await engine.in_database(usage.record_unstored, in_flight, key.user_id, voice.persona, key)


async def whole_answer(answer: Answer, completion: Completion) -> HttpResponseBase:
    """Return the answer when it has ended."""
    try:
        async for _ in answer.words():
            pass
    finally:
        await answer.leave()
    outcome = await answer.outcome()
    if error := error_of(outcome):
        return error.response()
    return json_response(completion.whole(answer.text, outcome))


async def stream(answer: Answer, completion: Completion) -> HttpResponseBase:
    """Return the answer as it comes, or its failure if that comes first."""
    if not await answer.has_begun(BEGIN_SECONDS):
        outcome = await answer.outcome()
        if error := error_of(outcome):
            await answer.leave()
            return error.response()
    return StreamingHttpResponse(
        with_pings(events(answer, completion), PING), headers=STREAM_HEADERS
    )


async def events(answer: Answer, completion: Completion) -> AsyncIterator[bytes]:
    """Yield the events of a stream."""
    try:
        yield completion.chunk({"role": "assistant", "content": ""})
        async for words in answer.words():
            yield completion.chunk({"content": words})
    finally:
        await answer.leave()
    outcome = await answer.outcome()
    if error := error_of(outcome):
        yield event(error.body)
        return
    yield completion.chunk({}, finish_reason(outcome))
    if completion.includes_usage:
        yield completion.usage_chunk(answer.text, outcome)
    yield DONE


def deferred(
    request: KeyRequest, make: Callable[[], Awaitable[HttpResponseBase]]
) -> HttpResponseBase:
    """Return the answer that `make` makes, without holding the request's thread."""
    if isinstance(request, ASGIRequest):
        return DeferredResponse(make)
    return engine.run(gathered(make))


async def gathered(make: Callable[[], Awaitable[HttpResponseBase]]) -> HttpResponseBase:
    """Return the whole answer, for a server that knows no other."""
    response = await make()
    if not isinstance(response, StreamingHttpResponse):
        return response
    body = b"".join([part async for part in response])
    return HttpResponse(body, headers=dict(response.items()))
