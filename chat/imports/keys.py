"""The ids that the rows of a file have in the account."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_noop

from chat.imports.items import Kind
from chat.imports.reading import RefusedError
from chat.imports.seen import Seen
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona, Sample
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# How many rows are read or written in one statement.
BATCH = 500
MODELS: dict[Kind, type[models.Model]] = {
    "persona": Persona,
    "sample": Sample,
    "thread": Thread,
    "message": ChatMessage,
    "version": MessageVersion,
    "reply": Reply,
}
# The path from a row to its owner.
OWNER: dict[Kind, str] = {
    "persona": "user",
    "sample": "persona__user",
    "thread": "user",
    "message": "user",
    "version": "message__user",
    "reply": "thread__user",
}


class KeyResolver:
    """Find the ids of rows by their keys in a file.

    The id of a new row follows from the account and from the row's key, so a file that is
    imported twice finds all its rows. Ids from our own archives keep their first 12 bytes: rows
    of the same time stay in their order. A row of the archive that is in this account under its
    own id is known.
    """

    def __init__(self, user: User, using: str, seen: Seen | None) -> None:
        self.user = user
        self.using = using
        self.seen = seen

    def messages_of(self, thread: uuid.UUID) -> set[uuid.UUID]:
        """Return the messages of a thread of the account."""
        rows = ChatMessage.objects.using(self.using).filter(thread=thread)
        keys = set(rows.values_list("pk", flat=True))
        return keys | (self.seen.messages_of(thread) if self.seen else set())

    def resolve(self, kind: Kind, names: list[str]) -> dict[str, tuple[uuid.UUID, bool]]:
        """Return the id of each row in this account, and whether the row exists."""
        if not names:
            return {}
        own = {name: key for name in names if (key := _as_uuid(name))}
        new = {name: self.new_key(kind, name, own.get(name)) for name in names}
        owners = self.owners(kind, list({*own.values(), *new.values()}))
        found: dict[str, tuple[uuid.UUID, bool]] = {}
        for name in names:
            key = new[name]
            if name in own and owners.get(own[name]) == self.user.pk:
                key = own[name]
            elif owners.get(key, self.user.pk) != self.user.pk:
                # The row of another account has the same id: a chance of 1 in 4,000,000,000.
                raise RefusedError(
                    gettext_noop("An id in the file is taken. Export the file again.")
                )
            found[name] = (key, key in owners)
        return found

    def owners(self, kind: Kind, keys: list[uuid.UUID]) -> dict[uuid.UUID, Any]:
        """Return the owner of each row that exists."""
        rows = MODELS[kind]._default_manager.using(self.using)
        owners: dict[uuid.UUID, Any] = {}
        for some in _parts(keys, 2 * BATCH):
            owners.update(rows.filter(pk__in=some).values_list("pk", OWNER[kind]))
            if self.seen is not None:
                owners.update(dict.fromkeys(self.seen.among(kind, some), self.user.pk))
        return owners

    def new_key(self, kind: Kind, name: str, own: uuid.UUID | None) -> uuid.UUID:
        """Return the id of a new row with this name in this account."""
        digest = hashlib.sha256(f"{self.user.pk}:{kind}:{name}".encode()).digest()
        head = own.bytes[:12] if own else digest[4:16]
        return uuid.UUID(bytes=head + digest[:4])


def _parts(keys: list[uuid.UUID], size: int) -> Iterator[list[uuid.UUID]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _as_uuid(name: str) -> uuid.UUID | None:
    """Return the id that a row of our own archive is named by."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
