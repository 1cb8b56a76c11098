"""Send an export without keeping a database connection longer than its reader needs it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from uuid import UUID

from django.db import connections

# Chunks that may wait for a slow reader, and how long they wait for one that reads nothing.
MAX_WAITING = 4
STALL_SECONDS = 30
# An export keeps a database connection and a transaction until it ends.
MAX_PER_USER = 2
MAX_PER_PROCESS = 8


class TooManyExportsError(Exception):
    """The user, or all users together, have as many exports running as may run."""


class Slot:
    """The right to run one export, until it is released."""

    _lock = threading.Lock()
    _running: Counter[UUID] = Counter()

    def __init__(self, user: UUID) -> None:
        """Take a slot.

        Raises:
            TooManyExportsError: None is free.
        """
        self.user = user
        self._is_taken = True
        with self._lock:
            total = self._running.total()
            if self._running[user] >= MAX_PER_USER or total >= MAX_PER_PROCESS:
                raise TooManyExportsError
            self._running[user] += 1

    def release(self) -> None:
        """Give the slot back; a second time does nothing."""
        with self._lock:
            if self._is_taken:
                self._is_taken = False
                self._running[self.user] -= 1
                self._running += Counter()  # drops the zeros


class SlotIterator:
    """Iterate over what `produce` yields, and release the slot afterwards."""

    def __init__(self, produce: Callable[[], Generator[bytes]], slot: Slot) -> None:
        self._chunks = produce()
        self._slot = slot

    def __iter__(self) -> SlotIterator:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except BaseException:  # the end is one, too
            self._slot.release()
            raise

    def close(self) -> None:
        """End the export. Django calls this when the response is over."""
        self._chunks.close()
        self._slot.release()


class Relay:
    """Iterate over what `produce` yields in a thread of its own, never far ahead of the reader.

    Django would gather a plain iterator into memory before it sends the first byte. The thread
    has its own database connection. It closes the connection and releases the slot as soon as
    it is done, the reader is gone, or the reader has read nothing for STALL_SECONDS.
    """

    def __init__(self, produce: Callable[[], Generator[bytes]], slot: Slot) -> None:
        self._produce = produce
        self._slot = slot
        self._loop: asyncio.AbstractEventLoop | None = None
        self._chunks: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._places = threading.Semaphore(MAX_WAITING)
        self._is_closed = threading.Event()

    def __aiter__(self) -> Relay:
        return self

    async def __anext__(self) -> bytes:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._run, name="export", daemon=True).start()
        else:
            self._places.release()
        chunk = await self._chunks.get()
        if chunk is None:
            raise StopAsyncIteration
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    def close(self) -> None:
        """End the export. Django calls this from any thread when the response is over."""
        self._is_closed.set()
        self._places.release()
        if self._loop is None:  # nobody asked for the first chunk
            self._slot.release()

    def _run(self) -> None:
        try:
            with closing(self._produce()) as chunks:
                for chunk in chunks:
                    if not self._places.acquire(timeout=STALL_SECONDS):
                        raise TimeoutError("The download was not read.")
                    if self._is_closed.is_set():
                        return
                    self._hand_over(chunk)
            self._hand_over(None)
        except Exception as error:  # raised in __anext__, which cuts the response short
            self._hand_over(error)
        finally:
            connections.close_all()
            self._slot.release()

    def _hand_over(self, chunk: bytes | Exception | None) -> None:
        if self._loop and not self._loop.is_closed() and not self._is_closed.is_set():
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
