"""How personas are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from personas.models import Persona  # noqa: F401 - named in a text below
    from users.models import User


class PersonaQuerySet(models.QuerySet["Persona"]):
    """The language personas are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep this user's personas, oldest first."""
        return self.filter(user=user).order_by("created_at", "id")

    def active(self) -> Self:
        """Keep the active ones: at most one a user."""
        return self.filter(is_active=True)
