"""The code at each border, as a function of one input, and the inputs to begin with."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command

from chat.generation.chunks import outcome, read_chunk
from chat.generation.errors import ProviderError
from chat.generation.reasoning import ReasoningFilter
from chat.generation.sse import DONE, Events, Unreadable
from chat.generation.titles import title_from
from chat.imports import characters, files
from chat.imports.process import decoded, encoded
from chat.imports.reading import RefusedError
from chat.rendering import markdown
from chat.search.results import search_messages
from tests.chat.imports.files import CARD, CHATGPT, OPENWEBUI, as_bytes, png, zipped
from tests.chat.rendering.attacks import ATTACKS
from tests.factories import make_message, make_thread, make_user
from users.models import User

TEXTS = [
    "The invoice, see you",
    "ὁδός и ёж",
    "東京タワー",
    "Bring the **tent** (or not)",
    "a" * 5_000,
]
QUERIES = [
    'invoice "see you" -recipe from:user in:"Trip" after:2025-01-31 before:2026',
    "ΟΔΟΣ ёж 東京 OR AND NOT persona:work",
    "tent OR invoice*",
]
CASES = Path(__file__).parent.parent / "chat" / "cases"


@dataclass(frozen=True)
class Target:
    """A border.

    Attributes:
        run: Handle an input. Any exception is a fault.
        seeds: Inputs that are mutated.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def imports(data: bytes) -> None:
    """Read a file, and write each item for the other process."""
    try:
        for item in files.read(io.BytesIO(data), len(data)):
            line = json.dumps(encoded(item), default=lambda value: value.isoformat())
            assert decoded(json.loads(line)) == item
    except RefusedError as refusal:
        str(refusal).encode()


def cards(data: bytes) -> None:
    """Read the character in a picture."""
    try:
        list(characters.read_character(characters.card_in_png(io.BytesIO(data))))
    except RefusedError as refusal:
        str(refusal).encode()


def stream(data: bytes) -> None:
    """Read a reply in chunks of several sizes."""
    size = data[0] % 37 + 1 if data else 1
    reader, reasoning = Events(), ReasoningFilter()
    found = [
        event
        for start in range(0, len(data), size)
        for event in reader.feed(data[start : start + size])
    ]
    for name, event in [*found, *reader.close()]:
        if isinstance(event, Unreadable) or event == DONE:
            continue
        try:
            chunk = read_chunk(event, name)
        except ProviderError as problem:
            problem.detail.encode()
            continue
        reasoning.feed(chunk.text + chunk.reasoning)
        outcome(chunk.finish_reason, has_text=True, is_done=True)
        title_from(chunk).encode()
    reasoning.end()


def text(data: bytes) -> None:
    """Render a message."""
    markdown.render(data.decode("utf-8", "replace"))


def search(data: bytes) -> None:
    """Search for a query in both orders, and mark what was found."""
    person = User.objects.get()
    query = data.decode("utf-8", "replace")
    for best in (False, True):
        for hit in search_messages(person, query, best=best).hits:
            str(hit.snippet).encode()


def queries() -> list[bytes]:
    """Make the tables and some messages in an empty database; return queries for them."""
    call_command("migrate", verbosity=0)
    thread = make_thread(make_user("alice"), title="Trip")
    for text in TEXTS:
        make_message(thread, text)
    return [query.encode() for query in QUERIES]


def _cases(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(CASES.glob(pattern))]


TARGETS = {
    "imports": Target(
        imports,
        lambda: [
            *_cases("A-*"),
            *map(as_bytes, (CHATGPT, OPENWEBUI, CARD)),
            zipped(conversations__json=as_bytes(CHATGPT)),
        ],
    ),
    "cards": Target(cards, lambda: [*_cases("A-*.png"), png(as_bytes(CARD))]),
    "stream": Target(stream, lambda: _cases("B-*.sse")),
    "markdown": Target(text, lambda: [attack.encode() for attack in ATTACKS]),
    "search": Target(search, queries),
}
