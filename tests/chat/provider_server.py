"""A model server for the tests: OpenAI's streaming protocol over real HTTP.

The last message of a request says how its reply goes, in words such as `words=5 after=drop`.
A reply never waits for a clock. One with `hold=3` sends three words and stops at a gate until
the test calls `release()`, which it does when it has seen what those three words should cause.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests.waiting import PATIENCE

MODELS = ["large-model", "small-model"]
SIZES = {"large-model": {"context_length": 32_000}}


@dataclass(frozen=True)
class Script:
    """How one reply goes."""

    words: int = 4  # how many come
    hold: int = -1  # how many come before the gate; -1: there is no gate
    gate: str = ""  # the gate's name, where a test needs several
    status: int = 200  # an HTTP status, instead of a reply
    after: str = "end"  # then: end, cut, drop, stall, length, filter, error
    usage: str = "yes"  # or no: many servers count nothing
    options: str = "yes"  # or no: the request may ask for no counts
    text: str = ""  # the key in `texts` of what to send instead of counted words
    raw: str = ""  # what to send instead of all that
    message: str = ""  # the whole message

    @classmethod
    def from_words(cls, words: str) -> Script:
        """Read `key=value` words; the rest is ignored."""
        found = dict(re.findall(r"\b(\w+)=([\w.-]+)", words))
        types = {"words": int, "hold": int, "status": int}
        names = cls.__dataclass_fields__
        values: dict[str, Any] = {
            key: types.get(key, str)(found[key]) for key in found if key in names
        }
        return cls(**values | {"message": words})


@dataclass
class Gate:
    """Where replies wait: `words` of each may pass."""

    words: float = 0

    def __post_init__(self) -> None:
        self.moved = asyncio.Event()

    async def passed(self, word: int) -> None:
        """Return once the word of this number, counted from 1, may pass."""
        while word > self.words:
            await self.moved.wait()

    def open(self, words: float) -> None:
        """Let `words` of each reply pass."""
        self.words = words
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()


@dataclass
class ProviderServer:
    """The server, in a thread of its own; `requests` holds what it was asked."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    raws: dict[str, list[bytes]] = field(default_factory=dict)  # whole answers, part by part
    gates: dict[str, Gate] = field(default_factory=dict)
    port: int = 0
    streaming: int = 0  # replies that have begun and not ended

    @property
    def url(self) -> str:
        """Return what OPENAI_BASE_URL is to be."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a site that uses this server."""
        return {
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": "sk-test-key",
            "OPENAI_MODEL": "small-model",
            "OPENAI_TIMEOUT": str(PATIENCE),
        }

    def release(self, words: float = math.inf, gate: str = "") -> None:
        """Let replies that wait at a gate go on: until `words` of each have come, or to the end."""
        self._loop.call_soon_threadsafe(self._gate(gate).open, words)

    def hold_list(self) -> None:
        """Answer no request for the list of models until the gate "list" is released."""
        self._loop.call_soon_threadsafe(self._gate("list").open, 0)

    def reset(self) -> None:
        """Let everything that waits go on, and begin with closed gates."""
        gates, self.gates = self.gates, {}
        for gate in gates.values():
            self._loop.call_soon_threadsafe(gate.open, math.inf)

    def _gate(self, name: str) -> Gate:
        return self.gates.setdefault(name, Gate(math.inf if name == "list" else 0))

    def start(self) -> None:
        """Listen on a free port."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True)
        self._thread.start()
        ready.wait(PATIENCE)

    def stop(self) -> None:
        """End, and drop what is being streamed."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)

    async def serve(self, ready: threading.Event) -> None:
        """Serve until told to stop."""
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=2000)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                key = re.search(rb"(?i)authorization: bearer (\S+)", head)
                self.keys.append(key[1].decode() if key else "")
                if head.startswith(b"GET"):
                    await self._gate("list").passed(1)
                    data = [
                        {"id": name, "object": "model"} | SIZES.get(name, {}) for name in MODELS
                    ]
                    self._answer(writer, 200, {"object": "list", "data": data})
                else:
                    await self._complete(writer, json.loads(body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the site left, or the test is over
        finally:
            writer.close()

    async def _complete(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        self.requests.append(request)
        last = request["messages"][-1]["content"]
        if not request.get("stream"):
            message = {"role": "assistant", "content": "A fitting title"}
            choice = {"message": message, "finish_reason": "stop", "index": 0}
            self._answer(writer, 200, {"id": "1", "object": "chat.completion", "choices": [choice]})
            return
        self.streaming += 1
        try:
            await self._reply(writer, request, Script.from_words(last))
        finally:
            self.streaming -= 1

    async def _reply(
        self, writer: asyncio.StreamWriter, request: dict[str, Any], script: Script
    ) -> None:
        if script.raw:
            for part in self.raws[script.raw]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.002)  # or the parts would arrive as one
            raise ConnectionResetError  # nothing follows on this connection
        if script.options == "no" and "stream_options" in request:
            refusal = {"message": "stream_options: extra inputs are not permitted"}
            self._answer(writer, 422, {"error": refusal})
            return
        if script.status != 200:
            error = {"message": f"the model refused with {script.status}", "code": None}
            self._answer(writer, script.status, {"error": error})
            return
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        async for word in self.words(script):
            self._event(writer, request, {"content": word})
            await writer.drain()
        await self._end(writer, request, script)

    async def words(self, script: Script) -> AsyncIterator[str]:
        """Yield the words of a reply, each when it may be sent."""
        words = [f"word{number} " for number in range(1, script.words + 1)]
        if script.text:
            words = re.findall(r"\S+\s*|\s+", self.texts[script.text])
        gate = self._gate(script.gate)
        for number, word in enumerate(words, 1):
            if 0 <= script.hold < number:
                await gate.passed(number)
            yield word

    async def _end(
        self, writer: asyncio.StreamWriter, request: dict[str, Any], script: Script
    ) -> None:
        if script.after == "stall":
            await self._gate("stall").passed(1)  # the end of the test opens it
            raise ConnectionResetError
        if script.after == "drop":
            writer.transport.abort()
            raise ConnectionResetError
        reasons = {"end": "stop", "length": "length", "filter": "content_filter"}
        if script.after == "error":
            self._chunk(writer, {"error": {"message": "the card is on fire"}})
        elif reason := reasons.get(script.after):
            self._event(writer, request, {}, reason)
        if script.usage == "yes":
            usage = {"prompt_tokens": 11, "completion_tokens": script.words, "total_tokens": 0}
            self._chunk(writer, {"id": "1", "object": "x", "choices": [], "usage": usage})
        data = b"data: [DONE]\n\n"
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n")

    def _event(
        self,
        writer: asyncio.StreamWriter,
        request: dict[str, Any],
        delta: dict[str, str],
        reason: str | None = None,
    ) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "choices": [choice]}
        self._chunk(writer, chunk | {"model": request["model"]})

    def _chunk(self, writer: asyncio.StreamWriter, data: dict[str, Any]) -> None:
        line = f"data: {json.dumps(data)}\n\n".encode()
        writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _answer(self, writer: asyncio.StreamWriter, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        extra = "Retry-After: 7\r\n" if status == 429 else ""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
