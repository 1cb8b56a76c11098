"""Run the generation of replies: one task each, in the server's event loop.

The tasks belong to the process, not to a request, so a reply continues when the browser goes
away. Under a server without an event loop they run in a thread that has one. All database work
is done by a few threads, however many replies stream.
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
from chat.generation.in_flight import InFlightReply, Prompt
from chat.generation.produce import produce, produce_unstored
from chat.models import Reply
from chat.querysets import RECHECK_SECONDS
from schema.functions import uuid7

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

# The loop releases the GIL with every write to a socket and has to wait for it afterwards: by
# default 5 ms, for each of 500 streams.
SWITCH_SECONDS = 0.0005
FLUSH_SECONDS = 0.5
DATABASE_THREADS = 4
# How long a worker that is told to stop lets replies continue before it saves them as they are.
# gunicorn.conf.py allows 30 seconds in all.
DRAIN_SECONDS = 20
SAVE_SECONDS = 5


class Engine:
    """The replies that this process generates."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.in_flight: dict[uuid.UUID, InFlightReply] = {}
        self.unstored: set[InFlightReply] = set()
        self.is_closing = False
        self._background: set[asyncio.Task[None]] = set()
        self._database = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="replies")
        self._starting = threading.Lock()

    def start(self, reply_id: uuid.UUID, prompt: Prompt | None = None) -> None:
        """Start generating a reply. May be called from any thread."""
        self._get_loop().call_soon_threadsafe(self._start, reply_id, prompt)

    def start_unstored(self, prompt: Prompt) -> InFlightReply:
        """Start generating a reply that has no row. Call it in the event loop."""
        reply = InFlightReply(uuid7(), prompt)
        self.unstored.add(reply)
        reply.task = asyncio.get_running_loop().create_task(
            self._produce_unstored(reply), context=contextvars.Context()
        )
        return reply

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop, for a server without one."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._get_loop()).result()

    async def answer(self, prompts: list[Prompt]) -> list[InFlightReply]:
        """Generate replies without rows side by side, and return them when all have ended."""
        loop = self._get_loop()
        if loop is asyncio.get_running_loop():
            return await self._answer(prompts)
        future = asyncio.run_coroutine_threadsafe(self._answer(prompts), loop)
        return await asyncio.wrap_future(future)

    async def _answer(self, prompts: list[Prompt]) -> list[InFlightReply]:
        replies_begun = [self.start_unstored(prompt) for prompt in prompts]
        tasks = [reply.task for reply in replies_begun if reply.task]
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:  # the person has gone away
            for reply in replies_begun:
                reply.stop(Reply.Status.STOPPED)
            raise
        return replies_begun

    def stop(self, reply_id: uuid.UUID) -> None:
        """Stop a reply if this process generates it. May be called from any thread."""
        if self.loop is not None and reply_id in self.in_flight:
            self.loop.call_soon_threadsafe(self._stop, reply_id, Reply.Status.STOPPED)

    def find(self, reply_id: uuid.UUID) -> InFlightReply | None:
        """Return the reply if it is generated in the caller's event loop."""
        is_here = self.loop is asyncio.get_running_loop()
        return self.in_flight.get(reply_id) if is_here else None

    async def in_database(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that uses the database in one of the database threads."""

        def run() -> T:
            close_old_connections()
            try:
                return call(*args, **kwargs)
            finally:
                close_old_connections()

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, run)

    async def attach(self) -> None:
        """Use the running event loop and start cleaning up after dead workers."""
        self.loop = asyncio.get_running_loop()
        self.is_closing = False
        sys.setswitchinterval(SWITCH_SECONDS)
        await self.in_database(provider.prepare)
        model_catalog.refresh()
        self.run_in_background(self._sweep())

    def close(self) -> None:
        """Interrupt the replies in flight after DRAIN_SECONDS."""
        if not self.is_closing and self.loop is not None:
            self.is_closing = True
            self.loop.call_later(DRAIN_SECONDS, self._interrupt_all)

    async def detach(self) -> None:
        """Wait until all replies in flight have ended or been interrupted."""
        self.close()
        replies_left = [*self.in_flight.values(), *self.unstored]
        tasks = [reply.task for reply in replies_left if reply.task]
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN_SECONDS + SAVE_SECONDS)
        for task in self._background:
            task.cancel()
        self.loop = None

    def _get_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self.loop.run_forever, name="replies-loop", daemon=True
                ).start()
            return self.loop

    def _start(self, reply_id: uuid.UUID, prompt: Prompt | None = None) -> None:
        if reply_id in self.in_flight:
            return
        is_first = not self.in_flight
        reply = self.in_flight[reply_id] = InFlightReply(reply_id, prompt)
        # A context of its own, because the request's context ends with the request.
        reply.task = asyncio.get_running_loop().create_task(
            self._produce(reply), context=contextvars.Context()
        )
        if is_first:
            self.run_in_background(self._flush())

    def _stop(self, reply_id: uuid.UUID, status: Reply.Status) -> None:
        if reply := self.in_flight.get(reply_id):
            reply.stop(status)

    def _interrupt_all(self) -> None:
        for reply in [*self.in_flight.values(), *self.unstored]:
            reply.stop(Reply.Status.INTERRUPTED)

    async def _produce(self, reply: InFlightReply) -> None:
        try:
            await produce(reply, self.in_database)
        except Exception:  # the missing heartbeat marks the row within seconds
            log.exception("reply %s could not be saved", reply.reply_id)
        finally:
            self.in_flight.pop(reply.reply_id, None)
            reply.end()

    async def _produce_unstored(self, reply: InFlightReply) -> None:
        try:
            await produce_unstored(reply, self.in_database)
        finally:
            self.unstored.discard(reply)
            reply.end()

    async def _flush(self) -> None:
        """Save the replies in flight twice a second, until there are none."""
        while self.in_flight:
            await asyncio.sleep(FLUSH_SECONDS)
            # Those that are ending are not abandoned either: saving may have to wait.
            alive = [reply for reply in self.in_flight.values() if not reply.has_ended]
            if not alive:
                continue
            unsaved = [(reply.reply_id, reply.text) for reply in alive if reply.is_unsaved]
            sizes = [(reply, len(reply.text)) for reply in alive]
            keys = [reply.reply_id for reply in alive]
            try:
                stopped, gone = await self.in_database(replies.write_progress, unsaved, keys)
            except Error as error:  # the next round saves more
                log.warning("replies in flight could not be saved: %s", error)
                continue
            for reply, size in sizes:
                reply.saved = size
            for reply_id in stopped:
                self._stop(reply_id, Reply.Status.STOPPED)
            for reply_id in gone:
                self._stop(reply_id, Reply.Status.INTERRUPTED)

    async def _sweep(self) -> None:
        """Interrupt the replies of dead workers, again and again."""
        suspects: set[uuid.UUID] = set()
        while True:
            try:
                suspects = await self.in_database(replies.interrupt_suspects, suspects)
            except Error as error:
                log.warning("abandoned replies could not be read: %s", error)
                suspects = set()
            await asyncio.sleep(RECHECK_SECONDS)

    def run_in_background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a task that nobody awaits; the loop itself keeps no reference to it."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(coroutine, context=contextvars.Context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


engine = Engine()
