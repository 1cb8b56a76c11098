"""A reply in flight, as the process that generates it sees it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field

from chat.models import Reply


@dataclass
class InFlightReply:
    """The text so far and an event for the readers; used only in the event loop's thread."""

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
        """Return whether the row lacks some of the text."""
        return len(self.text) > self.saved

    def append(self, text: str) -> None:
        """Append text and wake the readers."""
        if text:
            self.text += text
            self._wake()

    def stop(self, status: Reply.Status) -> None:
        """Cancel the generation, unless it is already ending."""
        if not self.is_finishing and self.stopped_as is None and self.task:
            self.stopped_as = status
            self.task.cancel()

    def end(self) -> None:
        """Tell the readers that the text is complete and the row has the outcome."""
        self.has_ended = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
