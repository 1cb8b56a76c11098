"""The pages of a conversation, and what is done there."""

from __future__ import annotations

import re
import uuid
from functools import partial

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages as notices
from django.db import IntegrityError
from django.http import (
    Http404,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chat import conversation as verbs
from chat import pages
from chat.forms import MessageForm, ModelForm, VoiceForm, first_error
from chat.generation import model_catalog, provider
from chat.generation import stream as streaming
from chat.generation.engine import engine
from chat.models import ChatMessage, Reply
from chat.replies import InFlightError
from schema.functions import uuid7
from threads.models import Thread
from users.requests import PersonRequest

BUSY = "A reply is being written in this thread. Stop it, or wait until it is done."
SENT_OTHERWISE = (
    "This was sent before you changed it. Reload the page to see it; what you wrote is kept."
)
NOT_LAST = "Only the last thing you said can be changed or answered again."


@never_cache
@require_GET
def conversation(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show a conversation, at its end or around the message that `?message=` names."""
    found = _thread(request, thread)
    sought = _sought(found, request.GET.get("message", ""))
    return _page(request, pages.around(found, sought) if sought else pages.newest(found))


@never_cache
@require_GET
def older(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show what was said before `?message=`."""
    found = _thread(request, thread)
    sought = _sought(found, request.GET.get("message", ""))
    if sought is None:
        raise Http404
    context = _context(request, pages.older(found, sought))
    return render(request, "chat/_stretch.html", context)


@never_cache
@require_GET
def newer(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show what was said after `?message=`."""
    found = _thread(request, thread)
    sought = _sought(found, request.GET.get("message", ""))
    if sought is None:
        raise Http404
    context = _context(request, pages.newer(found, sought))
    return render(request, "chat/_stretch.html", context)


@require_POST
def send(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Say something."""
    found = _thread(request, thread)
    form = MessageForm(request.POST)
    if not form.is_valid():
        return _refuse(request, found, first_error(form), status=422)
    try:
        turn = verbs.send_message(thread=found, **form.sent())
    except InFlightError:
        return _refuse(request, found, BUSY)
    except verbs.SentOtherwiseError:
        return _refuse(request, found, SENT_OTHERWISE)
    except IntegrityError:  # the key is somebody else's; whose is nobody's business
        return _refuse(request, found, "Send it again.", status=422)
    return _show(request, turn)


@require_POST
def edit(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Say the last thing otherwise."""
    found = _message(request, message)
    form = MessageForm(request.POST)
    if not form.is_valid():
        return _refuse(request, _in(found), first_error(form), status=422)
    text, voice = form.cleaned_data["text"], form.cleaned_data["voice"]
    try:
        return _show(request, verbs.edit_message(message=found, text=text, voice=voice))
    except InFlightError:
        return _refuse(request, _in(found), BUSY)
    except verbs.NotLastError:
        return _refuse(request, _in(found), NOT_LAST)


@require_POST
def again(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Have the last thing answered again, or at last."""
    found = _thread(request, thread)
    form = VoiceForm(request.POST)
    if not form.is_valid():
        return _refuse(request, found, first_error(form), status=422)
    try:
        turn = verbs.answer_again(thread=found, voice=form.cleaned_data["voice"])
        return _show(request, turn, template="chat/_reply.html")
    except InFlightError:
        return _refuse(request, found, BUSY)
    except verbs.NotLastError:
        return _refuse(request, found, NOT_LAST)


@require_http_methods(["GET", "POST"])
async def models(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show which models there are, or have the thread use one."""
    found = await sync_to_async(_thread)(request, thread)
    if request.method == "POST":
        return await sync_to_async(_use_model)(request, found)
    context = {
        "thread": found,
        "offers": await model_catalog.listed(),
        "default_model": settings.OPENAI_MODEL,
    }
    return await sync_to_async(render)(request, "chat/_models.html", context)


def _use_model(request: PersonRequest, thread: Thread) -> HttpResponse:
    form = ModelForm(request.POST)
    if not form.is_valid():
        return _refuse(request, thread, first_error(form), status=422)
    thread.model = form.cleaned_data["model"]
    thread.save(update_fields=["model", "updated_at"])
    return redirect(thread)


@never_cache
@require_GET
def message(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Lead to where a message is shown."""
    return redirect(_message(request, message))


@require_POST
def delete(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Take a message back."""
    found = _message(request, message)
    thread = _in(found)
    try:
        verbs.delete_message(message=found)
    except InFlightError:
        return _refuse(request, thread, BUSY)
    return HttpResponse() if request.htmx else redirect("chat:conversation", thread.pk)


@never_cache
@require_GET
def text(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Give a message as it was written, to be copied."""
    found = _message(request, message)
    response = HttpResponse(found.content, content_type="text/plain; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@never_cache
@require_GET
def versions(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Show what a message said before."""
    found = _message(request, message)
    context = {
        "message": found,
        "thread": _in(found),
        "versions": pages.versions(found),
    }
    template = "chat/_versions.html" if request.htmx else "chat/versions.html"
    return render(request, template, context)


@require_POST
def stop(request: PersonRequest, reply: uuid.UUID) -> HttpResponse:
    """Stop a reply."""
    found = get_object_or_404(Reply.objects.for_user(request.user), pk=reply)
    verbs.stop(reply=found)
    return (
        HttpResponse(status=204) if request.htmx else redirect("chat:conversation", found.thread_id)
    )


@require_GET
async def stream(request: PersonRequest, reply: uuid.UUID) -> HttpResponseBase:
    """Send a reply as it is being written, from where the browser has it."""
    if not await engine.in_database(_owns, request, reply):
        raise Http404
    at = request.headers.get("Last-Event-ID") or request.GET.get("from") or ""
    position = int(at) if re.fullmatch("[0-9]{1,9}", at) else 0
    parts = streaming.follow(reply, position, partial(_render_end, request))
    response = StreamingHttpResponse(parts, content_type="text/event-stream")
    patch_cache_control(response, no_cache=True, no_store=True)
    response["X-Accel-Buffering"] = "no"  # nginx would keep the words back
    return response


def _owns(request: PersonRequest, reply: uuid.UUID) -> bool:
    return Reply.objects.for_user(request.user).filter(pk=reply).exists()


def _render_end(request: PersonRequest, reply: Reply) -> str:
    """Return what stands where the reply streamed."""
    context: dict[str, object] = {"thread": reply.thread, "attempt": reply}
    if reply.answer:
        context["entry"] = pages.entry(reply.answer, reply.thread)
        if context["entry"] is None:
            return ""
        return render_to_string("chat/_entry.html", context, request=request)
    return render_to_string("chat/_attempt.html", context, request=request)


def _show(
    request: PersonRequest, turn: verbs.Turn, template: str = "chat/_turn.html"
) -> HttpResponse:
    """Show what was said and the reply on its way; without JavaScript, the whole page."""
    thread = _in(turn.message)
    if not request.htmx:
        return redirect(f"{turn.message.get_absolute_url().partition('?')[0]}#end")
    context: dict[str, object] = {"thread": thread, "is_configured": provider.is_configured()}
    if turn.is_new:
        context |= {"entry": pages.said(turn.message), "attempt": turn.reply}
    else:  # sent again: all that came of it by now
        since = pages.newer(thread, turn.message)
        context |= _context(request, since) | {"entry": pages.entry(turn.message, thread)}
    return render(request, template, context)


def _page(
    request: PersonRequest, stretch: pages.Stretch, *, text: str = "", status: int = 200
) -> HttpResponse:
    """Show the whole page, with `text` where one writes."""
    context = _context(request, stretch) | {
        "key": uuid7(),
        "text": text,
        "voice": request.POST.get("voice") or pages.last_voice(stretch.thread),
        "is_configured": provider.is_configured(),
        "default_model": settings.OPENAI_MODEL,
    }
    return render(request, "chat/conversation.html", context, status=status)


def _refuse(
    request: PersonRequest, thread: Thread, reason: str, *, status: int = 409
) -> HttpResponse:
    """Say why nothing was done; what the person wrote stays theirs."""
    if request.htmx:
        return HttpResponse(reason, status=status, content_type="text/plain; charset=utf-8")
    notices.error(request, reason)
    if text := request.POST.get("text", "").strip():
        return _page(request, pages.newest(thread), text=text, status=status)
    return redirect("chat:conversation", thread.pk)


def _context(request: PersonRequest, stretch: pages.Stretch) -> dict[str, object]:
    return {"thread": stretch.thread, "stretch": stretch, "attempt": stretch.attempt}


def _thread(request: PersonRequest, key: uuid.UUID) -> Thread:
    threads = Thread.objects.for_user(request.user).select_related("persona", "user")
    return get_object_or_404(threads, pk=key)


def _message(request: PersonRequest, key: uuid.UUID) -> ChatMessage:
    messages = ChatMessage.objects.for_user(request.user).filter(thread__deleted_at=None)
    return get_object_or_404(messages.select_related("thread__persona", "thread__user"), pk=key)


def _in(message: ChatMessage) -> Thread:
    if message.thread is None:
        raise Http404
    return message.thread


def _sought(thread: Thread, key: str) -> ChatMessage | None:
    """Return the thread's message with this key; None for anything else."""
    try:
        return thread.messages.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        return None
