"""Find which part of an incomplete text is complete, and prepare the rest for being shown."""

from __future__ import annotations

import re

# A line that may continue the block before the blank line: a list item, an indented line, or a
# quotation.
CONTINUATION = re.compile(r"[ \t]|[-*+][ \t]|\d{1,9}[.)][ \t]|>")
# An incomplete line that may become a continuation once more characters arrive.
INCOMPLETE = re.compile(r"([-*+]|\d{1,9}[.)]?)?$")
LINE = re.compile(r"[^\n]*\n|[^\n]+")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def finished(text: str, start: int = 0) -> int:
    """Return the position at which the last, unfinished block begins.

    Args:
        text: Markdown of which the end has not arrived yet.
        start: The beginning of a block. Earlier text is ignored.
    """
    end = place = start
    fence = ""
    was_blank = False
    # splitlines() also splits at characters that do not end a line in Markdown.
    for line in LINE.findall(text, start):
        bare = line.rstrip("\n")
        if mark := FENCE.match(line):
            kind = mark[1]
            if not fence:
                if was_blank:
                    end = place
                fence = kind
            elif kind.startswith(fence) and not line.strip(" \n" + fence[0]):
                fence = ""
        elif not fence and was_blank and bare.strip():
            is_incomplete = not line.endswith("\n") and INCOMPLETE.match(bare)
            if not CONTINUATION.match(line) and not is_incomplete:
                end = place
        was_blank = not bare.strip() and not fence
        place += len(line)
    return end


# A paragraph without any of these is shown as it is written: words, and marks inside them.
MARKS = re.compile(r"[*_`~\[\]<|$\\#>&\n:@!=]|www\.|(?:^|\n)[ \t]*(?:[-+]|\d{1,9}[.)])")
# What begins and ends code and strong emphasis inside a paragraph.
INLINE = re.compile(r"\\.|`+|\*\*|__|~~")
# The beginning of a mark at the end of the text: it shows nothing yet.
DANGLING = re.compile(r"(?<![\w*_~`\\])(?:\*{1,3}|_{1,3}|~~?|`{1,2})$")


def is_plain(text: str) -> bool:
    """Return whether `text` looks the same rendered and as it was written."""
    return MARKS.search(text) is None


def closed(text: str) -> str:
    """Return an unfinished block with an end for what it has begun, so that no mark is shown.

    `A **bold wo` becomes `A **bold wo**`. Fenced code needs no end.
    """
    if FENCE.match(text):
        return text
    text = DANGLING.sub("", text)
    code = ""
    strong: list[str] = []
    for match in INLINE.finditer(text):
        mark = match[0]
        if code or mark[0] == "`":
            code = ("" if mark == code else code) if code else mark
        elif mark in strong:
            strong.remove(mark)
        elif mark[0] != "\\" and not text[match.end() : match.end() + 1].isspace():
            strong.append(mark)
    end = code + "".join(reversed(strong))
    return text.rstrip() + end if end else text
