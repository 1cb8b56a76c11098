"""Write the instructions of a twin: who it is, how it writes, and samples that fit the question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat.generation.tokens import estimate_tokens
from chat.search import samples
from personas.models import Persona
from personas.teaching.habits import habits
from personas.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLES = "Texts in your own words, for their manner and not for their matter:"
SEPARATOR = "\n---\n"
# The part of the prompt that samples may take, and how many are sent at most.
SAMPLES_SHARE = 0.4
MAX_SAMPLES = 30


def instructions(
    persona: Persona | None, person: str, *, question: str, room: int, uses_learnt: bool = True
) -> str:
    """Return the instructions for speaking as `persona`, the twin of `person`.

    Args:
        persona: The twin; None for one without any traits.
        person: The name of the person.
        question: The message to answer, which the samples are chosen for.
        room: How many tokens the prompt may have, the question included.
        uses_learnt: Whether to use what the twin was taught, beside its description.
    """
    name = persona.name if persona else person
    lines = [
        f"You are {name}, the digital twin of {person}, talking with {person} in a private chat.",
        f"Speak in the first person, as {person} would: same views, same words, same rhythm."
        " Do not call yourself an assistant or a model, and do not offer help.",
        "Answer in the language you are written in. What you do not know about yourself,"
        " leave open; do not make up facts about the person's life.",
    ]
    if persona is None:
        return "\n".join(lines)
    if not uses_learnt:
        return "\n".join([*lines, *traits(Persona(description=persona.description))])
    text = "\n".join([*lines, *traits(persona)])
    left = room - estimate_tokens(text) - estimate_tokens(question)
    left = min(left, int(room * SAMPLES_SHARE))
    chosen = those_that_fit(candidates(persona, question), room=left)
    return text + "\n" + SAMPLES + "".join(map(SEPARATOR.__add__, chosen)) if chosen else text


def traits(persona: Persona) -> list[str]:
    """Return a line for each known trait of how `persona` speaks."""
    voice = Voice.read(persona.metadata)
    sentence = voice.average_sentence
    measured = habits(persona.metadata)
    known = {
        "About you": persona.description.strip(),
        "How you speak": voice.instructions,
        "Rules": "".join(f"\n- {rule}" for rule in voice.rules),
        "Your tone": voice.tone,
        "What you often say (now and then, not in each answer)": " | ".join(voice.common_phrases),
        "How you write": " ".join(measured),
        "The length of your sentences": (
            f"about {sentence:.0f} words" if sentence and not measured else ""
        ),
    }
    return [f"{name}: {text}" for name, text in known.items() if text]


def candidates(persona: Persona, question: str) -> list[str]:
    """Return samples of the persona, those that fit the question best first."""
    rows = samples.best(persona, question, limit=MAX_SAMPLES)
    return [*rows, *Voice.read(persona.metadata).sample_texts][:MAX_SAMPLES]


def those_that_fit(texts: Iterable[str], *, room: int) -> list[str]:
    """Return the texts that fit into `room` tokens, in their order."""
    left = room - estimate_tokens(SAMPLES)
    chosen = []
    for text in texts:
        cost = estimate_tokens(SEPARATOR + text)
        if cost <= left:
            chosen.append(text)
            left -= cost
    return chosen
