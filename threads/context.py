"""The sidebar of every page."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from personas.models import Persona
from threads.listing import decode_cursor, encode_cursor
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# What fits on a screen; the rest is fetched when the end of the list comes near.
FIRST_LENGTH = 16
NEXT_LENGTH = 50
WEEK = 7  # days
MONTH = 30


class Sidebar:
    """The active persona and the latest threads, read when they are first used."""

    def __init__(self, user: User, after: str = "") -> None:
        """Store the user.

        Args:
            user: The owner of the threads.
            after: The `cursor` of the sidebar that this one continues.

        Raises:
            InvalidCursorError: `after` is not a cursor.
        """
        self.user = user
        self.after = decode_cursor(after) if after else None
        self.length = NEXT_LENGTH if after else FIRST_LENGTH

    @cached_property
    def active(self) -> Persona | None:
        """Return the active persona."""
        return Persona.objects.for_user(self.user).active().only("name", "color").first()

    @cached_property
    def pinned(self) -> list[Thread]:
        """Return the pinned threads."""
        return list(Thread.objects.for_user(self.user).current().pinned().listed())

    @cached_property
    def found(self) -> list[Thread]:
        """Return the latest unpinned threads, one more than is shown."""
        threads = Thread.objects.for_user(self.user).current().filter(pinned_at=None).listed()
        if self.after:
            threads = threads.after(self.after)
        return list(threads[: self.length + 1])

    @property
    def groups(self) -> list[tuple[str, list[Thread]]]:
        """Return the latest unpinned threads by how long ago they were used."""
        today = timezone.localdate()
        shown = self.found[: self.length]
        grouped = groupby(shown, lambda thread: period(thread, today))
        return [(name, list(threads)) for name, threads in grouped]

    @property
    def cursor(self) -> str:
        """Return where the threads that are not shown begin; empty if all are shown."""
        has_more = len(self.found) > self.length
        return encode_cursor(self.found[self.length - 1]) if has_more else ""


def period(thread: Thread, today: date) -> str:
    """Return how long ago the thread was used, as the heading of a group."""
    used = timezone.localdate(thread.used_at)
    if used >= today:
        return _("Today")
    if used == today - timedelta(days=1):
        return _("Yesterday")
    if used > today - timedelta(days=WEEK):
        return _("Last 7 days")
    if used > today - timedelta(days=MONTH):
        return _("Last 30 days")
    return _("Older")


def sidebar(request: HttpRequest) -> dict[str, Any]:
    """Return `sidebar` for a user who is logged in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"sidebar": Sidebar(user)}
