"""Read the text chunks of a PNG picture, https://www.w3.org/TR/png-3/#11textinfo."""

import struct
import zlib
from collections.abc import Iterator
from typing import IO

from django.utils.translation import gettext_noop

from chat.imports.reading import MAX_VALUE, RefusedError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def text_chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keyword and the text of each text chunk, as far as they can be read.

    Raises:
        RefusedError: The file is no PNG picture, or broken.
    """
    if file.read(8) != SIGNATURE:
        raise RefusedError(gettext_noop("The file is not a PNG picture."))
    for kind, data in _chunks(file):
        keyword, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            yield keyword, rest
        elif kind == b"zTXt":  # after the keyword: a method, and deflated Latin-1
            yield keyword, _inflated(rest[1:])
        elif kind == b"iTXt":  # after the keyword: flag, method, two names, text
            text = rest[2:].split(b"\0", 2)[-1]
            yield keyword, _inflated(text) if rest[:1] == b"\1" else text


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if length > MAX_VALUE:
            raise RefusedError(gettext_noop("The picture is broken: a part of it is too long."))
        data, check = file.read(length), file.read(4)
        if len(data) < length or len(check) < 4:
            raise RefusedError(gettext_noop("The picture is broken: it ends too early."))
        if zlib.crc32(kind + data) != int.from_bytes(check):
            raise RefusedError(gettext_noop("The picture is broken: a checksum is wrong."))
        if kind == b"IEND":
            return
        yield kind, data


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_VALUE)
    except zlib.error:
        raise RefusedError(
            gettext_noop("The picture is broken: its text cannot be unpacked.")
        ) from None
    if not inflater.eof:
        raise RefusedError(
            gettext_noop("The picture is broken: its text is too long or ends too early.")
        )
    return text
