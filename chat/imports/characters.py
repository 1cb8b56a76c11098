"""Reads characters: SillyTavern's and others' Character Cards, as JSON or inside a PNG.

Source: https://github.com/malfoyslastname/character-card-spec-v2/blob/main/spec_v2.md
"""

import base64
import binascii
import hashlib
import io
import json
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

from django.utils import timezone

from chat.imports.items import Item
from chat.imports.reading import LARGEST_VALUE, JSONStream, RefusedError, mapping, text
from chat.imports.twinthread import COLOR, document

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What of a card says how the character speaks, under the heading it is kept by.
SECTIONS = {
    "description": "",
    "personality": "Personality",
    "scenario": "Scenario",
    "mes_example": "Examples",
    "system_prompt": "Instructions",
}


def is_card(value: dict[str, Any]) -> bool:
    """Whether this is a card of version 1 (name and texts) or 2 (`spec` and `data`)."""
    if value.get("spec") == "chara_card_v2":
        return True
    return isinstance(value.get("name"), str) and "description" in value and "first_mes" in value


def character(card: dict[str, Any]) -> Iterator[Item]:
    """Read a card."""
    data = mapping(card.get("data"), "The card's data") if "spec" in card else card
    name = text(data.get("name"), "The character's name").strip()
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
    if greeting and not ours:
        row["metadata"] = {"greeting": greeting}
    content = json.dumps([name, row["description"]]).encode()
    yield Item("persona", f"character:{hashlib.sha256(content).hexdigest()}", row)


def card_in_png(file: IO[bytes]) -> dict[str, Any]:
    """Return the card that a picture carries in its tEXt chunk `chara`, in base64."""
    if file.read(8) != SIGNATURE:
        raise RefusedError("The file is not a PNG picture.")
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise RefusedError("The picture carries no character.")
        length, kind = struct.unpack(">I4s", head)
        if length > LARGEST_VALUE:
            raise RefusedError("The picture is broken: a part of it is too long.")
        data, check = file.read(length), file.read(4)
        if len(data) < length or len(check) < 4:
            raise RefusedError("The picture is broken: it ends too early.")
        if zlib.crc32(kind + data) != int.from_bytes(check):
            raise RefusedError("The picture is broken: a checksum is wrong.")
        keyword, _, value = data.partition(b"\0")
        if kind == b"tEXt" and keyword.lower() == b"chara":
            break
        if kind == b"IEND":
            raise RefusedError("The picture carries no character.")
    try:
        decoded = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise RefusedError("The character in the picture is not base64.") from None
    stream = JSONStream(io.BytesIO(decoded))
    card = mapping(stream.value(), "The character in the picture")
    stream.end()
    return card
