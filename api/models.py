"""API keys, the messages sent with them, and the cost of replies."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api.querysets import ApiKeyQuerySet
from chat.models import ChatMessage
from personas.models import Persona
from schema.functions import RandomUUID, uuid7
from threads.models import Thread


class ApiKey(models.Model):
    """A key that lets a program act for a person.

    Only a hash of the key is stored. The tokens that the earlier browser client logs in with
    are keys too, with `is_login`; they end when the person's password changes.
    """

    class Scope(models.TextChoices):
        """What a program may do with the key."""

        READ = "read", _("Read only")
        CHAT = "chat", _("Chat only")
        EVERYTHING = "everything", _("Everything")

    class Chats(models.TextChoices):
        """Where the chats stand that a program has over OpenAI's protocol."""

        LISTED = "listed", _("In the list of threads")
        APART = "apart", _("Apart, under the key's name")
        UNKEPT = "unkept", _("Not kept")

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys", db_index=False
    )
    name = models.CharField(max_length=100)
    hash = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the key.")
    hint = models.CharField(max_length=24, editable=False, help_text="How the key begins.")
    scope = models.CharField(
        max_length=10, choices=Scope, default=Scope.CHAT, db_default=Scope.CHAT
    )
    chats = models.CharField(
        max_length=6, choices=Chats, default=Chats.LISTED, db_default=Chats.LISTED
    )
    is_login = models.BooleanField("browser client", default=False, db_default=False)
    password_stamp = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Of a log-in: which password it was made with.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_client = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        constraints = [
            models.UniqueConstraint(fields=["hash"], name="api_keys_hash_key"),
            models.CheckConstraint(
                condition=models.Q(scope__in=["read", "chat", "everything"]),
                name="api_keys_scope_check",
            ),
            models.CheckConstraint(
                condition=models.Q(chats__in=["listed", "apart", "unkept"]),
                name="api_keys_chats_check",
            ),
        ]
        indexes = [
            # A person's keys, newest first: ApiKeyQuerySet.for_user; and the CASCADE of a user.
            models.Index(fields=["user", "-created_at"], name="api_keys_user_idx"),
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="api_keys_created_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def has_expired(self) -> bool:
        """Return whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def state(self) -> str:
        """Return "revoked", "expired" or "active"."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.has_expired else "active"

    @property
    def state_name(self) -> str:
        """Return the state in the reader's language."""
        return str({"revoked": _("revoked"), "expired": _("expired")}.get(self.state, self.state))


class Exchange(models.Model):
    """A message that a program sent, and what the program's conversation was by then.

    Programs send the whole conversation each time. `history` recognises it, so that a further
    message continues the thread and a repetition is not stored again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    key = models.ForeignKey(
        ApiKey, models.SET_NULL, related_name="exchanges", null=True, db_index=False
    )
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="exchanges", db_index=False)
    question = models.ForeignKey(
        ChatMessage, models.CASCADE, related_name="exchanges", db_index=False
    )
    history = models.CharField(
        max_length=64, help_text="SHA-256 of the conversation up to the message."
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "api_exchanges"
        constraints = [
            # Which key a reply was made with: usage.record; and the CASCADE of a message.
            models.UniqueConstraint(fields=["question"], name="api_exchanges_question_key"),
        ]
        indexes = [
            # The conversation that a program continues or repeats, and the SET NULL of a key.
            models.Index(fields=["key", "history"], name="api_exchanges_history_idx"),
            # The CASCADE of a thread.
            models.Index(fields=["thread"], name="api_exchanges_thread_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.key_id}: {self.question_id}"


class Usage(models.Model):
    """What one reply cost. It outlives the reply, so that deleting changes no figure."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="usage", db_index=False
    )
    key = models.ForeignKey(
        ApiKey, models.SET_NULL, related_name="usage", null=True, db_index=False
    )
    persona = models.ForeignKey(
        Persona, models.SET_NULL, related_name="usage", null=True, db_index=False
    )
    model = models.TextField(blank=True, default="", db_default="")
    status = models.CharField(max_length=11)
    prompt_tokens = models.IntegerField()
    completion_tokens = models.IntegerField()
    is_estimated = models.BooleanField(
        default=False, db_default=False, help_text="The model server did not count the tokens."
    )
    duration_ms = models.IntegerField()
    first_text_ms = models.IntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "api_usage"
        verbose_name_plural = "usage"
        indexes = [
            # A person's figures by day, the day's budget, and the CASCADE of a user.
            models.Index(fields=["user", "created_at"], name="api_usage_user_idx"),
            # The site's figures by day, and the admin's list.
            models.Index(fields=["-created_at", "-id"], name="api_usage_created_idx"),
            # The SET NULL of a key and of a persona.
            models.Index(fields=["key"], name="api_usage_key_idx"),
            models.Index(fields=["persona"], name="api_usage_persona_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.prompt_tokens} + {self.completion_tokens}"
