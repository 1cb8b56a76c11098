"""Read text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from personas.teaching.readers.passages import Passage, decoded, unwrapped

# Text is read in pieces of about this many bytes, cut at an empty line.
PIECE = 200_000
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[ \t]*$|^(`{3,}|~{3,}).*\Z", re.MULTILINE | re.DOTALL)
FRONT_MATTER = re.compile(r"\A---\n.{0,5000}?\n---\n", re.DOTALL)
COMMENT = re.compile(r"<!--.{0,5000}?-->", re.DOTALL)
LINK = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,2000}[^)\n]{0,200}\)")
MARKS = re.compile(r"^[ \t]{0,3}(?:#{1,6}[ \t]+|[-*+][ \t]+|\d{1,3}[.)][ \t]+)", re.MULTILINE)
QUOTED = re.compile(r"^[ \t]{0,3}>.*$", re.MULTILINE)
EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)([^\n]{1,500}?)(?<=\S)\1")


def read_text(lines: Iterator[bytes]) -> Iterator[Passage]:
    """Yield the paragraphs of a text."""
    for piece in pieces(lines):
        for paragraph in unwrapped(piece).split("\n\n"):
            if paragraph.strip():
                yield Passage("", paragraph, group="text")


def read_markdown(lines: Iterator[bytes]) -> Iterator[Passage]:
    """Yield the paragraphs of a document in Markdown, without code and quotations."""
    for piece in pieces(lines):
        quoted = "\n".join(QUOTED.findall(piece))
        text = FRONT_MATTER.sub("", COMMENT.sub("", FENCE.sub("", piece)))
        text = EMPHASIS.sub(r"\2", LINK.sub(r"\1", MARKS.sub("", QUOTED.sub("", text))))
        for paragraph in unwrapped(text).split("\n\n"):
            if paragraph.strip():
                yield Passage("", paragraph, quoted, group="text")
                quoted = ""


def pieces(lines: Iterator[bytes]) -> Iterator[str]:
    """Yield the text in pieces that end at an empty line, if there is one in time."""
    waiting: list[bytes] = []
    length = 0
    is_utf16 = False
    for line in lines:
        is_utf16 = is_utf16 or (not waiting and line[:2] in {b"\xff\xfe", b"\xfe\xff"})
        waiting.append(line)
        length += len(line)
        ends = length > 10 * PIECE or (length > PIECE and not line.strip())
        if ends and not is_utf16:
            yield _text(waiting)
            waiting, length = [], 0
    if waiting:
        yield _text(waiting)


def _text(lines: list[bytes]) -> str:
    return decoded(b"".join(lines)).replace("\r\n", "\n").replace("\r", "\n")
