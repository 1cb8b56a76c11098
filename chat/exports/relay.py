"""Sending what a thread produces from a request that is served asynchronously."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable

from django.db import connections

# Pieces that may wait for a slow reader.
WAITING = 4


async def relay(produce: Callable[[], Iterable[bytes]]) -> AsyncIterator[bytes]:
    """Yield what `produce` yields in a thread of its own, never far ahead of the reader.

    Django would gather a plain iterator into memory before it sent the first byte. The thread
    has its own database connection and gives it back, also when the reader goes away.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
    places = threading.Semaphore(WAITING)
    gone = threading.Event()

    def hand_over(piece: bytes | BaseException | None) -> None:
        if not gone.is_set():
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

    def run() -> None:
        try:
            for piece in produce():
                places.acquire()
                if gone.is_set():
                    break
                hand_over(piece)
            hand_over(None)
        except Exception as error:  # it is raised where the reader waits
            hand_over(error)
        finally:
            connections.close_all()

    threading.Thread(target=run, name="export", daemon=True).start()
    try:
        while (piece := await pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            places.release()
    finally:
        gone.set()
        places.release()
