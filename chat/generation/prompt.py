"""Write the prompt: instructions, and as much of the conversation as the model can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, takewhile
from typing import TYPE_CHECKING

from chat.generation import model_catalog
from chat.models import ChatMessage, Reply
from personas.voice import Voice

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

    from personas.models import Persona

ASSISTANT = (
    "You are a helpful assistant in a private chat. Answer in the language you are written"
    " in, plainly and truthfully; say so when you do not know. You may use Markdown."
)
OPENING = "Before the first message below, you said:\n{text}"
# Tokenizers differ from model to model, and servers do not publish theirs. The rule of thumb
# for English is four characters a token. The estimate uses three, and one token for each
# character outside ASCII. If it is still too low, produce.CONTEXT_SHARES helps.
CHARACTERS_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8  # the marks around a message in common chat templates
# The part of the context that is left for the reply.
REPLY_SHARE = 0.25
# The history is read in pages until the context is full, but no further than MAX_PAGES.
PAGE = 50
MAX_PAGES = 40


def estimate_tokens(text: str) -> int:
    """Estimate the number of tokens, rather too high than too low."""
    plain = sum(character.isascii() for character in text)
    return plain // CHARACTERS_PER_TOKEN + (len(text) - plain) + TOKENS_PER_MESSAGE


def for_reply(reply: Reply, *, share: float = 1.0) -> list[ChatCompletionMessageParam]:
    """Return the messages to send for `reply`.

    Strict chat templates want roles that alternate and begin with the user. Neighbours of one
    role are merged; what the model said before the first question goes into the instructions.

    Args:
        reply: The attempt. The answer that it replaces is not sent, nor is anything after it.
        share: How much of the room for history to use.
    """
    system = instructions(reply)
    room = model_catalog.context_tokens(reply.model) * (1 - REPLY_SHARE) - estimate_tokens(system)
    history = (
        newest_that_fit(reply.question, earlier(reply.question), room=int(room * share))[::-1]
        if reply.question
        else []
    )
    opening = list(takewhile(lambda message: message.role != ChatMessage.Role.USER, history))
    if opening:
        system += "\n\n" + OPENING.format(text=_joined(opening))
    return [{"role": "system", "content": system}, *_merged(history[len(opening) :])]


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


def instructions(reply: Reply) -> str:
    """Return the instructions that precede the conversation."""
    if reply.voice == Reply.Voice.ASSISTANT:
        return ASSISTANT
    return twin(reply.persona, reply.thread.user.get_short_name())


def twin(persona: Persona | None, person: str) -> str:
    """Return the instructions for speaking as `persona`, the twin of `person`."""
    name = persona.name if persona else person
    lines = [
        f"You are {name}, the digital twin of {person}, talking with {person} in a private chat.",
        f"Speak in the first person, as {person} would: same views, same words, same rhythm."
        " Do not call yourself an assistant or a model, and do not offer help.",
        "Answer in the language you are written in. What you do not know about yourself,"
        " leave open; do not make up facts about the person's life.",
    ]
    if persona:
        lines += traits(persona)
    return "\n".join(lines)


def traits(persona: Persona) -> list[str]:
    """Return a line for each known trait of how `persona` speaks."""
    voice = Voice.read(persona.metadata)
    sentence = voice.average_sentence
    known = {
        "About you": persona.description.strip(),
        "How you speak": voice.instructions,
        "Your tone": voice.tone,
        "What you often say (now and then, not in each answer)": " | ".join(voice.common_phrases),
        "The length of your sentences": f"about {sentence:.0f} words" if sentence else "",
        "Texts in your own words, for their manner and not for their matter": "".join(
            f"\n---\n{text}" for text in voice.sample_texts
        ),
    }
    return [f"{name}: {text}" for name, text in known.items() if text]


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
