"""Keep uploaded files on disk between the preview and what is done with them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core import signing
from django.core.files.uploadedfile import UploadedFile

# How long an upload is kept.
MAX_AGE_SECONDS = 3600
# Several sites of different users may share the machine's temporary folder.
FOLDER = Path(tempfile.gettempdir(), f"twinthread-uploads-{os.getuid()}")


def keep(user: UUID, upload: UploadedFile[Any]) -> str:
    """Keep an upload and delete the person's earlier ones; return its token.

    Raises:
        PermissionError: The folder belongs to another user of the machine.
    """
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if FOLDER.lstat().st_uid != os.getuid():
        raise PermissionError(f"{FOLDER} belongs to another user of this machine.")
    _clear(user)
    name = f"{user.hex}-{uuid.uuid4().hex}"
    with (FOLDER / name).open("xb") as file:
        upload.seek(0)
        shutil.copyfileobj(upload, file)
    return signing.dumps([str(user), name], salt="chat.imports")


def find(user: UUID, token: str) -> Path | None:
    """Return the upload with this token if it is the person's and not deleted yet."""
    try:
        owner, name = signing.loads(token, salt="chat.imports", max_age=MAX_AGE_SECONDS)
    except signing.BadSignature:
        return None
    path = FOLDER / name
    return path if owner == str(user) and path.exists() else None


def _clear(user: UUID) -> None:
    """Delete the person's earlier uploads, and everybody's old ones."""
    for path in FOLDER.iterdir():
        try:
            old = path.stat().st_mtime < time.time() - MAX_AGE_SECONDS
        except FileNotFoundError:  # deleted by another worker
            continue
        if old or path.name.startswith(user.hex):
            path.unlink(missing_ok=True)
