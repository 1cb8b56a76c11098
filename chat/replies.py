"""A reply's row, from its start to its end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from chat import branches
from chat.failures import Failure
from chat.models import ChatMessage, Reply
from chat.querysets import RECHECK_SECONDS, ReplyQuerySet
from personas.models import Persona
from threads.models import Thread

# How many replies one person may have in flight, each in a thread of its own.
MAX_IN_FLIGHT = 5
POLL_SECONDS = 0.1


class InFlightError(Exception):
    """A reply is in flight in the thread. There may be one at a time."""


class TooManyInFlightError(Exception):
    """The person has MAX_IN_FLIGHT replies in flight."""


class BudgetSpentError(Exception):
    """The person has used up the tokens of the day."""


@dataclass(frozen=True)
class Outcome:
    """How a reply ended, and what it left."""

    status: Reply.Status
    text: str
    failure: Failure | None = None
    error: str = ""
    retry_after: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_text_ms: int | None = None
    reasoning: str = ""
    reasoning_ms: int | None = None


# Called with the key of the person before a reply begins; may raise BudgetSpentError.
before_begin: list[Callable[[uuid.UUID], None]] = []
# Called with each reply that has ended, in the transaction that ends it.
on_end: list[Callable[[Reply, Outcome], None]] = []
# Called with a reply without a row that has ended, the key of the person, and the persona.
on_end_unstored: list[Callable[..., None]] = []


@transaction.atomic
def begin(
    *, thread: Thread, voice: str, question: ChatMessage, answer: ChatMessage | None = None
) -> Reply:
    """Create a reply in flight. The caller starts its task after the commit.

    The caller holds the lock of the thread's user, so that the count below is right.

    Raises:
        InFlightError: The thread has a reply in flight.
        TooManyInFlightError: The person has too many of them in other threads.
        BudgetSpentError: The person has used up the tokens of the day.
    """
    for check in before_begin:
        check(thread.user_id)
    if Reply.objects.in_flight().filter(thread__user=thread.user_id).count() >= MAX_IN_FLIGHT:
        raise TooManyInFlightError
    reply = Reply(
        thread=thread,
        voice=voice,
        question=question,
        answer=answer,
        persona=_persona(thread) if voice == Reply.Voice.TWIN else None,
        model=thread.model or settings.OPENAI_MODEL,
    )
    try:
        with transaction.atomic():
            reply.save(force_insert=True)
    except IntegrityError:
        raise InFlightError from None
    return reply


@transaction.atomic
def finish(reply_id: uuid.UUID, outcome: Outcome, *, abandoned: bool = False) -> Reply | None:
    """End the reply and write the message that it became.

    Args:
        reply_id: The reply.
        outcome: How it ended. A reply without text becomes no message.
        abandoned: End it only if no worker writes it any more, with the text in its row.

    Returns:
        The reply; None if it is gone or if somebody else has ended it for another reason than
        a missing heartbeat. After a missing heartbeat, the worker that turns out to be alive
        saves the text that it has beyond the row.
    """
    rows = Reply.objects.abandoned() if abandoned else Reply.objects.in_flight()
    reply = _locked(rows, reply_id)
    if reply is None:
        return None if abandoned else _extend_interrupted(reply_id, outcome.text)
    text = reply.text if abandoned else outcome.text
    reply.status = outcome.status
    reply.failure = outcome.failure or ""
    if not text.strip() and outcome.status == Reply.Status.COMPLETE:
        reply.status, reply.failure = Reply.Status.FAILED, Failure.EMPTY
    reply.answer = _write_message(reply, text) if text.strip() else None
    reply.text = ""
    reply.error = outcome.error
    reply.retry_after = outcome.retry_after
    reply.prompt_tokens = outcome.prompt_tokens
    reply.completion_tokens = outcome.completion_tokens
    reply.reasoning = outcome.reasoning
    reply.reasoning_ms = outcome.reasoning_ms if outcome.reasoning else None
    reply.save()
    for call in on_end:
        call(reply, outcome)
    return reply


def _locked(rows: ReplyQuerySet[Reply], reply_id: uuid.UUID) -> Reply | None:
    locked = rows.select_for_update(of=("self",), no_key=True)
    return locked.select_related("thread", "question", "answer__thread").filter(pk=reply_id).first()


def _extend_interrupted(reply_id: uuid.UUID, text: str) -> Reply | None:
    """Save what the worker of an interrupted reply has beyond the text that was saved."""
    reply = _locked(Reply.objects.filter(status=Reply.Status.INTERRUPTED), reply_id)
    saved = reply.answer.content if reply and reply.answer else ""
    if reply is None or not text[len(saved) :].strip() or not text.startswith(saved):
        return None
    if reply.answer:
        ChatMessage.objects.filter(pk=reply.answer.pk).update(content=text)
    elif reply.question and not _has_successor(reply.question):
        reply.answer = _write_message(reply, text)
        reply.save(update_fields=["answer", "updated_at"])
    return reply


def _has_successor(message: ChatMessage) -> bool:
    return ChatMessage.objects.filter(thread=message.thread_id).after(message).exists()


def interrupt_abandoned(*, thread: Thread) -> None:
    """End the reply that a dead worker left in flight in the thread.

    Where the database was away, the worker is alive and writes a heartbeat as soon as it can,
    so this waits up to RECHECK_SECONDS for one. Call it outside a transaction.
    """
    abandoned = Reply.objects.abandoned().filter(thread=thread)
    reply = abandoned.first()
    deadline = time.monotonic() + RECHECK_SECONDS
    while reply and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        reply = abandoned.first()
    if reply:
        _interrupt(reply.pk)


def interrupt_suspects(suspects: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """End those of `suspects` that are still abandoned, with the text that was saved.

    Returns:
        The replies that look abandoned for the first time: the suspects of the next call.
    """
    abandoned = set(Reply.objects.abandoned().values_list("pk", flat=True))
    for pk in abandoned.intersection(suspects):
        _interrupt(pk)
    return abandoned.difference(suspects)


def _interrupt(reply_id: uuid.UUID) -> None:
    finish(reply_id, Outcome(Reply.Status.INTERRUPTED, ""), abandoned=True)


def request_stop(*, reply: Reply) -> None:
    """Ask the worker that writes the reply, whichever it is, to stop."""
    Reply.objects.in_flight().filter(pk=reply.pk).update(stop_requested=True)


def write_progress(
    texts: Sequence[tuple[uuid.UUID, str]], alive: Sequence[uuid.UUID]
) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """Save the texts that grew and the heartbeats of all, in a few statements.

    Returns:
        The replies that somebody asked to stop, and those that are no longer in flight because
        their thread was deleted or they were taken for abandoned.
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


def in_flight_metric() -> list[Metric]:
    """Return the number of replies in flight, in all processes, for `/metrics`."""
    name, count = "twinthread_replies_in_flight", Reply.objects.in_flight().count()
    return [GaugeMetricFamily(name, "Replies in flight.", value=count)]


def _write_message(reply: Reply, text: str) -> ChatMessage:
    """Write the message. One that it replaces moves to a branch, with what follows."""
    if reply.answer:
        branches.set_aside(reply.answer)
    now = timezone.now()
    if reply.question:  # the clocks of workers differ, but the order must be right
        now = max(now, reply.question.created_at + timedelta(microseconds=1))
    return ChatMessage.objects.create(
        user_id=reply.thread.user_id,
        thread=reply.thread,
        role=reply.voice,
        content=text,
        created_at=now,
    )


def _persona(thread: Thread) -> Persona | None:
    """Return the persona of the twin: the thread's, else the person's active one."""
    return thread.persona or Persona.objects.for_user(thread.user).active().first()
