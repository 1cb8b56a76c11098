"""Tells what a file is, opens it, and reads it with the reader for its kind."""

import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, Any

from chat.imports import characters, conversations, twinthread
from chat.imports.items import Item, LeftOut
from chat.imports.reading import LARGEST_FILE, JSONStream, RefusedError, mapping

# What may come out of a ZIP file: how many files that are read, how many bytes in all, and, of
# a file that unpacks to more than is harmless, how many times what went in. Deflate itself
# reaches 1,032; conversations are packed 3 to 20 times. Its list of files has to fit into
# memory, where it takes ten times its length; 16 MB name 100,000 threads.
MOST_MEMBERS = 20_000
LARGEST_LIST = 16_000_000
LARGEST_UNPACKED = 2_000_000_000
HARMLESS = 50_000_000
MOST_TIMES = 200

Items = Iterator[Item | LeftOut]


def read(file: IO[bytes], size: int) -> Items:
    """Read a file of `size` bytes from its start; raise RefusedError for what is no export."""
    if size > LARGEST_FILE:
        raise RefusedError(
            f"The file is larger than {LARGEST_FILE // 1_000_000:,} MB. Export it in parts, "
            "for example one thread at a time."
        )
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if not start:
        raise RefusedError("The file is empty.")
    if start.startswith(b"PK"):
        return zipped(file)
    return plain(file, start)


def plain(file: IO[bytes], start: bytes) -> Items:
    """Read a file that is not packed."""
    if start == characters.SIGNATURE:
        return itertools.chain(
            characters.character(characters.card_in_png(file)),
            [LeftOut("pictures of characters")],
        )
    return json(JSONStream(file))


def json(stream: JSONStream) -> Items:
    """Read JSON of any of the kinds."""
    first = stream.peek()
    if first == "[":
        return listed(stream)
    if first != "{":
        raise RefusedError("The file is neither JSON, nor a ZIP file, nor a PNG picture.")
    if stream.buffer[stream.place + 1 :].lstrip().startswith('"format"'):
        return twinthread.stream(stream)
    value = mapping(stream.value(), "The file")
    stream.end()
    if "format" in value:
        return archive(value)
    if characters.is_card(value):
        return characters.character(value)
    return single(value)


def archive(value: dict[str, Any]) -> Items:
    """Read our own archive after another program has put its keys into another order."""
    for name in twinthread.HEAD:
        twinthread.check_head(name, value.get(name))
    for name in twinthread.LISTS:
        if not isinstance(value.get(name), list):
            raise RefusedError(f"The file is not complete: {name} is missing.")
        yield from twinthread.rows(name, value[name])


def listed(stream: JSONStream) -> Items:
    """Read a list of conversations."""
    for place, value in enumerate(stream.elements(), 1):
        try:
            yield from single(mapping(value, "It"))
        except RefusedError as refusal:
            title = value.get("title") if isinstance(value, dict) else None
            named = f", “{title:.60}”" if isinstance(title, str) and title.isprintable() else ""
            raise RefusedError(f"Conversation {place}{named}: {refusal}") from None
    stream.end()


def single(value: dict[str, Any]) -> Items:
    """Return the reader's items for one conversation."""
    readers: dict[str, Callable[[dict[str, Any]], Items]] = {
        "mapping": conversations.chatgpt,
        "chat": conversations.openwebui,
        "history": conversations.openwebui,
        "messages": conversations.openwebui,
    }
    for mark, reader in readers.items():
        if mark in value:
            return reader(value)
    raise RefusedError(
        "The file is none of those that can be imported: a Twinthread export, ChatGPT's "
        "conversations.json, Open WebUI's chat export, or a character card."
    )


def zipped(file: IO[bytes]) -> Items:
    """Read what can be imported from a ZIP file."""
    try:
        listed = Listed(file)
        with zipfile.ZipFile(listed) as packed:
            listed.most = None
            left = LARGEST_UNPACKED
            for member in chosen(packed.infolist()):
                if member.flag_bits & 1:
                    raise RefusedError("The ZIP file is protected by a password.")
                # The other methods unpack without bound in one step: refused below, as those are
                # that zipfile does not know.
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise NotImplementedError
                with packed.open(member) as raw:
                    unpacked = Unpacked(raw, member, left)
                    start = unpacked.read(8)
                    unpacked.unread(start)
                    yield from plain(unpacked, start)  # type: ignore[arg-type]  # reads only
                    left -= unpacked.taken
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        raise RefusedError("The ZIP file is broken.") from None
    except (NotImplementedError, RuntimeError):
        raise RefusedError("The ZIP file is packed in a way that is not read here.") from None


def chosen(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the files to read: an account, or conversations, or else characters."""
    named = [(PurePosixPath(member.filename), member) for member in members]
    # macOS packs a shadow of each file beside it.
    named = [(path, m) for path, m in named if not path.name.startswith("._")]
    accounts = [m for path, m in named if path.name == "account.json"]
    if accounts:
        return accounts[:1]
    talks = [m for path, m in named if path.match("conversations*.json")]
    found = sorted(talks, key=lambda member: member.filename) or [
        m for path, m in named if path.suffix.lower() in {".json", ".png"}
    ]
    if not found:
        raise RefusedError("The ZIP file holds nothing that can be imported.")
    if len(found) > MOST_MEMBERS:
        raise RefusedError(f"The ZIP file holds more than {MOST_MEMBERS:,} files.")
    return found


class Listed:
    """A ZIP file whose list of files, which is read in one piece, may not be larger than `most`."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.most: int | None = LARGEST_LIST
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        if self.most is not None and size > self.most:
            raise RefusedError("The ZIP file holds too many files.")
        return self.file.read(size)


class Unpacked:
    """A file inside a ZIP file that stops being read when it unpacks to too much."""

    def __init__(self, raw: IO[bytes], member: zipfile.ZipInfo, left: int) -> None:
        self.raw = raw
        self.most = min(left, max(HARMLESS, member.compress_size * MOST_TIMES))
        self.taken = 0
        self.ahead = b""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        if self.ahead:
            data, self.ahead = self.ahead[:size], self.ahead[size:]
            return data
        data = self.raw.read(size)
        self.taken += len(data)
        if self.taken > self.most:
            raise RefusedError("The ZIP file unpacks to far more than it could rightly hold.")
        return data

    def unread(self, data: bytes) -> None:
        """Have `data` read again."""
        self.ahead = data
