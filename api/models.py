"""What programs are let in with."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from api.querysets import ApiKeyQuerySet
from schema.functions import RandomUUID, uuid7


class ApiKey(models.Model):
    """A key that lets a program act for a person.

    Only a hash of the key is stored. The tokens that the earlier browser client logs in with
    are keys too, with `is_login`; they end when the person's password changes.
    """

    class Scope(models.TextChoices):
        """What a program may do with the key."""

        READ = "read", "Read only"
        CHAT = "chat", "Chat only"
        EVERYTHING = "everything", "Everything"

    class Chats(models.TextChoices):
        """Where the chats stand that a program has over OpenAI's protocol."""

        LISTED = "listed", "In the list of threads"
        APART = "apart", "Apart, under the key's name"
        UNKEPT = "unkept", "Not kept"

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
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def state(self) -> str:
        """Return "revoked", "expired" or "active"."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.has_expired else "active"
