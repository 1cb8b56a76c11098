"""A way to a server that can be cut, as a network or a restart of the server does."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass


@dataclass
class Relay:
    """What listens on a port of its own and passes everything on, unless it is away."""

    host: str
    target: int
    port: int = 0
    is_away: bool = False

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait(10)

    def cut(self) -> None:
        """Drop every line, and every new one until `mend`."""
        self.is_away = True
        self._loop.call_soon_threadsafe(self._drop)

    def mend(self) -> None:
        """Pass on what comes from now on."""
        self.is_away = False

    def stop(self) -> None:
        """Drop every line and listen no more."""
        self.cut()
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._lines: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()

    def _drop(self) -> None:
        for writer in self._lines:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_away:
            writer.transport.abort()
            return
        beyond, onward = await asyncio.open_connection(self.host, self.target)
        ends = {writer, onward}
        self._lines |= ends
        await asyncio.gather(pump(reader, onward), pump(beyond, writer))
        self._lines -= ends


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, until either end is gone."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
