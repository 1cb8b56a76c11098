"""Store the messages that programs send.

A program sends the whole conversation each time. What it sent before is recognised by a hash of
the conversation, so that the thread is continued and nothing is stored twice:

    user: Hi                                             a new thread: Hi
    user: Hi                        (again)              the same message answered again
    user: Hi, assistant: Hello, user: How are you?       the thread continued: How are you?
    user: Hi, assistant: Hallo, user: How are you?       another conversation: a new thread
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from api.models import ApiKey, Exchange
from api.openai.catalog import Voice
from api.openai.schemas import Message
from chat.conversation import answer_again, last_question, send_message
from chat.generation.in_flight import Prompt
from chat.generation.titles import from_first_words
from chat.models import ChatMessage, Reply
from personas.switching import lock_owner
from threads import organising
from threads.models import Thread

SPOKEN = {"user", "assistant"}
MAX_TITLE = 255


@dataclass(frozen=True)
class ChatTurn:
    """A message of the person or the assistant."""

    role: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """A program's conversation up to the person's last message."""

    turns: list[ChatTurn]

    @classmethod
    def read(cls, messages: list[Message]) -> Conversation | None:
        """Return the conversation; None without a message of the person."""
        turns = [
            ChatTurn(message.role, message.content)
            for message in messages
            if message.role in SPOKEN and message.content.strip()
        ]
        while turns and turns[-1].role != "user":
            turns.pop()
        return cls(turns) if turns else None

    @property
    def text(self) -> str:
        """Return the person's last message."""
        return self.turns[-1].text

    @property
    def history(self) -> str:
        """Return the hash by which the conversation is known."""
        return digest(self.turns)

    def before_last_answer(self) -> tuple[list[ChatTurn], str, list[ChatTurn]]:
        """Return the turns before the last answer, the answer, and the turns after it."""
        for place in range(len(self.turns) - 1, -1, -1):
            if self.turns[place].role == "assistant":
                before, after = self.turns[:place], self.turns[place + 1 :]
                return before, self.turns[place].text, after
        return [], "", self.turns


def digest(turns: list[ChatTurn]) -> str:
    """Return the hash of a conversation; blanks around a text do not count."""
    text = json.dumps([[turn.role, turn.text.strip()] for turn in turns])
    return hashlib.sha256(text.encode()).hexdigest()


def store(
    *, key: ApiKey, voice: Voice, conversation: Conversation, prompt: Prompt, is_retry: bool
) -> Reply | None:
    """Store the person's message and return the reply to it, started or found.

    Args:
        key: The program's key.
        voice: Who answers.
        conversation: What the program sent.
        prompt: What the model is asked.
        is_retry: Whether the program repeats a request whose answer it did not get.

    Raises:
        replies.InFlightError: The thread is busy with another message.
        replies.TooManyInFlightError: All of the person's are.
    """
    with transaction.atomic():
        lock_owner(key.user_id)  # two requests with the same conversation take turns
        known = find(key, conversation.history)
        if known is not None:
            reply = known.question.replies.order_by("created_at").last()
            if reply and reply.status == Reply.Status.STREAMING:
                return reply
            if is_retry and reply and reply.status == Reply.Status.COMPLETE:
                return reply
            if last_question(known.thread) == known.question:
                speak_with(known.thread, voice)
                return answer_again(thread=known.thread, voice=voice.role, prompt=prompt).reply
        thread, turns = continued(key, conversation) or begun(key, voice, conversation)
        speak_with(thread, voice)
        text = "\n\n".join(turn.text for turn in turns)
        sent = send_message(thread=thread, text=text, voice=voice.role, prompt=prompt)
        Exchange.objects.create(
            key=key, thread=thread, question=sent.message, history=conversation.history
        )
        return sent.reply


def find(key: ApiKey, history: str) -> Exchange | None:
    """Return the latest exchange of this key with this history, if its thread exists."""
    known = Exchange.objects.filter(key=key, history=history, thread__deleted_at=None)
    related = known.select_related("thread__user", "thread__persona", "question")
    return related.order_by("-created_at", "-id").first()


def continued(key: ApiKey, conversation: Conversation) -> tuple[Thread, list[ChatTurn]] | None:
    """Return the thread that the conversation begins with, and what it does not hold yet."""
    before, answer, after = conversation.before_last_answer()
    known = find(key, digest(before)) if before else None
    if known is None:
        return None
    last = ChatMessage.objects.in_thread(known.thread).first()
    is_answer = last is not None and last.role != ChatMessage.Role.USER
    # Of a reply that was cut short, the program may have received the beginning only.
    if last is None or not is_answer or not last.content.strip().startswith(answer.strip()):
        return None
    follows = not ChatMessage.objects.in_thread(known.thread).questions().after(known.question)
    return (known.thread, after) if follows else None


def begun(key: ApiKey, voice: Voice, conversation: Conversation) -> tuple[Thread, list[ChatTurn]]:
    """Return a new thread with the earlier turns, and the turns to send in it."""
    before, answer, after = conversation.before_last_answer()
    title = from_first_words(conversation.turns[0].text) or organising.UNTITLED
    is_apart = key.chats == ApiKey.Chats.APART
    thread = Thread.objects.create(
        user=key.user,
        persona=voice.persona,
        title=f"{key.name}: {title}"[:MAX_TITLE] if is_apart else title,
        description=f"Through the API key “{key.name}”.",
        archived_at=timezone.now() if is_apart else None,
    )
    earlier = [*before, ChatTurn("assistant", answer)] if answer else []
    start = timezone.now() - datetime.timedelta(milliseconds=len(earlier))
    ChatMessage.objects.bulk_create(
        [
            ChatMessage(
                user=key.user,
                thread=thread,
                role=ChatMessage.Role.USER if turn.role == "user" else voice.role,
                content=turn.text,
                created_at=start + datetime.timedelta(milliseconds=place),
            )
            for place, turn in enumerate(earlier)
        ],
        batch_size=200,
    )
    return thread, after


def speak_with(thread: Thread, voice: Voice) -> None:
    """Have the thread's twin be the persona that the program asks for."""
    if voice.persona is not None and thread.persona_id != voice.persona.pk:
        organising.describe(thread=thread, description=thread.description, persona=voice.persona)
