"""Queries for personas and their samples."""

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

    def named(self, words: str) -> Self:
        """Return the personas whose names contain all `words`."""
        rows = self
        for word in words.split():
            rows = rows.filter(name__icontains=word)
        return rows

    def active(self) -> Self:
        """Return the active personas, at most one for each user."""
        return self.filter(is_active=True)


class SampleQuerySet(models.QuerySet[M]):
    """Queries for samples."""

    def for_user(self, user: User) -> Self:
        """Return the samples of the user's personas."""
        return self.filter(persona__user=user)

    def newest_first(self) -> Self:
        """Return the samples in the order of their cards."""
        return self.order_by("-created_at", "-id")
