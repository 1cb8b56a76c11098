"""Read mails: one (.eml), or a box of them (mbox, RFC 4155)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr
from functools import lru_cache

from personas.teaching.readers.passages import Passage, unwrapped
from personas.teaching.readers.quotes import own_words, text_of_html
from uploads.reading import RefusedError
from uploads.unicode import storable

# Of a longer mail only the beginning is read: texts come before pictures.
MAX_MESSAGE = 2_000_000
MAX_PARTS = 1_000
MAX_DEPTH = 30
MAX_HTML = 500_000
FROM_LINE = re.compile(rb"From \S{0,300} .{0,40}\d{2}:\d{2}")
MULTIPART = re.compile(rb"^content-type:\s*(?:multipart/|message/)", re.IGNORECASE | re.MULTILINE)
BOUNDARY = re.compile(rb"^--", re.MULTILINE)
HEADER = re.compile(
    rb"^(From|Content-Type|Content-Transfer-Encoding):((?:[^\n]|\n[ \t]){0,2000})",
    re.IGNORECASE | re.MULTILINE,
)
HEADERS_END = re.compile(rb"\r?\n\r?\n")


def read_eml(lines: Iterator[bytes]) -> Iterator[Passage]:
    """Yield the text of one mail."""
    yield from read_message(_beginning(lines))


def read_mbox(lines: Iterator[bytes]) -> Iterator[Passage]:
    """Yield the text of each mail in a box."""
    waiting: list[bytes] = []
    length = 0
    after_blank = True
    for line in lines:
        if after_blank and line.startswith(b"From ") and FROM_LINE.match(line):
            yield from read_message(b"".join(waiting))
            waiting, length = [], 0
        elif length < MAX_MESSAGE:
            # A line of the text that begins with “From ” is written with a mark before it.
            waiting.append(line[1:] if line.startswith((b">From ", b">>From ")) else line)
            length += len(line)
        after_blank = line in {b"\n", b"\r\n"}
    yield from read_message(b"".join(waiting))


def _beginning(lines: Iterator[bytes]) -> bytes:
    read: list[bytes] = []
    length = 0
    for line in lines:
        if length < MAX_MESSAGE:
            read.append(line)
            length += len(line)
    return b"".join(read)


def read_message(data: bytes) -> Iterator[Passage]:
    """Yield what the writer of a mail wrote; nothing for a mail without text.

    Raises:
        RefusedError: It is built to take more than reading a mail may take.
    """
    end = HEADERS_END.search(data)
    if end is None:
        return
    # To parse all headers of a short mail takes most of the time of reading it.
    headers = {name.lower(): value for name, value in HEADER.findall(data[: end.end()])}
    kind = headers.get(b"content-type", b"text/plain")
    if kind.strip().lower().startswith(b"text/"):
        encoding = headers.get(b"content-transfer-encoding", b"").strip().lower()
        text = text_of(content_type(kind), decoded(data[end.end() :], encoding))
    else:
        text = first_text(parsed(data))
    if text is None:
        return
    own, quoted = text
    if own:
        yield Passage(writer(headers.get(b"from", b"")), unwrapped(own), quoted)


@dataclass(frozen=True)
class ContentType:
    """What a Content-Type header says of a text."""

    kind: str
    charset: str
    is_flowed: bool

    @classmethod
    def of(cls, part: Message) -> ContentType:
        """Return that of a part."""
        is_flowed = str(part.get_param("format", "")).lower() == "flowed"
        return cls(part.get_content_type(), part.get_content_charset() or "utf-8", is_flowed)


@lru_cache(maxsize=500)
def content_type(header: bytes) -> ContentType:
    """Parse a Content-Type header."""
    return ContentType.of(message_from_bytes(b"Content-Type:" + header.rstrip() + b"\n\n"))


def parsed(data: bytes) -> Message:
    """Parse a mail of many parts, within limits."""
    if len(MULTIPART.findall(data)) > MAX_DEPTH:
        raise RefusedError(f"A mail in the file is nested more than {MAX_DEPTH} deep.")
    if len(BOUNDARY.findall(data)) > 2 * MAX_PARTS:
        raise RefusedError(f"A mail in the file has more than {MAX_PARTS:,} parts.")
    try:
        return message_from_bytes(data)
    except (RecursionError, MessageError, ValueError):
        raise RefusedError("A mail in the file is broken.") from None


def first_text(message: Message) -> tuple[str, str] | None:
    """Return the text of the first part that is one: plain text, if there is any."""
    html = None
    for part in message.walk():
        if part.get_content_maintype() != "text" or part.get_filename():
            continue
        if part.get_content_type() == "text/plain":
            return text_of(ContentType.of(part), _payload(part))
        html = html or part
    return text_of(ContentType.of(html), _payload(html)) if html else None


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def text_of(content: ContentType, payload: bytes) -> tuple[str, str] | None:
    """Return the writer's words and the quoted ones in a part; None if it is no text to read."""
    text = _characters(payload, content.charset)
    if content.kind == "text/html":
        own, quoted = text_of_html(text[:MAX_HTML])
        again, more = own_words(own)
        return again, "\n".join(filter(None, [quoted, more]))
    if content.kind != "text/plain":
        return None
    own, quoted = own_words(text)
    if content.is_flowed:
        own = re.sub(r"(?<!\n--) \n(?=\S)", " ", own)
    return own, quoted


def decoded(payload: bytes, encoding: bytes) -> bytes:
    """Return a text as it was before it was encoded for the way."""
    try:
        if encoding == b"quoted-printable":
            return binascii.a2b_qp(payload)
        if encoding == b"base64":
            return binascii.a2b_base64(payload)
    except binascii.Error:
        return b""
    return payload


def _characters(payload: bytes, charset: str) -> str:
    try:
        return storable(payload.decode(charset, "replace"))
    except (LookupError, ValueError):  # an unknown charset
        return storable(payload.decode("utf-8", "replace"))


@lru_cache(maxsize=500)
def writer(header: bytes) -> str:
    """Return the address of the writer in a From header, in lower case; else the name."""
    name, address = parseaddr(_header(header.decode("utf-8", "replace")[:1_000]))
    return " ".join((address.lower() or name or "unknown").split())[:100]


def _header(value: str) -> str:
    try:
        parts = decode_header(value)
        return "".join(
            part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
            for part, charset in parts
        )
    except (MessageError, LookupError, ValueError):
        return value
