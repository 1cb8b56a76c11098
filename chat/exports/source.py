"""What an export is read from: one person's rows, as they all were at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, transaction

from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

# Threads fetched from the database at a time, and rows that may hold megabytes.
BATCH = 500
FEW = 4
# What each list of the archive holds of a row, in this order; docs/export-format.md says what
# it means. Foreign keys are written as the other row's id.
PERSONA = (
    *("id", "name", "description", "color", "is_active", "metadata"),
    *("created_at", "updated_at"),
)
THREAD = (
    *("id", "persona", "title", "description", "is_general", "title_is_automatic", "model"),
    *("pinned_at", "archived_at", "created_at", "updated_at"),
)
MESSAGE = ("id", "thread", "role", "content", "created_at", "updated_at")
VERSION = ("id", "message", "role", "content", "written_at", "replaced_at")
REPLY = (
    *("id", "thread", "question", "answer", "voice", "persona", "model", "status", "text"),
    *("prompt_tokens", "completion_tokens", "failure", "error", "created_at", "updated_at"),
)

# Python builds no row of the long list: PostgreSQL writes each as a line of JSON. A delimiter
# and a quote that JSON never holds unescaped keep COPY from changing the lines.
COPY_MESSAGES = """
    COPY (
        SELECT concat(
            ',{"id":"', id, '","thread":"', thread_id, '","role":"', role,
            '","content":', to_json(content), ',"created_at":', to_json(created_at),
            ',"updated_at":', to_json(updated_at), '}'
        )
        FROM chat_messages
        WHERE user_id = %(user)s AND {thread} AND thread_id NOT IN (
            SELECT id FROM threads WHERE user_id = %(user)s AND deleted_at IS NOT NULL
        )
        ORDER BY created_at, id
    ) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')
"""


class Encoder(DjangoJSONEncoder):
    """Writes moments to the microsecond, where Django stops at the millisecond."""

    def default(self, value: Any) -> Any:
        """Return what JSON can hold."""
        return value.isoformat() if hasattr(value, "isoformat") else super().default(value)


@dataclass(frozen=True)
class Source:
    """One person's account, or one of their threads."""

    user: User
    thread: Thread | None = None
    using: str = "default"

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Show one moment's rows throughout, without keeping anybody from writing."""
        connection = connections[self.using]
        if connection.in_atomic_block:
            with transaction.atomic(self.using):  # who stops reading a COPY breaks it off
                yield
        elif connection.vendor == "postgresql":
            with transaction.atomic(self.using), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                # Rows are to flow from the first on, in the order of an index.
                cursor.execute("SET LOCAL enable_sort = off")
                yield
        else:
            # Django's own transactions are IMMEDIATE here: they would hold up every writer.
            with connection.cursor() as cursor:
                cursor.execute("BEGIN DEFERRED")
                try:
                    yield
                finally:
                    cursor.execute("ROLLBACK")

    def personas(self) -> models.QuerySet[Persona]:
        """Return the personas, or the thread's one."""
        personas = Persona.objects.using(self.using).for_user(self.user)
        return personas.filter(threads=self.thread) if self.thread else personas

    def threads(self) -> models.QuerySet[Thread]:
        """Return the threads that are not deleted, oldest first."""
        threads = Thread.objects.using(self.using).for_user(self.user).filter(deleted_at=None)
        if self.thread:
            threads = threads.filter(pk=self.thread.pk)
        return threads.order_by("created_at", "id")

    def messages(self) -> models.QuerySet[ChatMessage]:
        """Return the messages of those threads, oldest first."""
        messages = ChatMessage.objects.using(self.using).filter(
            user=self.user, thread__deleted_at=None
        )
        if self.thread:
            messages = messages.filter(thread=self.thread)
        return messages.order_by("created_at", "id")

    def versions(self) -> models.QuerySet[MessageVersion]:
        """Return what those messages said before."""
        versions = MessageVersion.objects.using(self.using).filter(
            message__user=self.user, message__thread__deleted_at=None
        )
        if self.thread:
            versions = versions.filter(message__thread=self.thread)
        return versions.order_by("written_at", "id")

    def replies(self) -> models.QuerySet[Reply]:
        """Return how answers came about; those still being written are left out."""
        replies = (
            Reply.objects.using(self.using)
            .filter(thread__user=self.user, thread__deleted_at=None)
            .exclude(status=Reply.Status.STREAMING)
        )
        if self.thread:
            replies = replies.filter(thread=self.thread)
        return replies.order_by("created_at", "id")

    def message_lines(self) -> Iterator[bytes | memoryview]:
        """Yield each message as one line of JSON, a comma before each but the first."""
        connection = connections[self.using]
        if connection.vendor != "postgresql":
            yield from separated(lines(self.messages(), MESSAGE))
            return
        params = {"user": self.user.pk}
        thread = "true"
        if self.thread:
            thread = "thread_id = %(thread)s"
            params["thread"] = self.thread.pk
        statement = COPY_MESSAGES.replace("{thread}", thread)
        connection.ensure_connection()
        # The driver's own cursor: Django's debugging one cannot copy with parameters.
        with connection.connection.cursor() as cursor, cursor.copy(statement, params) as copy:
            for line in copy:
                yield line[1:]
                yield from copy


def one_by_one(rows: models.QuerySet[Any, tuple[Any, ...]]) -> Iterator[Sequence[Any]]:
    """Yield the rows of a `values_list`, never many at once: each may hold megabytes."""
    connection = connections[rows.db]
    if connection.vendor != "postgresql":
        yield from rows.iterator(chunk_size=FEW)
        return
    compiler = rows.query.get_compiler(rows.db)
    sql, params = compiler.as_sql()
    converters = compiler.get_converters([expression for expression, *_ in compiler.select])
    connection.ensure_connection()
    # Django's server-side cursors fetch a fixed number of rows, whatever their size.
    with connection.connection.cursor() as cursor:
        found = cursor.stream(sql, params)
        yield from compiler.apply_converters(found, converters) if converters else found


def lines(rows: models.QuerySet[Any], fields: tuple[str, ...]) -> Iterator[bytes]:
    """Yield each row as one line of JSON."""
    encode = Encoder(ensure_ascii=False, separators=(",", ":")).encode
    for row in one_by_one(rows.values_list(*fields)):
        yield encode(dict(zip(fields, row, strict=True))).encode()


def separated(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Yield each row on a line of its own, a comma before each but the first."""
    comma = b""
    for row in rows:
        yield b"%b%b\n" % (comma, row)
        comma = b","


def account(user: User) -> dict[str, Any]:
    """Return what the archive says of its owner."""
    return {"email": user.email, "name": user.name, "created_at": user.created_at.isoformat()}


def as_json(value: Any) -> str:
    """Return `value` as JSON text."""
    return json.dumps(value, cls=Encoder, ensure_ascii=False)
