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

    def feed(self, text: str) -> str:
        """Return what belongs to the reply of the text received so far and not yet returned."""
        if self.is_past:
            return text
        self.waiting += text
        if self.tag:
            return self._close()
        if opening := OPENING.match(self.waiting):
            self.tag = opening[1].lower()
            self.waiting = self.waiting[opening.end() :]
            return self._close()
        start = self.waiting.lstrip()
        if len(self.waiting) < MAX_WAITING and (
            not start or (start.startswith("<") and len(start) < MAX_OPENING and ">" not in start)
        ):
            return ""
        return self._pass(self.waiting)

    def end(self) -> str:
        """Return what was held back and turned out to belong to the reply."""
        return "" if self.is_past or self.tag else self._pass(self.waiting)

    def _close(self) -> str:
        """Return what follows the closing tag; before it, keep only what may be its beginning."""
        closing = re.search(f"</{self.tag}>", self.waiting, re.IGNORECASE)
        if closing is None:
            self.waiting = self.waiting[-len(self.tag) - 3 :]
            return ""
        rest = self.waiting[closing.end() :].lstrip()
        self.tag = ""
        if rest:
            return self._pass(rest)
        # The blank lines after the tag may arrive later; a second block may follow, too.
        self.waiting = ""
        return ""

    def _pass(self, text: str) -> str:
        self.is_past, self.waiting = True, ""
        return text


def without_reasoning(text: str) -> str:
    """Return a whole text without the reasoning at its beginning."""
    filter_ = ReasoningFilter()
    return filter_.feed(text) + filter_.end()
