"""Speak OpenAI's protocol with the model server.

A failure is not retried: the person sees it and decides. The exception is a parameter that the
server refuses; the request is sent again without it, and the server's refusal is remembered.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from chat.failures import Failure
from chat.generation.chunks import Chunk, outcome, read_chunk
from chat.generation.errors import ProviderError, from_status
from chat.generation.sse import DONE, Unreadable, events

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

    Messages = list[ChatCompletionMessageParam]

CONNECT_SECONDS = 10
# For a short answer that nobody waits for.
COMPLETE_SECONDS = 15
# How servers and their chat templates refuse a message with the role system.
NO_SYSTEM_ROLE = re.compile(
    r"system (role|message|prompt|instruction)s?.{0,30}not (supported|allowed|enabled)"
    r"|only user and assistant|roles must alternate|developer instruction is not",
    re.IGNORECASE,
)


@dataclass
class Dialect:
    """What a server accepts for a model, as far as it has refused something."""

    counts_tokens: bool = True
    has_system_role: bool = True
    max_tokens: str = "max_tokens"

    def learn(self, problem: ProviderError) -> bool:
        """Return whether the refusal names a parameter that can be avoided from now on."""
        before = (self.counts_tokens, self.has_system_role, self.max_tokens)
        if "stream_options" in problem.detail or "include_usage" in problem.detail:
            self.counts_tokens = False
        elif "max_completion_tokens" in problem.detail:
            self.max_tokens = "max_completion_tokens"
        elif NO_SYSTEM_ROLE.search(problem.detail):
            self.has_system_role = False
        return before != (self.counts_tokens, self.has_system_role, self.max_tokens)

    def adapt(self, messages: Messages) -> Messages:
        """Return the messages as the server takes them."""
        if self.has_system_role or messages[0]["role"] != "system":
            return messages
        system, *rest = messages
        if not rest:
            return [{"role": "user", "content": str(system.get("content"))}]
        first = f"{system.get('content')}\n\n{rest[0].get('content')}"
        return [{"role": "user", "content": first}, *rest[1:]]


_dialects: defaultdict[tuple[str, str], Dialect] = defaultdict(Dialect)


def dialect(model: str) -> Dialect:
    """Return what is known of the server's parameters for the model."""
    return _dialects[settings.OPENAI_BASE_URL, model]


def is_configured() -> bool:
    """Return whether there is a server to ask."""
    return bool(settings.OPENAI_BASE_URL or settings.OPENAI_API_KEY)


@lru_cache(maxsize=4)
def _client(base_url: str, key: str, silence: int) -> openai.AsyncOpenAI:
    # Imported late: the package takes a second to import, and `migrate` does not need it.
    import openai

    return openai.AsyncOpenAI(
        base_url=base_url or None,
        api_key=key or "none",  # local servers need no key, but the package does
        max_retries=0,
        # stream() measures the silence itself, so the socket's timeout has to be longer.
        timeout=openai.Timeout(silence + CONNECT_SECONDS, connect=CONNECT_SECONDS),
    )


def client() -> openai.AsyncOpenAI:
    """Return the client for the configured server. It works in one event loop only."""
    if not is_configured():
        raise ProviderError(Failure.UNCONFIGURED)
    return _client(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, settings.OPENAI_TIMEOUT)


def prepare() -> None:
    """Import and create the client now, so that the first reply does not wait for it."""
    if is_configured():
        client()


async def stream(
    *, model: str, messages: Messages, parameters: dict[str, Any] | None = None
) -> AsyncIterator[Chunk]:
    """Yield a reply as it arrives.

    Args:
        model: The model's name.
        messages: The prompt.
        parameters: Further fields of the request.

    Raises:
        ProviderError: Possibly after a part of the reply, and when the stream ends without a
            reason for its end, because the reply may be incomplete then.
    """
    known = dialect(model)
    while True:
        has_begun = False
        try:
            async for chunk in _stream(model, known.adapt(messages), known, parameters or {}):
                has_begun = True
                yield chunk
        except ProviderError as problem:
            if has_begun or not known.learn(problem):
                raise
        else:
            return


async def _stream(
    model: str, messages: Messages, known: Dialect, parameters: dict[str, Any]
) -> AsyncIterator[Chunk]:
    import httpx2  # openai's HTTP client
    import openai

    loop = asyncio.get_running_loop()
    silence = settings.OPENAI_TIMEOUT
    state = StreamState()
    try:
        # Comments that keep the connection alive are not text, so the socket's timeout does
        # not measure the silence.
        async with (
            asyncio.timeout(silence) as patience,
            client().chat.completions.with_streaming_response.create(
                model=model,
                messages=messages,
                stream=True,
                extra_body=parameters
                | ({"stream_options": {"include_usage": True}} if known.counts_tokens else {}),
            ) as response,
        ):
            state.content_type = response.headers.get("content-type", "").partition(";")[0].strip()
            async for name, data in events(response.iter_bytes()):
                patience.reschedule(loop.time() + silence)
                if chunk := state.read(name, data):
                    yield chunk
    except TimeoutError as error:
        raise ProviderError(Failure.SILENT) from error
    except openai.OpenAIError as error:
        raise from_status(error) from error
    except httpx2.TimeoutException as error:
        raise ProviderError(Failure.SILENT) from error
    except httpx2.HTTPError as error:
        if not (state.has_ended or state.unreadable):
            raise ProviderError(Failure.CUT_OFF, str(error)) from error
    except ValueError as error:
        raise ProviderError(Failure.BROKEN, str(error)) from error
    state.check()


@dataclass
class StreamState:
    """What a stream has shown so far."""

    content_type: str = ""
    finish_reason: str = ""
    has_events: bool = False
    has_text: bool = False
    is_done: bool = False
    unreadable: str = ""

    @property
    def has_ended(self) -> bool:
        """Return whether the server has ended the reply."""
        return self.is_done or bool(self.finish_reason)

    def read(self, name: str, data: Any) -> Chunk | None:
        """Return the chunk in an event, if it is one."""
        if isinstance(data, Unreadable):
            self.unreadable = self.unreadable or data
            return None
        self.has_events = True
        if data == DONE:
            self.is_done = True
            return None
        chunk = read_chunk(data, name)
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.has_text = self.has_text or bool(chunk.text)
        return chunk

    def check(self) -> None:
        """Raise ProviderError unless the reply is complete."""
        if self.unreadable:
            raise ProviderError(Failure.BROKEN, f"This part is not JSON: {self.unreadable}")
        if not self.has_events and self.content_type != "text/event-stream":
            content = self.content_type or "nothing"
            raise ProviderError(Failure.NO_SERVICE, f"It answers with {content}.")
        failure = outcome(self.finish_reason, has_text=self.has_text, is_done=self.is_done)
        if failure:
            detail = f"Its reason: {self.finish_reason}" if failure == Failure.CUT_OFF else ""
            raise ProviderError(failure, detail if self.finish_reason else "")


async def complete(*, model: str, messages: Messages, max_tokens: int) -> Chunk:
    """Return a short answer in one piece.

    Raises:
        ProviderError: There is none.
    """
    import openai

    known = dialect(model)
    while True:
        try:
            response = await client().chat.completions.with_raw_response.create(
                model=model,
                messages=known.adapt(messages),
                extra_body={known.max_tokens: max_tokens},
                timeout=COMPLETE_SECONDS,
            )
            return read_chunk(json.loads(response.content))
        except openai.OpenAIError as error:
            problem = from_status(error)
            if not known.learn(problem):
                raise problem from error
        except (ValueError, RecursionError) as error:
            raise ProviderError(Failure.BROKEN, str(error)) from error
