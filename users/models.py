"""Users and rate-limit counters."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import validate_email
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from schema.functions import RandomUUID, uuid7
from users.fields import PasswordHashField


class UserManager(BaseUserManager["User"]):
    """Creates users, and finds them by e-mail address regardless of case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new user; without a password the account cannot be logged in to."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new user with all permissions."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def with_email(self, email: str) -> "User | None":
        """Return the user with this e-mail address, if there is one."""
        try:
            return self.get_by_natural_key(email)
        except self.model.DoesNotExist:
            return None

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user with this e-mail address; the query uses `users_email_lower_key`."""
        return self.annotate(email_lower=Lower("email")).get(
            email_lower=Lower(models.Value(username))
        )


class User(AbstractBaseUser, PermissionsMixin):
    """A user, identified by e-mail address.

    Columns that other programs write have database defaults. `email` and `name` have no
    length limit: adopted databases hold long ones.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    email = models.TextField("e-mail", validators=[validate_email])
    password = PasswordHashField(db_column="password_hash")
    name = models.TextField(blank=True, default="", db_default="")
    is_active = models.BooleanField("active", default=True, db_default=True)
    is_staff = models.BooleanField("may use the admin", default=False, db_default=False)
    is_superuser = models.BooleanField("may do everything", default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "users"
        constraints = [
            # The first is the one that the earlier product queries; the second ignores case.
            models.UniqueConstraint(fields=["email"], name="users_email_key"),
            models.UniqueConstraint(
                Lower("email"),
                name="users_email_lower_key",
                violation_error_message="There is an account with this e-mail address already.",
            ),
        ]
        indexes = [
            # The admin's list, newest first.
            models.Index(fields=["-created_at", "-id"], name="users_created_idx"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """Return the name, or the e-mail address if there is none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the first name, or the part of the e-mail address before the @."""
        return self.name.split()[0] if self.name.strip() else self.email.split("@")[0]


class StaffRead(models.Model):
    """A member of staff opened an admin page with somebody else's words; see users/staff_reads.py.

    It outlives both accounts, so it has their keys instead of foreign keys, and no words.
    """

    class Page(models.TextChoices):
        """What was opened."""

        LIST = "list", _("list")
        ROW = "row", _("row")
        HISTORY = "history", _("history")
        DELETION = "deletion", _("confirmation of a deletion")
        ACCOUNT = "account", _("page of the account")

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    staff = models.UUIDField(_("staff"))
    staff_email = models.TextField(_("staff"))
    person = models.UUIDField(_("whose"))
    page = models.CharField(_("page"), max_length=10, choices=Page.choices)
    kind = models.CharField(_("kind"), max_length=100)
    row = models.UUIDField(_("row"), null=True)
    rows = models.IntegerField(_("rows"), default=1, db_default=1)
    created_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        db_table = "staff_reads"
        verbose_name = _("read by staff")
        verbose_name_plural = _("reads by staff")
        indexes = [
            # The panel on the page of a user, newest first.
            models.Index(fields=["person", "-id"], name="staff_reads_person_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.staff_email}: {self.kind}"


class Attempt(models.Model):
    """A counter of attempts in one window; see users/rate_limits.py."""

    key = models.CharField(primary_key=True, max_length=64)
    count = models.IntegerField(default=0, db_default=0)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "attempts"
        indexes = [
            # Expired counters to delete: RateLimit.hit.
            models.Index(fields=["expires_at"], name="attempts_expires_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.count} until {self.expires_at:%H:%M}"
