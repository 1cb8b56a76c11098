"""The whole account: export and import."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http.response import HttpResponseBase
from ninja import File, Router, UploadedFile
from ninja.errors import HttpError

from api import limits
from api.requests import KeyRequest
from api.streams import streamed
from api.v2 import schemas
from api.v2.problems import READ_ERRORS, WRITE_ERRORS
from chat.exports.archive import export
from chat.exports.source import Source
from chat.imports.loading import import_items, preview
from chat.imports.process import read_in_process
from uploads import kept
from uploads.reading import RefusedError

router = Router()


@router.get("/export", response={200: dict[str, Any], **READ_ERRORS})
def export_account(request: KeyRequest) -> HttpResponseBase:
    """Send the whole account as JSON, as docs/export-format.md describes it."""
    limits.count_export(request)
    produce = partial(export, Source(request.user), "json")
    return streamed(request, produce, {"Content-Type": "application/json; charset=utf-8"})


@router.post("/import", response={200: schemas.ImportReport, **WRITE_ERRORS})
def import_file(request: KeyRequest, file: File[UploadedFile], preview_only: bool = False) -> Any:
    """Import an export of this site or of another program; what is there already is not repeated.

    With `preview_only` nothing is imported, and the report tells what would be.
    """
    limits.count_import(request)
    path = kept.find(request.user.pk, kept.keep(request.user.pk, file))
    if path is None:
        raise HttpError(409, "Another upload of yours replaced this one. Upload it again.")
    read = preview if preview_only else import_items
    try:
        return read(request.user, read_in_process(path))
    except RefusedError as refusal:
        raise HttpError(400, str(refusal)) from None
    finally:
        path.unlink(missing_ok=True)
