"""A TCP relay that can be cut, as a network fails, and that delays bytes, as a distance does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.waiting import PATIENCE


@dataclass
class Relay:
    """Listen on a port and pass everything on to a server, unless cut."""

    host: str
    target: int
    port: int = 0
    is_cut: bool = False
    delay: float = 0.0
    """Seconds that every byte takes, each way."""
    round_trips: list[int] = field(default_factory=list)
    """How often each connection's client sent something after an answer."""

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait(PATIENCE)

    def cut(self) -> None:
        """Drop every connection, and every new one until `restore`."""
        self.is_cut = True
        self._loop.call_soon_threadsafe(self._drop)

    def restore(self) -> None:
        """Pass on new connections again."""
        self.is_cut = False

    def stop(self) -> None:
        """Drop every connection and stop listening."""
        self.cut()
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()

    def _drop(self) -> None:
        for writer in self._connections:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        beyond, onward = await asyncio.open_connection(self.host, self.target)
        ends = {writer, onward}
        self._connections |= ends
        number = len(self.round_trips)
        self.round_trips.append(0)
        answered = True

        def asks(data: bytes) -> None:
            nonlocal answered
            self.round_trips[number] += answered
            answered = False

        def answers(data: bytes) -> None:
            nonlocal answered
            answered = True

        await asyncio.gather(
            pump(reader, onward, self.delay, asks), pump(beyond, writer, self.delay, answers)
        )
        self._connections -= ends


async def pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    delay: float = 0.0,
    watch: Callable[[bytes], None] = lambda data: None,
) -> None:
    """Pass on what comes, `delay` seconds later, until either end closes."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        data = b"something"
        while data:
            try:
                data = await reader.read(65536)
            except ConnectionError:
                data = b""
            if data:
                watch(data)
            waiting.put_nowait((loop.time() + delay, data))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, data = await waiting.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        reading.cancel()
        writer.close()
