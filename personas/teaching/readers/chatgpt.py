"""Read what a person wrote to ChatGPT, from the file conversations.json of its export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from personas.teaching.readers.passages import Passage
from uploads.reading import JSONStream, RefusedError
from uploads.unicode import storable

YOU = "You"
NAMES = {"user": YOU, "assistant": "ChatGPT"}
FOREIGN = "This JSON file is not an export of ChatGPT. Choose its conversations.json, or the ZIP."
MAX_TEXT = 20_000


def read(file: IO[bytes]) -> Iterator[Passage]:
    """Yield the messages of all conversations."""
    stream = JSONStream(file)
    if stream.peek() != "[":
        raise RefusedError(FOREIGN)
    is_known = False
    for value in stream.elements():
        mapping = value.get("mapping") if isinstance(value, dict) else None
        if isinstance(mapping, dict):
            is_known = True
            yield from _conversation(str(value.get("title") or "")[:100], mapping)
    stream.end()
    if not is_known:
        raise RefusedError(FOREIGN)


def _conversation(title: str, mapping: dict[str, Any]) -> Iterator[Passage]:
    nodes = [node.get("message") for node in mapping.values() if isinstance(node, dict)]
    messages = [message for message in nodes if isinstance(message, dict)]
    for message in sorted(messages, key=_time):
        author, content = message.get("author"), message.get("content")
        role = author.get("role") if isinstance(author, dict) else None
        if role not in NAMES or not isinstance(content, dict):
            continue
        parts = content.get("parts")
        if content.get("content_type") not in {"text", "multimodal_text"}:
            continue
        texts = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
        if text := storable("\n".join(texts)).strip():
            yield Passage(NAMES[role], text[:MAX_TEXT], group=f"chatgpt {storable(title)}")


def _time(message: dict[str, Any]) -> float:
    time = message.get("create_time")
    return time if isinstance(time, int | float) and time == time else 0  # not NaN
