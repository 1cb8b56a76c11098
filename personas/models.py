"""Personas: the twins of a user, and the samples that they are taught with."""

from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personas.colors import text_on
from personas.querysets import PersonaQuerySet, SampleQuerySet
from schema.functions import IsHexColor, RandomUUID, uuid7

DEFAULT_COLOR = "#4f46e5"


class Persona(models.Model):
    """A twin: a way of speaking that belongs to one user.

    A user has at most one active persona. Triggers keep it so, whatever writes the row:
    activating a persona deactivates the others, and a user's first persona is active.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="personas", db_index=False
    )
    name = models.TextField(default="My Twin", db_default="My Twin")
    description = models.TextField(blank=True, default="", db_default="")
    color = models.CharField(
        "colour", max_length=7, default=DEFAULT_COLOR, db_default=DEFAULT_COLOR
    )
    is_active = models.BooleanField("active", default=False, db_default=False)
    metadata = models.JSONField(
        blank=True, default=dict, db_default=models.Value({}, models.JSONField())
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = PersonaQuerySet.as_manager()

    class Meta:
        db_table = "personas"
        constraints = [
            models.CheckConstraint(
                condition=IsHexColor("color"),
                name="personas_color_check",
                violation_error_message="A colour is # and six hexadecimal digits: #4f46e5.",
            ),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(is_active=True), name="personas_one_active"
            ),
        ]
        indexes = [
            # A user's personas, oldest first: PersonaQuerySet.for_user.
            models.Index(fields=["user", "created_at", "id"], name="personas_user_idx"),
        ]

    def __str__(self) -> str:
        return self.name

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Skip the constraint on active personas: a trigger deactivates the others."""
        super().validate_constraints(exclude={*(exclude or ()), "user"})

    @property
    def initials(self) -> str:
        """Return the persona's initials, one or two letters."""
        words = self.name.split()
        letters = words[0][:1] + (words[-1][:1] if len(words) > 1 else "") if words else "?"
        return letters.upper()

    @property
    def text_color(self) -> str:
        """Return a readable text colour on the persona's colour."""
        return text_on(self.color)


class Sample(models.Model):
    """A text that the user wrote, as an example of how a persona speaks.

    `fingerprint` is the same for texts that differ in case, blanks and punctuation only. It is
    null until a program of this project has seen the row: `personas.teaching.samples`.
    """

    class Source(models.TextChoices):
        """Where the text comes from."""

        FORM = "form", _("Written here")
        TEXT = "text", _("Text file")
        MAIL = "mail", _("Mail")
        WHATSAPP = "whatsapp", _("WhatsApp")
        CHATGPT = "chatgpt", _("ChatGPT")
        MESSAGES = "messages", _("Your messages here")
        ANSWER = "answer", _("An answer that you liked or rewrote")

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    persona = models.ForeignKey(Persona, models.CASCADE, related_name="samples", db_index=False)
    text = models.TextField()
    source = models.CharField(
        max_length=20, choices=Source, default=Source.FORM, db_default=Source.FORM
    )
    origin = models.TextField(
        blank=True, default="", db_default="", help_text="The file or the conversation."
    )
    fingerprint = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = SampleQuerySet.as_manager()

    class Meta:
        db_table = "personas_samples"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    source__in=[
                        *("form", "text", "mail", "whatsapp", "chatgpt", "messages", "answer")
                    ]
                ),
                name="personas_samples_source_check",
            ),
            models.UniqueConstraint(
                fields=["persona", "fingerprint"],
                name="personas_samples_once",
                violation_error_message=_("The persona has this sample already."),
            ),
        ]
        indexes = [
            # A persona's samples, newest first: SampleQuerySet.newest_first, and their CASCADE.
            models.Index(fields=["persona", "created_at", "id"], name="personas_samples_idx"),
        ]

    def __str__(self) -> str:
        return " ".join(self.text[:80].split())
