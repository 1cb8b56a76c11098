"""Conversations."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone

from personas.models import Persona
from schema.functions import RandomUUID, uuid7
from threads.fields import KeptDateTimeField, KeptIntegerField
from threads.querysets import ThreadQuerySet


class Thread(models.Model):
    """A conversation of one user.

    `message_count` and `last_message_at` are kept by triggers on chat_messages and are
    never written by Python. Each user has at most one thread with `is_general`: the one
    that takes in the messages which name no thread. A deleted thread stays, unseen, for as
    long as it can be had back.
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
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    last_message_at = KeptDateTimeField(null=True, blank=True, editable=False)
    message_count = KeptIntegerField(default=0, db_default=0, editable=False)

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
            # What is deleted and may go for good: organising.purge.
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
            # A persona's threads, and its SET NULL when the persona goes.
            models.Index(fields=["persona"], name="threads_persona_idx"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of the conversation."""
        return reverse("chat:conversation", args=[self.pk])
