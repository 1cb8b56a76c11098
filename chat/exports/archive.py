"""Everything in one ZIP file, written as it is sent."""

import io
import zipfile
from collections.abc import Iterator

from django.utils import timezone

from chat.exports import formats, source
from chat.exports.formats import Format
from chat.exports.source import Source
from personas.models import Persona
from personas.voice import Voice

README = """\
{name}'s data from Twinthread, {when}.

account.json        everything; Twinthread's import reads this file, or the ZIP itself
messages.csv        every message, for spreadsheets
threads/*.md        each conversation, for reading
personas/*.json     each persona as a Character Card V2, which other programs read
"""


class Pipe(io.RawIOBase):
    """A file that cannot be sought in: what is written to it is taken out again."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def writable(self) -> bool:
        """Say that it can be written to."""
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


def write(what: Source) -> Iterator[bytes]:
    """Write the ZIP file."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, pieces in members(what):
            with archive.open(name, "w", force_zip64=True) as member:
                for piece in formats.gathered(pieces):
                    member.write(piece)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()


def members(what: Source) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
    """Yield the name and the contents of each file."""
    text = README.format(name=what.user.get_full_name(), when=f"{timezone.now():%Y-%m-%d}")
    yield "README.txt", iter([text.encode()])
    yield "account.json", formats.json(what)
    yield "messages.csv", formats.csv_table(what)
    for number, persona in enumerate(what.personas(), 1):
        name = formats.part_of_name(persona.name, "persona")
        yield f"personas/{number:03}-{name}.json", iter([card(persona)])
    threads = what.threads().select_related("persona")
    for number, thread in enumerate(threads.iterator(chunk_size=source.BATCH), 1):
        name = formats.part_of_name(thread.title, "thread")
        yield f"threads/{number:05}-{name}.md", formats.conversation(what, thread)


def card(persona: Persona) -> bytes:
    """Return a persona as a Character Card V2.

    Source: https://github.com/malfoyslastname/character-card-spec-v2
    """
    voice = Voice.read(persona.metadata)
    data = dict.fromkeys(("scenario", "first_mes", "creator_notes"), "") | {
        "name": persona.name,
        "description": persona.description,
        "personality": "\n".join(filter(None, [voice.tone, *voice.common_phrases])),
        "mes_example": "".join(f"<START>\n{{{{char}}}}: {said}\n" for said in voice.sample_texts),
        "system_prompt": voice.instructions,
        "post_history_instructions": "",
        "alternate_greetings": [],
        "tags": [],
        "creator": "",
        "character_version": "",
        "extensions": {"twinthread": {"color": persona.color, "metadata": persona.metadata}},
    }
    return source.as_json({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}).encode()


FORMATS = {
    "json": Format("json", "application/json", "JSON: complete, can be imported", formats.json),
    "csv": Format("csv", "text/csv; charset=utf-8", "CSV: for spreadsheets", formats.csv_table),
    "markdown": Format(
        "md", "text/markdown; charset=utf-8", "Markdown: for reading", formats.markdown
    ),
    "zip": Format("zip", "application/zip", "ZIP: all of these, and the personas", write),
}


def export(what: Source, name: str) -> Iterator[bytes]:
    """Yield an export in the format called `name`, all of one moment."""
    with what.snapshot():
        yield from formats.gathered(FORMATS[name].write(what))
