"""Create, change, delete and restore threads."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from personas.models import Persona
from threads.models import Thread
from threads.querysets import ThreadQuerySet
from users.models import User

UNTITLED = gettext_noop("New thread")
RETENTION = timedelta(days=30)  # how long a deleted thread can be restored


@transaction.atomic
def start_thread(*, user: User) -> Thread:
    """Return an empty thread with the active persona: an unused one, or a new one."""
    persona = Persona.objects.for_user(user).active().first()
    unused = (
        Thread.objects.for_user(user)
        .current()
        .filter(message_count=0, title_is_automatic=True, persona=persona)
    )
    return unused.recent().first() or Thread.objects.create(
        user=user, persona=persona, title=gettext(UNTITLED), title_is_automatic=True
    )


def rename(*, thread: Thread, title: str) -> None:
    """Rename the thread; the model no longer chooses its title."""
    thread.title = title
    thread.title_is_automatic = False
    thread.save(update_fields=["title", "title_is_automatic", "updated_at"])


def pin(*, thread: Thread, pinned: bool) -> None:
    """Pin the thread to the top of the list, or unpin it."""
    thread.pinned_at = timezone.now() if pinned else None
    thread.save(update_fields=["pinned_at"])


def archive(*, thread: Thread, archived: bool) -> None:
    """Archive the thread, or unarchive it. Search still finds archived threads."""
    thread.archived_at = timezone.now() if archived else None
    thread.pinned_at = None
    thread.save(update_fields=["archived_at", "pinned_at"])


def describe(*, thread: Thread, description: str, persona: Persona | None) -> None:
    """Change the description and the persona of the thread."""
    thread.description = description
    thread.persona = persona
    thread.save(update_fields=["description", "persona", "updated_at"])


@transaction.atomic
def delete(*, thread: Thread) -> None:
    """Hide the thread; it can be restored within RETENTION.

    A General thread becomes an ordinary one: a trigger creates another when a message needs
    it. Threads that the same user deleted before RETENTION are purged.
    """
    thread.deleted_at = timezone.now()
    thread.is_general = False
    thread.pinned_at = None
    thread.save(update_fields=["deleted_at", "is_general", "pinned_at"])
    purge(Thread.objects.deleted_by(thread.user))


def restore(*, thread: Thread) -> None:
    """Restore a deleted thread."""
    thread.deleted_at = None
    thread.save(update_fields=["deleted_at"])


def purge(threads: ThreadQuerySet[Thread], older_than: timedelta = RETENTION) -> int:
    """Delete those of `threads` permanently that were deleted `older_than` ago; return the number.

    Foreign keys cascade to messages in the database, so none of them passes through Python.
    """
    gone = threads.filter(deleted_at__lt=timezone.now() - older_than, branch_of=None)
    return gone._raw_delete(gone.db)
