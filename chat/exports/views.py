"""The page that offers the downloads, and the downloads."""

from collections.abc import Callable, Iterable
from functools import partial
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from chat.exports.archive import FORMATS, export
from chat.exports.formats import file_name
from chat.exports.relay import relay
from chat.exports.source import Source
from threads.models import Thread
from users.requests import PersonRequest

# An export of at most so many bytes is written before it is sent: its size is known then, and
# the browser shows how much of it has come.
SMALL = 1_000_000


@require_safe
def page(request: PersonRequest) -> HttpResponse:
    """Offer everything, in each format."""
    threads = Thread.objects.for_user(request.user).filter(deleted_at=None)
    counts = threads.values_list("message_count", flat=True)
    context = {"formats": FORMATS, "thread_count": len(counts), "count": sum(counts)}
    return render(request, "chat/export.html", context)


@require_safe
def everything(request: PersonRequest, name: str) -> HttpResponseBase:
    """Send the whole account."""
    return download(request, Source(request.user), name)


@require_safe
def thread(request: PersonRequest, thread: UUID, name: str) -> HttpResponseBase:
    """Send one conversation."""
    threads = Thread.objects.for_user(request.user).filter(deleted_at=None)
    found = get_object_or_404(threads, pk=thread)
    return download(request, Source(request.user, found), name)


def download(request: PersonRequest, what: Source, name: str) -> HttpResponseBase:
    """Send an export while it is being written."""
    if name not in FORMATS:
        raise Http404
    filename = file_name(what, FORMATS[name].suffix)
    headers = {
        "Content-Type": FORMATS[name].content_type,
        "Content-Disposition": content_disposition_header(True, filename) or "attachment",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    produce: Callable[[], Iterable[bytes]] = partial(export, what, name)
    whole = None
    if request.method == "HEAD":
        produce = tuple  # who asks for the headers alone need not wait for the rest
    else:
        whole = small(produce())
    if whole is not None:
        return HttpResponse(whole, headers=headers)
    pieces = relay(produce) if isinstance(request, ASGIRequest) else produce()
    return StreamingHttpResponse(pieces, headers=headers)


def small(pieces: Iterable[bytes]) -> bytes | None:
    """Return everything, or None if it is more than SMALL."""
    taken: list[bytes] = []
    size = 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > SMALL:
            return None
    return b"".join(taken)
