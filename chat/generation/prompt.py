"""What the model is told: who it is, and as much of the conversation as it can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
# Tokenizers differ from model to model, and servers do not publish theirs. The rule of thumb
# for English is four characters a token; three errs on the safe side, as does one token for
# each character outside ASCII. The model's own refusal is answered with less (producing.SHARES).
CHARACTERS_A_TOKEN = 3
TOKENS_A_MESSAGE = 8  # the marks around it, in the chat formats of the common models
# What is left of the context for the reply.
REPLY_SHARE = 0.25
# History is read in pages until the room is full, and never more of them than this.
PAGE = 50
MOST_PAGES = 40


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` is, rather too many than too few."""
    plain = sum(character.isascii() for character in text)
    return plain // CHARACTERS_A_TOKEN + (len(text) - plain) + TOKENS_A_MESSAGE


def for_reply(reply: Reply, *, share: float = 1.0) -> list[ChatCompletionMessageParam]:
    """Return the messages to send for `reply`.

    Args:
        reply: The attempt; what it replaces is left out, and all that came after.
        share: How much of the room for history to use; less after the model refused more.
    """
    system = instructions(reply)
    room = model_catalog.context_tokens(reply.model) * (1 - REPLY_SHARE) - estimate_tokens(system)
    kept = (
        newest_that_fit(reply.question, earlier(reply.question), room=int(room * share))
        if reply.question
        else []
    )
    return [
        {"role": "system", "content": system},
        *(_as_said(message) for message in reversed(kept)),
    ]


def earlier(question: ChatMessage) -> Iterator[ChatMessage]:
    """Yield what was said before the question, newest first, read as far as it is asked for."""
    said = ChatMessage.objects.filter(thread=question.thread_id).order_by("-created_at", "-id")
    last = question
    for _ in range(MOST_PAGES):
        page = list(said.before(last)[:PAGE])
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]


def newest_that_fit(
    question: ChatMessage, recent: Iterable[ChatMessage], *, room: int
) -> list[ChatMessage]:
    """Return the question, and before it what fits into `room` tokens, newest first.

    The question itself always goes, whole: to cut it is to answer another one.
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
    """Return what the model is told before the conversation."""
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
    """Return what is known of how `persona` speaks; what nobody said is left out."""
    voice = Voice.read(persona.metadata)
    sentence = voice.average_sentence
    said = {
        "About you": persona.description.strip(),
        "How you speak": voice.instructions,
        "Your tone": voice.tone,
        "What you often say (now and then, not in each answer)": " | ".join(voice.common_phrases),
        "The length of your sentences": f"about {sentence:.0f} words" if sentence else "",
        "Texts in your own words, for their manner and not for their matter": "".join(
            f"\n---\n{text}" for text in voice.sample_texts
        ),
    }
    return [f"{name}: {text}" for name, text in said.items() if text]


def _as_said(message: ChatMessage) -> ChatCompletionMessageParam:
    if message.role == ChatMessage.Role.USER:
        return {"role": "user", "content": message.content}
    return {"role": "assistant", "content": message.content}
