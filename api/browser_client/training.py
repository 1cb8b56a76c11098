"""Teaching a persona by upload: texts become its writing samples."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from ninja import Router
from ninja.errors import HttpError

from api.browser_client import shapes
from api.browser_client.personas import active_persona
from api.requests import KeyRequest
from personas.voice import MAX_SAMPLES, Voice, paragraphs_of
from schema.functions import uuid7

router = Router()
MOST_FILES = 10
# A sample as long as all samples of the persona's form together.
MOST_CHARACTERS = 40_000
READABLE = {".txt", ".md", ".eml"}


@router.post("/personas/ingest")
def ingest(request: KeyRequest) -> dict[str, Any]:
    """Add the paragraphs of text files to the active persona's samples."""
    files = request.FILES.getlist("files")
    if not files:
        raise HttpError(HTTPStatus.BAD_REQUEST, "No files were uploaded")
    if len(files) > MOST_FILES:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"At most {MOST_FILES} files at a time")
    paragraphs = [part for file in files for part in paragraphs_of(text_of(file))]
    persona = active_persona(request.user)
    voice = Voice.read(persona.metadata)
    known = voice.sample_texts
    samples = (*known, *(part for part in dict.fromkeys(paragraphs) if part not in known))
    if len(samples) > MAX_SAMPLES or sum(map(len, samples)) > MOST_CHARACTERS:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            f"A persona has at most {MAX_SAMPLES} sample texts"
            f" of {MOST_CHARACTERS:,} characters in all",
        )
    persona.metadata = replace(voice, sample_texts=samples).written_into(persona.metadata)
    persona.save(update_fields=["metadata", "updated_at"])
    now = shapes.date(timezone.now())
    sent = [
        {
            "id": str(uuid7()),
            "name": file.name,
            "filename": file.name,
            "size": file.size,
            "created_at": now,
        }
        for file in files
    ]
    return {"samples": sent, "message": f"{len(samples) - len(known)} sample texts added"}


@router.post("/personas/retrain")
def retrain(request: KeyRequest) -> dict[str, Any]:
    """Return the active persona: its samples are used as soon as they are saved."""
    persona = active_persona(request.user)
    count = len(Voice.read(persona.metadata).sample_texts)
    if not count:
        raise HttpError(HTTPStatus.BAD_REQUEST, "Upload sample texts first")
    return {"persona": shapes.persona(persona), "message": f"{count} sample texts are in use"}


def text_of(file: UploadedFile[Any]) -> str:
    """Return the text of an upload.

    Raises:
        HttpError: It is none, or too long.
    """
    name = file.name or ""
    if PurePath(name).suffix.lower() not in READABLE:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name}: only text files (.txt) can be read")
    if (file.size or 0) > 4 * MOST_CHARACTERS:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name}: the file is too large")
    try:
        text: str = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name}: the file is no UTF-8 text") from None
    return text.replace("\0", "")
