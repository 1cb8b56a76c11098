"""Find the part of an incomplete text that can be rendered already."""

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
