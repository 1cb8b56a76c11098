"""How messages are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from chat.models import ChatMessage  # noqa: F401 - named in a text below
    from users.models import User


class ChatMessageQuerySet(models.QuerySet["ChatMessage"]):
    """The language messages are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep this user's messages, newest first."""
        return self.filter(user=user).order_by("-created_at", "-id")
