"""A thread's name, from its first exchange."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from chat.characters import clean
from chat.generation import provider
from chat.generation.provider import ProviderError
from chat.models import ChatMessage, Reply
from threads.models import Thread

MOST_CHARACTERS = 60
MOST_READ = 2000
ASK = (
    "Name this conversation in at most six words, in its own language. Answer with the name"
    " only: no quotation marks, no full stop."
)


def from_first_words(text: str) -> str:
    """Return the beginning of `text`, whole words, without Markdown's marks."""
    title = ""
    for word in re.sub(r"[#*_`>\[\]]+", "", text[:MOST_READ]).split():
        if len(title) + len(word) + 1 > MOST_CHARACTERS:
            return (title or word[:MOST_CHARACTERS]) + "…"
        title = f"{title} {word}".strip()
    return title


def begin(thread: Thread, text: str) -> None:
    """Name a thread that has no name after the first words said in it."""
    if thread.title_is_automatic and (title := from_first_words(text)):
        thread.title = title
        thread.save(update_fields=["title", "updated_at"])


async def give(reply: Reply, in_database: Callable[..., Awaitable[Any]]) -> None:
    """Have the model name the thread, if this was its first exchange and nobody named it."""
    exchange = await in_database(_exchange, reply)
    if not exchange:
        return
    try:
        title = await provider.complete(
            model=reply.model,
            messages=[{"role": "user", "content": f"{exchange}\n\n{ASK}"}],
            most_tokens=200,
        )
    except ProviderError:
        return  # the first words name it already
    if title := tidy(clean(title)):
        await in_database(_name, reply, title)


def tidy(title: str) -> str:
    """Return a model's idea of a title as one: the last line, unquoted, not too long."""
    lines = [line.strip() for line in title.splitlines() if line.strip()]
    return from_first_words(lines[-1].strip("\"'“”„«».* ")) if lines else ""


def _exchange(reply: Reply) -> str:
    """Return the thread's first exchange; empty if there is a name or more was said."""
    question, answer = reply.question, reply.answer
    if question is None or answer is None or not reply.thread.title_is_automatic:
        return ""
    if ChatMessage.objects.in_thread(reply.thread).before(question).exists():
        return ""
    return f"{question.content[:MOST_READ]}\n\n{answer.content[:MOST_READ]}"


def _name(reply: Reply, title: str) -> None:
    """Write the name, unless the person was quicker."""
    Thread.objects.filter(pk=reply.thread_id, title_is_automatic=True).update(title=title)
