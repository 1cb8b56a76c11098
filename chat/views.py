"""The pages of a conversation and its actions."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages as notices
from django.db import IntegrityError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chat import conversation, pages
from chat.branches import TooLongError
from chat.forms import MessageForm, ModelForm, VoiceForm, first_error
from chat.generation import model_catalog, provider
from chat.models import ChatMessage
from chat.replies import MAX_IN_FLIGHT, BudgetSpentError, InFlightError, TooManyInFlightError
from schema.functions import uuid7
from threads.models import Thread
from users.requests import PersonRequest

# Why nothing was done, and the status that says so to programs.
REFUSALS: dict[type[Exception], tuple[Any, int]] = {
    InFlightError: (
        _("A reply is being written in this thread. Stop it, or wait until it is done."),
        409,
    ),
    BudgetSpentError: (_("Your tokens of today are used up. Try again tomorrow."), 429),
    TooManyInFlightError: (
        format_lazy(
            _(
                "{number} replies are being written in other threads. Stop one, or wait until one"
                " is done."
            ),
            number=MAX_IN_FLIGHT,
        ),
        429,
    ),
    conversation.IdempotencyConflictError: (
        _(
            "This was sent before you changed it. Reload the page to see it; what you wrote is"
            " kept."
        ),
        409,
    ),
    conversation.NotLastError: (
        _("Only your own messages can be changed, and only replies to them be written again."),
        409,
    ),
    TooLongError: (
        _("Too many messages follow. Copy what you need into a new thread."),
        409,
    ),
    # The key belongs to another message, possibly of another user.
    IntegrityError: (_("Send it again."), 422),
}


@never_cache
@require_GET
def show(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show a conversation, at its end or around the message that `?message=` names."""
    found = _thread(request, thread)
    target = _target(found, request.GET.get("message", ""))
    return _page(request, pages.around(found, target) if target else pages.newest(found))


@never_cache
@require_GET
def older(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show the messages before `?message=`."""
    return _part(request, thread, pages.older)


@never_cache
@require_GET
def newer(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Show the messages after `?message=`."""
    return _part(request, thread, pages.newer)


@require_POST
def send(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Send a message."""
    found = _thread(request, thread)
    form = MessageForm(request.POST)
    if not form.is_valid():
        return _refuse(request, found, first_error(form), 422)
    return _act(request, found, partial(conversation.send_message, thread=found, **form.sent()))


@never_cache
@require_http_methods(["GET", "POST"])
def edit(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Show the form that writes a question anew, or send it."""
    found = _message(request, message)
    if request.method == "GET":
        template = "chat/_edit_form.html" if request.htmx else "chat/edit.html"
        return render(request, template, {"message": found, "thread": _in(found)})
    form = MessageForm(request.POST)
    if not form.is_valid():
        return _refuse(request, _in(found), first_error(form), 422)
    text, voice = form.cleaned_data["text"], form.cleaned_data["voice"]
    action = partial(conversation.edit_message, message=found, text=text, voice=voice)
    return _act(request, _in(found), action)


@require_POST
def again(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """Answer a message again: the last one, or the one before `answer`."""
    found = _thread(request, thread)
    form = VoiceForm(request.POST)
    if not form.is_valid():
        return _refuse(request, found, first_error(form), 422)
    answer = _target(found, request.POST.get("answer", ""))
    voice = form.cleaned_data["voice"]
    if answer and not request.POST.get("voice"):
        voice = answer.role
    action = partial(conversation.answer_again, thread=found, voice=voice, answer=answer)
    return _act(request, found, action, template="chat/_reply.html")


@require_http_methods(["GET", "POST"])
async def models(request: PersonRequest, thread: uuid.UUID) -> HttpResponse:
    """List the models, or choose one for the thread."""
    found = await sync_to_async(_thread)(request, thread)
    if request.method == "POST":
        return await sync_to_async(_choose_model)(request, found)
    context = {
        "thread": found,
        "models": await model_catalog.available_models(),
        "default_model": settings.OPENAI_MODEL,
    }
    return await sync_to_async(render)(request, "chat/_models.html", context)


def _choose_model(request: PersonRequest, thread: Thread) -> HttpResponse:
    form = ModelForm(request.POST)
    if not form.is_valid():
        return _refuse(request, thread, first_error(form), 422)
    thread.model = form.cleaned_data["model"]
    thread.save(update_fields=["model", "updated_at"])
    return redirect(thread)


@never_cache
@require_GET
def message(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Redirect to the place where a message is shown."""
    return redirect(_message(request, message))


@require_POST
def branch(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Show the branch that a message begins."""
    messages = ChatMessage.objects.for_user(request.user).select_related("thread__branch_of")
    found = get_object_or_404(messages.filter(thread__branch_of__deleted_at=None), pk=message)
    try:
        conversation.show_branch(message=found)
    except (InFlightError, TooLongError) as refusal:
        return _refuse(request, _in(found).branch_of or _in(found), *REFUSALS[type(refusal)])
    except ChatMessage.DoesNotExist:
        raise Http404 from None
    return redirect(ChatMessage.objects.get(pk=found.pk))


@require_POST
def delete(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Delete a message."""
    found = _message(request, message)
    try:
        conversation.delete_message(message=found)
    except InFlightError:
        return _refuse(request, _in(found), *REFUSALS[InFlightError])
    return HttpResponse() if request.htmx else redirect("chat:conversation", found.thread_id)


@never_cache
@require_GET
def text(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Return a message's plain text, to be copied."""
    content = _message(request, message).content
    return HttpResponse(content, content_type="text/plain; charset=utf-8")


@never_cache
@require_GET
def versions(request: PersonRequest, message: uuid.UUID) -> HttpResponse:
    """Show the earlier texts of a message."""
    found = _message(request, message)
    context = {"message": found, "thread": _in(found), "versions": pages.versions(found)}
    template = "chat/_versions.html" if request.htmx else "chat/versions.html"
    return render(request, template, context)


def _part(
    request: PersonRequest,
    key: uuid.UUID,
    load: Callable[[Thread, ChatMessage], pages.MessagePage],
) -> HttpResponse:
    """Show the messages on one side of `?message=`."""
    thread = _thread(request, key)
    target = _target(thread, request.GET.get("message", ""))
    if target is None:
        raise Http404
    return render(request, "chat/_message_page.html", _context(load(thread, target)))


def _act(
    request: PersonRequest,
    thread: Thread,
    action: Callable[[], conversation.Turn],
    template: str = "chat/_turn.html",
) -> HttpResponse:
    """Show what came of an action, or why it was refused."""
    try:
        turn = action()
    except tuple(REFUSALS) as refusal:
        found = next(REFUSALS[kind] for kind in type(refusal).__mro__ if kind in REFUSALS)
        return _refuse(request, thread, *found)
    if not request.htmx:
        return redirect(f"{turn.message.get_absolute_url().partition('?')[0]}#end")
    context: dict[str, object] = {"thread": thread, "is_configured": provider.is_configured()}
    if turn.is_new:
        context |= {"entry": pages.preview(turn.message), "attempt": turn.reply}
    else:  # sent again: show what came of it meanwhile
        since = pages.newer(thread, turn.message)
        context |= _context(since) | {"entry": pages.entry(turn.message, thread)}
    return render(request, template, context)


def _page(
    request: PersonRequest, page: pages.MessagePage, *, text: str = "", status: int = 200
) -> HttpResponse:
    """Show the whole page, with `text` in the composer."""
    context = _context(page) | {
        "key": uuid7(),
        "text": text,
        "voice": request.POST.get("voice") or pages.last_voice(page.thread),
        "greeting": conversation.greeting(page.thread),
        "is_configured": provider.is_configured(),
        "default_model": settings.OPENAI_MODEL,
    }
    return render(request, "chat/conversation.html", context, status=status)


def _refuse(request: PersonRequest, thread: Thread, reason: str, status: int) -> HttpResponse:
    """Report why nothing was done, without losing the text that was sent."""
    if request.htmx:
        return HttpResponse(reason, status=status, content_type="text/plain; charset=utf-8")
    notices.error(request, reason)
    if text := request.POST.get("text", "").strip():
        return _page(request, pages.newest(thread), text=text, status=status)
    return redirect("chat:conversation", thread.pk)


def _context(page: pages.MessagePage) -> dict[str, object]:
    is_configured = provider.is_configured()
    return {"thread": page.thread, "page": page, "attempt": page.attempt} | {
        "is_configured": is_configured
    }


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


def _target(thread: Thread, key: str) -> ChatMessage | None:
    """Return the thread's message with this key; None for anything else."""
    try:
        return thread.messages.filter(pk=uuid.UUID(key)).first()
    except ValueError:
        return None
