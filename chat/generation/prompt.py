"""Write the prompt: instructions, and as much of the conversation as the model can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, takewhile
from typing import TYPE_CHECKING

from chat.generation import model_catalog, twin
from chat.generation.tokens import estimate_tokens
from chat.models import ChatMessage, Reply

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

ASSISTANT = (
    "You are a helpful assistant in a private chat. Answer in the language you are written"
    " in, plainly and truthfully; say so when you do not know. You may use Markdown."
)
OPENING = "Before the first message below, you said:\n{text}"
# The part of the context that is left for the reply.
REPLY_SHARE = 0.25
# The history is read in pages until the context is full, but no further than MAX_PAGES.
PAGE = 50
MAX_PAGES = 40


def for_reply(reply: Reply, *, share: float = 1.0) -> list[ChatCompletionMessageParam]:
    """Return the messages to send for `reply`.

    Strict chat templates want roles that alternate and begin with the user. Neighbours of one
    role are merged; what the model said before the first question goes into the instructions.

    Args:
        reply: The attempt. The answer that it replaces is not sent, nor is anything after it.
        share: How much of the room for history to use.
    """
    total = prompt_tokens(reply.model)
    system = instructions(reply, total)
    room = total - estimate_tokens(system)
    history = (
        newest_that_fit(reply.question, earlier(reply.question), room=int(room * share))[::-1]
        if reply.question
        else []
    )
    opening = list(takewhile(lambda message: message.role != ChatMessage.Role.USER, history))
    if opening:
        system += "\n\n" + OPENING.format(text=_joined(opening))
    return [{"role": "system", "content": system}, *_merged(history[len(opening) :])]


def prompt_tokens(model: str) -> int:
    """Return how many tokens a prompt for the model may have."""
    return int(model_catalog.context_tokens(model) * (1 - REPLY_SHARE))


def earlier(question: ChatMessage) -> Iterator[ChatMessage]:
    """Yield the messages before the question, newest first, reading them page by page."""
    messages = ChatMessage.objects.filter(thread=question.thread_id).order_by("-created_at", "-id")
    last = question
    for _ in range(MAX_PAGES):
        page = list(messages.before(last)[:PAGE])
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]


def newest_that_fit(
    question: ChatMessage, recent: Iterable[ChatMessage], *, room: int
) -> list[ChatMessage]:
    """Return the question and the messages before it that fit into `room` tokens, newest first.

    The question is always included and never cut: a part of it would be another question.
    """
    kept = [question]
    left = room - estimate_tokens(question.content)
    for message in recent:
        left -= estimate_tokens(message.content)
        if left < 0:
            break
        if message.content.strip():
            kept.append(message)
    return kept


def instructions(reply: Reply, room: int) -> str:
    """Return the instructions that precede the conversation, for a prompt of `room` tokens."""
    if reply.voice == Reply.Voice.ASSISTANT:
        return ASSISTANT
    question = reply.question.content if reply.question else ""
    person = reply.thread.user.get_short_name()
    return twin.instructions(reply.persona, person, question=question, room=room)


def _merged(messages: list[ChatMessage]) -> list[ChatCompletionMessageParam]:
    """Return the messages with neighbours of one role merged into one."""
    merged: list[ChatCompletionMessageParam] = []
    for is_user, group in groupby(messages, lambda one: one.role == ChatMessage.Role.USER):
        text = _joined(group)
        merged.append(
            {"role": "user", "content": text} if is_user else {"role": "assistant", "content": text}
        )
    return merged


def _joined(messages: Iterable[ChatMessage]) -> str:
    return "\n\n".join(message.content for message in messages)
