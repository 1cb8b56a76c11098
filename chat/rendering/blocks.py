"""Where a text that is still being written can be rendered already."""

from __future__ import annotations

import re

# What may belong to the block before it, although a blank line is between them: an item of
# the same list, what is indented, a quotation. Such a blank line ends nothing yet.
GOES_ON = re.compile(r"[ \t]|[-*+][ \t]|\d{1,9}[.)][ \t]|>")
# What may still become one of these when its next characters are there.
UNDECIDED = re.compile(r"([-*+]|\d{1,9}[.)]?)?$")
LINE = re.compile(r"[^\n]*\n|[^\n]+")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def finished(text: str, start: int = 0) -> int:
    """Return where the last unfinished block begins, at `start` or after it.

    Args:
        text: Markdown, as far as it is there.
        start: Where a block begins; what is before it is not looked at.
    """
    end = place = start
    fence = ""
    was_blank = False
    # Not splitlines(): Markdown's lines end with nothing but "\n".
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
            is_undecided = not line.endswith("\n") and UNDECIDED.match(bare)
            if not GOES_ON.match(line) and not is_undecided:
                end = place
        was_blank = not bare.strip() and not fence
        place += len(line)
    return end
