"""A page of messages, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.safestring import SafeString

from chat.branches import Alternatives, alternatives
from chat.conversation import last_question
from chat.models import ChatMessage, MessageVersion, Reply
from chat.querysets import ChatMessageQuerySet
from chat.renderings import html_by_id
from personas.models import Persona
from threads.models import Thread

PAGE = 40
# How many a conversation opens with; the rest comes when its end comes near.
FIRST = 20
# How many messages follow the one that a link leads to.
AFTER = 15


@dataclass(frozen=True)
class Entry:
    """A message as it is shown, and what can be done with it."""

    message: ChatMessage
    html: SafeString | None  # None for the person's messages: they are shown as plain text
    origin: Reply | None  # how a reply came about; None for an imported message
    speaker: Persona | None  # whose twin wrote it: the thread may have another persona by now
    has_versions: bool
    is_last_question: bool
    is_last_answer: bool
    is_target: bool
    alternatives: Alternatives | None = None


@dataclass(frozen=True)
class Version:
    """An earlier text as it is shown."""

    row: MessageVersion
    html: SafeString | None


@dataclass(frozen=True)
class MessagePage:
    """Entries in their order, and whether there are more on either side."""

    thread: Thread
    entries: list[Entry]
    has_older: bool = False
    has_newer: bool = False
    attempt: Reply | None = None  # the latest, if it is in flight or left no message

    @property
    def is_unanswered(self) -> bool:
        """Return whether the page ends with a question that nobody has tried to answer."""
        is_end = bool(self.entries) and not self.has_newer and self.attempt is None
        return is_end and self.entries[-1].message.role == ChatMessage.Role.USER


def newest(thread: Thread) -> MessagePage:
    """Return the end of the conversation."""
    found = list(_messages(thread)[: FIRST + 1])
    return MessagePage(
        thread,
        _entries(thread, found[:FIRST][::-1]),
        has_older=len(found) > FIRST,
        attempt=attempt(thread),
    )


def older(thread: Thread, than: ChatMessage) -> MessagePage:
    """Return the messages before a message."""
    found = list(_messages(thread).before(than)[: PAGE + 1])
    return MessagePage(thread, _entries(thread, found[:PAGE][::-1]), has_older=len(found) > PAGE)


def newer(thread: Thread, than: ChatMessage) -> MessagePage:
    """Return the messages after a message."""
    found = list(_messages(thread).after(than).reverse()[: PAGE + 1])
    has_newer = len(found) > PAGE
    return MessagePage(
        thread,
        _entries(thread, found[:PAGE]),
        has_newer=has_newer,
        attempt=None if has_newer else attempt(thread),
    )


def from_beginning(thread: Thread, after: ChatMessage | None = None) -> MessagePage:
    """Return the first messages, or those after a message, with nothing about attempts."""
    messages = _messages(thread).after(after) if after else _messages(thread)
    found = list(messages.reverse()[: PAGE + 1])
    return MessagePage(thread, _entries(thread, found[:PAGE]), has_newer=len(found) > PAGE)


def around(thread: Thread, target: ChatMessage) -> MessagePage:
    """Return the messages around a message."""
    before = list(_messages(thread).before(target)[: PAGE + 1])
    after = list(_messages(thread).after(target).reverse()[: AFTER + 1])
    itself = list(_messages(thread).filter(pk=target.pk))
    has_newer = len(after) > AFTER
    return MessagePage(
        thread,
        _entries(thread, before[:PAGE][::-1] + itself + after[:AFTER], target=target),
        has_older=len(before) > PAGE,
        has_newer=has_newer,
        attempt=None if has_newer else attempt(thread),
    )


def preview(message: ChatMessage) -> Entry:
    """Return the entry of a message that was just sent."""
    thread = message.thread
    return Entry(
        message,
        html=None,
        origin=None,
        speaker=None,
        has_versions=message.versions.exists(),
        is_last_question=True,
        is_last_answer=False,
        is_target=False,
        alternatives=alternatives(thread, [message]).get(message.pk) if thread else None,
    )


def entry(message: ChatMessage, thread: Thread) -> Entry | None:
    """Return the entry of a message; None if it was deleted."""
    return next(iter(_entries(thread, list(_messages(thread).filter(pk=message.pk)))), None)


def versions(message: ChatMessage) -> list[Version]:
    """Return the earlier texts of a message and the answers to them, in order."""
    rows = list(MessageVersion.objects.filter(message=message).order_by("written_at", "id"))
    html = html_by_id(rows)
    return [Version(row, html.get(row.pk)) for row in rows]


def last_voice(thread: Thread) -> str:
    """Return who answers the next message unless the user chooses: who answered last.

    In a new thread it is the twin.
    """
    latest = Reply.objects.latest_in(thread)
    return latest.voice if latest else Reply.Voice.TWIN


def attempt(thread: Thread) -> Reply | None:
    """Return the thread's latest attempt to answer, unless a message shows it."""
    latest = Reply.objects.latest_in(thread)
    if latest is None or latest.status == Reply.Status.STREAMING:
        return latest
    is_shown = latest.answer_id is not None
    return None if is_shown or latest.question_id != _key(last_question(thread)) else latest


def _messages(thread: Thread) -> ChatMessageQuerySet[Any]:
    versions = MessageVersion.objects.filter(message=OuterRef("pk"))
    return ChatMessage.objects.in_thread(thread).annotate(has_versions=Exists(versions))


def _entries(
    thread: Thread, messages: list[ChatMessage], target: ChatMessage | None = None
) -> list[Entry]:
    origins: dict[object, Reply] = {}
    for reply in Reply.objects.of_messages(messages):
        origins[reply.answer_id] = reply  # the latest one wrote the present text
    html = html_by_id(messages)
    question = last_question(thread)
    answer = question and ChatMessage.objects.in_thread(thread).after(question).last()
    others = alternatives(thread, messages)
    return [
        Entry(
            message,
            html.get(message.pk),
            origin := origins.get(message.pk),
            (origin and origin.persona) or thread.persona,
            getattr(message, "has_versions", False),
            is_last_question=message == question,
            is_last_answer=message == answer,
            is_target=message == target,
            alternatives=others.get(message.pk),
        )
        for message in messages
    ]


def _key(message: ChatMessage | None) -> object:
    return message.pk if message else None
