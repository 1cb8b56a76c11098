"""Name a thread after its first exchange."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from chat.generation import provider
from chat.generation.chunks import Chunk, outcome
from chat.generation.errors import ProviderError
from chat.generation.reasoning import TAGS, without_reasoning
from chat.models import ChatMessage, Reply
from chat.unicode import one_line
from threads.models import Thread

MAX_CHARACTERS = 60
MAX_READ = 2000
# Enough for a model that reasons before it answers.
MAX_TOKENS = 1000
REQUEST = (
    "Name this conversation in at most six words, in its own language. Answer with the name"
    " only: no quotation marks, no full stop."
)
QUOTES = "\"'“”„«»‘’`*_#。.:, "
REASONING_END = re.compile(rf"</({'|'.join(TAGS)})>", re.IGNORECASE)
PREAMBLE = re.compile(
    r"(here('s| is)|sure|certainly|of course|okay|title|name|conversation title|suggested title"
    r"|the (name|title)( of this conversation)? (is|could be))\b[^:]{0,60}:\s*",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"(i('m| am) (sorry|unable|not able)|i (can('|no)t|cannot|won't)|sorry|as an ai"
    r"|unfortunately|i apologi[sz]e)\b",
    re.IGNORECASE,
)


def from_first_words(text: str) -> str:
    """Return whole words from the beginning of `text`, without Markdown's marks."""
    title = ""
    for word in re.sub(r"[#*_`>\[\]]+", "", one_line(text[:MAX_READ])).split():
        if len(title) + len(word) + 1 > MAX_CHARACTERS:
            return (title or word[:MAX_CHARACTERS]) + "…"
        title = f"{title} {word}".strip()
    return title


def set_first_title(thread: Thread, text: str) -> None:
    """Name a thread without a title after its first message."""
    if thread.title_is_automatic and (title := from_first_words(text)):
        thread.title = title
        thread.save(update_fields=["title", "updated_at"])


async def generate_title(reply: Reply, in_database: Callable[..., Awaitable[Any]]) -> None:
    """Let the model name the thread after its first exchange, unless somebody has named it."""
    exchange = await in_database(_first_exchange, reply)
    if not exchange:
        return
    try:
        answer = await provider.complete(
            model=reply.model,
            messages=[{"role": "user", "content": f"{exchange}\n\n{REQUEST}"}],
            max_tokens=MAX_TOKENS,
        )
    except ProviderError:
        return  # the first message names the thread already
    if title := title_from(answer):
        await in_database(_save_title, reply, title)


def title_from(answer: Chunk) -> str:
    """Return the title in a model's answer; empty if the answer is cut short or a refusal."""
    if outcome(answer.finish_reason or "stop", has_text=bool(answer.text), is_done=True):
        return ""
    text = REASONING_END.split(without_reasoning(answer.text))[-1]
    lines = [one_line(line).strip(QUOTES) for line in text.splitlines()]
    lines = [PREAMBLE.sub("", line, count=1).strip(QUOTES) for line in lines if line]
    lines = [line for line in lines if line]
    # Models that explain themselves do so before the title or after a blank line.
    title = lines[-1] if lines else ""
    is_sentence = len(title) > 2 * MAX_CHARACTERS
    return "" if is_sentence or REFUSAL.match(title) else from_first_words(title)


def _first_exchange(reply: Reply) -> str:
    """Return the thread's first exchange; empty if it has a title or more messages."""
    question, answer = reply.question, reply.answer
    if question is None or answer is None or not reply.thread.title_is_automatic:
        return ""
    if ChatMessage.objects.in_thread(reply.thread).before(question).questions().exists():
        return ""
    return f"{question.content[:MAX_READ]}\n\n{answer.content[:MAX_READ]}"


def _save_title(reply: Reply, title: str) -> None:
    """Save the title, unless the person has named the thread meanwhile."""
    Thread.objects.filter(pk=reply.thread_id, title_is_automatic=True).update(title=title)
