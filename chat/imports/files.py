"""Find out what a file is, and read it with the reader of its format."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from django.utils.translation import gettext_noop

from chat.imports import characters, twinthread
from chat.imports.archives import read_zip
from chat.imports.formats import (
    chatgpt,
    claude,
    deepseek,
    gemini,
    grok,
    librechat,
    openwebui,
    sillytavern,
)
from chat.imports.items import Problem, Read, Skipped
from chat.imports.png import SIGNATURE
from chat.imports.reading import MAX_FILE, JSONStream, RefusedError, mapping
from chat.imports.trees import Tree, label, read_tree


@dataclass(frozen=True)
class Format:
    """A format of conversations.

    Attributes:
        program: The beginning of the keys of its threads.
        name: The program's name.
        files: What the person has to choose.
        matches: Return whether a JSON object is a conversation of this format.
        read: Read a conversation.
    """

    program: str
    name: str
    files: str
    matches: Callable[[dict[str, Any]], bool]
    read: Callable[[dict[str, Any]], Tree]


# The first match counts, so a format stands before those that it resembles.
FORMATS = [
    Format(module.__name__.rpartition(".")[2], name, files, module.matches, module.read)
    for module, name, files in (
        (deepseek, "DeepSeek", gettext_noop("the ZIP it sends you, or its conversations.json")),
        (chatgpt, "ChatGPT", gettext_noop("the ZIP it sends you, or its conversations.json")),
        (claude, "Claude", gettext_noop("the ZIP it sends you, or its conversations.json")),
        (grok, "Grok", gettext_noop("the ZIP it sends you, or its prod-grok-backend.json")),
        (librechat, "LibreChat", gettext_noop("the JSON export of a conversation")),
        (openwebui, "Open WebUI", gettext_noop("its chat export (JSON)")),
    )
]
# The formats that are known and cannot be imported: how they begin, and what to do instead.
KNOWN_STARTS = {
    re.compile(rb"\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d\d"): (
        "This is a chat of WhatsApp or another messenger between people. Use your own messages "
        "as sample texts of a persona instead."
    ),
    re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE): (
        "This is a web page. Choose the JSON file that came with it."
    ),
    re.compile(rb"%PDF"): "This is a PDF document. Choose an export in JSON.",
    re.compile(rb"\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ"): (
        "This archive cannot be read. Unpack it and choose the file in it, or pack it as ZIP."
    ),
}
TELEGRAM_TYPES = ("personal_chat", "private_group", "private_supergroup", "saved_messages")
KNOWN_OBJECTS: list[tuple[Callable[[dict[str, Any]], bool], str]] = [
    (
        lambda value: "messages" in value and value.get("type") in TELEGRAM_TYPES,
        "This is a chat of Telegram between people. Use your own messages as sample texts of a "
        "persona instead.",
    ),
    (
        lambda value: isinstance(value.get("entries"), dict | list),
        "This is a lore book. Lore books cannot be imported.",
    ),
]
FIRST_KEY = re.compile(r'\{\s*"(\w+)"\s*:')
MAX_UNREADABLE = 10_000
GROK_KEYS = ("conversations", "projects", "tasks", "media_posts")
UNKNOWN = (
    "The file has none of the formats that can be imported: a Twinthread export, conversations "
    f"of {', '.join(one.name for one in FORMATS)}, Gemini or SillyTavern, or a character card."
)


def read(file: IO[bytes], size: int) -> Iterator[Read]:
    """Read a file of `size` bytes from its start.

    Raises:
        RefusedError: Nothing in it can be imported.
    """
    if size > MAX_FILE:
        raise RefusedError(
            f"The file is larger than {MAX_FILE // 1_000_000:,} MB. Export it in parts, for "
            "example one thread at a time."
        )
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if not start:
        raise RefusedError(gettext_noop("The file is empty."))
    if start.startswith(b"PK"):
        return read_zip(file, read_unpacked)
    return read_unpacked(file, start)


def read_unpacked(file: IO[bytes], start: bytes) -> Iterator[Read]:
    """Read a file that is not packed."""
    if start == SIGNATURE:
        return itertools.chain(
            characters.read_character(characters.card_in_png(file)),
            [Skipped("pictures of characters")],
        )
    _refuse_known(start)
    return read_json(JSONStream(file))


def _refuse_known(beginning: bytes) -> None:
    for pattern, reason in KNOWN_STARTS.items():
        if pattern.match(beginning):
            raise RefusedError(reason)


def read_json(stream: JSONStream) -> Iterator[Read]:
    """Read JSON of any format."""
    first = stream.peek()
    beginning = stream.buffer[stream.place : stream.place + 100].encode()
    _refuse_known(beginning)
    if first == "[":
        return read_list(stream)
    if first != "{":
        raise RefusedError(
            gettext_noop("The file is neither JSON, nor a ZIP file, nor a PNG picture.")
        )
    key = FIRST_KEY.match(stream.buffer, stream.place)
    if key and key[1] == "format":
        return twinthread.read_stream(stream)
    if key and key[1] in GROK_KEYS:
        return read_members(stream)
    return read_object(stream)


def read_object(stream: JSONStream) -> Iterator[Read]:
    """Read an object that is small enough to be read at once."""
    value = mapping(stream.value(), "The file")
    if sillytavern.matches(value):
        return read_tree("sillytavern", sillytavern.read(value, _lines(stream)))
    stream.end()
    if "format" in value:
        return twinthread.read_archive(value)
    if characters.is_card(value):
        return characters.read_character(value)
    if isinstance(conversations := value.get("conversations"), list):
        return read_elements(conversations)
    return read_conversation(value)


def _lines(stream: JSONStream) -> Iterator[Any]:
    while stream.peek():
        yield stream.value()


def read_members(stream: JSONStream) -> Iterator[Read]:
    """Read an object that holds a list of conversations beside other things."""
    for name in stream.members():
        if name == "conversations" and stream.peek() == "[":
            yield from read_elements(stream.elements())
        else:
            stream.value()
    stream.end()


def read_list(stream: JSONStream) -> Iterator[Read]:
    """Read a list of conversations. Where it breaks off, the conversations before are whole."""
    has_content = False
    try:
        for item in _read_list(stream.elements()):
            has_content = has_content or not isinstance(item, Problem)
            yield item
        stream.end()
    except RefusedError as refusal:
        if not has_content:
            raise
        yield Problem("The rest of the file", str(refusal))


def _read_list(elements: Iterator[Any]) -> Iterator[Read]:
    first = list(itertools.islice(elements, 1))
    every = itertools.chain(first, elements)
    if first and isinstance(first[0], dict) and gemini.matches(first[0]):
        activities = (one for one in every if isinstance(one, dict) and gemini.matches(one))
        for day in gemini.read_days(activities):
            yield from read_tree("gemini", day)
    else:
        yield from read_elements(every)


def read_elements(values: Iterable[Any]) -> Iterator[Read]:
    """Read conversations. One that cannot be read is a problem and keeps none from coming in."""
    unreadable = 0
    for number, value in enumerate(values, 1):
        if unreadable > MAX_UNREADABLE:
            raise RefusedError(f"More than {MAX_UNREADABLE:,} conversations cannot be read.")
        try:
            yield from list(read_conversation(mapping(value, "It")))
        except RefusedError as refusal:
            unreadable += 1
            title = value.get("title") or value.get("name") if isinstance(value, dict) else None
            place = f"Conversation {number}"
            reason = "Its format is unknown." if str(refusal) == UNKNOWN else str(refusal)
            yield Problem(f"{place}, {label(title)}" if title else place, reason)


def read_conversation(value: dict[str, Any]) -> Iterator[Read]:
    """Read one conversation."""
    for matches, reason in KNOWN_OBJECTS:
        if matches(value):
            raise RefusedError(reason)
    for one in FORMATS:
        if one.matches(value):
            return read_tree(one.program, one.read(value))
    raise RefusedError(UNKNOWN)
