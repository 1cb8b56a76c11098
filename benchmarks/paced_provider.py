"""A model server that sends words at a rate: `python -m benchmarks.paced_provider`.

It prints its URL. A message such as `words=20 pause=0.5 wait=1` asks for 20 words, one every
half second, the first one second later. Each word is the time at which it is sent.
"""

import asyncio
import re
import sys
import threading
import time
from collections.abc import AsyncIterator

from tests.chat.provider_server import ProviderServer, Script


class PacedProvider(ProviderServer):
    """A model server whose replies come at a rate."""

    async def words(self, script: Script) -> AsyncIterator[str]:
        """Yield the time, as often as the script asks for words."""
        pace = dict(re.findall(r"\b(pause|wait)=([\d.]+)", script.message))
        await asyncio.sleep(float(pace.get("wait", 0)))
        for _ in range(script.words):
            await asyncio.sleep(float(pace.get("pause", 0)))
            yield f"{time.time():.6f} "


async def main() -> None:
    """Serve until the process is ended."""
    server, ready = PacedProvider(), threading.Event()
    task = asyncio.create_task(server.serve(ready))
    await asyncio.to_thread(ready.wait)
    sys.stdout.write(server.url + "\n")
    sys.stdout.flush()
    await task


if __name__ == "__main__":
    asyncio.run(main())
