"""The views of a reply: its stream, its end, and what the model thought."""

import re
import uuid
from functools import partial

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from chat import conversation, pages
from chat.generation.engine import engine
from chat.generation.stream import follow
from chat.models import Reply
from users.requests import PersonRequest


@require_POST
def stop(request: PersonRequest, reply: uuid.UUID) -> HttpResponse:
    """Stop a reply."""
    found = get_object_or_404(Reply.objects.for_user(request.user), pk=reply)
    conversation.stop(reply=found)
    if request.htmx:
        return HttpResponse(status=204)
    return redirect("chat:conversation", found.thread_id)


@require_GET
async def stream(request: PersonRequest, reply: uuid.UUID) -> HttpResponseBase:
    """Stream a reply, starting where the browser has stopped reading."""
    if not await engine.in_database(
        lambda: Reply.objects.for_user(request.user).filter(pk=reply).exists()
    ):
        raise Http404
    at = request.headers.get("Last-Event-ID") or request.GET.get("from") or ""
    position = int(at) if re.fullmatch("[0-9]{1,9}", at) else 0
    events = follow(reply, position, partial(_render_end, request))
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    patch_cache_control(response, no_cache=True, no_store=True)
    response["X-Accel-Buffering"] = "no"  # nginx would delay the text
    return response


@never_cache
@require_GET
def reasoning(request: PersonRequest, reply: uuid.UUID) -> HttpResponse:
    """Show what the model thought before it answered."""
    found = get_object_or_404(Reply.objects.for_user(request.user), pk=reply)
    template = "chat/_reasoning.html" if request.htmx else "chat/reasoning.html"
    return render(request, template, {"reply": found})


def _render_end(request: PersonRequest, reply: Reply) -> str:
    """Return the HTML that replaces the stream."""
    context: dict[str, object] = {"thread": reply.thread, "attempt": reply}
    if reply.answer is None:
        return render_to_string("chat/_attempt.html", context, request=request)
    context["entry"] = entry = pages.entry(reply.answer, reply.thread)
    return render_to_string("chat/_entry.html", context, request=request) if entry else ""
