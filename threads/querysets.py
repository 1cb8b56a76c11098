"""How threads are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from threads.models import Thread  # noqa: F401 - named in a text below
    from users.models import User


class ThreadQuerySet(models.QuerySet["Thread"]):
    """The language threads are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep this user's threads."""
        return self.filter(user=user)

    def recent(self) -> Self:
        """Order by the last message, or by the making of a thread that has none."""
        return self.annotate(recent_at=Coalesce("last_message_at", "created_at")).order_by(
            "-recent_at", "-id"
        )
