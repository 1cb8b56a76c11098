"""Writes what a file holds into an account, or counts what it would write."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Collection, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from django.db import DataError, IntegrityError, OperationalError, connections, models, transaction

from chat.imports.account import Account
from chat.imports.files import read
from chat.imports.items import Item, Kind, LeftOut
from chat.imports.reading import RefusedError
from chat.imports.report import Report
from chat.imports.seen import Seen
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# Rows written, or looked for, in one statement, and about how many characters of them at most.
BATCH = 500
WAITING = 8_000_000
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
# The fields that refer to a message.
MESSAGES = ("message", "question", "answer")
BUSY = "The database is busy with somebody else's import. Try it again."


def preview(user: User, file: IO[bytes], size: int, using: str = "default") -> Report:
    """Return what importing the file would add; raise RefusedError for a file that cannot be."""
    seen = Seen()
    try:
        return Loader(user, using, seen).load(read(file, size))
    finally:
        seen.close()


def import_file(user: User, file: IO[bytes], size: int, using: str = "default") -> Report:
    """Add what the file holds to the account: all of it, or, if it is refused, nothing."""
    try:
        with transaction.atomic(using):
            _wait_for_other_imports(user, using)
            return Loader(user, using).load(read(file, size))
    except IntegrityError:
        raise RefusedError("The account changed during the import. Try it again.") from None
    except DataError:
        raise RefusedError("The file holds something that the database does not take.") from None
    except OperationalError as error:
        if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        raise RefusedError(BUSY) from None


def _wait_for_other_imports(user: User, using: str) -> None:
    """Let one import into an account follow the other: the second finds every row there.

    On SQLite a transaction has waited for every other already when it begins.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"import:{user.pk}"]
            )


class Loader:
    """Takes items in, batch by batch; with `seen` it writes nothing and only counts.

    A row's new id follows from the account and from what the row is called in its file, so
    that importing a file twice finds every row there. Ids of our own archives keep their
    first 12 bytes: rows of one moment stay in their order. A row of the archive that is in
    this account already, under its own id, stays the one it is.
    """

    def __init__(self, user: User, using: str, seen: Seen | None = None) -> None:
        self.user = user
        self.using = using
        self.connection = connections[using]
        self.seen = seen
        self.account = Account(user, using)
        self.report = Report()
        self.pending: list[Item] = []
        self.waiting = 0
        self.keys: dict[Kind, dict[str, uuid.UUID]] = {"persona": {}, "thread": {}}
        self.restored: set[uuid.UUID] = set()
        self.active: uuid.UUID | None = None
        self.seen_general = False

    def load(self, items: Iterable[Item | LeftOut]) -> Report:
        """Take in every item."""
        for item in items:
            if isinstance(item, LeftOut):
                self.report.left_out[item.reason] += 1
                continue
            full = len(self.pending) == BATCH or self.waiting > WAITING
            if self.pending and (self.pending[0].kind != item.kind or full):
                self.flush()
            self.pending.append(item)
            self.waiting += sum(len(part) for part in item.row.values() if isinstance(part, str))
        self.flush()
        if self.seen is None and self.keys["persona"]:
            self.account.take_personas(set(self.keys["persona"].values()), self.active)
        return self.report

    def flush(self) -> None:
        """Write what is pending: rows of one kind."""
        items, self.pending, self.waiting = self.pending, [], 0
        if not items:
            return
        kind = items[0].kind
        found = self.resolve(kind, [item.key for item in items])
        named = [item.row[field] for item in items for field in MESSAGES if item.row.get(field)]
        messages = self.resolve("message", named)
        rows: dict[uuid.UUID, dict[str, Any]] = {}
        there: list[uuid.UUID] = []
        for item in items:
            key, known = found[item.key]
            row = self.row(item, messages)
            if kind == "thread" and row.get("is_general"):
                key, known = self.place_general(key, known, row)
            if kind in self.keys:
                self.keys[kind][item.key] = key
            if kind == "persona" and row.get("is_active"):
                self.active = self.active or key
                row["is_active"] = False
            if known or key in rows:
                there.append(key)
            else:
                rows[key] = {"id": key} | row
        self.report.known[kind] += len(there)
        self.report.added[kind] += len(rows)
        self.restore(kind, there)
        if self.seen is not None:
            self.seen.add(kind, rows)
        elif rows:
            self.insert(MODELS[kind], list(rows.values()))

    def place_general(
        self, key: uuid.UUID, known: bool, row: dict[str, Any]
    ) -> tuple[uuid.UUID, bool]:
        """Return the General thread to use: there is one a person."""
        if self.seen_general:
            raise RefusedError("The file holds more than one General thread.")
        self.seen_general = True
        general = self.account.general
        if known or general is None:
            return key, known
        if self.seen is None and self.account.is_new:
            self.account.threads.filter(pk=general).update(**row)
        return general, True

    def restore(self, kind: Kind, there: Collection[uuid.UUID]) -> None:
        """Bring back the deleted threads that are in the file, or hold a message of it."""
        path = {"thread": "pk__in", "message": "messages__in"}.get(kind)
        if not path or not there:
            return
        deleted = Thread.objects.using(self.using).filter(deleted_at__isnull=False, user=self.user)
        found = set(deleted.filter(**{path: there}).values_list("pk", flat=True))
        if self.seen is None:
            deleted.filter(pk__in=found).update(deleted_at=None)
        self.restored |= found
        self.report.restored = len(self.restored)

    def row(self, item: Item, messages: dict[str, tuple[uuid.UUID, bool]]) -> dict[str, Any]:
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
        for name in MESSAGES:
            if row.get(name) is not None:
                row[name], known = messages[row[name]]
                if not known:
                    raise RefusedError(
                        f"A {item.kind} belongs to a message that is not in the file."
                    )
        return row

    def resolve(self, kind: Kind, names: list[str]) -> dict[str, tuple[uuid.UUID, bool]]:
        """Return the id of each row in this account, and whether the row is there."""
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
                # Half the id of a row of another account, by a chance of 1 in 4 thousand million.
                raise RefusedError("An id in the file is taken. Export the file anew.")
            found[name] = (key, key in owners)
        return found

    def owners(self, kind: Kind, keys: list[uuid.UUID]) -> dict[uuid.UUID, Any]:
        """Return the owner of each of the rows that are there."""
        rows = MODELS[kind]._default_manager.using(self.using)
        owners: dict[uuid.UUID, Any] = {}
        for some in _parts(keys, 2 * BATCH):
            owners.update(rows.filter(pk__in=some).values_list("pk", OWNER[kind]))
            if self.seen is not None:
                owners.update(dict.fromkeys(self.seen.among(kind, some), self.user.pk))
        return owners

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


def _parts(keys: list[uuid.UUID], size: int) -> Iterator[list[uuid.UUID]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _as_uuid(name: str) -> uuid.UUID | None:
    """Return the id that a row of our own archive is called by."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return None
