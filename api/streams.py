"""Answers that are sent while they are made: long lists, and replies on their way."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from api.requests import KeyRequest
from chat.exports.formats import gathered
from chat.exports.relay import Relay, Slot, SlotIterator
from chat.exports.views import unstreamed
from chat.generation.engine import engine
from chat.models import Reply
from chat.querysets import RECHECK_SECONDS
from chat.replies import interrupt_suspects

T = TypeVar("T")
JSON = "application/json; charset=utf-8"
# Nothing for this long and proxies close the line.
PING_SECONDS = 12
# How often the row is read of a reply that another process produces.
POLL_SECONDS = 0.3


def streamed(
    request: KeyRequest, produce: Callable[[], Iterator[bytes]], headers: dict[str, str]
) -> HttpResponseBase:
    """Send what `produce` yields: at once if it is short, else while it is being read.

    Raises:
        TooManyExportsError: It is long, and too many long answers are being sent.
    """

    def chunks() -> Generator[bytes]:
        yield from gathered(produce())

    whole = unstreamed(chunks())
    if whole is not None:
        return HttpResponse(whole, headers=headers)
    slot = Slot(request.user.pk)
    send = Relay if isinstance(request, ASGIRequest) else SlotIterator
    return StreamingHttpResponse(send(chunks, slot), headers=headers)


def json_array(rows: Iterable[Any]) -> Iterator[bytes]:
    """Yield the rows as one JSON array."""
    comma = "["
    for row in rows:
        yield f"{comma}{json.dumps(row, ensure_ascii=False)}".encode()
        comma = ",\n"
    yield b"[]" if comma == "[" else b"]"


async def words_of(reply_id: uuid.UUID) -> AsyncIterator[str]:
    """Yield a reply's text as it grows, until the reply has ended."""
    position = recalls = 0
    in_flight = engine.find(reply_id)
    if in_flight is None:
        async for words in _words_elsewhere(reply_id):
            yield words
        return
    while True:
        changed = in_flight.changed
        if in_flight.recalls != recalls:  # what was sent turned out to be reasoning
            position, recalls = 0, in_flight.recalls
        if len(in_flight.text) > position:
            words, position = in_flight.text[position:], len(in_flight.text)
            yield words
        elif in_flight.has_ended:
            return
        else:
            await changed.wait()


async def _words_elsewhere(reply_id: uuid.UUID) -> AsyncIterator[str]:
    """Yield what the row gains while another process writes it."""
    position, silent = 0, 0.0
    while True:
        text, is_abandoned = await engine.in_database(_progress, reply_id)
        if text is None:
            return
        if len(text) > position:
            words, position = text[position:], len(text)
            yield words
        silent = silent + POLL_SECONDS if is_abandoned else 0.0
        if silent > RECHECK_SECONDS:
            await engine.in_database(interrupt_suspects, {reply_id})
        await asyncio.sleep(POLL_SECONDS)


def _progress(reply_id: uuid.UUID) -> tuple[str | None, bool]:
    """Return the text so far, None once the reply has ended; and whether its writer is gone."""
    rows = Reply.objects.filter(pk=reply_id)
    text = rows.in_flight().values_list("text", flat=True).first()
    return text, text is not None and rows.abandoned().exists()


async def ended(reply_id: uuid.UUID) -> Reply | None:
    """Return a reply that has ended, with its message; None if it was deleted."""
    return await engine.in_database(_ended, reply_id)


def _ended(reply_id: uuid.UUID) -> Reply | None:
    return Reply.objects.select_related("answer").filter(pk=reply_id).first()


async def with_pings(parts: AsyncIterator[T], ping: T) -> AsyncIterator[T]:
    """Yield `parts`, and `ping` whenever nothing has come for PING_SECONDS."""
    upcoming: asyncio.Future[T] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(anext(parts))
            done, _ = await asyncio.wait([upcoming], timeout=PING_SECONDS)
            if not done:
                yield ping
                continue
            try:
                part = upcoming.result()
            except StopAsyncIteration:
                return
            upcoming = None
            yield part
    finally:
        if upcoming:
            upcoming.cancel()
