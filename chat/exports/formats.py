"""An account or a thread written as JSON, CSV or Markdown, piece by piece."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.utils import timezone
from django.utils.text import slugify

from chat.exports import source
from chat.exports.source import Source
from threads.models import Thread

FORMAT, VERSION = "twinthread", 1
# How much is written at a time, in bytes.
PIECE = 64 * 1024
COLUMNS = ("thread", "persona", "role", "created_at", "content", "message_id", "thread_id")
# A spreadsheet takes a cell that begins so for a formula
# (https://owasp.org/www-community/attacks/CSV_Injection); an apostrophe makes it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Format:
    """One way to write an export."""

    suffix: str
    content_type: str
    label: str
    write: Callable[[Source], Iterator[bytes | memoryview]]


def gathered(pieces: Iterable[bytes | memoryview], size: int = PIECE) -> Iterator[bytes]:
    """Yield the same bytes in pieces of at least `size`, the last excepted."""
    waiting: list[bytes | memoryview] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(waiting)
            waiting.clear()
            length = 0
    if waiting:
        yield b"".join(waiting)


def json(what: Source) -> Iterator[bytes | memoryview]:
    """Write the complete archive, docs/export-format.md: one row a line."""
    head = {"format": FORMAT, "version": VERSION, "exported_at": timezone.now().isoformat()}
    head |= {"account": source.account(what.user)}
    yield source.as_json(head)[:-1].encode()
    lists: dict[str, Iterator[bytes | memoryview]] = {
        "personas": source.separated(source.lines(what.personas(), source.PERSONA)),
        "threads": source.separated(source.lines(what.threads(), source.THREAD)),
        "messages": what.message_lines(),
        "versions": source.separated(source.lines(what.versions(), source.VERSION)),
        "replies": source.separated(source.lines(what.replies(), source.REPLY)),
    }
    for name, rows in lists.items():
        yield f',\n"{name}":[\n'.encode()
        yield from rows
        yield b"]"
    yield b"\n}\n"


def csv_table(what: Source) -> Iterator[bytes]:
    """Write the messages as a table that spreadsheet programs open right."""
    yield b"\xef\xbb\xbf"  # without it Excel takes the text for the machine's old code page
    buffer = io.StringIO(newline="")
    # Quoted, so that a spreadsheet that takes semicolons for separators splits no text.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    rows = what.messages().values_list(
        *("thread__title", "thread__persona__name", "role", "created_at", "content", "id"),
        "thread",
    )
    for title, persona, role, created_at, content, key, thread in source.one_by_one(rows):
        texts = [cell(title), cell(persona or ""), role, created_at.isoformat(), cell(content)]
        writer.writerow([*texts, key, thread])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()


def cell(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def markdown(what: Source) -> Iterator[bytes]:
    """Write the conversations one after another, for reading."""
    for thread in what.threads().select_related("persona").iterator(chunk_size=source.BATCH):
        yield from conversation(what, thread)


def conversation(what: Source, thread: Thread) -> Iterator[bytes]:
    """Write one conversation as Markdown."""
    twin = thread.persona.name if thread.persona else "Twin"
    names = {"user": what.user.get_full_name(), "assistant": "Assistant", "twin": twin}
    yield f"# {' '.join(thread.title.split())}\n\n".encode()
    if thread.description:
        yield f"{thread.description}\n\n".encode()
    rows = what.messages().filter(thread=thread).values_list("role", "created_at", "content")
    for role, created_at, content in source.one_by_one(rows):
        yield f"**{names[role]}** · {created_at:%Y-%m-%d %H:%M}\n\n{content}\n\n---\n\n".encode()


def file_name(what: Source, suffix: str) -> str:
    """Return what the download is called."""
    subject = part_of_name(what.thread.title, "thread") if what.thread else "export"
    return f"twinthread-{subject}-{timezone.now():%Y-%m-%d}.{suffix}"


def part_of_name(title: str, otherwise: str) -> str:
    """Return what a file may be called after a title: letters and digits of any script, hyphens.

    A file system takes 255 bytes, and a letter may be four of them.
    """
    return slugify(title, allow_unicode=True)[:40].strip("-_") or otherwise
