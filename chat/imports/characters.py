"""Read characters: the Character Cards of SillyTavern and others, as JSON or inside a PNG.

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
from collections.abc import Iterator
from datetime import timedelta
from typing import IO, Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from chat.imports.items import Item, Read, Skipped
from chat.imports.png import text_chunks
from chat.imports.reading import JSONStream, RefusedError, mapping, text
from chat.imports.twinthread import COLOR, document
from personas.models import Sample

MAX_NAME = 255
SPECS = ("chara_card_v2", "chara_card_v3")
# The keywords of the text chunks that hold a card, the newer version first.
KEYWORDS = (b"ccv3", b"chara")
# The fields that say how the character speaks, and the headings they are imported under.
SECTIONS = {
    "description": "",
    "personality": "Personality",
    "scenario": "Scenario",
    "mes_example": "Examples",
    "system_prompt": "Instructions",
    "post_history_instructions": "Instructions",
}
# The fields that are not imported, and how the report names them.
NOT_IMPORTED = {
    "alternate_greetings": "other greetings of a character",
    "group_only_greetings": "other greetings of a character",
    "character_book": "lore books of a character",
    "creator_notes": "notes of a character's author",
    "assets": "pictures and sounds of a character",
}
# Macros that stand for the names, https://docs.sillytavern.app/usage/core-concepts/macros/.
CHARACTER = re.compile(r"\{\{char\}\}|<bot>|<char>", re.IGNORECASE)
PERSON = re.compile(r"\{\{user\}\}|<user>", re.IGNORECASE)
START = re.compile(r"<START>[ \t]*", re.IGNORECASE)
COMMENT = re.compile(r"\{\{//[^}]{0,1000}\}\}")


def is_card(value: dict[str, Any]) -> bool:
    """Return whether this is a card of version 1 (name and texts), or 2 or 3 (`spec`, `data`)."""
    if value.get("spec") in SPECS:
        return True
    return isinstance(value.get("name"), str) and "description" in value and "first_mes" in value


def read_character(card: dict[str, Any]) -> Iterator[Read]:
    """Read a card."""
    data = mapping(card.get("data"), "The card's data") if card.get("spec") in SPECS else card
    name = text(data.get("name"), "The character's name", MAX_NAME).strip()
    if not name:
        raise RefusedError(gettext_noop("The character has no name."))
    extensions = data.get("extensions")
    ours = extensions.get("twinthread") if isinstance(extensions, dict) else None
    now = timezone.now()
    row: dict[str, Any] = {"name": name, "is_active": False, "created_at": now, "updated_at": now}
    if isinstance(ours, dict):
        row |= _exported_here(data, ours)
    else:
        row |= _description(data, name)
        yield from (Skipped(what) for field, what in NOT_IMPORTED.items() if data.get(field))
    content = json.dumps([name, row["description"]]).encode()
    key = f"character:{hashlib.sha256(content).hexdigest()}"
    yield Item("persona", key, row)
    if isinstance(ours, dict):
        yield from _samples(key, ours.get("samples", []))


def _exported_here(data: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of our own card, which repeats its metadata for other programs."""
    row: dict[str, Any] = {
        "description": text(data.get("description") or "", "The character's description"),
        "metadata": document(ours.get("metadata", {}), "The character's metadata"),
    }
    color = ours.get("color")
    return row | ({"color": color} if isinstance(color, str) and COLOR.fullmatch(color) else {})


def _samples(persona: str, values: Any) -> Iterator[Item]:
    """Yield the samples in our own card, the oldest first."""
    if not isinstance(values, list):
        raise RefusedError(gettext_noop("The character's samples are not a list."))
    now = timezone.now()
    for number, value in enumerate(values):
        sample = mapping(value, f"Sample {number + 1}")
        source = sample.get("source")
        row = {
            "persona": persona,
            "text": text(sample.get("text"), f"Sample {number + 1}"),
            "source": source if source in Sample.Source.values else Sample.Source.FORM.value,
            "origin": text(sample.get("origin") or "", f"The origin of sample {number + 1}"),
            "created_at": now + timedelta(microseconds=number),
            "updated_at": now,
        }
        digest = hashlib.sha256(str(row["text"]).encode()).hexdigest()
        yield Item("sample", f"{persona}:{digest}", row)


def _description(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the fields of another program's card, its macros replaced."""
    parts = []
    for field, heading in SECTIONS.items():
        value = text(data.get(field) or "", f"The character's {field}")
        if section := _expanded(value, data.get("nickname") or name).strip():
            parts.append(f"{heading}:\n{section}" if heading else section)
    greeting = text(data.get("first_mes") or "", "The character's greeting")
    greeting = _expanded(greeting, data.get("nickname") or name)
    metadata = {"greeting": greeting} if greeting else {}
    return {"description": "\n\n".join(parts), "metadata": metadata}


def _expanded(value: str, name: Any) -> str:
    value = COMMENT.sub("", START.sub("---", value))
    value = CHARACTER.sub(lambda _: name if isinstance(name, str) else "", value)
    return PERSON.sub("the user", value)


def card_in_png(file: IO[bytes]) -> dict[str, Any]:
    """Return the card that a picture carries in base64; the newer version if it has both.

    Raises:
        RefusedError: It carries none that can be read.
    """
    found = {keyword.lower(): value for keyword, value in text_chunks(file)}
    refusal = RefusedError(gettext_noop("The picture carries no character."))
    for keyword in KEYWORDS:
        if keyword in found:
            try:
                return _decoded(found[keyword])
            except RefusedError as error:
                refusal = error
    raise refusal


def _decoded(value: bytes) -> dict[str, Any]:
    value = value.translate(None, b" \t\r\n").rstrip(b"=")
    try:
        decoded = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        raise RefusedError(gettext_noop("The character in the picture is not base64.")) from None
    stream = JSONStream(io.BytesIO(decoded))
    card = mapping(stream.value(), "The character in the picture")
    stream.end()
    return card
