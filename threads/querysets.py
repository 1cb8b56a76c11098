"""How threads are asked for."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Self, TypeVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Coalesce

from users.models import User

# Stands for Thread: threads.models imports this module, so it cannot be imported here.
M = TypeVar("M", bound=models.Model)


class ThreadQuerySet(models.QuerySet[M]):
    """The language threads are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep this user's threads, but for the deleted ones."""
        return self.filter(user=user, deleted_at=None)

    def deleted_by(self, user: User) -> Self:
        """Keep what this user deleted and may still have back."""
        return self.filter(user=user, deleted_at__isnull=False)

    def current(self) -> Self:
        """Leave out the archived ones."""
        return self.filter(archived_at=None)

    def archived(self) -> Self:
        """Keep the archived ones."""
        return self.filter(archived_at__isnull=False)

    def pinned(self) -> Self:
        """Keep the pinned ones."""
        return self.filter(pinned_at__isnull=False)

    def titled(self, words: str) -> Self:
        """Keep those whose title holds every one of `words`, in any case and order.

        SQLite folds the case of ASCII letters only, so a word is sought in its usual cases.
        """
        found = self
        for word in words.split():
            cases = {word, word.lower(), word.upper(), word.capitalize()}
            found = found.filter(
                reduce(or_, (models.Q(title__icontains=case) for case in sorted(cases)))
            )
        return found

    def recent(self) -> Self:
        """Order by the last message, or by the making of a thread that has none."""
        return self.annotate(recent_at=Coalesce("last_message_at", "created_at")).order_by(
            "-recent_at", "-id"
        )

    def after(self, place: tuple[datetime, UUID]) -> Self:
        """Keep what `recent` lists after the thread at `place`, its `recent_at` and id.

        The first condition alone bounds the index that is read; the second sorts out the
        threads of the same moment.
        """
        moment, pk = place
        return self.recent().filter(
            models.Q(recent_at__lte=moment),
            models.Q(recent_at__lt=moment) | models.Q(pk__lt=pk),
        )
