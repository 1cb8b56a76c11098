"""Write an account or a thread as JSON, CSV or Markdown, chunk by chunk."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import slugify

from chat.exports.rows import ISOTime, as_json, lines, one_by_one, separated
from chat.exports.source import PERSONA, REPLY, SAMPLE, THREAD, VERSION, Source, ThreadRow, account

FORMAT, FORMAT_VERSION = "twinthread", 2
CHUNK = 64 * 1024  # bytes
COLUMNS = ("thread", "persona", "role", "created_at", "content", "message_id", "thread_id")
# A spreadsheet runs a cell as a formula if its first visible character is one of these, also in
# its full-width and small forms (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA = "=+-@"
INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*"
)
# These move the rest of the cell to another cell in some programs.
SEPARATORS = ("\t", "\r", "\n")


@dataclass(frozen=True)
class Format:
    """One way to write an export."""

    suffix: str
    content_type: str
    label: str | Promise  # in the reader's language
    write: Callable[[Source], Iterator[bytes | memoryview]]


def gathered(chunks: Iterable[bytes | memoryview], size: int = CHUNK) -> Iterator[bytes]:
    """Join the chunks to chunks of at least `size` bytes, except for the last one."""
    waiting: list[bytes | memoryview] = []
    length = 0
    for chunk in chunks:
        waiting.append(chunk)
        length += len(chunk)
        if length >= size:
            yield b"".join(waiting)
            waiting.clear()
            length = 0
    if waiting:
        yield b"".join(waiting)


def json(source: Source) -> Iterator[bytes | memoryview]:
    """Write the complete archive of docs/export-format.md, one row on each line."""
    head = {"format": FORMAT, "version": FORMAT_VERSION, "exported_at": timezone.now().isoformat()}
    head |= {"account": account(source.user)}
    yield as_json(head)[:-1].encode()
    lists: dict[str, Iterator[bytes | memoryview]] = {
        "personas": separated(lines(source.personas(), PERSONA)),
        "samples": separated(lines(source.samples(), SAMPLE)),
        "threads": separated(lines(source.threads_and_branches(), THREAD)),
        "messages": source.message_lines(),
        "versions": separated(lines(source.versions(), VERSION)),
        "replies": separated(lines(source.replies(), REPLY)),
    }
    for name, rows in lists.items():
        yield f',\n"{name}":[\n'.encode()
        yield from rows
        yield b"]"
    yield b"\n}\n"


def csv_table(source: Source) -> Iterator[bytes]:
    """Write the messages as a table that spreadsheet programs open correctly."""
    yield b"\xef\xbb\xbf"  # without it Excel assumes the machine's legacy encoding
    buffer = io.StringIO(newline="")
    # Everything is quoted, so that programs that expect semicolons split no text.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    rows = source.messages().values_list(
        *("thread__title", "thread__persona__name", "role", ISOTime("created_at"), "content"),
        *("id", "thread"),
    )
    for title, persona, role, created_at, content, key, thread in one_by_one(rows):
        texts = [cell(title), cell(persona or ""), role, created_at, cell(content)]
        writer.writerow([*texts, key, thread])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()


def cell(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet may run it as a formula."""
    if text[:1].isalnum():
        return text
    blank = INVISIBLE.match(text)
    first = text[blank.end() :][:1] if blank else text[:1]
    is_formula = unicodedata.normalize("NFKC", first).startswith(tuple(FORMULA))
    return f"'{text}" if is_formula or text.startswith(SEPARATORS) else text


def markdown(source: Source) -> Iterator[bytes]:
    """Write the conversations one after the other, for reading."""
    for thread, messages in source.conversations():
        yield from conversation(source, thread, messages)


def conversation(
    source: Source, thread: ThreadRow, messages: Iterable[Sequence[Any]]
) -> Iterator[bytes]:
    """Write one conversation as Markdown."""
    twin = thread.persona or "Twin"
    names = {"user": source.user.get_full_name(), "assistant": "Assistant", "twin": twin}
    yield f"# {' '.join(thread.title.split())}\n\n".encode()
    if thread.description:
        yield f"{thread.description}\n\n".encode()
    for role, created_at, content, *thoughts in messages:
        minute = created_at[:16].replace("T", " ")
        yield f"**{names[role]}** · {minute}\n\n".encode()
        for thought in filter(None, thoughts):
            yield f"> {'> '.join(thought.splitlines(keepends=True))}\n\n".encode()
        yield f"{content}\n\n---\n\n".encode()


def file_name(source: Source, suffix: str) -> str:
    """Return the name of the download."""
    subject = slug(source.thread.title, "thread") if source.thread else "export"
    return f"twinthread-{subject}-{timezone.now():%Y-%m-%d}.{suffix}"


def slug(title: str, default: str) -> str:
    """Return a part of a file name: letters and digits of any script, and hyphens.

    File systems allow 255 bytes in a name, and a letter takes up to four.
    """
    return slugify(title, allow_unicode=True)[:40].strip("-_") or default
