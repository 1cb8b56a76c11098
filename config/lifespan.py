"""Functions to call when the server process starts, receives a signal to stop, and ends.

An app that runs background tasks adds its functions to these lists. The ASGI application and
gunicorn.conf.py call them; without an ASGI server nothing is called.
"""

from collections.abc import Awaitable, Callable
from typing import Any

startup: list[Callable[[], Awaitable[None]]] = []
closing: list[Callable[[], None]] = []
shutdown: list[Callable[[], Awaitable[None]]] = []


async def attend(receive: Any, send: Any) -> None:
    """Follow the ASGI lifespan protocol (asgi.readthedocs.io, "Lifespan Protocol")."""
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
    """Announce, in the event loop's thread, that the process will end soon."""
    for hook in closing:
        hook()
