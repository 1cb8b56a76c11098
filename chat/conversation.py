"""What a person does in a conversation: send, edit, answer again, delete, stop."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import replies
from chat.generation import engine, provider, titles
from chat.generation.in_flight import Prompt
from chat.models import ChatMessage, MessageVersion, Reply
from personas.voice import Voice
from threads.models import Thread
from users.models import User


class NotLastError(Exception):
    """Only the person's last message can be edited or answered again."""


class IdempotencyConflictError(Exception):
    """The key was used for a message with another text."""


@dataclass(frozen=True)
class Turn:
    """The person's message, and its reply in flight if a model is connected."""

    message: ChatMessage
    reply: Reply | None
    is_new: bool = True


def send_message(
    *,
    thread: Thread,
    text: str,
    voice: str,
    key: uuid.UUID | None = None,
    prompt: Prompt | None = None,
) -> Turn:
    """Send a message, and start a reply if a model is connected.

    Args:
        thread: The conversation.
        text: The message.
        voice: Who answers, a `Reply.Voice`.
        key: The message's id, chosen by the sender. Sending the same key again changes nothing
            and returns the first result.
        prompt: What to ask the model, in place of the stored conversation.

    Raises:
        replies.InFlightError: A reply is in flight in the thread; nothing is saved.
        replies.TooManyInFlightError: In other threads; nothing is saved.
        IdempotencyConflictError: The thread has a message with this key and another text.
        IntegrityError: The key belongs to another message.
    """
    replies.interrupt_abandoned(thread=thread)
    with transaction.atomic():
        locked = _lock(thread)
        if key and (sent := thread.messages.questions().filter(pk=key).first()):
            if sent.content != text:
                raise IdempotencyConflictError
            return Turn(sent, sent.replies.order_by("created_at").last(), is_new=False)
        _refuse_in_flight(thread)
        now = _next_timestamp(locked)
        if locked.message_count == 0 and (words := greeting(thread)):
            ChatMessage.objects.create(
                user=thread.user,
                thread=thread,
                role=ChatMessage.Role.TWIN,
                content=words,
                created_at=now,
            )
            now += timedelta(microseconds=1)
        message = ChatMessage(
            user=thread.user,
            thread=thread,
            role=ChatMessage.Role.USER,
            content=text,
            created_at=now,
        )
        if key:
            message.pk = key
        message.save(force_insert=True)
        if locked.message_count == 0:
            titles.set_first_title(thread, text)
        reply = _start_reply(thread=thread, voice=voice, question=message, prompt=prompt)
        return Turn(message, reply)


def edit_message(*, message: ChatMessage, text: str, voice: str) -> Turn:
    """Edit the last message. Its present text and the answers to it are kept as versions.

    Raises:
        NotLastError: It is not the person's last message.
        replies.InFlightError: A reply is in flight in the thread; nothing is changed.
        replies.TooManyInFlightError: In other threads; nothing is changed.
    """
    thread = _thread(message)
    replies.interrupt_abandoned(thread=thread)
    with transaction.atomic():
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
        return Turn(message, _start_reply(thread=thread, voice=voice, question=message))


def answer_again(*, thread: Thread, voice: str, prompt: Prompt | None = None) -> Turn:
    """Start a new reply to the last message; the present one becomes a version of it.

    Raises:
        NotLastError: The person has sent no message yet.
        replies.InFlightError: A reply is in flight in the thread.
        replies.TooManyInFlightError: In other threads.
    """
    replies.interrupt_abandoned(thread=thread)
    with transaction.atomic():
        _lock(thread)
        question = last_question(thread)
        if question is None:
            raise NotLastError
        _refuse_in_flight(thread)
        answer = ChatMessage.objects.in_thread(thread).after(question).first()
        reply = _start_reply(
            thread=thread, voice=voice, question=question, answer=answer, prompt=prompt
        )
        return Turn(question, reply)


@transaction.atomic
def delete_message(*, message: ChatMessage) -> None:
    """Delete a message with all its versions.

    Raises:
        replies.InFlightError: The reply in flight answers it or is going to replace it.
    """
    thread = _thread(message)
    _lock(thread)
    if Reply.objects.in_flight().about(message).exists():
        raise replies.InFlightError
    message.delete()


def stop(*, reply: Reply) -> None:
    """Stop a reply, whichever worker writes it."""
    replies.request_stop(reply=reply)
    engine.engine.stop(reply.pk)


def last_question(thread: Thread) -> ChatMessage | None:
    """Return the person's last message."""
    return ChatMessage.objects.in_thread(thread).questions().first()


def greeting(thread: Thread) -> str:
    """Return the first message of the thread's persona, which the first question is sent with."""
    return Voice.read(thread.persona.metadata).greeting if thread.persona else ""


def _start_reply(
    *,
    thread: Thread,
    voice: str,
    question: ChatMessage,
    answer: ChatMessage | None = None,
    prompt: Prompt | None = None,
) -> Reply | None:
    if not provider.is_configured():
        return None
    reply = replies.begin(thread=thread, voice=voice, question=question, answer=answer)
    transaction.on_commit(lambda: engine.engine.start(reply.pk, prompt))
    return reply


def _refuse_in_flight(thread: Thread) -> None:
    """Raise InFlightError if a reply is in flight in the thread.

    A constraint of the database refuses a second reply, too, but not in the instant after the
    first one has ended: the new message would follow an answer that its author has not seen.
    """
    if Reply.objects.in_flight().filter(thread=thread).exists():
        raise replies.InFlightError


def _next_timestamp(thread: Thread) -> datetime:
    """Return now, or just after the last message if another worker's clock is ahead."""
    now, last = timezone.now(), thread.last_message_at
    return max(now, last + timedelta(microseconds=1)) if last else now


def _lock(thread: Thread) -> Thread:
    """Lock the person and the thread, in this order as deletion does; return the thread."""
    User.objects.select_for_update(no_key=True).get(pk=thread.user_id)
    return Thread.objects.select_for_update(no_key=True).get(pk=thread.pk)


def _thread(message: ChatMessage) -> Thread:
    if message.thread is None:  # the database puts every message into a thread
        raise IntegrityError("The message belongs to no thread.")
    return message.thread
