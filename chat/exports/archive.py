"""Write everything into one ZIP file while it is sent."""

import io
import zipfile
from collections.abc import Generator, Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat.exports import formats
from chat.exports.formats import Format, slug
from chat.exports.rows import as_json
from chat.exports.source import Source
from personas.models import Persona
from personas.voice import Voice

README = """\
{name}'s data from Twinthread, {when}.

account.json        everything; Twinthread's import reads this file, or the ZIP itself
messages.csv        every message, for spreadsheets
threads/*.md        each conversation, for reading
personas/*.json     each persona as a Character Card V3, which other programs read
"""
LEVEL = 3
# How many samples other programs get as examples of messages.
MAX_EXAMPLES = 20


class Buffer(io.RawIOBase):
    """An unseekable file that keeps what is written to it until it is taken."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def writable(self) -> bool:
        """Return True, as zipfile demands."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # zipfile writes bytes
        """Keep the bytes until they are taken."""
        self.written.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self.written)
        self.written.clear()
        return taken


def write(source: Source) -> Iterator[bytes]:
    """Write the ZIP file."""
    buffer = Buffer()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, chunks in members(source):
            with archive.open(name, "w", force_zip64=True) as member:
                for chunk in formats.gathered(chunks):
                    member.write(chunk)
                    yield buffer.take()
            yield buffer.take()
    yield buffer.take()


def members(source: Source) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
    """Yield the name and the content of each file."""
    text = README.format(name=source.user.get_full_name(), when=f"{timezone.now():%Y-%m-%d}")
    yield "README.txt", iter([text.encode()])
    yield "account.json", formats.json(source)
    yield "messages.csv", formats.csv_table(source)
    for number, persona in enumerate(source.personas(), 1):
        yield f"personas/{number:03}-{slug(persona.name, 'persona')}.json", card_file(persona)
    for number, (thread, messages) in enumerate(source.conversations(), 1):
        name = f"threads/{number:05}-{slug(thread.title, 'thread')}.md"
        yield name, formats.conversation(source, thread, messages)


def card_file(persona: Persona) -> Iterator[bytes]:
    """Yield the persona's card, made when it is asked for."""
    yield card(persona)


def card(persona: Persona) -> bytes:
    """Return a persona as a Character Card V3, with what it was taught.

    Source: https://github.com/kwaroran/character-card-spec-v3/blob/main/SPEC_V3.md
    """
    voice = Voice.read(persona.metadata)
    ours: dict[str, Any] = {"color": persona.color, "metadata": persona.metadata}
    samples = list(persona.samples.newest_first().values("text", "source", "origin"))
    examples = [*(row["text"] for row in samples), *voice.sample_texts][:MAX_EXAMPLES]
    data = dict.fromkeys(("scenario", "creator_notes"), "") | {
        "first_mes": voice.greeting,
        "name": persona.name,
        "description": persona.description,
        "personality": "\n".join(filter(None, [voice.tone, *voice.common_phrases])),
        "mes_example": "".join(f"<START>\n{{{{char}}}}: {text}\n" for text in examples),
        "system_prompt": "\n".join(filter(None, [voice.instructions, *voice.rules])),
        "post_history_instructions": "",
        "alternate_greetings": [],
        "group_only_greetings": [],
        "tags": [],
        "creator": "",
        "character_version": "",
        "extensions": {"twinthread": ours | {"samples": samples[::-1]}},
    }
    return as_json({"spec": "chara_card_v3", "spec_version": "3.0", "data": data}).encode()


FORMATS = {
    "json": Format("json", "application/json", _("JSON: complete, can be imported"), formats.json),
    "csv": Format("csv", "text/csv; charset=utf-8", _("CSV: for spreadsheets"), formats.csv_table),
    "markdown": Format(
        "md", "text/markdown; charset=utf-8", _("Markdown: for reading"), formats.markdown
    ),
    "zip": Format("zip", "application/zip", _("ZIP: all of these, and the personas"), write),
}


def export(source: Source, name: str) -> Generator[bytes]:
    """Yield an export in the format called `name`; all rows are of one point in time."""
    with source.snapshot():
        yield from formats.gathered(FORMATS[name].write(source))
