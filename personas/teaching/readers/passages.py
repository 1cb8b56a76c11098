"""What the readers yield, and what they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from uploads.reading import RefusedError
from uploads.unicode import storable

CHUNK = 256 * 1024
# A longer line is read in pieces, so that a file without line ends is never in memory.
MAX_LINE = 1_000_000
# A line that is longer than this and followed by another one was broken by a program.
WRAPPED_AT = 60


@dataclass
class Passage:
    """What one speaker wrote in one go.

    Attributes:
        speaker: The name; empty in a file that has no speakers.
        text: The text without what was quoted.
        left_out: What was quoted.
        group: The conversation. Neighbours in one are samples together, because a message of a
            chat alone is short; empty for a text that stands alone.
    """

    speaker: str
    text: str
    left_out: str = ""
    group: str = ""


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file with their ends, reading it in chunks."""
    rest = b""
    while chunk := file.read(CHUNK):
        found = (rest + chunk).splitlines(keepends=True)
        # The last line goes on in the next chunk; a carriage return may be half of a line's end.
        rest = found.pop()
        if len(rest) > MAX_LINE:
            found.append(rest)
            rest = b""
        yield from found
    yield from rest.splitlines(keepends=True)


def decoded(data: bytes) -> str:
    """Return text in UTF-8 or, with a byte order mark, in UTF-16.

    Raises:
        RefusedError: It is neither.
    """
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return storable(data.decode(encoding))
    except UnicodeDecodeError:
        raise RefusedError(
            "The file is not text in UTF-8. Save it as UTF-8 and choose it again."
        ) from None


def unwrapped(text: str) -> str:
    """Return the text with the lines joined that a program broke at the margin."""
    paragraphs = []
    for paragraph in re.split(r"\n[ \t]*(?:\n[ \t]*)+", text):
        joined: list[str] = []
        was_long = False
        for line in paragraph.split("\n"):
            line = line.strip()
            if was_long and line and not line.startswith(("-", "*", "•")):
                joined[-1] += " " + line
            elif line:
                joined.append(line)
            was_long = len(line) > WRAPPED_AT
        if joined:
            paragraphs.append("\n".join(joined))
    return "\n\n".join(paragraphs)


def one_by_one(texts: Iterable[str], speaker: str = "") -> Iterator[Passage]:
    """Yield each text as a passage of its own."""
    for text in texts:
        if text.strip():
            yield Passage(speaker, text.strip())
