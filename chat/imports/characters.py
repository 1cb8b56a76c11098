"""Reads characters: SillyTavern's and others' Character Cards, as JSON or inside a PNG.

Sources:
    https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v2.md
    https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md
"""

import base64
import binascii
import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.utils import timezone

from chat.imports.items import Item, LeftOut
from chat.imports.reading import LARGEST_VALUE, JSONStream, RefusedError, mapping, text
from chat.imports.twinthread import COLOR, document

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Characters; what is longer is no name.
LONGEST_NAME = 255
SPECS = ("chara_card_v2", "chara_card_v3")
# What of a card says how the character speaks, under the heading it is kept by.
SECTIONS = {
    "description": "",
    "personality": "Personality",
    "scenario": "Scenario",
    "mes_example": "Examples",
    "system_prompt": "Instructions",
    "post_history_instructions": "Instructions",
}
# What of a card has no place here, and what the report calls it.
HOMELESS = {
    "alternate_greetings": "other greetings of a character",
    "group_only_greetings": "other greetings of a character",
    "character_book": "lore books of a character",
    "creator_notes": "notes of a character's maker",
    "assets": "pictures and sounds of a character",
}
# How a card names the character; its reader is to put the name there.
ITSELF = re.compile(r"\{\{char\}\}|<bot>", re.IGNORECASE)


def is_card(value: dict[str, Any]) -> bool:
    """Whether this is a card of version 1 (name and texts), or 2 or 3 (`spec` and `data`)."""
    if value.get("spec") in SPECS:
        return True
    return isinstance(value.get("name"), str) and "description" in value and "first_mes" in value


def character(card: dict[str, Any]) -> Iterator[Item | LeftOut]:
    """Read a card."""
    data = mapping(card.get("data"), "The card's data") if card.get("spec") in SPECS else card
    name = text(data.get("name"), "The character's name", LONGEST_NAME).strip()
    if not name:
        raise RefusedError("The character has no name.")
    parts = []
    for field, heading in SECTIONS.items():
        section = text(data.get(field) or "", f"The character's {field}").strip()
        if section:
            parts.append(f"{heading}:\n{section}" if heading else section)
    extensions = data.get("extensions")
    ours = extensions.get("twinthread") if isinstance(extensions, dict) else None
    ours = ours if isinstance(ours, dict) else {}
    if ours:
        # Our own card keeps in `metadata` what its other fields tell to other programs.
        parts = [text(data.get("description") or "", "The character's description")]
    color, metadata = ours.get("color"), ours.get("metadata")
    now = timezone.now()
    row: dict[str, Any] = {
        "name": name,
        "description": "\n\n".join(parts),
        "is_active": False,
        "metadata": document(metadata, "Its metadata") if isinstance(metadata, dict) else {},
        "created_at": now,
        "updated_at": now,
    }
    if isinstance(color, str) and COLOR.fullmatch(color):
        row["color"] = color
    greeting = text(data.get("first_mes") or "", "The character's greeting")
    if not ours:
        row["description"] = ITSELF.sub(lambda _: name, row["description"])
        row["metadata"] = {"greeting": ITSELF.sub(lambda _: name, greeting)} if greeting else {}
        yield from (LeftOut(reason) for field, reason in HOMELESS.items() if data.get(field))
    content = json.dumps([name, row["description"]]).encode()
    yield Item("persona", f"character:{hashlib.sha256(content).hexdigest()}", row)


def card_in_png(file: IO[bytes]) -> dict[str, Any]:
    """Return the card that a picture carries in base64, in a text chunk called `chara`.

    Raises:
        RefusedError: There is none. One called `ccv3`, version 3 alone, will do.
    """
    if file.read(8) != SIGNATURE:
        raise RefusedError("The file is not a PNG picture.")
    found: dict[bytes, bytes] = {}
    while b"chara" not in found:
        head = file.read(8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        if length > LARGEST_VALUE:
            raise RefusedError("The picture is broken: a part of it is too long.")
        data, check = file.read(length), file.read(4)
        if len(data) < length or len(check) < 4:
            raise RefusedError("The picture is broken: it ends too early.")
        if zlib.crc32(kind + data) != int.from_bytes(check):
            raise RefusedError("The picture is broken: a checksum is wrong.")
        if kind == b"IEND":
            break
        keyword, _, rest = data.partition(b"\0")
        if kind in TEXTS and keyword.lower() in (b"chara", b"ccv3"):
            found[keyword.lower()] = TEXTS[kind](rest)
    if not found:
        raise RefusedError("The picture carries no character.")
    try:
        value = found.get(b"chara") or found[b"ccv3"]
        decoded = base64.b64decode(value.translate(None, b" \t\r\n"), validate=True)
    except (binascii.Error, KeyError):
        raise RefusedError("The character in the picture is not base64.") from None
    stream = JSONStream(io.BytesIO(decoded))
    card = mapping(stream.value(), "The character in the picture")
    stream.end()
    return card


def _compressed(rest: bytes) -> bytes:
    """Return the text of a zTXt chunk, after its keyword: a method, and deflated Latin-1."""
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(rest[1:], LARGEST_VALUE)
    except zlib.error:
        raise RefusedError("The picture is broken: its text cannot be unpacked.") from None
    if not inflater.eof:
        raise RefusedError("The picture is broken: its text is too long or ends too early.")
    return found


def _international(rest: bytes) -> bytes:
    """Return the text of an iTXt chunk, after its keyword: flag, method, two names, text."""
    packed = rest[:1] == b"\1"
    _, _, value = rest[2:].partition(b"\0")
    _, _, value = value.partition(b"\0")
    return _compressed(b"\0" + value) if packed else value


# What stands after the keyword in each kind of text chunk
# (https://www.w3.org/TR/png-3/#11textinfo).
TEXTS: dict[bytes, Callable[[bytes], bytes]] = {
    b"tEXt": bytes,
    b"zTXt": _compressed,
    b"iTXt": _international,
}
