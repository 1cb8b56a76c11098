"""How messages and replies are asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import connections, models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

if TYPE_CHECKING:
    from chat.models import ChatMessage, Reply
    from threads.models import Thread
    from users.models import User

# A worker writes its replies' heartbeats twice a second; one that says nothing for this
# long is dead, or so stuck that its text is better shown as what it is. Whoever finds one
# and is in no hurry looks twice (RECHECK_SECONDS): where it was the database that was
# away, the worker is alive and says so as soon as it can.
ABANDONED_AFTER = timedelta(seconds=6)
RECHECK_SECONDS = 2


class ChatMessageQuerySet(models.QuerySet["ChatMessage"]):
    """The language messages are asked for in."""

    # Whose messages these are, once for_user() was asked: what search() looks among.
    owner: User | None = None

    def _clone(self) -> Self:
        clone = super()._clone()  # type: ignore[misc]  # the stubs leave it out
        clone.owner = self.owner
        return clone  # type: ignore[no-any-return]  # as above

    def for_user(self, user: User) -> Self:
        """Keep this user's messages, newest first."""
        messages = self.filter(user=user).order_by("-created_at", "-id")
        messages.owner = user
        return messages

    def search(self, typed: str, *, best: bool = False) -> Self:
        """Keep what matches, as typed into the search field: words, "phrases", -excluded.

        Newest first, all of it; or, with `best`, the newest few hundred hits, best first.
        Follows for_user(). A page of results is quicker with `chat.search.results.find`.
        """
        # They import the models, which import this module.
        from chat.search.query import parse
        from chat.search.results import RANKED, find, scope_of
        from chat.search.sql import matches

        if self.owner is None:
            raise TypeError("search() follows for_user().")
        query = parse(typed)
        if best:
            results = find(self.owner, query, best=True, size=RANKED, using=self.db)
            keys = [hit.message.pk for hit in results.hits]
            order = [models.When(pk=key, then=place) for place, key in enumerate(keys)]
            found = self.filter(pk__in=keys)
            return found.order_by(models.Case(*order)) if order else found
        scope = scope_of(self.owner, query, self.db) if query else None
        if scope is None:
            return self.none()
        statement = matches(scope, connections[self.db].vendor)
        found_keys = RawSQL(str(statement), statement.params)  # noqa: S611 - values are parameters
        return self.filter(pk__in=found_keys)

    def in_thread(self, thread: Thread) -> Self:
        """Keep one conversation's messages, newest first."""
        return self.filter(thread=thread).order_by("-created_at", "-id")

    def before(self, message: ChatMessage) -> Self:
        """Keep what was said before `message`."""
        return self.filter(
            models.Q(created_at__lt=message.created_at)
            | models.Q(created_at=message.created_at, id__lt=message.pk),
            # Said again in the plain, so that the index on (thread, created_at, id) is
            # entered at the right place; an OR alone is only a filter to the planners.
            created_at__lte=message.created_at,
        )

    def after(self, message: ChatMessage) -> Self:
        """Keep what was said after `message`."""
        return self.filter(
            models.Q(created_at__gt=message.created_at)
            | models.Q(created_at=message.created_at, id__gt=message.pk),
            created_at__gte=message.created_at,
        )

    def questions(self) -> Self:
        """Keep what the person said."""
        return self.filter(role="user")


class ReplyQuerySet(models.QuerySet["Reply"]):
    """The language replies are asked for in."""

    def for_user(self, user: User) -> Self:
        """Keep the replies in this user's threads, but for the deleted ones."""
        return self.filter(thread__user=user, thread__deleted_at=None)

    def in_flight(self) -> Self:
        """Keep those that are being written."""
        return self.filter(status="streaming")

    def about(self, message: ChatMessage) -> Self:
        """Keep those that answer `message`, became it or are to take its place."""
        return self.filter(models.Q(question=message) | models.Q(answer=message))

    def abandoned(self) -> Self:
        """Keep those in flight whose worker is gone, by the database's clock."""
        return self.in_flight().filter(heartbeat_at__lt=Now() - ABANDONED_AFTER)

    def latest_in(self, thread: Thread) -> Reply | None:
        """Return the thread's latest attempt."""
        attempts = self.filter(thread=thread).select_related("persona")
        return attempts.order_by("-created_at").first()

    def of_messages(self, messages: list[ChatMessage]) -> Self:
        """Keep the ended replies that became one of these messages, oldest first."""
        ended = self.filter(answer__in=messages).exclude(status="streaming")
        return ended.select_related("persona").order_by("created_at")
