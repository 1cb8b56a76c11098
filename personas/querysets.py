"""How personas are asked for."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from users.models import User

# Stands for Persona: personas.models imports this module, so it cannot be imported here.
M = TypeVar("M", bound=models.Model)


class PersonaQuerySet(models.QuerySet[M]):
    """The language personas are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep this user's personas, oldest first."""
        return self.filter(user=user).order_by("created_at", "id")

    def active(self) -> Self:
        """Keep the active ones: at most one a user."""
        return self.filter(is_active=True)
