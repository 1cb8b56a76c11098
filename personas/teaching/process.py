"""Read uploads, and measure many texts, in a process with limits.

    python -m personas.teaching.process survey PATH NAME SPEAKER...
    python -m personas.teaching.process texts PATH NAME SPEAKER
    python -m personas.teaching.process profile PATH

The modules that the process needs do not import Django, so it starts in a tenth of a second.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from personas.teaching import profile, secrets
from personas.teaching.readers import files
from personas.teaching.readers.packing import packed
from personas.teaching.readers.passages import Passage
from uploads.process import limit, values_from, write_all
from uploads.reading import RefusedError

MODULE = "personas.teaching.process"
MAX_MEMORY = 600_000_000
MAX_SECONDS = 60  # of the processor
GONE = "The file has been deleted or used already. Choose it again."
# How much of a file its preview shows.
SHOWN = 30
SHOWN_CHARACTERS = 700
MAX_SPEAKERS = 50
# One passage more would be a file that no person has written.
MAX_PASSAGES = 2_000_000


@dataclass
class Survey:
    """What is in a file.

    Attributes:
        source: The format, a `Sample.Source`.
        speaker: Whose passages would become samples.
        speakers: The speakers with the number of their passages, the most frequent first.
        shown: The first passages: speaker, text, and what is left out.
        count: The number of the speaker's passages.
        secrets: The number of those with what looks like a secret.
    """

    source: str
    speaker: str
    speakers: list[tuple[str, int]] = field(default_factory=list)
    shown: list[tuple[str, str, str]] = field(default_factory=list)
    count: int = 0
    secrets: int = 0


def survey(path: Path, name: str, speakers: list[str]) -> Survey:
    """Return what is in a file; `speakers` are who the writer may be called.

    Raises:
        RefusedError: The file cannot be read.
    """
    (value,) = values_from(MODULE, "survey", str(path), name, *speakers)
    value["speakers"] = [tuple(one) for one in value["speakers"]]
    value["shown"] = [tuple(one) for one in value["shown"]]
    return Survey(**value)


def texts(path: Path, name: str, speaker: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each sample that a file holds of a speaker: source, text, and whether it has a secret.

    Raises:
        RefusedError: The file cannot be read.
    """
    yield from values_from(MODULE, "texts", str(path), name, speaker)


def measured(path: Path) -> dict[str, Any]:
    """Return the profile of the texts in a file that holds a JSON string on each line."""
    (value,) = values_from(MODULE, "profile", str(path))
    return dict(value)


def _survey(path: Path, name: str, hints: list[str]) -> Iterator[dict[str, Any]]:
    counts: dict[str, int] = {}
    with_secrets: dict[str, int] = {}
    first: list[Passage] = []
    of_speaker: dict[str, list[Passage]] = {}
    with path.open("rb") as file:
        found = files.read(file, name, path.stat().st_size)
        for passage in _bounded(found.passages):
            counts[passage.speaker] = counts.get(passage.speaker, 0) + 1
            if secrets.find(passage.text):
                with_secrets[passage.speaker] = with_secrets.get(passage.speaker, 0) + 1
            if len(first) < SHOWN:
                first.append(passage)
            elif len(of_speaker) <= MAX_SPEAKERS:
                own = of_speaker.setdefault(passage.speaker, [])
                if len(own) < SHOWN:
                    own.append(passage)
    if not counts:
        raise RefusedError("The file holds no text that somebody has written.")
    speakers = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MAX_SPEAKERS]
    speaker = _likely(hints, [name for name, _ in speakers])
    own = [one for one in first if one.speaker == speaker]
    shown = [*first, *(of_speaker.get(speaker, [])[: SHOWN - len(own)] if len(own) < 5 else [])]
    yield {
        "source": found.source,
        "speaker": speaker,
        "speakers": speakers,
        "shown": [
            (one.speaker, one.text[:SHOWN_CHARACTERS], one.left_out[:SHOWN_CHARACTERS])
            for one in shown
        ],
        "count": counts[speaker],
        "secrets": with_secrets.get(speaker, 0),
    }


def _likely(hints: list[str], speakers: list[str]) -> str:
    """Return the speaker with one of these names, else the one who wrote most."""
    known = {speaker.casefold(): speaker for speaker in reversed(speakers)}
    for hint in hints:
        if hint.casefold() in known:
            return known[hint.casefold()]
        first = [name for key, name in known.items() if key.split()[:1] == [hint.casefold()]]
        if first:
            return first[0]
    return speakers[0]


def _texts(path: Path, name: str, speaker: str) -> Iterator[tuple[str, str, bool]]:
    with path.open("rb") as file:
        found = files.read(file, name, path.stat().st_size)
        own = (one for one in _bounded(found.passages) if one.speaker == speaker)
        for text in packed(own):
            yield found.source, text, bool(secrets.find(text))


def _bounded(passages: Iterator[Passage]) -> Iterator[Passage]:
    for number, passage in enumerate(passages):
        if number > MAX_PASSAGES:
            raise RefusedError(f"The file holds more than {MAX_PASSAGES:,} texts.")
        yield passage


def _profile(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        yield profile.measure(json.loads(line) for line in file)


def main(task: str, path: str, *arguments: str) -> None:
    """Do one of the tasks."""
    limit(memory=MAX_MEMORY, seconds=MAX_SECONDS)
    tasks = {
        "survey": lambda: _survey(Path(path), arguments[0], list(arguments[1:])),
        "texts": lambda: _texts(Path(path), *arguments),
        "profile": lambda: _profile(Path(path)),
    }
    write_all(tasks[task], missing=GONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
