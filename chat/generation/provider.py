"""The model's server, spoken to in OpenAI's protocol.

Nothing is retried here: the person sees what happened and decides. Servers differ in what
they leave out, so only the text and the reason for its end are taken for granted.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings

from chat.failures import Failure

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionMessageParam

CONNECT_SECONDS = 10
# For a short answer that nobody waits for.
COMPLETE_SECONDS = 15
# The reasons for an end that are not "all is said"; none at all means the line broke.
ENDS = {
    "": Failure.CUT_OFF,
    "length": Failure.LENGTH,
    "content_filter": Failure.FILTERED,
    "error": Failure.BROKEN,  # OpenRouter's
}
# Longer than any event; a server that sends so much without a line break speaks no events.
LONGEST_LINE = 16_000_000  # bytes
TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|too many tokens|prompt is too long"
    r"|exceeds? the (available )?context|input is too long",
    re.IGNORECASE,
)
# How servers name a model they do not have; without it a 404 is about the address.
NO_MODEL = re.compile(r"model", re.IGNORECASE)
# The servers that refused to be asked for token counts.
_uncounted: set[str] = set()
NO_MONEY = {"insufficient_quota", "insufficient_balance"}


class ProviderError(Exception):
    """A reply that could not be had, or not to its end."""

    def __init__(self, failure: Failure, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(failure.label)
        self.failure = failure
        self.detail = detail[:1000]
        self.retry_after = retry_after


@dataclass(frozen=True)
class Piece:
    """Some words of a reply, why it ended, or what it cost."""

    text: str = ""
    end: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def is_configured() -> bool:
    """Tell whether there is a server to ask."""
    return bool(settings.OPENAI_BASE_URL or settings.OPENAI_API_KEY)


@lru_cache(maxsize=4)
def _client(base_url: str, key: str, silence: int) -> openai.AsyncOpenAI:
    # Imported late: the package takes a second, and migrate has no use for it.
    import openai

    return openai.AsyncOpenAI(
        base_url=base_url or None,
        api_key=key or "none",  # local servers ask for no key, the package asks for one
        max_retries=0,
        # stream() measures silence itself; the socket is to be more patient than that.
        timeout=openai.Timeout(silence + CONNECT_SECONDS, connect=CONNECT_SECONDS),
    )


def client() -> openai.AsyncOpenAI:
    """Return the client for the server of the settings; use it in one event loop only."""
    if not is_configured():
        raise ProviderError(Failure.UNCONFIGURED)
    return _client(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, settings.OPENAI_TIMEOUT)


def prepare() -> None:
    """Load what takes a second now, so that the first reply does not wait for it."""
    if is_configured():
        client()


async def stream(*, model: str, messages: list[ChatCompletionMessageParam]) -> AsyncIterator[Piece]:
    """Yield a reply as it comes.

    Raises:
        ProviderError: Also after some of it has come, and when the stream ends without
            saying why: then what came may not be all.
    """
    server = settings.OPENAI_BASE_URL
    try:
        async for piece in _stream(model, messages, counts=server not in _uncounted):
            yield piece
    except ProviderError as problem:
        if server in _uncounted or "stream_options" not in problem.detail:
            raise
        _uncounted.add(server)
        async for piece in _stream(model, messages, counts=False):
            yield piece


async def _stream(
    model: str, messages: list[ChatCompletionMessageParam], *, counts: bool
) -> AsyncIterator[Piece]:
    import httpx2  # what openai speaks HTTP with
    import openai

    loop = asyncio.get_running_loop()
    silence = settings.OPENAI_TIMEOUT
    reason, spoken, heard = "", False, False
    try:
        # Keep-alive comments are not words, so silence is measured here, not by the socket.
        async with (
            asyncio.timeout(silence) as patience,
            client().chat.completions.with_streaming_response.create(
                model=model,
                messages=messages,
                stream=True,
                extra_body={"stream_options": {"include_usage": True}} if counts else None,
            ) as response,
        ):
            kind = response.headers.get("content-type", "").partition(";")[0].strip()
            async for data in events(response.iter_bytes()):
                patience.reschedule(loop.time() + silence)
                piece = read(data)
                heard = True
                reason = piece.end or reason
                spoken = spoken or bool(piece.text)
                yield piece
    except TimeoutError as error:
        raise ProviderError(Failure.SILENT) from error
    except openai.OpenAIError as error:
        raise explain(error) from error
    except httpx2.TimeoutException as error:
        raise ProviderError(Failure.SILENT) from error
    except httpx2.HTTPError as error:
        raise ProviderError(Failure.CUT_OFF, str(error)) from error
    except (ValueError, RecursionError) as error:  # a line that is no JSON
        raise ProviderError(Failure.BROKEN, str(error)) from error
    if not heard and kind != "text/event-stream":
        raise ProviderError(Failure.NO_SERVICE, f"It answers with {kind or 'nothing'}.")
    if failure := ENDS.get(reason, None if spoken else Failure.EMPTY):
        raise ProviderError(failure)


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON objects of a stream of server-sent events.

    Some servers answer with one object instead, above all with an error.
    openai's own reader makes a validated model of each word, which takes most of the time
    of the whole way to the browser (390 against 170 microseconds a word).
    """
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        if len(rest) > LONGEST_LINE:
            raise ValueError("The server sent a line without an end.")
        if b"\n" not in chunk or rest[:1] == b"{":
            continue
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                if (data := line[5:].strip()) == b"[DONE]":
                    return
                yield json.loads(data)
    if rest[:1] == b"{":
        yield json.loads(rest)


async def complete(
    *, model: str, messages: list[ChatCompletionMessageParam], most_tokens: int
) -> str:
    """Return a short answer at once.

    Raises:
        ProviderError: There is none.
    """
    import openai

    try:
        response = await client().chat.completions.with_raw_response.create(
            model=model, messages=messages, max_tokens=most_tokens, timeout=COMPLETE_SECONDS
        )
        return read(json.loads(response.content)).text
    except openai.OpenAIError as error:
        raise explain(error) from error
    except (ValueError, RecursionError) as error:
        raise ProviderError(Failure.BROKEN, str(error)) from error


def read(data: object) -> Piece:
    """Return what an event holds; the one with the token counts has no choices.

    Raises:
        ProviderError: It holds an error.
    """
    event = _mapping(data)
    if error := event.get("error"):
        detail = str(_mapping(error).get("message") or error)
        failure = Failure.TOO_LONG if TOO_LONG.search(detail) else Failure.BROKEN
        raise ProviderError(failure, _without_key(detail))
    choices = event.get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    said = _mapping(choice.get("delta") or choice.get("message"))
    usage = _mapping(event.get("usage"))
    return Piece(
        _text(said.get("content")) or _text(said.get("refusal")),
        str(choice.get("finish_reason") or ""),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _text(content: object) -> str:
    """Return the words of a content: a text, or (Mistral) parts of which some are texts."""
    if isinstance(content, list):
        parts = (_mapping(part) for part in content)
        return "".join(_text(part.get("text")) for part in parts if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def explain(error: openai.OpenAIError) -> ProviderError:
    """Return what an error of the package, before any word has come, means to the person."""
    import openai

    if not isinstance(error, openai.APIStatusError):  # a time-out is one of them
        cause = str(error.__cause__ or "") or str(error)
        return ProviderError(Failure.UNREACHABLE, _without_key(cause))
    detail, code = _without_key(_said(error)), error.code or ""
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            failure = Failure.REFUSED
        case _ if error.status_code == HTTPStatus.PAYMENT_REQUIRED or code in NO_MONEY:
            failure = Failure.UNPAID
        case openai.RateLimitError():
            failure = Failure.RATE_LIMITED
        case openai.NotFoundError():
            failure = Failure.NO_MODEL if NO_MODEL.search(detail) else Failure.NO_SERVICE
        case _ if code == "model_not_found":
            failure = Failure.NO_MODEL
        case _ if TOO_LONG.search(detail) or code == "context_length_exceeded":
            failure = Failure.TOO_LONG
        case _:
            failure = Failure.BROKEN
    return ProviderError(failure, detail, _wait(error.response.headers))


def _said(error: openai.APIStatusError) -> str:
    """Return the status and what the server said to it; a web page says nothing."""
    said = error.body
    if isinstance(said, dict):
        said = said.get("message") or said.get("detail") or said.get("error") or said
    text = str(said or "").strip()
    return f"{error.status_code}" if not text or text[0] == "<" else f"{error.status_code} {text}"


def _wait(headers: Mapping[str, Any]) -> int | None:
    """Return the seconds of Retry-After; its other form, a date, is rare and left out."""
    value = str(headers.get("retry-after", ""))
    return min(math.ceil(float(value)), 86_400) if re.fullmatch(r"\d+(\.\d+)?", value) else None


def _without_key(text: str) -> str:
    """Return `text` without the key: some servers quote it in their answer."""
    key = settings.OPENAI_API_KEY
    return text.replace(key, "…") if key else text
