"""A stretch of a conversation, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils.safestring import SafeString

from chat.conversation import last_question
from chat.models import ChatMessage, MessageVersion, Reply
from chat.querysets import ChatMessageQuerySet
from chat.rendering import markdown
from personas.models import Persona
from threads.models import Thread

PAGE = 40
# What is shown after a message that was jumped to.
AFTER = 15


@dataclass(frozen=True)
class Entry:
    """A message as it is shown, and what may be done with it."""

    message: ChatMessage
    html: SafeString | None  # None for what the person wrote: it is shown as written
    origin: Reply | None  # how a reply came about; None for what was written elsewhere
    speaker: Persona | None  # whose twin spoke: a thread may be another persona's by now
    has_versions: bool
    is_last_question: bool
    is_last_answer: bool
    is_sought: bool


@dataclass(frozen=True)
class Version:
    """An earlier text as it is shown."""

    row: MessageVersion
    html: SafeString | None


@dataclass(frozen=True)
class Stretch:
    """Entries in the order they were said, and whether there are more on either side."""

    thread: Thread
    entries: list[Entry]
    has_older: bool = False
    has_newer: bool = False
    attempt: Reply | None = None  # the latest, if it is in flight or came to nothing


def newest(thread: Thread) -> Stretch:
    """Return the end of the conversation."""
    found = list(_messages(thread)[: PAGE + 1])
    return Stretch(
        thread,
        _entries(thread, found[:PAGE][::-1]),
        has_older=len(found) > PAGE,
        attempt=attempt(thread),
    )


def older(thread: Thread, than: ChatMessage) -> Stretch:
    """Return what was said before a message."""
    found = list(_messages(thread).before(than)[: PAGE + 1])
    return Stretch(thread, _entries(thread, found[:PAGE][::-1]), has_older=len(found) > PAGE)


def newer(thread: Thread, than: ChatMessage) -> Stretch:
    """Return what was said after a message."""
    found = list(_messages(thread).after(than).reverse()[: PAGE + 1])
    has_newer = len(found) > PAGE
    return Stretch(
        thread,
        _entries(thread, found[:PAGE]),
        has_newer=has_newer,
        attempt=None if has_newer else attempt(thread),
    )


def around(thread: Thread, sought: ChatMessage) -> Stretch:
    """Return what was said around a message."""
    before = list(_messages(thread).before(sought)[: PAGE + 1])
    after = list(_messages(thread).after(sought).reverse()[: AFTER + 1])
    itself = list(_messages(thread).filter(pk=sought.pk))
    has_newer = len(after) > AFTER
    return Stretch(
        thread,
        _entries(thread, before[:PAGE][::-1] + itself + after[:AFTER], sought=sought),
        has_older=len(before) > PAGE,
        has_newer=has_newer,
        attempt=None if has_newer else attempt(thread),
    )


def said(message: ChatMessage) -> Entry:
    """Return what the person has just said, as it is shown."""
    return Entry(
        message,
        html=None,
        origin=None,
        speaker=None,
        has_versions=message.versions.exists(),
        is_last_question=True,
        is_last_answer=False,
        is_sought=False,
    )


def entry(message: ChatMessage, thread: Thread) -> Entry | None:
    """Return one message as it is shown; None if it is gone."""
    return next(iter(_entries(thread, list(_messages(thread).filter(pk=message.pk)))), None)


def versions(message: ChatMessage) -> list[Version]:
    """Return what a message said before, and what was answered to that, in order."""
    rows = MessageVersion.objects.filter(message=message).order_by("written_at", "id")
    is_user = ChatMessage.Role.USER
    return [
        Version(row, None if row.role == is_user else markdown.render(row.content)) for row in rows
    ]


def last_voice(thread: Thread) -> str:
    """Return who answered last, for the next message to be answered by the same."""
    latest = Reply.objects.latest_in(thread)
    return latest.voice if latest else ""


def attempt(thread: Thread) -> Reply | None:
    """Return the thread's latest attempt to answer if there is no message that shows it."""
    latest = Reply.objects.latest_in(thread)
    if latest is None or latest.status == Reply.Status.STREAMING:
        return latest
    is_shown = latest.answer_id is not None
    return None if is_shown or latest.question_id != _key(last_question(thread)) else latest


def _messages(thread: Thread) -> ChatMessageQuerySet:
    versions = MessageVersion.objects.filter(message=OuterRef("pk"))
    return ChatMessage.objects.in_thread(thread).annotate(has_versions=Exists(versions))


def _entries(
    thread: Thread, messages: list[ChatMessage], sought: ChatMessage | None = None
) -> list[Entry]:
    origins: dict[object, Reply] = {}
    for reply in Reply.objects.of_messages(messages):
        origins[reply.answer_id] = reply  # the later one made the text that is shown
    question = last_question(thread)
    answer = question and ChatMessage.objects.in_thread(thread).after(question).first()
    return [
        Entry(
            message,
            None if message.role == ChatMessage.Role.USER else markdown.render(message.content),
            origin := origins.get(message.pk),
            (origin and origin.persona) or thread.persona,
            getattr(message, "has_versions", False),
            is_last_question=message == question,
            is_last_answer=message == answer,
            is_sought=message == sought,
        )
        for message in messages
    ]


def _key(message: ChatMessage | None) -> object:
    return message.pk if message else None
