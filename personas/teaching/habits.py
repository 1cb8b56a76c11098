"""Say in words how a person writes, for the prompt of the twin."""

from __future__ import annotations

from typing import Any

from personas.teaching.learning import kept
from personas.teaching.words import NAMES

# What is seldom says nothing: the least uses in a thousand words.
LEAST_RATE = 3.0
MARKS = {
    "!": "exclamation marks",
    "…": "ellipses",
    "—": "dashes",
    "–": "dashes",
    ";": "semicolons",
    "(": "brackets",
}
BRIEF, LONG = 8, 20


def habits(metadata: object) -> list[str]:
    """Return sentences about how the person writes, without what was struck out."""
    found = metadata.get("learnt") if isinstance(metadata, dict) else None
    if not isinstance(found, dict) or not found.get("samples"):
        return []
    said = [
        _sentences(metadata, found),
        _listed(metadata, found, "openings", "You begin with:"),
        _listed(metadata, found, "closings", "You end with:"),
        _emoji(metadata, found),
        _punctuation(metadata, found),
        _lowercase(metadata, found),
        _languages(metadata, found),
    ]
    return [sentence for sentence in said if sentence]


def is_kept(metadata: object, kind: str, text: str) -> bool:
    """Return whether a finding is not struck out."""
    return bool(kept(metadata, kind, [[text]]))


def _sentences(metadata: object, found: dict[str, Any]) -> str:
    average = found.get("averageSentence") or 0
    if not average or not is_kept(metadata, "sentences", "length"):
        return ""
    kind = "short" if average <= BRIEF else "long" if average >= LONG else "of medium length"
    return f"Your sentences are {kind}: {average:.0f} words on average."


def _listed(metadata: object, found: dict[str, Any], kind: str, heading: str) -> str:
    texts = kept(metadata, kind, found.get(kind) or [])[:4]
    return f"{heading} {' | '.join(texts)}" if texts else ""


def _emoji(metadata: object, found: dict[str, Any]) -> str:
    if not is_kept(metadata, "emoji", "share"):
        return ""
    emoji = kept(metadata, "emoji", found.get("emoji") or [])[:6]
    share = found.get("emojiShare") or 0
    if not emoji or share < 0.02:
        return "You do not use emoji."
    how = "often" if share > 0.3 else "sometimes" if share > 0.08 else "seldom"
    return f"You {how} use emoji: {' '.join(emoji)}"


def _punctuation(metadata: object, found: dict[str, Any]) -> str:
    rates = found.get("punctuation") or {}
    often = [
        name
        for mark, name in MARKS.items()
        if rates.get(mark, 0) >= LEAST_RATE and is_kept(metadata, "punctuation", mark)
    ]
    return f"You like {', '.join(dict.fromkeys(often))}." if often else ""


def _lowercase(metadata: object, found: dict[str, Any]) -> str:
    is_habit = (found.get("lowercase") or 0) > 0.5 and is_kept(metadata, "sentences", "lowercase")
    return "You begin sentences in lower case." if is_habit else ""


def _languages(metadata: object, found: dict[str, Any]) -> str:
    languages = kept(metadata, "languages", found.get("languages") or [])
    names = [NAMES.get(name, name) for name in languages]
    return f"You write in {', '.join(names)}." if names else ""
