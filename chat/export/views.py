"""The page that offers the downloads, and the downloads."""

from functools import partial
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from chat.export.archive import FORMATS, export
from chat.export.formats import file_name
from chat.export.relay import relay
from chat.export.source import Source
from chat.models import ChatMessage
from threads.models import Thread
from users.requests import PersonRequest

# A thread of at most so many messages is written before it is sent: its size is known then,
# and the browser shows how much of it has come.
SMALL = 500


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
    headers = {
        "Content-Type": FORMATS[name].content_type,
        "Content-Disposition": f'attachment; filename="{file_name(what, FORMATS[name].suffix)}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    produce = partial(export, what, name)
    messages = ChatMessage.objects.filter(thread=what.thread)
    if what.thread and len(messages.values_list("pk")[: SMALL + 1]) <= SMALL:
        return HttpResponse(b"".join(produce()), headers=headers)
    pieces = relay(produce) if isinstance(request, ASGIRequest) else produce()
    return StreamingHttpResponse(pieces, headers=headers)
