"""Read one person's rows, all as they were at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connections, models, transaction

from chat.exports.rows import ISOTime, lines, one_by_one, separated
from chat.models import ChatMessage, MessageVersion, Reply
from personas.models import Persona, Sample
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

M = TypeVar("M", bound=models.Model)
# How many threads are read at a time.
BATCH = 500
# The messages of a batch of threads are sorted together, so there are never many more than this.
BATCH_MESSAGES = 5_000
# The fields of each list of the archive, in this order. docs/export-format.md describes them.
# A foreign key is written as the id of the other row.
PERSONA = (
    *("id", "name", "description", "color", "is_active", "metadata"),
    *("created_at", "updated_at"),
)
SAMPLE = ("id", "persona", "text", "source", "origin", "created_at", "updated_at")
THREAD = (
    *("id", "persona", "title", "description", "is_general", "title_is_automatic", "model"),
    *("branch_of", "branch_after", "pinned_at", "archived_at", "created_at", "updated_at"),
)
MESSAGE = ("id", "thread", "role", "content", "created_at", "updated_at")
VERSION = ("id", "message", "role", "content", "written_at", "replaced_at")
REPLY = (
    *("id", "thread", "question", "answer", "voice", "persona", "model", "status", "text"),
    *(
        "reasoning",
        "reasoning_ms",
        "prompt_tokens",
        "completion_tokens",
        "failure",
        "error",
        "created_at",
        "updated_at",
    ),
)

# PostgreSQL writes each message as a line of JSON, which is faster than building rows in Python.
# The delimiter and the quote never occur unescaped in JSON, so COPY leaves the lines unchanged.
COPY_MESSAGES = """
    COPY (
        SELECT concat(
            ',{"id":"', id, '","thread":"', thread_id, '","role":"', role,
            '","content":', to_json(content), ',"created_at":', to_json(created_at),
            ',"updated_at":', to_json(updated_at), '}'
        )
        FROM chat_messages
        WHERE user_id = %(user)s AND {thread} AND thread_id NOT IN (
            SELECT id FROM threads WHERE user_id = %(user)s AND deleted_at IS NOT NULL AND (
                branch_of_id IS NULL OR branch_of_id IN (
                    SELECT id FROM threads WHERE user_id = %(user)s AND deleted_at IS NOT NULL
                )
            )
        )
        ORDER BY created_at, id
    ) TO STDOUT (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')
"""


class ThreadRow(NamedTuple):
    """What a conversation's file holds of its thread."""

    id: UUID
    title: str
    description: str
    persona: str | None
    message_count: int


@dataclass(frozen=True)
class Source:
    """One person's account, or one of their threads."""

    user: User
    thread: Thread | None = None
    using: str = "default"
    has_reasoning: bool = False  # whether what is written for reading has the models' thoughts

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Show the rows of one point in time, without blocking anybody who writes."""
        connection = connections[self.using]
        if connection.in_atomic_block:
            with transaction.atomic(self.using):  # a COPY that is not read to its end fails
                yield
        elif connection.vendor == "postgresql":
            with transaction.atomic(self.using), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                # The first rows are to be sent at once, so they are read in the order of an index.
                cursor.execute("SET LOCAL enable_sort = off")
                yield
        else:
            # Django's own transactions are IMMEDIATE and would block every writer.
            with connection.cursor() as cursor:
                cursor.execute("BEGIN DEFERRED")
                try:
                    yield
                finally:
                    cursor.execute("ROLLBACK")

    def personas(self) -> models.QuerySet[Persona]:
        """Return the personas; of a single thread, its own and those of its replies."""
        personas = Persona.objects.using(self.using).for_user(self.user)
        if self.thread:
            in_thread = models.Q(threads=self.thread) | models.Q(replies__thread=self.thread)
            keys = Persona.objects.using(self.using).filter(in_thread).values("pk")
            personas = personas.filter(pk__in=keys)
        return personas

    def samples(self) -> models.QuerySet[Sample]:
        """Return the samples of those personas, oldest first; none for a single thread."""
        samples = Sample.objects.using(self.using).for_user(self.user)
        if self.thread:
            samples = samples.filter(pk__isnull=True)  # none() has no SQL to copy
        return samples.order_by("created_at", "id")

    def threads(self) -> models.QuerySet[Thread]:
        """Return the threads that are not deleted, oldest first."""
        threads = Thread.objects.using(self.using).for_user(self.user).filter(deleted_at=None)
        if self.thread:
            threads = threads.filter(pk=self.thread.pk)
        return threads.order_by("created_at", "id")

    def in_archive(self, path: str, rows: models.QuerySet[M]) -> models.QuerySet[M]:
        """Keep what belongs to threads that are not deleted, or to branches of them.

        Args:
            path: The path from a row to its thread, such as `message__thread`.
            rows: Rows of the user or of others.
        """
        conversations = Thread.objects.using(self.using).for_user(self.user)
        if self.thread:
            conversations = conversations.filter(pk=self.thread.pk)
        threads = Thread.objects.using(self.using).filter(
            models.Q(pk__in=conversations.values("pk"))
            | models.Q(branch_of__in=conversations.values("pk"))
        )
        return rows.filter(**{f"{path}__in": threads.values("pk")})

    def threads_and_branches(self) -> models.QuerySet[Thread]:
        """Return the threads that are not deleted, then their branches, each oldest first."""
        threads = self.in_archive("pk", Thread.objects.using(self.using).all())
        is_branch = models.Case(models.When(branch_of=None, then=0), default=1)
        return threads.order_by(is_branch, "created_at", "id")

    def messages(self) -> models.QuerySet[ChatMessage]:
        """Return the messages of those threads, oldest first."""
        messages = ChatMessage.objects.using(self.using).filter(
            user=self.user, thread__deleted_at=None
        )
        if self.thread:
            messages = messages.filter(thread=self.thread)
        return messages.order_by("created_at", "id")

    def versions(self) -> models.QuerySet[MessageVersion]:
        """Return the earlier versions of those messages."""
        versions = self.in_archive(
            "message__thread", MessageVersion.objects.using(self.using).all()
        )
        return versions.order_by("written_at", "id")

    def replies(self) -> models.QuerySet[Reply]:
        """Return the replies that have ended."""
        replies = (
            Reply.objects.using(self.using)
            .filter(thread__user=self.user, thread__deleted_at=None)
            .exclude(status=Reply.Status.STREAMING)
        )
        if self.thread:
            replies = replies.filter(thread=self.thread)
        return replies.order_by("created_at", "id")

    def conversations(self) -> Iterator[tuple[ThreadRow, Iterator[Sequence[Any]]]]:
        """Yield each thread with its messages: role, timestamp, text and, if asked for, reasoning.

        A query for each thread would take most of the time of an export of many short threads,
        so the messages of a batch are read together. Read a thread's messages before the next
        thread.
        """
        fields = ("id", "title", "description", "persona__name", "message_count")
        rows = self.threads().values_list(*fields).iterator(chunk_size=BATCH)
        for batch in _batches(ThreadRow(*row) for row in rows):
            yield from self._conversations(batch)

    def _conversations(
        self, batch: list[ThreadRow]
    ) -> Iterator[tuple[ThreadRow, Iterator[Sequence[Any]]]]:
        messages = self.messages().filter(thread__in=[thread.id for thread in batch])
        if len(batch) > 1:
            messages = messages.order_by("thread__created_at", "thread_id", "created_at", "id")
        fields: list[Any] = ["thread_id", "role", ISOTime("created_at"), "content"]
        if self.has_reasoning:
            origins = Reply.objects.filter(answer=models.OuterRef("pk")).exclude(reasoning="")
            newest = origins.order_by("-created_at").values("reasoning")[:1]
            fields.append(models.Subquery(newest))
        rows = one_by_one(messages.values_list(*fields))
        groups = groupby(rows, key=itemgetter(0))
        group = next(groups, None)
        for thread in batch:
            if group and group[0] == thread.id:
                yield thread, (row[1:] for row in group[1])
                group = next(groups, None)
            else:
                yield thread, iter(())

    def message_lines(self) -> Iterator[bytes | memoryview]:
        """Yield each message as one line of JSON, a comma before each but the first."""
        connection = connections[self.using]
        if connection.vendor != "postgresql":
            branches = self.in_archive("thread", ChatMessage.objects.using(self.using))
            yield from separated(lines(branches.order_by("created_at", "id"), MESSAGE))
            return
        params = {"user": self.user.pk}
        thread = "true"
        if self.thread:
            thread = "thread_id IN (SELECT id FROM threads WHERE %(thread)s IN (id, branch_of_id))"
            params["thread"] = self.thread.pk
        statement = COPY_MESSAGES.replace("{thread}", thread)
        connection.ensure_connection()
        # The driver's own cursor: Django's debugging one cannot copy with parameters.
        with connection.connection.cursor() as cursor, cursor.copy(statement, params) as copy:
            for line in copy:
                yield line[1:]
                yield from copy


def _batches(threads: Iterable[ThreadRow]) -> Iterator[list[ThreadRow]]:
    """Divide the threads into batches of few messages; a long thread is a batch of its own."""
    batch: list[ThreadRow] = []
    total = 0
    for thread in threads:
        if batch and (len(batch) == BATCH or total + thread.message_count > BATCH_MESSAGES):
            yield batch
            batch, total = [], 0
        batch.append(thread)
        total += thread.message_count
    if batch:
        yield batch


def account(user: User) -> dict[str, Any]:
    """Return what the archive tells about its owner."""
    return {"email": user.email, "name": user.name, "created_at": user.created_at.isoformat()}
