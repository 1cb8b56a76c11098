"""What a person does in a conversation: send, edit, answer again, delete, stop."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat import branches, replies
from chat.generation import engine, provider, titles
from chat.generation.in_flight import Prompt
from chat.models import ChatMessage, Reply
from personas.voice import Voice
from threads.models import Thread
from users.models import User


class NotLastError(Exception):
    """Only the user's messages can be edited, and only replies to them be written again."""


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
    """Write a question anew. The one it replaces moves to a branch, with all that follow.

    Raises:
        NotLastError: The user did not write it.
        replies.InFlightError: A reply is in flight in the thread; nothing is changed.
        replies.TooManyInFlightError: In other threads; nothing is changed.
        branches.TooLongError: Too many messages follow; nothing is changed.
    """
    thread = _thread(message)
    replies.interrupt_abandoned(thread=thread)
    with transaction.atomic():
        _lock(thread)
        if message.role != ChatMessage.Role.USER:
            raise NotLastError
        _refuse_in_flight(thread)
        branches.check_length(message)
        before = branches.predecessor(message)
        branches.set_aside(message)
        now = timezone.now()
        if before:
            now = max(now, before.created_at + timedelta(microseconds=1))
        question = ChatMessage.objects.create(
            user=thread.user,
            thread=thread,
            role=ChatMessage.Role.USER,
            content=text,
            created_at=now,
        )
        return Turn(question, _start_reply(thread=thread, voice=voice, question=question))


def answer_again(
    *,
    thread: Thread,
    voice: str,
    answer: ChatMessage | None = None,
    prompt: Prompt | None = None,
) -> Turn:
    """Start a new reply to a message, or a first one. The present one becomes a branch.

    Args:
        thread: The conversation.
        voice: Who answers, a `Reply.Voice`.
        answer: The reply to replace; by default what follows the user's last message.
        prompt: What to ask the model, in place of the stored conversation.

    Raises:
        NotLastError: The user has sent no message before.
        replies.InFlightError: A reply is in flight in the thread.
        replies.TooManyInFlightError: In other threads.
        branches.TooLongError: Too many messages follow.
    """
    replies.interrupt_abandoned(thread=thread)
    with transaction.atomic():
        _lock(thread)
        messages = ChatMessage.objects.in_thread(thread)
        question = (messages.before(answer) if answer else messages).questions().first()
        if question is None:
            raise NotLastError
        _refuse_in_flight(thread)
        answer = messages.after(question).reverse().first()
        if answer:
            branches.check_length(answer)
        reply = _start_reply(
            thread=thread, voice=voice, question=question, answer=answer, prompt=prompt
        )
        return Turn(question, reply)


@transaction.atomic
def show_branch(*, message: ChatMessage) -> None:
    """Show the branch that a message begins, in place of what follows the same message now.

    Raises:
        replies.InFlightError: A reply is in flight in the thread.
        branches.TooLongError: Too many messages follow.
        ChatMessage.DoesNotExist: The branch continues a message of another branch.
    """
    branch = _thread(message)
    if branch.branch_of:
        _lock(branch.branch_of)
        _refuse_in_flight(branch.branch_of)
        branches.show(Thread.objects.select_related("branch_of").get(pk=branch.pk))


@transaction.atomic
def delete_message(*, message: ChatMessage) -> None:
    """Delete a message; if nothing follows, what it replaced takes its place.

    Raises:
        replies.InFlightError: The reply in flight answers it or is going to replace it.
    """
    thread = _thread(message)
    _lock(thread)
    if Reply.objects.in_flight().about(message).exists():
        raise replies.InFlightError
    branches.forget(message)


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
