"""Queries for threads."""

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
    """Queries for threads, by user, state, title and position."""

    def for_user(self, user: User) -> Self:
        """Return the user's threads without the deleted ones."""
        return self.filter(user=user, deleted_at=None)

    def deleted_by(self, user: User) -> Self:
        """Return the user's deleted threads, without the branches of conversations."""
        return self.filter(user=user, deleted_at__isnull=False, branch_of=None)

    def current(self) -> Self:
        """Exclude archived threads."""
        return self.filter(archived_at=None)

    def archived(self) -> Self:
        """Return archived threads."""
        return self.filter(archived_at__isnull=False)

    def pinned(self) -> Self:
        """Return pinned threads."""
        return self.filter(pinned_at__isnull=False)

    def titled(self, words: str) -> Self:
        """Return threads whose title contains all `words`, in any case and order.

        SQLite ignores case for ASCII letters only, so each word is compared in its usual cases.
        """
        rows = self
        for word in words.split():
            cases = {word, word.lower(), word.upper(), word.capitalize()}
            rows = rows.filter(
                reduce(or_, (models.Q(title__icontains=case) for case in sorted(cases)))
            )
        return rows

    def recent(self) -> Self:
        """Order by the last message, or by the creation of a thread without messages."""
        return self.annotate(recent_at=Coalesce("last_message_at", "created_at")).order_by(
            "-recent_at", "-id"
        )

    def listed(self) -> Self:
        """Read only what lists of threads show, the most recent thread first."""
        return (
            self.recent()
            .select_related("persona")
            .only(
                "title",
                "created_at",
                "last_message_at",
                "message_count",
                "description",
                "pinned_at",
                "archived_at",
                "deleted_at",
                "model",
                "updated_at",
                "persona__name",
                "persona__color",
            )
        )

    def after(self, position: tuple[datetime, UUID]) -> Self:
        """Return what `recent` lists after `position`, the `recent_at` and id of a thread.

        The first condition bounds the index scan. The second excludes threads with the same
        timestamp that come before `position`.
        """
        timestamp, pk = position
        return self.recent().filter(
            models.Q(recent_at__lte=timestamp),
            models.Q(recent_at__lt=timestamp) | models.Q(pk__lt=pk),
        )
