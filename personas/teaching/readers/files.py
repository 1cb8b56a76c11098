"""Find out what a file is, and read it with the reader of its format."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from personas.teaching.readers import chatgpt, mail, plain, whatsapp
from personas.teaching.readers.passages import Passage, lines
from uploads.reading import RefusedError
from uploads.zips import Directory, Unpacked, opened

MAX_FILE = 100_000_000
MAX_UNPACKED = 500_000_000
MAX_MEMBERS = 2_000
BEGINNING = 4_096
KNOWN_STARTS = {
    b"%PDF": "This is a PDF document. Save its text as a text file, or copy and paste it.",
    b"\xd0\xcf\x11\xe0": "This is a document of Microsoft Office or an Outlook message. Save it as "
    "text (.txt) or as mail (.eml).",
    b"\x89PNG": "This is a picture.",
    b"\xff\xd8\xff": "This is a picture.",
    b"GIF8": "This is a picture.",
    b"\x1f\x8b": "This archive cannot be read. Unpack it, or pack it as ZIP.",
    b"7z\xbc\xaf": "This archive cannot be read. Unpack it, or pack it as ZIP.",
    b"Rar!": "This archive cannot be read. Unpack it, or pack it as ZIP.",
    b"{\\rtf": "This is a document in RTF. Save it as plain text.",
}
HEADERS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,60}:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){2,}")
FROM_HEADER = re.compile(rb"^From:", re.IGNORECASE | re.MULTILINE)
WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)
SUFFIXES = {".txt", ".md", ".markdown", ".eml", ".mbox", ".mbx", ""}


@dataclass(frozen=True)
class Found:
    """A file: its format, a `Sample.Source`, and its passages."""

    source: str
    passages: Iterator[Passage]


def read(file: IO[bytes], name: str, size: int) -> Found:
    """Recognise a file by its content; only Markdown is known by its name.

    Raises:
        RefusedError: It cannot be read. Reading the passages raises it, too.
    """
    if not size:
        raise RefusedError("The file is empty.")
    if size > MAX_FILE:
        raise RefusedError(f"The file is larger than {MAX_FILE // 1_000_000} MB.")
    beginning = file.read(BEGINNING)
    file.seek(0)
    if beginning.startswith(b"PK"):
        return _zip(file)
    return recognised(file, beginning, name)


def recognised(file: IO[bytes], beginning: bytes, name: str) -> Found:
    """Return what a file is that is not packed; `file` stands at its start."""
    for start, reason in KNOWN_STARTS.items():
        if beginning.startswith(start):
            raise RefusedError(reason)
    is_utf16 = beginning[:2] in {b"\xff\xfe", b"\xfe\xff"}
    if b"\0" in beginning and not is_utf16:
        raise RefusedError("The file is not text.")
    if WEB_PAGE.match(beginning):
        raise RefusedError("This is a web page. Copy and paste the text that is yours.")
    readers: list[tuple[bool, str, Callable[[Iterator[bytes]], Iterator[Passage]]]] = [
        (mail.FROM_LINE.match(beginning) is not None, "mail", mail.read_mbox),
        (_is_mail(beginning), "mail", mail.read_eml),
        (whatsapp.matches(_characters(beginning)), "whatsapp", whatsapp.read),
        (name.lower().endswith((".md", ".markdown")), "text", plain.read_markdown),
        (True, "text", plain.read_text),
    ]
    if beginning.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in {b"[", b"{"} and not readers[2][0]:
        return Found("chatgpt", chatgpt.read(file))
    _, source, reader = next(found for found in readers if found[0])
    return Found(source, reader(lines(file)))


def _is_mail(beginning: bytes) -> bool:
    found = HEADERS.match(beginning)
    return found is not None and FROM_HEADER.search(found[0]) is not None


def _characters(beginning: bytes) -> str:
    encoding = "utf-16" if beginning[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    return beginning.decode(encoding, "ignore")


def _zip(file: IO[bytes]) -> Found:
    """Return the texts of a ZIP file: the export of ChatGPT or of WhatsApp, or texts and mails."""
    try:
        directory = Directory(file)
        archive = zipfile.ZipFile(directory)
        directory.max_read = None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise RefusedError("The ZIP file is broken.") from None
    members = [one for one in archive.infolist() if not one.is_dir()]
    names = {PurePosixPath(one.filename).name for one in members}
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise RefusedError("This is an office document. Save it as text, or copy and paste it.")
    chats = [m for m in members if PurePosixPath(m.filename).match("conversations*.json")]
    texts = [m for m in members if _is_text(PurePosixPath(m.filename))]
    chosen = chats or texts
    if not chosen:
        raise RefusedError("The ZIP file holds no texts, mails or chats.")
    if len(chosen) > MAX_MEMBERS:
        raise RefusedError(f"The ZIP file holds more than {MAX_MEMBERS:,} texts.")
    first = next(_members(archive, chosen[:1]))
    return Found(first.source, _all(archive, chosen))


def _is_text(path: PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES - {""} and not path.name.startswith("._")


def _all(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[Passage]:
    try:
        for found in _members(archive, members):
            yield from found.passages
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        raise RefusedError("The ZIP file is broken.") from None
    except (NotImplementedError, RuntimeError):
        raise RefusedError("The ZIP file is packed in a way that is not supported.") from None


def _members(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[Found]:
    left = MAX_UNPACKED
    for member in members:
        with opened(archive, member) as raw:
            unpacked = Unpacked(raw, member, left)
            beginning = unpacked.read(BEGINNING)
            unpacked.unread(beginning)
            if beginning.startswith(b"PK"):
                raise RefusedError("The ZIP file holds another ZIP file. Unpack it first.")
            yield recognised(unpacked, beginning, member.filename)  # type: ignore[arg-type]  # reads only
            left -= unpacked.taken


def pasted(text: str) -> Found:
    """Return what was pasted into a form."""
    data = text.encode()
    return recognised(io.BytesIO(data), data[:BEGINNING], "")
