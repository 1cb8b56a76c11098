"""Writes what a file holds into an account, or counts what it would write."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from django.db import IntegrityError, connections, models, transaction

from chat.imports.files import read
from chat.imports.items import Item, Kind, LeftOut
from chat.imports.reading import RefusedError
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# Rows written, or looked for, in one statement.
BATCH = 500
MODELS: dict[Kind, type[models.Model]] = {
    "persona": Persona,
    "thread": Thread,
    "message": ChatMessage,
    "version": MessageVersion,
    "reply": Reply,
}
# How the owner of a row is reached.
OWNER: dict[Kind, str] = {
    "persona": "user",
    "thread": "user",
    "message": "user",
    "version": "message__user",
    "reply": "thread__user",
}


@dataclass
class Report:
    """What an import did, or would do.

    Attributes:
        added: How many rows of each kind were not there before.
        known: How many were there already, from an earlier import or from the start.
        left_out: What was not taken in, by reason.
    """

    added: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return self.added.total() > 0

    def omissions(self) -> list[tuple[str, int]]:
        """Return each reason and how many things were left out for it."""
        return self.left_out.most_common()

    def counts(self) -> list[tuple[str, int, int]]:
        """Return a name, the new ones and the known ones of each kind the file holds."""
        names = {"persona": "Personas", "thread": "Threads", "message": "Messages"}
        names |= {"version": "Earlier wordings", "reply": "Records of answers"}
        return [
            (name, self.added[kind], self.known[kind])
            for kind, name in names.items()
            if self.added[kind] or self.known[kind]
        ]


def preview(user: User, file: IO[bytes], size: int, using: str = "default") -> Report:
    """Return what importing the file would add; raise RefusedError for a file that cannot be."""
    return Loader(user, using, writing=False).load(read(file, size))


def import_file(user: User, file: IO[bytes], size: int, using: str = "default") -> Report:
    """Add what the file holds to the account: all of it, or, if it is refused, nothing."""
    try:
        with transaction.atomic(using):
            return Loader(user, using, writing=True).load(read(file, size))
    except IntegrityError:
        raise RefusedError("The account changed during the import. Try it again.") from None


class Loader:
    """Takes items in, batch by batch.

    A row's new id follows from the account and from what the row is called in its file, so
    that importing a file twice finds every row there. Ids of our own archives keep their
    first 12 bytes: rows of one moment stay in their order. A row of the archive that is in
    this account already, under its own id, stays the one it is.
    """

    def __init__(self, user: User, using: str, *, writing: bool) -> None:
        self.user = user
        self.using = using
        self.connection = connections[using]
        self.writing = writing
        self.report = Report()
        self.pending: list[Item] = []
        self.keys: dict[Kind, dict[str, uuid.UUID]] = {"persona": {}, "thread": {}}
        self.had_personas = Persona.objects.using(using).filter(user=user).exists()
        general = Thread.objects.using(using).filter(user=user, is_general=True).first()
        self.general = general.pk if general else None
        self.active: uuid.UUID | None = None
        self.seen_general = False

    def load(self, items: Iterable[Item | LeftOut]) -> Report:
        """Take in every item."""
        for item in items:
            if isinstance(item, LeftOut):
                self.report.left_out[item.reason] += 1
                continue
            if self.pending and (self.pending[0].kind != item.kind or len(self.pending) == BATCH):
                self.flush()
            self.pending.append(item)
        self.flush()
        if self.writing and not self.had_personas and self.keys["persona"]:
            # The database makes a first persona active; the file may say otherwise.
            personas = Persona.objects.using(self.using).filter(user=self.user)
            personas.update(is_active=False)
            if self.active:
                personas.filter(pk=self.active).update(is_active=True)
        return self.report

    def flush(self) -> None:
        """Write what is pending: rows of one kind."""
        items, self.pending = self.pending, []
        if not items:
            return
        kind = items[0].kind
        found = self.resolve(kind, [item.key for item in items])
        rows: dict[uuid.UUID, dict[str, Any]] = {}
        for item in items:
            key, known = found[item.key]
            row = self.row(item)
            if kind == "thread" and row.get("is_general"):
                key, known = self.place_general(key, known)
            if kind in self.keys:
                self.keys[kind][item.key] = key
            if kind == "persona" and row.get("is_active"):
                self.active = self.active or key
                row["is_active"] = False
            if known or key in rows:
                self.report.known[kind] += 1
            else:
                rows[key] = {"id": key} | row
        self.report.added[kind] += len(rows)
        if self.writing and rows:
            self.insert(MODELS[kind], list(rows.values()))

    def place_general(self, key: uuid.UUID, known: bool) -> tuple[uuid.UUID, bool]:
        """Return the General thread to use: there is one a person."""
        if self.seen_general:
            raise RefusedError("The file holds more than one General thread.")
        self.seen_general = True
        return (self.general, True) if self.general else (key, known)

    def row(self, item: Item) -> dict[str, Any]:
        """Return an item's values, its references turned into keys of this account."""
        row = dict(item.row)
        if item.kind in {"persona", "thread", "message"}:
            row["user"] = self.user.pk
        for name in ("persona", "thread"):
            if row.get(name) is not None:
                reference = self.keys[name].get(row[name])
                if reference is None:
                    raise RefusedError(
                        f"A {item.kind} belongs to a {name} that is not in the file."
                    )
                row[name] = reference
        messages = [n for n in ("message", "question", "answer") if row.get(n) is not None]
        if messages:
            found = self.resolve("message", [row[name] for name in messages])
            for name in messages:
                key, known = found[row[name]]
                if self.writing and not known:
                    raise RefusedError(
                        f"A {item.kind} belongs to a message that is not in the file."
                    )
                row[name] = key
        return row

    def resolve(self, kind: Kind, names: list[str]) -> dict[str, tuple[uuid.UUID, bool]]:
        """Return the id of each row in this account, and whether the row is there."""
        own = {name: key for name in names if (key := _as_uuid(name))}
        new = {name: self.new_key(kind, name, own.get(name)) for name in names}
        wanted = {*own.values(), *new.values()}
        owners: dict[uuid.UUID, Any] = dict(
            MODELS[kind]
            ._default_manager.using(self.using)
            .filter(pk__in=wanted)
            .values_list("pk", OWNER[kind])
        )
        found: dict[str, tuple[uuid.UUID, bool]] = {}
        for name in names:
            key = new[name]
            if name in own and owners.get(own[name]) == self.user.pk:
                key = own[name]
            elif owners.get(key, self.user.pk) != self.user.pk:
                # Half the id of a row of another account, by a chance of 1 in 4 thousand million.
                raise RefusedError("An id in the file is taken. Export the file anew.")
            found[name] = (key, key in owners)
        return found

    def new_key(self, kind: Kind, name: str, own: uuid.UUID | None) -> uuid.UUID:
        """Return the id that a row of this name has in this account."""
        digest = hashlib.sha256(f"{self.user.pk}:{kind}:{name}".encode()).digest()
        head = own.bytes[:12] if own else digest[4:16]
        return uuid.UUID(bytes=head + digest[:4])

    def insert(self, model: type[models.Model], rows: list[dict[str, Any]]) -> None:
        """Insert rows with the moments they bring along, which saving would overwrite."""
        by_shape: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            by_shape.setdefault(tuple(sorted(row)), []).append(row)
        for shape, alike in by_shape.items():
            fields = [field for field in model._meta.concrete_fields if field.name in shape]
            quote = self.connection.ops.quote_name
            columns = ", ".join(quote(str(field.column)) for field in fields)
            one = f"({', '.join(['%s'] * len(fields))})"
            values = [
                field.get_db_prep_save(row[field.name], self.connection)
                for row in alike
                for field in fields
            ]
            with self.connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {quote(model._meta.db_table)} ({columns})"  # noqa: S608 - names
                    f" VALUES {', '.join([one] * len(alike))}",
                    values,
                )


def _as_uuid(name: str) -> uuid.UUID | None:
    """Return the id that a row of our own archive is called by."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
