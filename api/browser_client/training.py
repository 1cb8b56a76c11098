"""Teaching a persona by upload: texts become its writing samples."""

from __future__ import annotations

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
from personas.models import Sample
from personas.teaching import samples
from personas.teaching.samples import NewSample
from schema.functions import uuid7

router = Router()
MOST_FILES = 10
MOST_BYTES = 160_000
READABLE = {".txt", ".md", ".eml"}


@router.post("/personas/ingest")
def ingest(request: KeyRequest) -> dict[str, Any]:
    """Add the paragraphs of text files to the active persona's samples."""
    files = request.FILES.getlist("files")
    if not files:
        raise HttpError(HTTPStatus.BAD_REQUEST, "No files were uploaded")
    if len(files) > MOST_FILES:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"At most {MOST_FILES} files at a time")
    texts = [
        NewSample(part, Sample.Source.TEXT, file.name or "")
        for file in files
        for part in text_of(file).split("\n\n")
    ]
    added = samples.add_samples(persona=active_persona(request.user), texts=texts)
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
    return {"samples": sent, "message": f"{added.added} sample texts added"}


@router.post("/personas/retrain")
def retrain(request: KeyRequest) -> dict[str, Any]:
    """Measure the samples of the active persona again."""
    persona = active_persona(request.user)
    count = samples.learn_again(persona=persona)
    if not count:
        raise HttpError(HTTPStatus.BAD_REQUEST, "Upload sample texts first")
    persona.refresh_from_db()
    return {"persona": shapes.persona(persona), "message": f"{count} sample texts are in use"}


def text_of(file: UploadedFile[Any]) -> str:
    """Return the text of an upload.

    Raises:
        HttpError: It is none, or too long.
    """
    name = file.name or ""
    if PurePath(name).suffix.lower() not in READABLE:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name}: only text files (.txt) can be read")
    if (file.size or 0) > MOST_BYTES:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name}: the file is too large")
    try:
        text: str = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name}: the file is no UTF-8 text") from None
    return "\n".join(line.rstrip() for line in text.replace("\0", "").splitlines())
