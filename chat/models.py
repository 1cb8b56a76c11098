"""What was said."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from chat.querysets import ChatMessageQuerySet
from schema.functions import RandomUUID, uuid7
from threads.models import Thread


class ChatMessage(models.Model):
    """One message of a conversation.

    A message that names no thread is put into its user's General thread by the database,
    so `thread` is never null in a row that can be read.
    """

    class Role(models.TextChoices):
        """Who speaks: the person, the assistant, or the thread's persona."""

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
            # A person's messages, newest first: ChatMessageQuerySet.for_user, export, search.
            models.Index(fields=["user", "-created_at", "-id"], name="chat_messages_user_idx"),
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="chat_messages_created_idx"),
            # A conversation in order, a thread's last message, and its CASCADE.
            models.Index(fields=["thread", "created_at", "id"], name="chat_messages_thread_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.content[:60]}"
