"""The sidebar of every page."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from personas.models import Persona
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

SIDEBAR_LENGTH = 40


class Sidebar:
    """The personas and the latest threads, read when they are first used."""

    def __init__(self, user: User) -> None:
        """Store the user."""
        self.user = user

    @cached_property
    def personas(self) -> list[Persona]:
        """Return all personas, oldest first."""
        return list(Persona.objects.for_user(self.user))

    @property
    def active(self) -> Persona | None:
        """Return the active persona."""
        return next((persona for persona in self.personas if persona.is_active), None)

    @cached_property
    def pinned(self) -> list[Thread]:
        """Return the pinned threads."""
        threads = Thread.objects.for_user(self.user).current().pinned()
        return list(threads.recent().select_related("persona"))

    @cached_property
    def threads(self) -> list[Thread]:
        """Return the latest unpinned threads, one more than is shown."""
        threads = Thread.objects.for_user(self.user).current().filter(pinned_at=None)
        return list(threads.recent().select_related("persona")[: SIDEBAR_LENGTH + 1])

    @property
    def shown(self) -> list[Thread]:
        """Return the latest threads to show."""
        return self.threads[:SIDEBAR_LENGTH]

    @property
    def has_more(self) -> bool:
        """Return whether there are threads that are not shown."""
        return len(self.threads) > SIDEBAR_LENGTH


def sidebar(request: HttpRequest) -> dict[str, Any]:
    """Return `sidebar` for a user who is logged in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {"sidebar": Sidebar(user)}
