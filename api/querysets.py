"""How keys are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from users.models import User

# Stands for ApiKey: api.models imports this module, so it cannot be imported here.
M = TypeVar("M", bound=models.Model)


class ApiKeyQuerySet(models.QuerySet[M]):
    """The language keys are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep this user's keys, newest first."""
        return self.filter(user=user).order_by("-created_at", "-id")

    def active(self) -> Self:
        """Leave out the revoked and the expired ones."""
        valid = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(valid, revoked_at=None)
