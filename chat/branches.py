"""Branches: what a conversation was before a message was changed or answered again.

A conversation is one line of messages in a thread. When a message gives way to another, it and
what follows it move to a hidden thread, the branch, which knows the conversation and the message
that it continues. Showing a branch exchanges it with what follows that message now. So searches,
counts, prompts and exports for reading know one line of messages, and nothing is copied.

    Hello ── Fine, you? ── Good       the thread
         └── Hi!                      a branch of it, after Hello
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models, transaction
from django.db.models import Case, OuterRef, Q, Subquery, Value, When
from django.utils import timezone

from chat.models import ChatMessage
from threads.models import Thread

# More messages are not moved while somebody waits.
MAX_MOVED = 2_000


class TooLongError(Exception):
    """More than MAX_MOVED messages would have to move."""


@dataclass(frozen=True)
class Alternatives:
    """The messages that could stand in one place: the one that does, and the first of branches."""

    keys: Sequence[uuid.UUID]  # in the order in which they were written
    present: uuid.UUID

    @property
    def number(self) -> int:
        """Return the place of the present message, counted from 1."""
        return self.keys.index(self.present) + 1

    @property
    def previous(self) -> uuid.UUID | None:
        """Return the message written before it."""
        return self.keys[self.number - 2] if self.number > 1 else None

    @property
    def next(self) -> uuid.UUID | None:
        """Return the message written after it."""
        return self.keys[self.number] if self.number < len(self.keys) else None


@transaction.atomic
def set_aside(message: ChatMessage) -> None:
    """Move a message and all that follow it to a new branch. The caller has locked the thread."""
    thread = message.thread
    if thread is None:
        return
    before = predecessor(message)
    branch = Thread.objects.create(
        user_id=thread.user_id,
        persona_id=thread.persona_id,
        title=thread.title,
        model=thread.model,
        branch_of=thread,
        branch_after=before.pk if before else None,
        deleted_at=timezone.now(),
    )
    following(thread, before).update(thread=branch)


@transaction.atomic
def show(branch: Thread) -> None:
    """Exchange a branch with what follows the same message now. The caller has locked the thread.

    Raises:
        TooLongError: It would take too long.
        ChatMessage.DoesNotExist: The message that it continues is on another branch.
    """
    thread = branch.branch_of
    if thread is None:
        return
    before = thread.messages.get(pk=branch.branch_after) if branch.branch_after else None
    tail = list(following(thread, before).values_list("pk", flat=True)[: MAX_MOVED + 1])
    if len(tail) + branch.message_count > MAX_MOVED:
        raise TooLongError
    to = Case(
        When(thread=branch, then=Value(thread.pk, models.UUIDField())),
        default=Value(branch.pk, models.UUIDField()),
    )
    ChatMessage.objects.filter(Q(thread=branch) | Q(pk__in=tail)).update(thread=to)
    if not tail:
        Thread.objects.filter(pk=branch.pk, message_count=0).delete()


@transaction.atomic
def forget(message: ChatMessage) -> None:
    """Delete a message. What branched off after it branches off before it now.

    If nothing else is left in its place, the newest branch takes it.
    """
    thread = message.thread
    before = predecessor(message)
    key = before.pk if before else None
    branches = Thread.objects.filter(branch_of=thread)
    branches.filter(branch_after=message.pk).update(branch_after=key)
    message.delete()
    newest = branches.filter(branch_after=key, message_count__gt=0).order_by("-created_at").first()
    if thread and newest and not following(thread, before).exists():
        show(newest)


def check_length(message: ChatMessage) -> None:
    """Raise TooLongError if too many messages follow to be set aside."""
    if message.thread is None:
        return
    later = ChatMessage.objects.filter(thread=message.thread).after(message)
    if later[MAX_MOVED - 1 : MAX_MOVED]:  # and the message itself moves
        raise TooLongError


def predecessor(message: ChatMessage) -> ChatMessage | None:
    """Return the message before it in its thread."""
    earlier = ChatMessage.objects.filter(thread=message.thread_id).before(message)
    return earlier.order_by("-created_at", "-id").first()


def following(thread: Thread, before: ChatMessage | None) -> models.QuerySet[ChatMessage]:
    """Return the messages of a thread after a message, or all of them."""
    messages = ChatMessage.objects.filter(thread=thread)
    return messages.after(before) if before else messages


def alternatives(thread: Thread, messages: Sequence[ChatMessage]) -> dict[uuid.UUID, Alternatives]:
    """Return the alternatives of those messages that have any, by key.

    Args:
        thread: The conversation.
        messages: Messages of it that follow each other.
    """
    if not messages:
        return {}
    first = ChatMessage.objects.filter(thread=OuterRef("pk")).order_by("created_at", "id")
    earlier = ChatMessage.objects.filter(thread=thread).before(messages[0])
    place = (
        Q(branch_after__in=[message.pk for message in messages])
        | Q(branch_after=Subquery(earlier.order_by("-created_at", "-id").values("pk")[:1]))
        | Q(branch_after=None)
    )
    branches = Thread.objects.filter(place, branch_of=thread, message_count__gt=0).annotate(
        first_id=Subquery(first.values("pk")[:1]), first_at=Subquery(first.values("created_at")[:1])
    )
    rows = list(branches.values_list("branch_after", "first_at", "first_id"))
    if not rows:
        return {}
    before = predecessor(messages[0])
    found: dict[uuid.UUID, Alternatives] = {}
    after = before.pk if before else None
    for message in messages:
        others = [(at, key) for place, at, key in rows if place == after]
        if others:
            line = sorted([*others, (message.created_at, message.pk)])
            found[message.pk] = Alternatives([key for _, key in line], message.pk)
        after = message.pk
    return found
