"""What people do with their threads."""

from django.db import transaction
from django.utils import timezone

from personas.models import Persona
from threads.models import Thread
from users.models import User

UNTITLED = "New thread"


@transaction.atomic
def start_thread(*, user: User) -> Thread:
    """Return an empty thread with the active persona: a new one, or the one not yet used."""
    persona = Persona.objects.for_user(user).active().first()
    unused = (
        Thread.objects.for_user(user)
        .current()
        .filter(message_count=0, title_is_automatic=True, persona=persona)
    )
    return unused.recent().first() or Thread.objects.create(
        user=user, persona=persona, title=UNTITLED, title_is_automatic=True
    )


def rename(*, thread: Thread, title: str) -> None:
    """Give the thread a name that stays, whatever the model would call it."""
    thread.title = title
    thread.title_is_automatic = False
    thread.save(update_fields=["title", "title_is_automatic", "updated_at"])


def pin(*, thread: Thread, pinned: bool) -> None:
    """Keep the thread on top of the list, or no longer."""
    thread.pinned_at = timezone.now() if pinned else None
    thread.save(update_fields=["pinned_at"])


def archive(*, thread: Thread, archived: bool) -> None:
    """Put the thread out of sight but not out of search, or back."""
    thread.archived_at = timezone.now() if archived else None
    thread.pinned_at = None
    thread.save(update_fields=["archived_at", "pinned_at"])


def move(*, thread: Thread, persona: Persona | None) -> None:
    """Let another persona of the same user speak in the thread from here on."""
    thread.persona = persona
    thread.save(update_fields=["persona", "updated_at"])
