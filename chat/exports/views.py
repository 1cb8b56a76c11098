"""The page that offers the downloads, and the downloads."""

from collections.abc import Generator
from contextlib import closing
from functools import partial
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chat.exports.archive import FORMATS, export
from chat.exports.formats import file_name
from chat.exports.relay import MAX_PER_USER, Relay, Slot, SlotIterator, TooManyExportsError
from chat.exports.source import Source
from threads.models import Thread
from users.requests import PersonRequest

# An export up to this size is written before it is sent, so that its length is known and the
# browser shows the progress.
MAX_UNSTREAMED = 1_000_000  # bytes
BUSY = format_lazy(
    _(
        "At most {number} of your downloads, and a few of everybody's, run at the same time. Wait"
        " until one has ended, then try again."
    ),
    number=MAX_PER_USER,
)


@require_safe
def page(request: PersonRequest) -> HttpResponse:
    """Offer the whole account in each format."""
    return _page(request)


@require_safe
def everything(request: PersonRequest, name: str) -> HttpResponseBase:
    """Send the whole account."""
    has_reasoning = "reasoning" in request.GET
    return download(request, Source(request.user, has_reasoning=has_reasoning), name)


@require_safe
def thread(request: PersonRequest, thread: UUID, name: str) -> HttpResponseBase:
    """Send one conversation."""
    threads = Thread.objects.for_user(request.user).filter(deleted_at=None)
    found = get_object_or_404(threads, pk=thread)
    has_reasoning = "reasoning" in request.GET
    return download(request, Source(request.user, found, has_reasoning=has_reasoning), name)


def download(request: PersonRequest, source: Source, name: str) -> HttpResponseBase:
    """Send an export while it is being written."""
    if name not in FORMATS:
        raise Http404
    filename = file_name(source, FORMATS[name].suffix)
    headers = {
        "Content-Type": FORMATS[name].content_type,
        "Content-Disposition": content_disposition_header(True, filename) or "attachment",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    if request.method == "HEAD":
        return StreamingHttpResponse((), headers=headers)
    try:
        slot = Slot(request.user.pk)
    except TooManyExportsError:
        return _page(request, error=str(BUSY), status=429)
    try:
        whole = unstreamed(export(source, name))
    except BaseException:
        slot.release()
        raise
    if whole is not None:
        slot.release()
        return HttpResponse(whole, headers=headers)
    produce = partial(export, source, name)
    chunks = Relay if isinstance(request, ASGIRequest) else SlotIterator
    return StreamingHttpResponse(chunks(produce, slot), headers=headers)


def unstreamed(chunks: Generator[bytes]) -> bytes | None:
    """Return the whole export; None if it is longer than MAX_UNSTREAMED."""
    taken: list[bytes] = []
    size = 0
    with closing(chunks):
        for chunk in chunks:
            taken.append(chunk)
            size += len(chunk)
            if size > MAX_UNSTREAMED:
                return None
    return b"".join(taken)


def _page(request: PersonRequest, error: str = "", status: int = 200) -> HttpResponse:
    threads = Thread.objects.for_user(request.user).filter(deleted_at=None)
    counts = threads.values_list("message_count", flat=True)
    context = {
        "formats": FORMATS,
        "thread_count": len(counts),
        "count": sum(counts),
        "error": error,
    }
    return render(request, "chat/export.html", context, status=status)
