"""Send a reply to the browser as server-sent events.

An event's id is the number of characters sent so far. A browser that reconnects with
Last-Event-ID continues there, in this worker or in another one, which reads the row. An event
holds text, or the blocks that have become complete as HTML together with the block that is still
open: as HTML, or as text while the processor has more urgent work. A complete block does not
change any more.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from chat.generation.engine import engine
from chat.generation.in_flight import InFlightReply
from chat.models import Reply
from chat.querysets import RECHECK_SECONDS
from chat.rendering import pool
from chat.rendering.blocks import closed, finished, is_plain
from chat.replies import interrupt_suspects

# Text is sent at once; text that arrives within this time of it is sent together.
GATHER_SECONDS = 0.04
# Proxies close a connection that has been silent for longer.
PING_SECONDS = 15
# How often the row of a reply that another process generates is read.
POLL_SECONDS = 0.3
# How long the connection stays open after the end for the thread's title.
TITLE_SECONDS = 20
# Of the block that is still open: how long it may be, into how many parts it is divided of which
# each new one renders it again, and how much of all replies is rendered in a second.
MAX_OPEN = 20_000
OPEN_PARTS = 32
OPEN_CHARACTERS_PER_SECOND = 60_000
# What it costs to render a text at all, as a number of characters.
OVERHEAD = 250
PING = "event: ping\ndata: 0\n\n"  # the page sees events, but no comments


async def follow(
    reply_id: uuid.UUID, position: int, render_end: Callable[[Reply], str]
) -> AsyncIterator[str]:
    """Yield the reply's events, starting at the character `position`.

    Args:
        reply_id: The reply.
        position: How many characters the browser has.
        render_end: Return the HTML that finally replaces the stream; called in a database
            thread.
    """
    yield "retry: 1000\n\n"
    in_flight = engine.find(reply_id)
    events = _from_memory(in_flight, position) if in_flight else _from_row(reply_id, position)
    async for part in events:
        yield part
    end = await engine.in_database(_end, reply_id, render_end)
    if end is None:
        return
    is_naming = in_flight is not None and end["status"] == Reply.Status.COMPLETE
    yield event(end | {"is_naming": is_naming}, name="end")
    if in_flight and in_flight.task and is_naming:
        # The title may have been saved just after the event above was written.
        await asyncio.wait([in_flight.task], timeout=TITLE_SECONDS)
        yield event(await engine.in_database(_title, reply_id), name="title")


def event(data: object, *, name: str = "", key: int | None = None) -> str:
    """Return one event. Its data is JSON, which has no line breaks."""
    lines = [f"event: {name}"] if name else []
    lines += [f"id: {key}"] if key is not None else []
    return "\n".join([*lines, f"data: {json.dumps(data, ensure_ascii=False)}", "", ""])


class Allowance:
    """How much text may be rendered before its block is complete, by this process.

    Blocks that are complete are rendered once. What is open is rendered again and again, which
    may not delay anybody's words: beyond this many characters a second, words are sent as text.
    """

    def __init__(self, characters_per_second: int) -> None:
        self.rate = self.left = float(characters_per_second)
        self.at = time.monotonic()

    def take(self, characters: int) -> bool:
        """Return whether so many characters may be rendered now."""
        now = time.monotonic()
        self.left = min(self.rate, self.left + (now - self.at) * self.rate)
        self.at = now
        if characters > self.left:
            return False
        self.left -= characters
        return True


allowance = Allowance(OPEN_CHARACTERS_PER_SECOND)


@dataclass
class Progress:
    """How much of a reply was sent to one browser, and how much of that as HTML."""

    position: int
    finished: int = 0
    rendered: int = 0  # up to where the open block was rendered
    is_new: bool = True

    async def advance(self, text: str) -> str:
        """Return the event with the rest of `text`.

        Where the complete blocks end follows from the text alone, so a browser that reconnects
        with a position has the HTML up to the same place.
        """
        if self.is_new:
            self.finished, self.is_new = finished(text[: self.position]), False
        rest, begin = text[self.position :], self.finished
        self.position = len(text)
        if "\n" in text[begin:]:
            self.finished = finished(text, begin)
        complete, rest_of_block = text[begin : self.finished], text[self.finished :]
        block = await self._render_open(rest_of_block)
        if not complete and block is None:
            return event(rest, key=self.position)
        html = (await _rendered(complete)).html if complete else ""
        data = (
            {"html": html, "tail": rest_of_block}
            if block is None
            else {"html": html, "open": block}
        )
        return event(data, key=self.position)

    async def _render_open(self, block: str) -> str | None:
        """Return the open block as HTML; None if it is to be shown as text.

        It is rendered when it has grown by a part of its size, so that a long block takes time
        in proportion to its length, not to the square of it.
        """
        begin, size = self.finished, len(block)
        grown = self.position - max(self.rendered, begin)
        if size > MAX_OPEN or grown * OPEN_PARTS < size or is_plain(block):
            return None
        if not allowance.take(size + OVERHEAD):
            return None
        rendered = await _rendered(closed(block))
        if not rendered.is_final:
            return None
        self.rendered = self.position
        return rendered.html


async def _rendered(text: str) -> pool.Rendered:
    return await asyncio.to_thread(pool.render, text)


async def _from_memory(in_flight: InFlightReply, position: int) -> AsyncIterator[str]:
    """Yield what this process generates, as soon as it arrives."""
    progress = Progress(position)
    recalls, is_thinking = 0, False
    while True:
        changed = in_flight.changed
        if in_flight.recalls != recalls:
            recalls, progress = in_flight.recalls, Progress(0)
            yield event({}, name="recall", key=0)
        if in_flight.reasoning and not (in_flight.text or is_thinking):
            is_thinking = True
            yield event({}, name="thinking")
        if len(in_flight.text) > progress.position:
            yield await progress.advance(in_flight.text)
            if not in_flight.has_ended:
                await asyncio.sleep(GATHER_SECONDS)
            continue
        if in_flight.has_ended:
            return
        try:
            async with asyncio.timeout(PING_SECONDS):
                await changed.wait()
        except TimeoutError:
            yield PING


async def _from_row(reply_id: uuid.UUID, position: int) -> AsyncIterator[str]:
    """Yield what the row gains until the reply ends or this worker is told to stop."""
    progress = Progress(position)
    quiet = silent = 0.0
    while not engine.is_closing:
        text, is_abandoned = await engine.in_database(_text, reply_id)
        if text is None:
            return
        silent = silent + POLL_SECONDS if is_abandoned else 0.0
        if silent > RECHECK_SECONDS:
            await engine.in_database(interrupt_suspects, {reply_id})
            continue
        if len(text) < progress.position:  # it turned out to be reasoning
            progress = Progress(0)
            yield event({}, name="recall", key=0)
        if len(text) > progress.position:
            yield await progress.advance(text)
            quiet = 0.0
        elif quiet > PING_SECONDS:
            yield PING
            quiet = 0.0
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS


def _text(reply_id: uuid.UUID) -> tuple[str | None, bool]:
    """Return the text so far, None at the end, and whether the reply looks abandoned."""
    rows = Reply.objects.filter(pk=reply_id)
    text = rows.in_flight().values_list("text", flat=True).first()
    return text, text is not None and rows.abandoned().exists()


def _title(reply_id: uuid.UUID) -> str:
    titles = Reply.objects.filter(pk=reply_id).values_list("thread__title", flat=True)
    return titles.first() or ""


def _end(reply_id: uuid.UUID, render_end: Callable[[Reply], str]) -> dict[str, str] | None:
    """Return the last event's data; None while another worker generates the reply."""
    reply = Reply.objects.select_related("thread", "answer").filter(pk=reply_id).first()
    if reply is not None and reply.status == Reply.Status.STREAMING:
        return None
    if reply is None:
        return {"status": "gone", "html": "", "title": ""}
    return {"status": reply.status, "html": render_end(reply), "title": reply.thread.title}
