"""Add what a file holds to an account, or count what it would add."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from django.db import DataError, IntegrityError, OperationalError, connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from chat.imports.account import Account
from chat.imports.items import Conversation, Item, Kind, Problem, Read, Skipped
from chat.imports.keys import BATCH, MODELS, KeyResolver
from chat.imports.reading import RefusedError
from chat.imports.report import Report
from chat.imports.seen import Seen
from config import metrics
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# About how many characters are written in one statement, beside the limit on its rows.
MAX_CHARACTERS = 8_000_000
# The fields that refer to another row of the file, and those of them that may be null.
MESSAGE_FIELDS = ("message", "question", "answer")
NULLABLE = {"thread": {"persona"}, "reply": {"persona", "question", "answer"}}
DANGLING = "references to rows that are not in the file"
BUSY = gettext_noop("The database is busy with another import. Try it again.")


def preview(user: User, items: Iterable[Read], using: str = "default") -> Report:
    """Return what importing would add; raise RefusedError if nothing can be imported."""
    seen = Seen()
    try:
        return Loader(user, using, seen).load(items)
    finally:
        seen.close()


def import_items(user: User, items: Iterable[Read], using: str = "default") -> Report:
    """Add what was read to the account: all of it or, if it is refused, nothing."""
    try:
        report = _import_items(user, items, using)
    except RefusedError:
        metrics.IMPORTS.labels("refused").inc()
        raise
    metrics.IMPORTS.labels("imported").inc()
    return report


def _import_items(user: User, items: Iterable[Read], using: str) -> Report:
    try:
        with transaction.atomic(using):
            _lock(user, using)
            return Loader(user, using).load(items)
    except IntegrityError:
        raise RefusedError(
            gettext_noop("The account changed during the import. Try it again.")
        ) from None
    except DataError:
        raise RefusedError(
            gettext_noop("The file holds a value that the database does not accept.")
        ) from None
    except OperationalError as error:
        if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        raise RefusedError(BUSY) from None


def _lock(user: User, using: str) -> None:
    """Let only one import at a time change an account.

    On SQLite the transaction itself excludes every other one.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"import:{user.pk}"]
            )


class Loader:
    """Write items batch by batch; with `seen` only count them."""

    def __init__(self, user: User, using: str, seen: Seen | None = None) -> None:
        self.user = user
        self.using = using
        self.connection = connections[using]
        self.seen = seen
        self.resolver = KeyResolver(user, using, seen)
        self.account = Account(user, using)
        self.report = Report()
        self.pending: list[Item] = []
        self.characters = 0
        self.conversations: dict[str, Conversation] = {}
        self.keys: dict[Kind, dict[str, uuid.UUID]] = {"persona": {}, "thread": {}}
        self.restored: set[uuid.UUID] = set()
        self.active: uuid.UUID | None = None
        self.seen_general = False

    def load(self, items: Iterable[Read]) -> Report:
        """Write every item."""
        first: Problem | None = None
        for item in items:
            if isinstance(item, Skipped):
                self.report.skipped[item.reason] += 1
            elif isinstance(item, Problem):
                first = first or item
                self.report.add_problem(item)
            elif isinstance(item, Conversation):
                self.add_conversation(item)
            else:
                self.add(item)
        self.flush_conversations()
        self.flush()
        if first and not self.report.added.total() + self.report.known.total():
            raise RefusedError(str(first))
        if self.seen is None and self.keys["persona"]:
            self.account.activate_persona(set(self.keys["persona"].values()), self.active)
        return self.report

    def add(self, item: Item) -> None:
        """Write an item with the next batch of its kind."""
        is_full = len(self.pending) == BATCH or self.characters > MAX_CHARACTERS
        if self.pending and (self.pending[0].kind != item.kind or is_full):
            self.flush()
        self.pending.append(item)
        self.characters += sum(len(part) for part in item.row.values() if isinstance(part, str))

    def add_conversation(self, conversation: Conversation) -> None:
        """Write a conversation with the next batch of conversations."""
        waiting = sum(len(one.messages) for one in self.conversations.values())
        if conversation.thread.key in self.conversations or waiting >= BATCH:
            self.flush_conversations()
        self.conversations[conversation.thread.key] = conversation

    def flush_conversations(self) -> None:
        """Write the waiting conversations: their threads, then their messages."""
        if not self.conversations:
            return
        self.flush()
        found = self.resolver.resolve("thread", list(self.conversations))
        waiting, self.conversations = self.conversations, {}
        keys = {key: self.branch_key(one) if found[key][1] else key for key, one in waiting.items()}
        for key, one in waiting.items():
            self.add(Item("thread", keys[key], one.thread.row))
        for key, one in waiting.items():
            for message in one.messages:
                row = message.row | {"thread": keys[key]}
                self.add(Item("message", f"{keys[key]}:{message.key}", row))
        self.flush()

    def branch_key(self, conversation: Conversation) -> str:
        """Return the key of the thread that a known conversation continues.

        Since the last import, the conversation may have gone on in the other program from an
        earlier message. Its new branch is another thread, which is named after the first
        message that is not in the known one. So neither is mixed with the other, and the same
        file finds both again.
        """
        key = conversation.thread.key
        while True:
            thread, is_known = self.resolver.resolve("thread", [key])[key]
            if not is_known:
                return key
            names = [f"{key}:{message.key}" for message in conversation.messages]
            found = self.resolver.resolve("message", names)
            missing = [name for name in names if not found[name][1]]
            others = self.resolver.messages_of(thread) - {message for message, _ in found.values()}
            if not missing or not others:
                return key
            key = f"{conversation.thread.key}/{missing[0].rpartition(':')[2]}"

    def flush(self) -> None:
        """Write what is pending: rows of one kind."""
        items, self.pending, self.characters = self.pending, [], 0
        if not items:
            return
        kind = items[0].kind
        found = self.resolver.resolve(kind, [item.key for item in items])
        names = [
            item.row[field]
            for item in items
            for field in (*MESSAGE_FIELDS, "branch_after")
            if item.row.get(field)
        ]
        messages = self.resolver.resolve("message", names)
        rows: dict[uuid.UUID, dict[str, Any]] = {}
        known_keys: list[uuid.UUID] = []
        for item in items:
            key, is_known = found[item.key]
            row = self.row(item, messages)
            if kind == "thread" and row.get("is_general"):
                key, is_known = self.place_general(key, is_known, row)
            if kind in self.keys:
                self.keys[kind][item.key] = key
            if kind == "persona" and row.get("is_active"):
                self.active = self.active or key
                row["is_active"] = False
            if is_known or key in rows:
                known_keys.append(key)
            else:
                rows[key] = {"id": key} | row
        self.report.known[kind] += len(known_keys)
        self.report.added[kind] += len(rows)
        self.restore(kind, known_keys)
        if self.seen is not None:
            self.seen.add(kind, rows)
        elif rows:
            self.insert(MODELS[kind], list(rows.values()))

    def place_general(
        self, key: uuid.UUID, is_known: bool, row: dict[str, Any]
    ) -> tuple[uuid.UUID, bool]:
        """Return the General thread to use: each user has one."""
        if self.seen_general:
            raise RefusedError(gettext_noop("The file holds more than one General thread."))
        self.seen_general = True
        general = self.account.general
        if is_known or general is None:
            return key, is_known
        if self.seen is None and self.account.is_new:
            self.account.threads.filter(pk=general).update(**row)
        return general, True

    def restore(self, kind: Kind, known: Collection[uuid.UUID]) -> None:
        """Restore the deleted threads that are in the file or have a message in it."""
        path = {"thread": "pk__in", "message": "messages__in"}.get(kind)
        if not path or not known:
            return
        deleted = Thread.objects.using(self.using).deleted_by(self.user)
        found = set(deleted.filter(**{path: known}).values_list("pk", flat=True))
        if self.seen is None:
            deleted.filter(pk__in=found).update(deleted_at=None)
        self.restored |= found
        self.report.restored = len(self.restored)

    def row(self, item: Item, messages: dict[str, tuple[uuid.UUID, bool]]) -> dict[str, Any]:
        """Return an item's values, with its references turned into keys of this account."""
        row = dict(item.row)
        if item.kind in {"persona", "thread", "message"}:
            row["user"] = self.user.pk
        if row.get("branch_after"):  # its messages follow later in the file
            row["branch_after"] = messages[row["branch_after"]][0]
        if row.get("branch_of"):
            row["deleted_at"] = timezone.now()
        for name in ("persona", "thread", "branch_of", *MESSAGE_FIELDS):
            if row.get(name) is None:
                continue
            if name in MESSAGE_FIELDS:
                message, is_known = messages[row[name]]
                row[name] = message if is_known else None
            else:
                of = "thread" if name == "branch_of" else name
                row[name] = self.keys[of].get(row[name])  # type: ignore[index]  # both are kinds
            if row[name] is not None:
                continue
            if name not in NULLABLE.get(item.kind, ()):
                kind = "message" if name in MESSAGE_FIELDS else name.replace("branch_of", "thread")
                raise RefusedError(f"A {item.kind} belongs to a {kind} that is not in the file.")
            self.report.skipped[DANGLING] += 1
        return row

    def insert(self, model: type[models.Model], rows: list[dict[str, Any]]) -> None:
        """Insert rows with the timestamps of the file, which saving them would overwrite."""
        by_shape: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            by_shape.setdefault(tuple(sorted(row)), []).append(row)
        for shape, alike in by_shape.items():
            fields = [field for field in model._meta.concrete_fields if field.name in shape]
            quote = self.connection.ops.quote_name
            columns = ", ".join(quote(str(field.column)) for field in fields)
            one = f"({', '.join(['%s'] * len(fields))})"
            # get_db_prep_save() would write NULL in place of a JSON null.
            values = [
                field.get_db_prep_value(row[field.name], self.connection)
                for row in alike
                for field in fields
            ]
            with self.connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {quote(model._meta.db_table)} ({columns})"  # noqa: S608 - names
                    f" VALUES {', '.join([one] * len(alike))}",
                    values,
                )
