"""One page of the list of threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models

from threads.models import Thread
from threads.querysets import ThreadQuerySet
from users.models import User

PAGE = 50


class Shelf(models.TextChoices):
    """Where threads are kept."""

    CURRENT = "current", "Current"
    ARCHIVED = "archived", "Archived"
    DELETED = "deleted", "Deleted"


class BadPlaceError(ValueError):
    """A place in the list that no page gave out."""


@dataclass(frozen=True)
class Page:
    """Some threads, and the place after them where there are more."""

    threads: list[Thread]
    next_place: str


def page(user: User, *, shelf: Shelf, words: str = "", after: str = "") -> Page:
    """Return up to PAGE threads, the most recent first.

    Args:
        user: Whose threads.
        shelf: Where to look.
        words: What the title has to hold.
        after: The `next_place` of the page before; empty for the first.

    Raises:
        BadPlaceError: `after` is no such place.
    """
    found = on_shelf(user, shelf).titled(words).recent().select_related("persona")
    if after:
        found = found.after(read_place(after))
    threads = list(found[: PAGE + 1])
    more = len(threads) > PAGE
    return Page(threads[:PAGE], place_of(threads[PAGE - 1]) if more else "")


def on_shelf(user: User, shelf: Shelf) -> ThreadQuerySet[Thread]:
    """Return the user's threads that are kept there."""
    if shelf == Shelf.DELETED:
        return Thread.objects.deleted_by(user)
    threads = Thread.objects.for_user(user)
    return threads.archived() if shelf == Shelf.ARCHIVED else threads.current()


def place_of(thread: Thread) -> str:
    """Return where `thread` stands in the list, to go on from there."""
    recent_at = thread.last_message_at or thread.created_at
    return f"{recent_at.isoformat()}_{thread.pk.hex}"


def read_place(text: str) -> tuple[datetime, UUID]:
    """Return the moment and key that `place_of` wrote."""
    moment, _, key = text.partition("_")
    try:
        place = datetime.fromisoformat(moment), UUID(key)
    except ValueError:
        raise BadPlaceError(text) from None
    if place[0].tzinfo is None:
        raise BadPlaceError(text)
    return place
