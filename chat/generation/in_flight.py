"""A reply while it is being produced, as the process that produces it knows it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from chat.models import Reply


@dataclass
class Live:
    """The words so far, and who waits for more; used in the event loop's thread only."""

    reply_id: uuid.UUID
    text: str = ""
    saved: int = 0
    is_finishing: bool = False
    has_ended: bool = False
    stopped_as: Reply.Status | None = None
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_unsaved(self) -> bool:
        """Tell whether there are words that the row does not hold."""
        return len(self.text) > self.saved

    def add(self, words: str) -> None:
        """Take in more words, and wake whoever waits for them."""
        if words:
            self.text += words
            self._wake()

    def stop(self, status: Reply.Status) -> None:
        """End it as it is, unless it is ending already."""
        if not self.is_finishing and self.stopped_as is None and self.task:
            self.stopped_as = status
            self.task.cancel()

    def end(self) -> None:
        """Say that no more comes and that the row tells how it ended."""
        self.has_ended = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
