"""How a persona speaks, as its `metadata` tells it.

The keys that people fill in are `instructions`, `tone`, `commonPhrases` and `sampleTexts`. The
Node backend wrote `tone` and `commonPhrases` too, in several shapes, and what it measured:
`wordCount`, `avgSentenceLength`, `sampleCount`, `riskLevel`, `lastTrained`. Those, and keys
nobody here knows, are read where they can be and never touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MOST_SAMPLES = 20


@dataclass(frozen=True)
class Voice:
    """How a persona speaks; empty where nobody said."""

    instructions: str = ""
    tone: str = ""
    common_phrases: tuple[str, ...] = ()
    sample_texts: tuple[str, ...] = ()
    # What the Node backend learned from texts that it kept elsewhere.
    average_sentence: float | None = None
    words_read: int | None = None

    @classmethod
    def read(cls, metadata: object) -> Voice:
        """Return the voice that `metadata` tells of, whatever its shape."""
        known = metadata if isinstance(metadata, dict) else {}
        return cls(
            instructions=_text(known.get("instructions")),
            tone=_text(known.get("tone")),
            common_phrases=tuple(_texts(known.get("commonPhrases"))),
            sample_texts=tuple(_texts(known.get("sampleTexts"))),
            average_sentence=_number(known.get("avgSentenceLength")),
            words_read=int(words) if (words := _number(known.get("wordCount"))) else None,
        )

    def written_into(self, metadata: object) -> dict[str, Any]:
        """Return `metadata` with this voice in it and every other key as it was."""
        known = dict(metadata) if isinstance(metadata, dict) else {}
        before = Voice.read(known)
        said = {
            "instructions": (before.instructions, self.instructions),
            "tone": (before.tone, self.tone),
            "commonPhrases": (before.common_phrases, self.common_phrases),
            "sampleTexts": (before.sample_texts, self.sample_texts),
        }
        for key, (old, new) in said.items():
            # What was not changed keeps the shape it had.
            if new != old:
                known[key] = list(new) if isinstance(new, tuple) else new
        return known


def lines_of(text: str) -> tuple[str, ...]:
    """Return the lines of `text` that hold something."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def paragraphs_of(text: str) -> tuple[str, ...]:
    """Return the parts of `text` between empty lines."""
    parts = "\n".join(line.rstrip() for line in text.splitlines()).split("\n\n")
    return tuple(part.strip("\n") for part in parts if part.strip())[:MOST_SAMPLES]


def _text(value: object) -> str:
    """Return a text; a list or a mapping becomes its parts, with commas."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list | dict):
        return ", ".join(_texts(value))
    return "" if value is None or isinstance(value, bool) else str(value)


def _texts(value: object) -> list[str]:
    """Return a list of texts: of a list, of a mapping's keys, or of the lines of one text."""
    if isinstance(value, str):
        return list(lines_of(value))
    if isinstance(value, list):
        return [text for item in value if (text := _phrase(item))]
    if isinstance(value, dict):
        return [str(key).strip() for key in value if str(key).strip()]
    return []


def _phrase(item: object) -> str:
    """Return the text of an item, which may be wrapped: {"phrase": "see you", "count": 4}."""
    if isinstance(item, dict):
        found: Iterable[object] = (item.get(key) for key in ("phrase", "text", "content"))
        return next((text.strip() for text in found if isinstance(text, str)), "")
    return _text(item)


def _number(value: object) -> float | None:
    """Return a number above 0, also of a text such as "14.2"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
