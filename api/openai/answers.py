"""A reply on its way to a program, wherever it is being written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

from api.streams import ended, words_of
from chat.failures import Failure
from chat.generation.engine import engine
from chat.generation.in_flight import InFlightReply
from chat.models import Reply
from chat.replies import Outcome, request_stop


class Answer:
    """A reply that one program reads. When its last reader leaves, the model is stopped."""

    def __init__(self, reply_id: uuid.UUID | None, in_flight: InFlightReply | None) -> None:
        self.reply_id = reply_id
        self.in_flight = in_flight
        self.text = ""
        self.has_ended = False
        if in_flight:
            in_flight.readers += 1

    async def words(self) -> AsyncIterator[str]:
        """Yield the text as it grows, until the reply has ended."""
        if self.in_flight is None:
            async for words in self._words_of_row():
                yield words
        else:
            async for words in self._words_in_memory(self.in_flight):
                yield words
        self.has_ended = True

    async def _words_in_memory(self, reply: InFlightReply) -> AsyncIterator[str]:
        recalls = 0
        while True:
            changed = reply.changed
            if reply.recalls != recalls:  # what was sent turned out to be reasoning
                self.text, recalls = "", reply.recalls
            if len(reply.text) > len(self.text):
                words = reply.text[len(self.text) :]
                self.text += words
                yield words
            elif reply.has_ended:
                return
            else:
                await changed.wait()

    async def _words_of_row(self) -> AsyncIterator[str]:
        assert self.reply_id is not None  # noqa: S101 - what has no row is in memory
        async for words in words_of(self.reply_id):
            self.text += words
            yield words
        reply = await ended(self.reply_id)
        whole = reply.answer.content if reply and reply.answer else ""
        if len(whole) > len(self.text):
            words = whole[len(self.text) :]
            self.text += words
            yield words

    async def outcome(self) -> Outcome | None:
        """Return how it ended; None if it was deleted."""
        if self.in_flight:
            return self.in_flight.outcome
        reply = await ended(self.reply_id) if self.reply_id else None
        return outcome_of(reply) if reply else None

    async def has_begun(self, seconds: float) -> bool:
        """Wait briefly for the first words or the end; return whether there are words."""
        if self.in_flight is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                while not (self.in_flight.text or self.in_flight.has_ended):
                    await self.in_flight.changed.wait()
        except TimeoutError:
            return True
        return bool(self.in_flight.text)

    async def leave(self) -> None:
        """Read no further; stop the model if there is no other reader."""
        if self.in_flight:
            self.in_flight.readers -= 1
            if not self.has_ended and not self.in_flight.readers:
                self.in_flight.stop(Reply.Status.INTERRUPTED)
        elif self.reply_id and not self.has_ended:
            await engine.in_database(_request_stop, self.reply_id)


def outcome_of(reply: Reply) -> Outcome:
    """Return the outcome that a reply's row holds."""
    return Outcome(
        Reply.Status(reply.status),
        "",
        Failure(reply.failure) if reply.failure else None,
        reply.error,
        reply.retry_after,
        reply.prompt_tokens,
        reply.completion_tokens,
    )


def _request_stop(reply_id: uuid.UUID) -> None:
    reply = Reply.objects.filter(pk=reply_id).first()
    if reply:
        request_stop(reply=reply)
