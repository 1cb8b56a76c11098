"""What people do with their threads."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from personas.models import Persona
from threads.models import Thread
from threads.querysets import ThreadQuerySet
from users.models import User

UNTITLED = "New thread"
KEPT_FOR = timedelta(days=30)  # how long a deleted thread can be had back


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


def describe(*, thread: Thread, description: str, persona: Persona | None) -> None:
    """Say what the thread is about, and which persona of the user speaks in it from here on."""
    thread.description = description
    thread.persona = persona
    thread.save(update_fields=["description", "persona", "updated_at"])


@transaction.atomic
def delete(*, thread: Thread) -> None:
    """Put the thread out of sight; it can be had back for KEPT_FOR.

    A General thread is an ordinary one from then on: the database makes another when a
    message needs it. What the same person deleted long ago goes for good.
    """
    thread.deleted_at = timezone.now()
    thread.is_general = False
    thread.pinned_at = None
    thread.save(update_fields=["deleted_at", "is_general", "pinned_at"])
    purge(Thread.objects.deleted_by(thread.user))


def restore(*, thread: Thread) -> None:
    """Bring a deleted thread back."""
    thread.deleted_at = None
    thread.save(update_fields=["deleted_at"])


def purge(threads: ThreadQuerySet[Thread], older_than: timedelta = KEPT_FOR) -> int:
    """Delete for good those of `threads` that were deleted so long ago; return how many.

    The foreign keys take the messages along, so none of them passes through Python.
    """
    gone = threads.filter(deleted_at__lt=timezone.now() - older_than)
    return gone._raw_delete(gone.db)
