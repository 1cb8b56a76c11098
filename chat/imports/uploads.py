"""Uploaded files, kept on disk between the preview and the import."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from django.core import signing
from django.core.files.uploadedfile import UploadedFile

from users.models import User

# Seconds an upload is kept.
KEPT = 3600
FOLDER = Path(tempfile.gettempdir(), "twinthread-imports")


def keep(user: User, upload: UploadedFile[Any]) -> str:
    """Keep an upload; return what it is asked for again with, by the same person."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    for old in FOLDER.iterdir():
        if old.stat().st_mtime < time.time() - KEPT:
            old.unlink(missing_ok=True)
    name = uuid.uuid4().hex
    with (FOLDER / name).open("xb") as file:
        upload.seek(0)
        shutil.copyfileobj(upload, file)
    return signing.dumps([str(user.pk), name], salt="chat.imports")


def kept(user: User, token: str) -> Path | None:
    """Return the file, if it is this person's and still there."""
    try:
        owner, name = signing.loads(token, salt="chat.imports", max_age=KEPT)
    except signing.BadSignature:
        return None
    path = FOLDER / name
    return path if owner == str(user.pk) and path.exists() else None
