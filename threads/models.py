"""Threads: the conversations of a user."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone

from personas.models import Persona
from schema.functions import RandomUUID, uuid7
from threads.fields import TriggerDateTimeField, TriggerIntegerField
from threads.querysets import ThreadQuerySet


class Thread(models.Model):
    """A conversation of one user.

    Triggers on chat_messages maintain `message_count` and `last_message_at`; Python never writes
    them. Each user has at most one thread with `is_general`, for messages that name no thread. A
    deleted thread stays hidden until its retention period ends. A branch of a conversation
    (chat/branches.py) is a thread that is always hidden.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="threads", db_index=False
    )
    persona = models.ForeignKey(
        Persona, models.SET_NULL, related_name="threads", null=True, blank=True, db_index=False
    )
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="", db_default="")
    is_general = models.BooleanField("general", default=False, db_default=False, editable=False)
    title_is_automatic = models.BooleanField(default=False, db_default=False, editable=False)
    model = models.CharField(max_length=255, blank=True, default="", db_default="")
    pinned_at = models.DateTimeField(null=True, blank=True, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    branch_of = models.ForeignKey(
        "self",
        models.CASCADE,
        related_name="branches",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
    )
    # The message of the conversation that the branch continues; null for its beginning.
    branch_after = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    last_message_at = TriggerDateTimeField(null=True, blank=True, editable=False)
    message_count = TriggerIntegerField(default=0, db_default=0, editable=False)

    objects = ThreadQuerySet.as_manager()

    class Meta:
        db_table = "threads"
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(is_general=True), name="threads_one_general"
            ),
        ]
        indexes = [
            # A user's threads, the most recently used first: ThreadQuerySet.recent.
            models.Index(
                "user",
                Coalesce("last_message_at", "created_at").desc(),
                models.F("id").desc(),
                name="threads_recent_idx",
            ),
            # Deleted threads to purge: organising.purge.
            models.Index(
                fields=["deleted_at"],
                condition=models.Q(deleted_at__isnull=False),
                name="threads_deleted_idx",
            ),
            # A user's pinned threads: the sidebar of every page.
            models.Index(
                fields=["user"],
                condition=models.Q(pinned_at__isnull=False),
                name="threads_pinned_idx",
            ),
            # The branches of a conversation, and their CASCADE.
            models.Index(
                fields=["branch_of"],
                condition=models.Q(branch_of__isnull=False),
                name="threads_branch_idx",
            ),
            # A persona's threads, and SET NULL when the persona is deleted.
            models.Index(fields=["persona"], name="threads_persona_idx"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the URL of the conversation."""
        return reverse("chat:conversation", args=[self.pk])

    @property
    def used_at(self) -> datetime:
        """Return when the last message came, or when a thread without messages was created."""
        return self.last_message_at or self.created_at
