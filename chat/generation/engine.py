"""Where replies are produced: one task each, in the server's event loop.

The tasks belong to the process and not to a request, so a reply goes on when the browser
goes away. Under a server without an event loop they run in a thread that has one. All
database work goes through a few threads, however many replies stream.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import Error, close_old_connections

from chat import replies
from chat.generation import model_catalog, provider
from chat.generation import produce as producing
from chat.generation.in_flight import Live
from chat.models import Reply
from chat.querysets import LOOK_AGAIN_SECONDS

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

# The loop gives up the interpreter with every write to a socket and gets it back only when
# the thread that took it has had its turn: by default 5 ms, for each of 500 streams.
SWITCH_SECONDS = 0.0005
FLUSH_SECONDS = 0.5
DATABASE_THREADS = 4
# A worker that is told to stop lets replies go on for this long, then saves them as they
# are; gunicorn.conf.py gives it 30 seconds for all.
DRAIN_SECONDS = 20
SAVE_SECONDS = 5


class Engine:
    """The replies that this process produces."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.lives: dict[uuid.UUID, Live] = {}
        self.is_closing = False
        self._background: set[asyncio.Task[None]] = set()
        self._database = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="replies")
        self._starting = threading.Lock()

    def start(self, reply_id: uuid.UUID) -> None:
        """Begin to produce a reply; may be called from any thread."""
        self._running_loop().call_soon_threadsafe(self._start, reply_id)

    def stop(self, reply_id: uuid.UUID) -> None:
        """Stop a reply if this process produces it; may be called from any thread."""
        if self.loop is not None and reply_id in self.lives:
            self.loop.call_soon_threadsafe(self._stop, reply_id, Reply.Status.STOPPED)

    def live(self, reply_id: uuid.UUID) -> Live | None:
        """Return the reply if it is produced in the event loop that asks."""
        return self.lives.get(reply_id) if self.loop is asyncio.get_running_loop() else None

    async def in_database(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that uses the database in one of the few threads that may."""

        def run() -> T:
            close_old_connections()
            try:
                return call(*args, **kwargs)
            finally:
                close_old_connections()

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, run)

    async def attach(self) -> None:
        """Use the running event loop, and look after what dead workers left."""
        self.loop = asyncio.get_running_loop()
        self.is_closing = False
        sys.setswitchinterval(SWITCH_SECONDS)
        await self.in_database(provider.prepare)
        model_catalog.refresh()
        self._keep(self._sweep())

    def close(self) -> None:
        """Give the replies in flight their last seconds."""
        if not self.is_closing and self.loop is not None:
            self.is_closing = True
            self.loop.call_later(DRAIN_SECONDS, self._interrupt_all)

    async def detach(self) -> None:
        """Wait until all replies in flight have ended, at last by being interrupted."""
        self.close()
        tasks = [live.task for live in self.lives.values() if live.task]
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN_SECONDS + SAVE_SECONDS)
        for task in self._background:
            task.cancel()
        self.loop = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self.loop.run_forever, name="replies-loop", daemon=True
                ).start()
            return self.loop

    def _start(self, reply_id: uuid.UUID) -> None:
        if reply_id in self.lives:
            return
        is_first = not self.lives
        live = self.lives[reply_id] = Live(reply_id)
        # A fresh context: the request's own ends with the request.
        live.task = asyncio.get_running_loop().create_task(
            self._produce(live), context=contextvars.Context()
        )
        if is_first:
            self._keep(self._flush())

    def _stop(self, reply_id: uuid.UUID, status: Reply.Status) -> None:
        if live := self.lives.get(reply_id):
            live.stop(status)

    def _interrupt_all(self) -> None:
        for live in list(self.lives.values()):
            live.stop(Reply.Status.INTERRUPTED)

    async def _produce(self, live: Live) -> None:
        try:
            await producing.produce(live, self.in_database)
        except Exception:  # the row says so within seconds: its heartbeat ends here
            log.exception("reply %s could not be saved", live.reply_id)
        finally:
            self.lives.pop(live.reply_id, None)
            live.end()

    async def _flush(self) -> None:
        """Save what is in flight twice a second, until nothing is."""
        while self.lives:
            await asyncio.sleep(FLUSH_SECONDS)
            # One that is ending is not abandoned either: its end may have to wait.
            lives = [live for live in self.lives.values() if not live.has_ended]
            grown = [(live.reply_id, live.text) for live in lives if live.is_unsaved]
            sizes = [(live, len(live.text)) for live in lives]
            alive = [live.reply_id for live in lives]
            if not alive:
                continue
            try:
                stopped, gone = await self.in_database(replies.write_progress, grown, alive)
            except Error as error:  # the next round tries again, with more to save
                log.warning("replies in flight could not be saved: %s", error)
                continue
            for live, size in sizes:
                live.saved = size
            for reply_id in stopped:
                self._stop(reply_id, Reply.Status.STOPPED)
            for reply_id in gone:
                self._stop(reply_id, Reply.Status.INTERRUPTED)

    async def _sweep(self) -> None:
        """End what dead workers left, now and then again."""
        suspects: set[uuid.UUID] = set()
        while True:
            try:
                suspects = await self.in_database(replies.interrupt_suspects, suspects)
            except Error as error:
                log.warning("abandoned replies could not be looked for: %s", error)
                suspects = set()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a task that nobody awaits; the loop alone would not keep it alive."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(coroutine, context=contextvars.Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


engine = Engine()
