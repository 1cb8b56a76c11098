"""A reply in flight, as the process that generates it sees it."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chat.models import Reply
from chat.replies import Outcome

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam


@dataclass(frozen=True)
class Prompt:
    """What a program wants the model to be asked, in place of the stored conversation.

    Attributes:
        messages: The whole prompt, instructions included.
        parameters: Further fields of the request, such as `temperature`.
    """

    messages: list[ChatCompletionMessageParam]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class InFlightReply:
    """The text so far and an event for the readers; used only in the event loop's thread."""

    reply_id: uuid.UUID
    prompt: Prompt | None = None
    model: str = ""
    outcome: Outcome | None = None
    first_text_ms: int | None = None
    readers: int = 0
    started_at: float = field(default_factory=time.monotonic)
    text: str = ""
    saved: int = 0
    reasoning: str = ""
    reasoning_at: float = 0.0  # when it began, as time.monotonic()
    reasoning_ms: int | None = None
    recalls: int = 0  # how often the text so far turned out to be reasoning
    is_finishing: bool = False
    has_ended: bool = False
    stopped_as: Reply.Status | None = None
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_unsaved(self) -> bool:
        """Return whether the row lacks some of the text."""
        return len(self.text) != self.saved

    @property
    def age_ms(self) -> int:
        """Return the milliseconds since the reply was started."""
        return int((time.monotonic() - self.started_at) * 1000)

    def think(self, text: str) -> None:
        """Append to the reasoning; wake the readers when it begins."""
        if not text:
            return
        if not self.reasoning:
            self.reasoning_at = time.monotonic()
            self._wake()
        self.reasoning += text
        self._measure()

    def recall(self) -> None:
        """Turn the text so far into reasoning."""
        self.reasoning_at = self.reasoning_at or self.started_at
        self.reasoning += self.text
        self.text = ""
        self.recalls += 1
        self._measure()
        self._wake()

    def _measure(self) -> None:
        self.reasoning_ms = int((time.monotonic() - self.reasoning_at) * 1000)

    def append(self, text: str) -> None:
        """Append text and wake the readers."""
        if text:
            if self.first_text_ms is None:
                self.first_text_ms = self.age_ms
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
