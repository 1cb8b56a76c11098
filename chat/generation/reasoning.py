"""Separate a model's reasoning from its reply.

Most servers send reasoning in a field of its own. Others leave it in the text: between tags at
its beginning or, if the chat template has opened the tag, before a closing tag alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TAGS = ("think", "thinking", "thought", "reasoning")
OPENING = re.compile(rf"\s*<({'|'.join(TAGS)})>", re.IGNORECASE)
# A closing tag alone: no such tag was opened before it. Between backticks, or with words after
# it, it is a part of the reply.
CLOSING = re.compile(rf"(?<!`)</(?:{'|'.join(TAGS)})>(?=\n)", re.IGNORECASE)
OPENED = re.compile(rf"<(?:{'|'.join(TAGS)})>", re.IGNORECASE)
LAST_TAG = re.compile(rf"\s*</(?:{'|'.join(TAGS)})>\s*\Z", re.IGNORECASE)
FENCE = "```"
# What may become a tag once more text has arrived.
MAX_OPENING = max(map(len, TAGS)) + 2
MAX_CLOSING = MAX_OPENING + 1
MAX_WAITING = 1_000


@dataclass(frozen=True)
class Parts:
    """What a part of a text belongs to.

    Attributes:
        text: What belongs to the reply.
        reasoning: What belongs to the reasoning.
        is_recall: The whole reply so far turned out to be reasoning; `text` begins anew.
    """

    text: str = ""
    reasoning: str = ""
    is_recall: bool = False


class ReasoningFilter:
    """Separate the reasoning at the beginning of a text that arrives in parts."""

    def __init__(self) -> None:
        self.waiting = ""
        self.tag = ""
        self.is_past = False
        self.had_reasoning = False  # or cannot have any more
        self.recent = ""  # the end of the reply so far
        self.fences = 0
        self.is_recalled = False

    def feed(self, text: str) -> Parts:
        """Return what has become known of the text received so far."""
        if self.is_past:
            return self._find_end(text)
        self.waiting += text
        reasoning = ""
        while True:
            if self.tag:
                reasoning += self._take_reasoning()
                if self.tag:
                    return Parts(reasoning=reasoning)
            opening = OPENING.match(self.waiting)
            if opening is None:
                break
            self.tag = opening[1].lower()
            self.waiting = self.waiting[opening.end() :]
        start = self.waiting.lstrip()
        may_open = start.startswith("<") and len(start) < MAX_OPENING and ">" not in start
        if (not start or may_open) and len(self.waiting) < MAX_WAITING:
            return Parts(reasoning=reasoning)
        passed = self._pass()
        return Parts(passed.text, reasoning + passed.reasoning, is_recall=passed.is_recall)

    def end(self) -> Parts:
        """Return what was held back."""
        if self.tag:
            return Parts(reasoning=self.waiting)
        if self.is_past:
            return self._find_end("\n", is_end=True)
        return self._pass()

    def _take_reasoning(self) -> str:
        """Return the reasoning up to the closing tag, or as much as has arrived of it."""
        closing = re.search(f"</{self.tag}>", self.waiting, re.IGNORECASE)
        if closing is None:  # what is kept may be the beginning of the tag
            end = max(len(self.waiting) - len(self.tag) - 2, 0)
            taken, self.waiting = self.waiting[:end], self.waiting[end:]
            return taken
        taken, self.waiting = self.waiting[: closing.start()], self.waiting[closing.end() :]
        self.tag, self.had_reasoning = "", True
        return taken

    def _pass(self) -> Parts:
        text = self.waiting.lstrip() if self.had_reasoning else self.waiting
        self.is_past, self.waiting = True, ""
        return self._find_end(text)

    def _find_end(self, text: str, *, is_end: bool = False) -> Parts:
        """Look for a closing tag alone, once: everything before it was reasoning.

        Args:
            text: What has arrived.
            is_end: Whether `text` stands for the end of the reply, and is no part of it.
        """
        if self.is_recalled:  # the blank lines after the tag are no part of the reply
            text = text.lstrip()
            self.is_recalled = not text
        if self.had_reasoning:
            return Parts("" if is_end else text)
        known = len(self.recent)
        seen = self.recent + text
        fences = self.fences - self.recent.count(FENCE)
        closing = CLOSING.search(seen)
        if OPENED.search(seen):
            self.had_reasoning = True
            return Parts("" if is_end else text)
        self.fences = fences + seen.count(FENCE)
        self.recent = seen[-MAX_CLOSING - len(FENCE) :]
        if closing is None or (fences + seen.count(FENCE, 0, closing.start())) % 2:
            return Parts("" if is_end else text)
        self.had_reasoning = True
        before = text[: max(closing.start() - known, 0)]
        after = "" if is_end else seen[closing.end() :].lstrip()
        self.is_recalled = not after
        return Parts(after, before, is_recall=True)


def tidy(reasoning: str) -> str:
    """Return reasoning without the tag that closes it and the blank lines around it."""
    return LAST_TAG.sub("", reasoning).strip()


def without_reasoning(text: str) -> str:
    """Return a whole text without the reasoning at its beginning."""
    filter_ = ReasoningFilter()
    begun, end = filter_.feed(text), filter_.end()
    return end.text if end.is_recall else begun.text + end.text
