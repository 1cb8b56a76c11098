"""What is to happen when the server's process starts, is told to stop, and ends.

A room that runs tasks of its own registers here; the ASGI application and gunicorn.conf.py
call. Without an ASGI server nothing is called.
"""

from collections.abc import Awaitable, Callable
from typing import Any

startup: list[Callable[[], Awaitable[None]]] = []
closing: list[Callable[[], None]] = []
shutdown: list[Callable[[], Awaitable[None]]] = []


async def attend(receive: Any, send: Any) -> None:
    """Speak the ASGI lifespan protocol (asgi.readthedocs.io, "Lifespan Protocol")."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            for hook in startup:
                await hook()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            for hook in shutdown:
                await hook()
            await send({"type": "lifespan.shutdown.complete"})
            return


def close() -> None:
    """Tell everybody, in the event loop's thread, that the process is to end soon."""
    for hook in closing:
        hook()
