"""Read what can be imported from a ZIP file, without unpacking more than it may hold."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO

from django.utils.translation import gettext_noop

from chat.imports.items import Problem, Read
from uploads.reading import RefusedError
from uploads.zips import UNSUPPORTED, Directory, Unpacked, opened

# The limits on the files that are read, and on the bytes that they unpack to in all.
MAX_MEMBERS = 20_000
MAX_UNPACKED = 2_000_000_000
Reader = Callable[[IO[bytes], bytes], Iterator[Read]]


def read_zip(file: IO[bytes], reader: Reader) -> Iterator[Read]:
    """Read the files in a ZIP file, each with `reader`.

    A file that cannot be read is a problem, unless it is the only one.

    Raises:
        RefusedError: The ZIP file is broken or too large, or holds nothing to import.
    """
    try:
        directory = Directory(file)
        with zipfile.ZipFile(directory) as archive:
            directory.max_read = None
            members = chosen(archive.infolist())
            left = MAX_UNPACKED
            for member in members:
                with opened(archive, member) as raw:
                    unpacked = Unpacked(raw, member, left)
                    try:
                        yield from _read_member(unpacked, reader)
                    except RefusedError as refusal:
                        if len(members) == 1 or unpacked.is_exceeded:
                            raise
                        yield Problem(PurePosixPath(member.filename).name, str(refusal))
                    left -= unpacked.taken
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        raise RefusedError(gettext_noop("The ZIP file is broken.")) from None
    except RuntimeError:  # zipfile does not know the version of the format, or the encryption
        raise RefusedError(UNSUPPORTED) from None


def _read_member(unpacked: Unpacked, reader: Reader) -> Iterator[Read]:
    start = unpacked.read(8)
    unpacked.unread(start)
    return reader(unpacked, start)  # type: ignore[arg-type]  # reads only


def chosen(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the files to read: an account, else conversations, else everything readable."""
    named = [(PurePosixPath(member.filename), member) for member in members]
    # macOS adds a shadow of each file.
    named = [(path, m) for path, m in named if not path.name.startswith("._")]
    for pattern in ("account.json", "card.json"):  # ours, and a character in a .charx file
        if exact := [m for path, m in named if path.name == pattern]:
            return exact[:1]
    conversations = [
        m
        for path, m in named
        if path.match("conversations*.json") or path.name == "prod-grok-backend.json"
    ]
    found = sorted(conversations, key=lambda member: member.filename) or [
        m for path, m in named if path.suffix.lower() in {".json", ".jsonl", ".png"}
    ]
    if not found:
        raise RefusedError(gettext_noop("The ZIP file holds nothing that can be imported."))
    if len(found) > MAX_MEMBERS:
        raise RefusedError(f"The ZIP file holds more than {MAX_MEMBERS:,} files.")
    return found
