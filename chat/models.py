"""Messages, their earlier versions, the replies that become messages, and links to threads."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from chat.failures import REMEDIES, Failure
from chat.querysets import ChatMessageQuerySet, ReplyQuerySet, ShareQuerySet
from personas.models import Persona
from schema.functions import RandomUUID, uuid7
from threads.models import Thread


class ChatMessage(models.Model):
    """A message of a thread.

    The database puts a message without a thread into its user's General thread, so `thread` is
    never null in a row that can be read.
    """

    class Role(models.TextChoices):
        """The author: the user, the assistant, or the thread's persona."""

        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"
        TWIN = "twin", "Twin"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="messages", db_index=False
    )
    thread = models.ForeignKey(
        Thread, models.CASCADE, related_name="messages", null=True, blank=True, db_index=False
    )
    role = models.CharField(max_length=50, choices=Role)
    content = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = ChatMessageQuerySet.as_manager()

    class Meta:
        db_table = "chat_messages"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["user", "assistant", "twin"]),
                name="chat_messages_role_check",
            ),
        ]
        indexes = [
            # A user's messages, newest first: ChatMessageQuerySet.for_user, export, search.
            models.Index(fields=["user", "-created_at", "-id"], name="chat_messages_user_idx"),
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="chat_messages_created_idx"),
            # A thread's messages in order, its last message, and its CASCADE.
            models.Index(fields=["thread", "created_at", "id"], name="chat_messages_thread_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.content[:60]}"

    def get_absolute_url(self) -> str:
        """Return the URL of the page of the thread that contains this message."""
        page = reverse("chat:conversation", args=[self.thread_id])
        return f"{page}?message={self.pk}#m-{self.pk}"


class MessageVersion(models.Model):
    """An earlier text of a message, or an earlier reply to it.

    Messages were edited in place before there were branches (chat/branches.py). What they said
    is still shown, exported and imported.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    message = models.ForeignKey(
        ChatMessage, models.CASCADE, related_name="versions", db_index=False
    )
    role = models.CharField(max_length=50, choices=ChatMessage.Role)
    content = models.TextField()
    written_at = models.DateTimeField()
    replaced_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "chat_message_versions"
        indexes = [
            # A message's versions in order, and their CASCADE.
            models.Index(fields=["message", "written_at", "id"], name="chat_message_versions_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.content[:60]}"


class MessageRendering(models.Model):
    """The HTML of a message or of one of its versions, so that no view renders it again.

    `digest` is that of the Markdown: a row whose text has changed since is not used.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    message = models.ForeignKey(
        ChatMessage, models.CASCADE, related_name="renderings", db_index=False
    )
    digest = models.UUIDField(editable=False)
    html = models.TextField()

    class Meta:
        db_table = "chat_message_renderings"
        constraints = [
            # Its index also finds a message's renderings, for a page and for their CASCADE.
            models.UniqueConstraint(
                fields=["message", "digest"], name="chat_message_renderings_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.digest}"


class Reply(models.Model):
    """One attempt to answer. It holds the text while it is streamed.

    The message is written once, at the end, in the transaction that ends the reply. Text
    that arrived before a failure becomes a message too; `status` tells them apart. `text` is
    empty once the message has it.
    """

    class Status(models.TextChoices):
        """The state of a reply, or how it ended."""

        STREAMING = "streaming", "Streaming"
        COMPLETE = "complete", "Complete"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    class Voice(models.TextChoices):
        """Who answers: the role of the message."""

        ASSISTANT = ChatMessage.Role.ASSISTANT.value, "Assistant"
        TWIN = ChatMessage.Role.TWIN.value, "Twin"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="replies", db_index=False)
    question = models.ForeignKey(
        ChatMessage,
        models.SET_NULL,
        related_name="replies",
        null=True,
        db_index=False,
        help_text="The message it answers; null once that one is deleted.",
    )
    answer = models.ForeignKey(
        ChatMessage,
        models.CASCADE,
        related_name="origins",
        null=True,
        db_index=False,
        help_text="The message it became or, of one that is generated anew, is to replace.",
    )
    voice = models.CharField(max_length=50, choices=Voice)
    persona = models.ForeignKey(
        Persona, models.SET_NULL, related_name="replies", null=True, db_index=False
    )
    model = models.TextField(db_default="", default="", blank=True)
    status = models.CharField(
        max_length=11, choices=Status, default=Status.STREAMING, db_default=Status.STREAMING
    )
    text = models.TextField(default="", db_default="", blank=True)
    stop_requested = models.BooleanField(default=False, db_default=False)
    reasoning = models.TextField(
        default="",
        db_default="",
        blank=True,
        help_text="What the model thought before it answered.",
    )
    reasoning_ms = models.IntegerField(
        null=True, blank=True, help_text="How long it thought, in milliseconds; null if it did not."
    )
    prompt_tokens = models.IntegerField(null=True, blank=True)
    completion_tokens = models.IntegerField(null=True, blank=True)
    failure = models.CharField(
        max_length=20, default="", db_default="", blank=True, help_text="One of chat.failures."
    )
    error = models.TextField(
        default="", db_default="", blank=True, help_text="What the model's server said."
    )
    retry_after = models.IntegerField(
        null=True, blank=True, help_text="Seconds the model's server asked to wait."
    )
    heartbeat_at = models.DateTimeField(default=timezone.now, db_default=Now())
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = ReplyQuerySet.as_manager()

    class Meta:
        db_table = "chat_replies"
        verbose_name_plural = "replies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["streaming", "complete", "stopped", "failed", "interrupted"]
                ),
                name="chat_replies_status_check",
            ),
            models.CheckConstraint(
                condition=models.Q(voice__in=["assistant", "twin"]),
                name="chat_replies_voice_check",
            ),
            models.UniqueConstraint(
                fields=["thread"],
                condition=models.Q(status="streaming"),
                name="chat_replies_one_in_flight",
                violation_error_message="A reply is being written in this thread.",
            ),
        ]
        indexes = [
            # A thread's latest reply, and the CASCADE.
            models.Index(fields=["thread", "-created_at"], name="chat_replies_thread_idx"),
            # The replies that became the messages of a page, and the CASCADE of a message.
            models.Index(fields=["answer"], name="chat_replies_answer_idx"),
            # The SET NULL of a message and of a persona.
            models.Index(fields=["question"], name="chat_replies_question_idx"),
            models.Index(fields=["persona"], name="chat_replies_persona_idx"),
            # ReplyQuerySet.abandoned: replies in flight whose worker is gone.
            models.Index(
                fields=["heartbeat_at"],
                condition=models.Q(status="streaming"),
                name="chat_replies_heartbeat_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_voice_display()}: {self.get_status_display()}"

    @property
    def thought_seconds(self) -> int:
        """Return how long the model thought, in seconds."""
        return max(1, round((self.reasoning_ms or 0) / 1000))

    @property
    def reason(self) -> str:
        """Return what went wrong, for the user."""
        return str(Failure(self.failure).label) if self.failure in Failure else self.failure

    @property
    def remedy(self) -> str:
        """Return what the user can do about it."""
        return str(REMEDIES[Failure(self.failure)]) if self.failure in Failure else ""


class Share(models.Model):
    """A link that shows a thread to whoever has it, until it expires or is deleted."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="shares", db_index=False)
    # Random, so that nobody guesses it.
    key = models.CharField(max_length=64, editable=False)
    has_names = models.BooleanField(
        default=False, db_default=False, help_text="Whether the user and the persona are named."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = ShareQuerySet.as_manager()

    class Meta:
        db_table = "chat_shares"
        constraints = [
            # Its index also finds the link that a stranger follows.
            models.UniqueConstraint(fields=["key"], name="chat_shares_key"),
        ]
        indexes = [
            # A thread's links, and their CASCADE.
            models.Index(fields=["thread"], name="chat_shares_thread_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.thread_id}: {self.created_at:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        """Return the URL of the page that the link leads to."""
        return reverse("chat:shared", args=[self.key])
