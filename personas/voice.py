"""How a persona speaks, read from its `metadata`.

Users edit the keys `instructions`, `tone`, `commonPhrases` and `rules`. The earlier product wrote
`tone` and `commonPhrases` in several shapes, and kept samples in `sampleTexts`, which are rows of
`Sample` now; programs and files of earlier versions may still bring some here. Unknown keys are
never changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Voice:
    """How a persona speaks; fields may be empty."""

    instructions: str = ""
    tone: str = ""
    common_phrases: tuple[str, ...] = ()
    # What the twin must do or avoid, from answers that the user did not like.
    rules: tuple[str, ...] = ()
    # Samples that have not become rows yet.
    sample_texts: tuple[str, ...] = ()
    # The first message of a new thread, from an imported character card.
    greeting: str = ""
    # Measured on the samples, or by the earlier product on texts that it kept elsewhere.
    average_sentence: float | None = None
    words_read: int | None = None

    @classmethod
    def read(cls, metadata: object) -> Voice:
        """Return the voice in `metadata`, whatever its shape."""
        known = metadata if isinstance(metadata, dict) else {}
        return cls(
            instructions=_text(known.get("instructions")),
            tone=_text(known.get("tone")),
            common_phrases=tuple(_texts(known.get("commonPhrases"))),
            rules=tuple(_texts(known.get("rules"))),
            sample_texts=tuple(_texts(known.get("sampleTexts"))),
            greeting=_text(known.get("greeting")),
            average_sentence=_number(known.get("avgSentenceLength")),
            words_read=int(words) if (words := _number(known.get("wordCount"))) else None,
        )

    def written_into(self, metadata: object) -> dict[str, Any]:
        """Return `metadata` with this voice; all other keys are unchanged."""
        known = dict(metadata) if isinstance(metadata, dict) else {}
        before = Voice.read(known)
        fields = {
            "instructions": (before.instructions, self.instructions),
            "tone": (before.tone, self.tone),
            "commonPhrases": (before.common_phrases, self.common_phrases),
            "rules": (before.rules, self.rules),
        }
        for key, (old, new) in fields.items():
            # An unchanged value keeps its shape.
            if new != old:
                known[key] = list(new) if isinstance(new, tuple) else new
        return known


def lines_of(text: str) -> tuple[str, ...]:
    """Return the non-empty lines of `text`."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _text(value: object) -> str:
    """Return `value` as a text; a list or a mapping is joined with commas."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list | dict):
        return ", ".join(_texts(value))
    return "" if value is None or isinstance(value, bool) else str(value)


def _texts(value: object) -> list[str]:
    """Return a list of texts from a list, a mapping's keys, or the lines of one text."""
    if isinstance(value, str):
        return list(lines_of(value))
    if isinstance(value, list):
        return [text for item in value if (text := _phrase(item))]
    if isinstance(value, dict):
        return [str(key).strip() for key in value if str(key).strip()]
    return []


def _phrase(item: object) -> str:
    """Return the text of an item, which may be nested: {"phrase": "see you", "count": 4}."""
    if isinstance(item, dict):
        values: Iterable[object] = (item.get(key) for key in ("phrase", "text", "content"))
        return next((text.strip() for text in values if isinstance(text, str)), "")
    return _text(item)


def _number(value: object) -> float | None:
    """Return a positive number, also from a text such as "14.2"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
