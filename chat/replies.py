"""A reply's row, from its beginning to its end."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from chat.failures import Failure
from chat.models import ChatMessage, MessageVersion, Reply
from chat.querysets import ReplyQuerySet
from personas.models import Persona
from threads.models import Thread


class InFlightError(Exception):
    """The thread has a reply that is being written; there is one at a time."""


@dataclass(frozen=True)
class End:
    """How a reply ended, and all that came of it."""

    status: Reply.Status
    text: str
    failure: Failure | None = None
    error: str = ""
    retry_after: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@transaction.atomic
def begin(
    *, thread: Thread, voice: str, question: ChatMessage, answer: ChatMessage | None = None
) -> Reply:
    """Return a new reply in flight; who calls starts its task once this is committed.

    Raises:
        InFlightError: Another one is being written in the thread.
    """
    fresh = Reply(
        thread=thread,
        voice=voice,
        question=question,
        answer=answer,
        persona=_persona(thread) if voice == Reply.Voice.TWIN else None,
        model=thread.model or settings.OPENAI_MODEL,
    )
    # The second time, what a dead worker left in flight is out of the way.
    if _is_begun(fresh) or (interrupt_abandoned(thread=thread) and _is_begun(fresh)):
        return fresh
    raise InFlightError


def _is_begun(reply: Reply) -> bool:
    """Write the row; there is one in flight a thread, says the database."""
    try:
        with transaction.atomic():
            reply.save(force_insert=True)
    except IntegrityError:
        return False
    return True


@transaction.atomic
def finish(reply_id: uuid.UUID, end: End, *, abandoned: bool = False) -> Reply | None:
    """End the reply and write the message it became; None if it is not in flight any more.

    Args:
        reply_id: The reply; nothing happens if somebody else ended it first.
        end: How. Without any words there is no message, only the row.
        abandoned: End it only if nobody writes it, and take the text of the row.
    """
    rows = Reply.objects.abandoned() if abandoned else Reply.objects.in_flight()
    reply = (
        rows.select_for_update(of=("self",), no_key=True)
        .select_related("thread", "question", "answer")
        .filter(pk=reply_id)
        .first()
    )
    if reply is None:
        return None
    text = reply.text if abandoned else end.text
    reply.status = end.status
    reply.failure = end.failure or ""
    if not text.strip() and end.status == Reply.Status.COMPLETE:
        reply.status, reply.failure = Reply.Status.FAILED, Failure.EMPTY
    reply.answer = _message(reply, text) if text.strip() else None
    reply.text = ""
    reply.error = end.error
    reply.retry_after = end.retry_after
    reply.prompt_tokens = end.prompt_tokens
    reply.completion_tokens = end.completion_tokens
    reply.save()
    return reply


def interrupt_abandoned(*, thread: Thread) -> bool:
    """End what a dead worker left in flight in the thread; tell whether there was any."""
    found = Reply.objects.abandoned().filter(thread=thread).first()  # one a thread at most
    return found is not None and _interrupt(found.pk)


def interrupt_suspects(suspects: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """End those of `suspects` that are still abandoned, with the text that was saved.

    Returns:
        Those that look abandoned only now: the suspects of the next time.
    """
    abandoned = set(_keys(Reply.objects.abandoned()))
    for pk in abandoned.intersection(suspects):
        _interrupt(pk)
    return abandoned.difference(suspects)


def _interrupt(reply_id: uuid.UUID) -> bool:
    end = End(Reply.Status.INTERRUPTED, "")
    return finish(reply_id, end, abandoned=True) is not None


def _keys(rows: ReplyQuerySet) -> list[uuid.UUID]:
    return list(rows.values_list("pk", flat=True))


def request_stop(*, reply: Reply) -> None:
    """Ask the worker that writes the reply, whichever it is, to stop."""
    Reply.objects.in_flight().filter(pk=reply.pk).update(stop_requested=True)


def write_progress(
    texts: Sequence[tuple[uuid.UUID, str]], alive: Sequence[uuid.UUID]
) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """Save the texts that grew and the heartbeats of all, in a few statements.

    Returns:
        The replies somebody asked to stop, and those that are in flight no more: their
        thread was deleted, or they were taken for abandoned.
    """
    field = Reply._meta.pk
    with transaction.atomic():
        if texts:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "UPDATE chat_replies SET text = %s WHERE id = %s AND status = 'streaming'",
                    [(text, field.get_db_prep_value(pk, connection)) for pk, text in texts],
                )
        in_flight = Reply.objects.in_flight().filter(pk__in=alive)
        in_flight.update(heartbeat_at=Now())
        found = dict(in_flight.values_list("pk", "stop_requested"))
    return {pk for pk, stop in found.items() if stop}, set(alive) - set(found)


def _message(reply: Reply, text: str) -> ChatMessage:
    """Write the message: a new one, or a new text of the one that is replaced."""
    message = reply.answer
    if message is None:
        now = timezone.now()
        if reply.question:  # workers' clocks differ; the order of a conversation must not
            now = max(now, reply.question.created_at + timedelta(microseconds=1))
        return ChatMessage.objects.create(
            user_id=reply.thread.user_id,
            thread=reply.thread,
            role=reply.voice,
            content=text,
            created_at=now,
        )
    keep_version(message)
    message.role, message.content = reply.voice, text
    message.save(update_fields=["role", "content", "updated_at"])
    return message


def keep_version(message: ChatMessage, *, under: ChatMessage | None = None) -> None:
    """Keep what `message` says now among the versions, its own or those of `under`."""
    MessageVersion.objects.create(
        message=under or message,
        role=message.role,
        content=message.content,
        written_at=message.updated_at,
    )


def _persona(thread: Thread) -> Persona | None:
    """Return who the twin is: the thread's persona, else the person's active one."""
    return thread.persona or Persona.objects.for_user(thread.user).active().first()
