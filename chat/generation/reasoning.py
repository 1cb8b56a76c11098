"""Separate a model's reasoning from its reply.

Most servers send reasoning in a field of its own, which is not shown. Others leave it in the
text, between tags at its beginning.
"""

from __future__ import annotations

import re

TAGS = ("think", "thinking", "thought", "reasoning")
OPENING = re.compile(rf"\s*<({'|'.join(TAGS)})>", re.IGNORECASE)
# What may become an opening tag once more text has arrived.
MAX_OPENING = max(map(len, TAGS)) + 2
MAX_WAITING = 1_000


class ReasoningFilter:
    """Remove the reasoning at the beginning of a text that arrives in parts."""

    def __init__(self) -> None:
        self.waiting = ""
        self.tag = ""
        self.is_past = False
        self.had_reasoning = False

    def feed(self, text: str) -> str:
        """Return what belongs to the reply of the text received so far and not yet returned."""
        if self.is_past:
            return text
        self.waiting += text
        while True:
            if self.tag and not self._skip():
                return ""
            opening = OPENING.match(self.waiting)
            if opening is None:
                break
            self.tag = opening[1].lower()
            self.waiting = self.waiting[opening.end() :]
        start = self.waiting.lstrip()
        may_open = start.startswith("<") and len(start) < MAX_OPENING and ">" not in start
        if (not start or may_open) and len(self.waiting) < MAX_WAITING:
            return ""
        return self._pass()

    def end(self) -> str:
        """Return what was held back and turned out to belong to the reply."""
        return "" if self.is_past or self.tag else self._pass()

    def _skip(self) -> bool:
        """Drop the reasoning; return whether its closing tag has arrived."""
        closing = re.search(f"</{self.tag}>", self.waiting, re.IGNORECASE)
        if closing is None:  # what is kept may be the beginning of the tag
            self.waiting = self.waiting[-len(self.tag) - 3 :]
            return False
        self.waiting = self.waiting[closing.end() :]
        self.tag, self.had_reasoning = "", True
        return True

    def _pass(self) -> str:
        text = self.waiting.lstrip() if self.had_reasoning else self.waiting
        self.is_past, self.waiting = True, ""
        return text


def without_reasoning(text: str) -> str:
    """Return a whole text without the reasoning at its beginning."""
    filter_ = ReasoningFilter()
    return filter_.feed(text) + filter_.end()
