"""What a person does in a conversation: say, say otherwise, ask again, take back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import replies
from chat.generation import engine, provider, titles
from chat.models import ChatMessage, MessageVersion, Reply
from threads.models import Thread


class NotLastError(Exception):
    """Only the last thing the person said can be edited or answered again."""


class SentOtherwiseError(Exception):
    """The key was used for another text: the first arrived, though nobody saw it arrive."""


@dataclass(frozen=True)
class Turn:
    """What the person said, and the reply that is on its way, if any."""

    message: ChatMessage
    reply: Reply | None
    is_new: bool = True


@transaction.atomic
def send_message(*, thread: Thread, text: str, voice: str, key: uuid.UUID | None = None) -> Turn:
    """Say something, and have it answered if a model is connected.

    Args:
        thread: Where.
        text: What.
        voice: Who is to answer, a `Reply.Voice`.
        key: The message's key, made by whoever sends. Sending it again changes nothing and
            returns what the first time did.

    Raises:
        replies.InFlightError: A reply is being written; nothing is saved.
        SentOtherwiseError: The key's message is in the thread and says something else.
        IntegrityError: The key belongs to another message.
    """
    locked = _lock(thread)
    if key and (known := thread.messages.questions().filter(pk=key).first()):
        if known.content != text:
            raise SentOtherwiseError
        return Turn(known, known.replies.order_by("created_at").last(), is_new=False)
    _refuse_in_flight(thread)
    message = ChatMessage(
        user=thread.user,
        thread=thread,
        role=ChatMessage.Role.USER,
        content=text,
        created_at=_next_moment(locked),
    )
    if key:
        message.pk = key
    message.save(force_insert=True)
    if locked.message_count == 0:
        titles.begin(thread, text)
    return Turn(message, _ask(thread=thread, voice=voice, question=message))


@transaction.atomic
def edit_message(*, message: ChatMessage, text: str, voice: str) -> Turn:
    """Say the last thing otherwise; what it said, and what was answered to it, are kept.

    Raises:
        NotLastError: The person has said something after it, or did not say it.
        replies.InFlightError: A reply is being written; nothing is changed.
    """
    thread = _thread(message)
    _lock(thread)
    if last_question(thread) != message:
        raise NotLastError
    _refuse_in_flight(thread)
    replies.keep_version(message)
    for later in ChatMessage.objects.in_thread(thread).after(message):
        replies.keep_version(later, under=message)
        MessageVersion.objects.filter(message=later).update(message=message)
        later.delete()
    message.content = text
    message.save(update_fields=["content", "updated_at"])
    return Turn(message, _ask(thread=thread, voice=voice, question=message))


@transaction.atomic
def answer_again(*, thread: Thread, voice: str) -> Turn:
    """Have the last thing answered anew; the earlier reply becomes a version of the new one.

    Raises:
        NotLastError: The person has said nothing yet.
        replies.InFlightError: A reply is being written.
    """
    _lock(thread)
    question = last_question(thread)
    if question is None:
        raise NotLastError
    _refuse_in_flight(thread)
    answer = ChatMessage.objects.in_thread(thread).after(question).first()
    return Turn(question, _ask(thread=thread, voice=voice, question=question, answer=answer))


@transaction.atomic
def delete_message(*, message: ChatMessage) -> None:
    """Take a message back, with all its versions.

    Raises:
        replies.InFlightError: It is being answered, or another reply is to take its place.
    """
    thread = _thread(message)
    _lock(thread)
    if Reply.objects.in_flight().about(message).exists():
        _refuse_in_flight(thread)
    message.delete()


def stop(*, reply: Reply) -> None:
    """Stop a reply, in whichever worker it is being written."""
    replies.request_stop(reply=reply)
    engine.engine.stop(reply.pk)


def last_question(thread: Thread) -> ChatMessage | None:
    """Return the last thing the person said."""
    return ChatMessage.objects.in_thread(thread).questions().first()


def _ask(
    *, thread: Thread, voice: str, question: ChatMessage, answer: ChatMessage | None = None
) -> Reply | None:
    if not provider.is_configured():
        return None
    reply = replies.begin(thread=thread, voice=voice, question=question, answer=answer)
    transaction.on_commit(lambda: engine.engine.start(reply.pk))
    return reply


def _refuse_in_flight(thread: Thread) -> None:
    """Go on only if nothing is being written in the thread.

    The database refuses a second reply too, but lets it in at the moment the first one ends:
    by then the answer to what was said before would not have been seen.

    Raises:
        replies.InFlightError: Something is.
    """
    in_flight = Reply.objects.in_flight().filter(thread=thread)
    if in_flight.exists():
        replies.interrupt_abandoned(thread=thread)
        if in_flight.exists():
            raise replies.InFlightError


def _next_moment(thread: Thread) -> datetime:
    """Return now, or just after the last message where another worker's clock is ahead."""
    now, last = timezone.now(), thread.last_message_at
    return max(now, last + timedelta(microseconds=1)) if last else now


def _lock(thread: Thread) -> Thread:
    """Let what is done to one thread be done one after the other; return it as it is now."""
    return Thread.objects.select_for_update(no_key=True).get(pk=thread.pk)


def _thread(message: ChatMessage) -> Thread:
    if message.thread is None:  # the database puts every message into a thread
        raise IntegrityError("The message belongs to no thread.")
    return message.thread
