"""Queries for personas."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models

from users.models import User

# Stands for Persona: personas.models imports this module, so it cannot be imported here.
M = TypeVar("M", bound=models.Model)


class PersonaQuerySet(models.QuerySet[M]):
    """Queries for personas, by user and state."""

    def for_user(self, user: User) -> Self:
        """Return the user's personas, oldest first."""
        return self.filter(user=user).order_by("created_at", "id")

    def active(self) -> Self:
        """Return the active personas, at most one for each user."""
        return self.filter(is_active=True)
