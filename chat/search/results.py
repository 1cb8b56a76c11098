"""A page of search results."""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.utils.safestring import SafeString

from chat.models import ChatMessage
from chat.search import highlight
from chat.search.pagination import EPOCH, moment, newest_rows
from chat.search.query import SearchQuery, parse
from chat.search.scope import Cursor, Scope
from chat.search.text import fold
from personas.models import Persona
from threads.models import Thread

if TYPE_CHECKING:
    from users.models import User

PAGE = 30
# How many of the newest hits are put in order when the best are asked for; of a phrase's fewer:
# each takes looking at many messages that hold its words apart.
RANKED = 400
RANKED_PHRASE = 90
# How many of the most recently used threads have their titles looked at.
TITLES = 5_000
THREADS_SHOWN = 5
FIELDS = ["id", "user_id", "thread_id", "role", "created_at"]


@dataclass
class Hit:
    """A message that was found."""

    message: ChatMessage
    thread_title: str
    said: str
    query: SearchQuery

    @property
    def snippet(self) -> SafeString:
        """Return the words around the first place that matched, marked, as HTML."""
        return highlight.snippet(self.query, self.said)


@dataclass
class Results:
    """One page of hits; `next` is what to ask for the one after it with."""

    query: SearchQuery
    hits: list[Hit] = field(default_factory=list)
    next: str = ""
    threads: list[Thread] = field(default_factory=list)


def find(
    user: User,
    typed: str | SearchQuery,
    *,
    best: bool = False,
    after: str = "",
    size: int = PAGE,
    using: str = "default",
) -> Results:
    """Return a page of this user's messages that match, the newest or the best first.

    Args:
        user: Whose messages.
        typed: What was typed into the field, or that already parsed.
        best: Put the best of the newest RANKED hits first, of a phrase RANKED_PHRASE.
        after: `next` of the page before.
        size: Hits a page.
        using: The database's alias.
    """
    query = parse(typed) if isinstance(typed, str) else typed
    results = Results(query)
    if not query:
        return results
    scope = scope_of(user, query, using)
    if scope is None:
        return results
    if best and query.terms:
        start = int(after) if re.fullmatch(r"\d{1,4}", after, re.ASCII) else 0
        has_phrase = any(len(term.words) > 1 for term in query.terms)
        rows = newest_rows(scope, RANKED_PHRASE if has_phrase else RANKED, using)
        # Stable: of two that are as good, the newer comes first.
        rows.sort(key=lambda row: -highlight.score(query, row[5]))
        results.next = str(start + size) if len(rows) > start + size else ""
        results.hits = [_hit(row, query, using) for row in rows[start : start + size]]
        return results
    scope.cursor = read_cursor(after)
    rows = newest_rows(scope, size + 1, using)
    results.hits = [_hit(row, query, using) for row in rows[:size]]
    if len(rows) > size:
        results.next = write_cursor(results.hits[-1].message)
    return results


def scope_of(user: User, query: SearchQuery, using: str = "default") -> Scope | None:
    """Return what to search, names of personas and threads looked up; None if there is nothing."""
    threads: list[uuid.UUID] | None = None
    if query.personas or query.persona_ids or query.threads:
        threads = _named_threads(user, query, using)
        if not threads:
            return None
    return Scope(owner=user.pk, query=query, threads=threads)


def find_threads(user: User, query: SearchQuery, using: str = "default") -> list[Thread]:
    """Return the most recently used threads whose title or description holds every term."""
    if not query.terms:
        return []
    found: list[Thread] = []
    threads = Thread.objects.using(using).for_user(user).recent().filter(deleted_at=None)
    for thread in threads.only("id", "user_id", "title", "description")[:TITLES]:
        if highlight.holds(query, f"{thread.title}\n{thread.description}"):
            found.append(thread)
            if len(found) == THREADS_SHOWN:
                break
    return found


def _hit(row: Sequence[Any], query: SearchQuery, using: str) -> Hit:
    values = list(row[:5])
    if connections[using].vendor == "sqlite":
        values[:3] = [uuid.UUID(value) for value in values[:3]]
        values[4] = moment(values[4])
    return Hit(ChatMessage.from_db(using, FIELDS, values), row[6], row[5], query)


def _named_threads(user: User, query: SearchQuery, using: str) -> list[uuid.UUID]:
    """Return the threads whose title, and whose persona's name, holds what was written."""
    threads = Thread.objects.using(using).for_user(user)
    if query.persona_ids:
        threads = threads.filter(persona__in=query.persona_ids)
    if query.personas:
        wanted = [fold(name) for name in query.personas]
        people = [
            key
            for key, name in Persona.objects.using(using).for_user(user).values_list("pk", "name")
            if any(part in fold(name) for part in wanted)
        ]
        if not people:
            query.notes.append("You have no persona of that name.")
        threads = threads.filter(persona__in=people)
    if not query.threads:
        return list(threads.values_list("pk", flat=True))
    titles = [fold(title) for title in query.threads]
    found = [
        key
        for key, title in threads.values_list("pk", "title")
        if any(part in fold(title) for part in titles)
    ]
    if not found:
        query.notes.append("You have no thread of that title.")
    return found


def write_cursor(message: ChatMessage) -> str:
    """Return the place of a message in the order of time, as text for an address."""
    since = message.created_at - EPOCH
    packed = struct.pack(">q", since // datetime.timedelta(microseconds=1)) + message.pk.bytes
    return base64.urlsafe_b64encode(packed).decode()


def read_cursor(written: str) -> Cursor | None:
    """Return the place that `write_cursor` wrote; None for anything else."""
    try:
        packed = base64.urlsafe_b64decode(written.encode("ascii"))
        since, key = struct.unpack(">q16s", packed)
        return Cursor(EPOCH + datetime.timedelta(microseconds=since), uuid.UUID(bytes=key))
    except (ValueError, binascii.Error, struct.error, OverflowError):
        return None
