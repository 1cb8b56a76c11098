"""Uploaded files, kept on disk between the preview and the import."""

from __future__ import annotations

import os
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
# Each of the machine's users has one: several sites may share its temporary folder.
FOLDER = Path(tempfile.gettempdir(), f"twinthread-imports-{os.getuid()}")


def keep(user: User, upload: UploadedFile[Any]) -> str:
    """Keep an upload, the last one of this person; return what it is asked for again with.

    Raises:
        PermissionError: Somebody else of this machine has made the folder.
    """
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if FOLDER.lstat().st_uid != os.getuid():
        raise PermissionError(f"{FOLDER} belongs to another user of this machine.")
    _clear(user)
    name = f"{user.pk.hex}-{uuid.uuid4().hex}"
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


def _clear(user: User) -> None:
    """Delete what this person has uploaded before, and what is old."""
    for path in FOLDER.iterdir():
        try:
            old = path.stat().st_mtime < time.time() - KEPT
        except FileNotFoundError:  # another worker was faster
            continue
        if old or path.name.startswith(user.pk.hex):
            path.unlink(missing_ok=True)
