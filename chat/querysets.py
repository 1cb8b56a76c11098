"""How messages and replies are queried."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from typing import Protocol, Self, TypeVar

from django.db import connections, models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils import timezone

from chat.search import sql
from chat.search.query import parse
from chat.search.results import scope_of
from threads.models import Thread
from users.models import User

# Stands for the model: chat.models imports this module, so it cannot be imported here.
M = TypeVar("M", bound=models.Model)
# A worker writes the heartbeat of its replies twice a second. A reply without one for this long
# is abandoned, unless the database was away: a check that can wait is repeated after
# RECHECK_SECONDS, when a worker that is alive has written the next heartbeat.
ABANDONED_AFTER = datetime.timedelta(seconds=6)
RECHECK_SECONDS = 2


class Message(Protocol):
    """A message, of which the query sets use the position in the order of time."""

    @property
    def id(self) -> uuid.UUID:
        """Return its key."""

    @property
    def created_at(self) -> datetime.datetime:
        """Return when it was written."""


class ChatMessageQuerySet(models.QuerySet[M]):
    """Queries for messages."""

    # The user given to for_user(), whose messages search() searches.
    owner: User | None = None

    def _clone(self) -> Self:
        clone = super()._clone()  # type: ignore[misc]  # missing in django-stubs
        clone.owner = self.owner
        return clone  # type: ignore[no-any-return]  # as above

    def for_user(self, user: User) -> Self:
        """Keep this user's messages, newest first."""
        messages = self.filter(user=user).order_by("-created_at", "-id")
        messages.owner = user
        return messages

    def search(self, typed: str) -> Self:
        """Keep the messages that match a query as typed: words, "phrases", -excluded, filters.

        Must follow for_user(). `chat.search.results` finds a page of matches faster.
        """
        if self.owner is None:
            raise TypeError("Call for_user() before search().")
        scope = scope_of(self.owner, parse(typed), self.db)
        if scope is None:
            return self.none()
        statement = sql.all_matches(scope, connections[self.db].vendor)
        ids = RawSQL(str(statement), statement.params)  # noqa: S611 - values are parameters
        return self.filter(pk__in=ids)

    def in_thread(self, thread: Thread) -> Self:
        """Keep the messages of a thread, newest first."""
        return self.filter(thread=thread).order_by("-created_at", "-id")

    def before(self, message: Message) -> Self:
        """Keep the messages before `message`."""
        return self.filter(
            models.Q(created_at__lt=message.created_at)
            | models.Q(created_at=message.created_at, id__lt=message.id),
            # Redundant, but without it the planners use the OR only as a filter and read the
            # index on (thread, created_at, id) from its beginning.
            created_at__lte=message.created_at,
        )

    def after(self, message: Message) -> Self:
        """Keep the messages after `message`."""
        return self.filter(
            models.Q(created_at__gt=message.created_at)
            | models.Q(created_at=message.created_at, id__gt=message.id),
            created_at__gte=message.created_at,
        )

    def questions(self) -> Self:
        """Keep the messages that the user wrote."""
        return self.filter(role="user")


class ReplyQuerySet(models.QuerySet[M]):
    """Queries for replies."""

    def for_user(self, user: User) -> Self:
        """Keep the replies in this user's threads, except deleted threads."""
        return self.filter(thread__user=user, thread__deleted_at=None)

    def in_flight(self) -> Self:
        """Keep the replies that are being written."""
        return self.filter(status="streaming")

    def about(self, message: models.Model) -> Self:
        """Keep the replies that answer `message`, became it or will replace it."""
        return self.filter(models.Q(question=message) | models.Q(answer=message))

    def abandoned(self) -> Self:
        """Keep the replies in flight whose worker is gone, by the database's clock."""
        return self.in_flight().filter(heartbeat_at__lt=Now() - ABANDONED_AFTER)

    def latest_in(self, thread: Thread) -> M | None:
        """Return the thread's latest reply."""
        return self.filter(thread=thread).select_related("persona").order_by("-created_at").first()

    def of_messages(self, messages: Iterable[models.Model]) -> Self:
        """Keep the ended replies that became one of these messages, oldest first."""
        ended = self.filter(answer__in=list(messages)).exclude(status="streaming")
        # The reasoning may be long, and is shown when somebody asks for it.
        return ended.select_related("persona").defer("reasoning", "text").order_by("created_at")


class ShareQuerySet(models.QuerySet[M]):
    """Queries for links."""

    def working(self) -> Self:
        """Keep the links that show something: to threads that are there, of active users."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()),
            thread__deleted_at=None,
            thread__user__is_active=True,
        )
