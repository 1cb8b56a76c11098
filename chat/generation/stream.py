"""A reply on its way to the browser, as server-sent events.

Each event's id is the number of characters sent so far, so a browser that comes back with
Last-Event-ID goes on where it was: in this worker, or in another one, which reads the row.
An event holds words, or the blocks that are whole by now as HTML and the words after them:
what is rendered while it streams stays as it is when the reply ends.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from chat.generation.engine import engine
from chat.generation.in_flight import Live
from chat.models import Reply
from chat.querysets import LOOK_AGAIN_SECONDS
from chat.rendering import markdown
from chat.rendering.blocks import finished
from chat.replies import interrupt_suspects

# Words are sent at once; those that come within this time of each other go together.
GATHER_SECONDS = 0.04
# Nothing for this long and proxies close the line.
PING_SECONDS = 15
# How often the row is read of a reply that another process produces.
LOOK_SECONDS = 0.3
# How long the line stays open after the end for the name that the model gives the thread.
NAMING_SECONDS = 20
PING = "event: ping\ndata: 0\n\n"  # a comment would tell proxies, but not the page


async def follow(
    reply_id: uuid.UUID, position: int, render_end: Callable[[Reply], str]
) -> AsyncIterator[str]:
    """Yield the reply's events from the character `position` on.

    Args:
        reply_id: The reply.
        position: How many characters the browser has.
        render_end: What the page shows in the end, as HTML; called in a database thread.
    """
    yield "retry: 1000\n\n"
    live = engine.live(reply_id)
    if live:
        async for part in _here(live, position):
            yield part
    else:
        async for part in _elsewhere(reply_id, position):
            yield part
    ended = await engine.in_database(_ended, reply_id, render_end)
    if ended is None:
        return
    is_naming = live is not None and ended["status"] == Reply.Status.COMPLETE
    yield event(ended | {"is_naming": is_naming}, name="end")
    if live and live.task and is_naming:
        # Perhaps it has its name by now, but not in time for what was just sent.
        await asyncio.wait([live.task], timeout=NAMING_SECONDS)
        yield event(await engine.in_database(_title, reply_id), name="title")


def event(data: object, *, name: str = "", key: int | None = None) -> str:
    """Return one event; its data is JSON, which has no line breaks."""
    lines = [f"event: {name}"] if name else []
    lines += [f"id: {key}"] if key is not None else []
    return "\n".join([*lines, f"data: {json.dumps(data, ensure_ascii=False)}", "", ""])


@dataclass
class Line:
    """How much of a reply has gone to one browser, and how much of that as HTML."""

    position: int
    finished: int = 0
    is_new: bool = True

    async def more(self, text: str) -> str:
        """Return the event with what `text` has more: words, or blocks that are whole now.

        The place up to which blocks are whole follows from the text alone, so a browser that
        comes back with a position has the HTML up to the same place.
        """
        if self.is_new:
            self.finished, self.is_new = finished(text[: self.position]), False
        words, begin = text[self.position :], self.finished
        self.position = len(text)
        if "\n" in text[begin:]:
            self.finished = finished(text, begin)
        if self.finished == begin:
            return event(words, key=self.position)
        html = await asyncio.to_thread(markdown.render, text[begin : self.finished])
        return event({"html": html, "tail": text[self.finished :]}, key=self.position)


async def _here(live: Live, position: int) -> AsyncIterator[str]:
    """Yield what this process produces, the moment it is there."""
    line = Line(position)
    while True:
        changed = live.changed
        if len(live.text) > line.position:
            yield await line.more(live.text)
            if not live.has_ended:
                await asyncio.sleep(GATHER_SECONDS)
            continue
        if live.has_ended:
            return
        try:
            async with asyncio.timeout(PING_SECONDS):
                await changed.wait()
        except TimeoutError:
            yield PING


async def _elsewhere(reply_id: uuid.UUID, position: int) -> AsyncIterator[str]:
    """Yield what the row gains until it ends, or until this worker is to end."""
    line = Line(position)
    quiet = silent = 0.0
    while not engine.is_closing:
        text, is_abandoned = await engine.in_database(_text, reply_id)
        if text is None:
            return
        silent = silent + LOOK_SECONDS if is_abandoned else 0.0
        if silent > LOOK_AGAIN_SECONDS:
            await engine.in_database(interrupt_suspects, {reply_id})
            continue
        if len(text) > line.position:
            yield await line.more(text)
            quiet = 0.0
        elif quiet > PING_SECONDS:
            yield PING
            quiet = 0.0
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS


def _text(reply_id: uuid.UUID) -> tuple[str | None, bool]:
    """Return the words so far, and whether the worker is silent; no words at the end."""
    rows = Reply.objects.filter(pk=reply_id)
    text = rows.in_flight().values_list("text", flat=True).first()
    return text, text is not None and rows.abandoned().exists()


def _title(reply_id: uuid.UUID) -> str:
    titles = Reply.objects.filter(pk=reply_id).values_list("thread__title", flat=True)
    return titles.first() or ""


def _ended(reply_id: uuid.UUID, render_end: Callable[[Reply], str]) -> dict[str, str] | None:
    """Return the last event's data; None while the reply goes on in another worker."""
    reply = Reply.objects.select_related("thread", "answer").filter(pk=reply_id).first()
    if reply is not None and reply.status == Reply.Status.STREAMING:
        return None
    if reply is None:
        return {"status": "gone", "html": "", "title": ""}
    return {"status": reply.status, "html": render_end(reply), "title": reply.thread.title}
