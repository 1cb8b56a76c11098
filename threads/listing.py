"""Pages of the list of threads, with keyset pagination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from threads.models import Thread
from threads.querysets import ThreadQuerySet
from users.models import User

PAGE_SIZE = 50


class ThreadState(models.TextChoices):
    """Which threads a list shows."""

    CURRENT = "current", _("Current")
    ARCHIVED = "archived", _("Archived")
    DELETED = "deleted", _("Deleted")


class InvalidCursorError(ValueError):
    """The cursor does not come from `encode_cursor`."""


@dataclass(frozen=True)
class Page:
    """Some threads, and the cursor of the next page; empty on the last page."""

    threads: list[Thread]
    next_cursor: str


def page(user: User, *, state: ThreadState, words: str = "", after: str = "") -> Page:
    """Return up to PAGE_SIZE threads, most recent first.

    Args:
        user: The owner of the threads.
        state: Which threads to list.
        words: Words that the title must contain.
        after: The `next_cursor` of the previous page; empty for the first page.

    Raises:
        InvalidCursorError: `after` is not a cursor.
    """
    rows = in_state(user, state).titled(words).listed()
    if after:
        rows = rows.after(decode_cursor(after))
    threads = list(rows[: PAGE_SIZE + 1])
    has_more = len(threads) > PAGE_SIZE
    cursor = encode_cursor(threads[PAGE_SIZE - 1]) if has_more else ""
    return Page(threads[:PAGE_SIZE], cursor)


def in_state(user: User, state: ThreadState) -> ThreadQuerySet[Thread]:
    """Return the user's threads in `state`."""
    if state == ThreadState.DELETED:
        return Thread.objects.deleted_by(user)
    threads = Thread.objects.for_user(user)
    return threads.archived() if state == ThreadState.ARCHIVED else threads.current()


def encode_cursor(thread: Thread) -> str:
    """Return the cursor of the threads after `thread`."""
    return f"{thread.used_at.isoformat()}_{thread.pk.hex}"


def decode_cursor(text: str) -> tuple[datetime, UUID]:
    """Return the timestamp and key of a cursor."""
    timestamp, _, key = text.partition("_")
    try:
        position = datetime.fromisoformat(timestamp), UUID(key)
    except ValueError:
        raise InvalidCursorError(text) from None
    if position[0].tzinfo is None:
        raise InvalidCursorError(text)
    return position
