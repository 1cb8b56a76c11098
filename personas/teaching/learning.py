"""Keep what is known of a persona's writing right, in its `metadata`.

`learnt` is the profile of the samples. The keys of the earlier product follow from it; a tone or a
list of phrases that the person has typed stays as it is. `struckOut` names the findings that the
person has struck out: they are neither shown as a habit nor sent to a model.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Length
from django.utils import timezone

from personas.models import Persona
from personas.teaching import profile
from personas.teaching.process import measured

# More text is measured in a process of its own, so that it holds up no other request.
MAX_INLINE = 100_000  # characters
BATCH = 200
# The kinds of findings that name samples, by their numbers.
NUMBERED = ("openings", "closings", "phrases")
# From how many words on a profile is well founded, and somewhat.
MANY_WORDS, SOME_WORDS = 5_000, 500


def learn(persona: Persona) -> None:
    """Measure the persona's samples again, and save what was found.

    Call it with the persona locked: `metadata` is written as a whole.
    """
    known = persona.metadata if isinstance(persona.metadata, dict) else {}
    persona.metadata = described(known, measure(persona)) | {
        "lastTrained": timezone.now().isoformat()
    }
    persona.save(update_fields=["metadata", "updated_at"])


def measure(persona: Persona) -> dict[str, Any]:
    """Return the profile of the persona's samples; the samples of findings are named by key."""
    rows = persona.samples.newest_first()
    keys = [str(key) for key in rows.values_list("pk", flat=True)]
    texts = rows.values_list("text", flat=True).iterator(chunk_size=BATCH)
    size = persona.samples.aggregate(size=Sum(Length("text")))["size"] or 0
    found = profile.measure(texts) if size <= MAX_INLINE else _apart(texts)
    for kind in NUMBERED:
        found[kind] = [
            [text, count, [keys[number] for number in numbers if number < len(keys)]]
            for text, count, numbers in found[kind]
        ]
    return found


def _apart(texts: Iterator[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="twinthread-profile-") as folder:
        path = Path(folder, "texts")
        with path.open("w") as file:
            for text in texts:
                file.write(json.dumps(text) + "\n")
        return measured(path)


def described(known: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with a new profile, and what follows from it."""
    before = known.get("learnt")
    before = before if isinstance(before, dict) else {}
    changed = known | {"learnt": found, "sampleCount": found["samples"]}
    tone = ", ".join(kept(known, "tone", [[word] for word in found["tone"]]))
    if not known.get("tone") or known["tone"] == before.get("writtenTone"):
        changed["tone"] = found["writtenTone"] = tone
    phrases = kept(known, "phrases", found["phrases"])
    if not known.get("commonPhrases") or known["commonPhrases"] == before.get("writtenPhrases"):
        changed["commonPhrases"] = found["writtenPhrases"] = phrases
    if found["samples"]:
        changed |= {
            "wordCount": found["words"],
            "avgSentenceLength": found["averageSentence"],
            "riskLevel": risk(found["words"]),
        }
    elif before:
        for key in ("wordCount", "avgSentenceLength", "riskLevel"):
            changed.pop(key, None)
    return {key: value for key, value in changed.items() if value not in ("", [])}


def risk(words: int) -> str:
    """Return how likely the profile is to be wrong, for want of text."""
    if words >= MANY_WORDS:
        return "low"
    return "medium" if words >= SOME_WORDS else "high"


def struck_out(metadata: object) -> frozenset[str]:
    """Return the findings that are struck out, each as `kind:text`."""
    value = metadata.get("struckOut") if isinstance(metadata, dict) else None
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def kept(metadata: object, kind: str, found: list[list[Any]]) -> list[str]:
    """Return the texts of findings that are not struck out."""
    out = struck_out(metadata)
    return [str(one[0]) for one in found if f"{kind}:{one[0]}" not in out]


def strike(metadata: object, finding: str, *, out: bool) -> dict[str, Any]:
    """Return metadata with a finding struck out, or not any more."""
    known = dict(metadata) if isinstance(metadata, dict) else {}
    names = struck_out(known)
    changed = known | {"struckOut": sorted(names | {finding} if out else names - {finding})}
    found = changed.get("learnt")
    return described(changed, dict(found)) if isinstance(found, dict) else changed
