"""Search messages and threads, and return a page of results."""

import base64
import binascii
import datetime
import re
import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chat.search import highlight, ranking
from chat.search.conditions import Cursor, Scope
from chat.search.pagination import EPOCH, newest_matches, parse_time
from chat.search.query import SearchQuery, parse
from chat.search.text import fold
from personas.models import Persona
from threads.models import Thread
from users.models import User

PAGE_SIZE = 30
# How many of the newest matches are ranked; fewer of a phrase, which takes longer to find.
RANKED = 400
RANKED_PHRASE = 90
# How many of the latest threads are searched by title and description, and how many are shown.
SEARCHED_THREADS = 5_000
SHOWN_THREADS = 5


@dataclass
class Hit:
    """A message that matches; `content` is the part of it that is searched."""

    id: uuid.UUID
    thread_id: uuid.UUID
    role: str
    created_at: datetime.datetime
    content: str
    thread_title: str
    query: SearchQuery
    twin: str = ""  # the name of the persona that wrote it

    @property
    def snippet(self) -> SafeString:
        """Return the text around the first match as HTML, with the matches marked."""
        return highlight.snippet(self.query, self.content)


@dataclass
class Results:
    """One page of hits. `next` is the `after` of the next page, "" on the last one."""

    query: SearchQuery
    hits: list[Hit] = field(default_factory=list)
    next: str = ""
    threads: list[Thread] = field(default_factory=list)
    count: int = 0  # on the first page, of all pages
    is_counted: bool = True  # otherwise there are more than `count`


def search_messages(
    user: User,
    query: SearchQuery | str,
    *,
    best: bool = False,
    after: str = "",
    size: int = PAGE_SIZE,
) -> Results:
    """Return a page of the user's messages that match, newest or best first.

    Args:
        user: The owner of the messages.
        query: A query, parsed or as typed.
        best: Rank the newest RANKED matches (RANKED_PHRASE with a phrase), best first.
        after: `next` of the previous page.
        size: Hits per page.
    """
    if isinstance(query, str):
        query = parse(query)
    using = user._state.db or DEFAULT_DB_ALIAS
    scope = scope_of(user, query, using)
    if scope is None:
        return Results(query)
    if best and query.terms:
        return _best(scope, after, size, using)
    rows = newest_matches(replace(scope, cursor=decode_cursor(after)), size + 1, using)
    hits = [_hit(row, query) for row in rows[:size]]
    following = encode_cursor(hits[-1]) if len(rows) > size else ""
    return Results(query, hits, next=following, count=len(hits), is_counted=not following)


def scope_of(user: User, query: SearchQuery, using: str) -> Scope | None:
    """Return what to search; None if the query is empty or names no thread that exists."""
    if not query:
        return None
    threads: list[uuid.UUID] | None = None
    if query.personas or query.persona_ids or query.threads:
        threads = _named_threads(user, query, using)
        if not threads:
            return None
    return Scope(owner=user.pk, query=query, threads=threads)


def search_threads(user: User, query: SearchQuery) -> list[Thread]:
    """Return the latest threads whose title or description contains every term."""
    if not query.terms:
        return []
    threads = Thread.objects.using(user._state.db).for_user(user).recent()
    matches = (
        thread
        for thread in threads.only("id", "user_id", "title", "description")[:SEARCHED_THREADS]
        if highlight.contains_terms(query, f"{thread.title}\n{thread.description}")
    )
    return [thread for thread, _ in zip(matches, range(SHOWN_THREADS), strict=False)]


def _best(scope: Scope, after: str, size: int, using: str) -> Results:
    """Return a page of the ranked hits. Its cursor is a number: how many are before it."""
    query = scope.query
    start = int(after) if re.fullmatch(r"\d{1,4}", after, re.ASCII) else 0
    has_phrase = any(term.is_phrase for term in query.terms)
    most = RANKED_PHRASE if has_phrase else RANKED
    rows = newest_matches(scope, most, using)
    score = ranking.scorer(query)
    # The sort is stable: of two matches with the same score, the newer comes first.
    rows.sort(key=lambda row: score(row[4]), reverse=True)
    end = start + size
    hits = [_hit(row, query) for row in rows[start:end]]
    following = str(end) if len(rows) > end else ""
    return Results(query, hits, next=following, count=len(rows), is_counted=len(rows) < most)


def _hit(row: Sequence[Any], query: SearchQuery) -> Hit:
    """Return a hit from a row of `sql.COLUMNS`."""
    message, thread, role, created_at, content, title = row
    return Hit(_uuid(message), _uuid(thread), role, parse_time(created_at), content, title, query)


def _uuid(value: uuid.UUID | str) -> uuid.UUID:
    """Return an id of PostgreSQL, or of SQLite, which keeps ids as text."""
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _named_threads(user: User, query: SearchQuery, using: str) -> list[uuid.UUID]:
    """Return the ids of the threads whose title and persona contain the names in the query."""
    threads = Thread.objects.using(using).for_user(user)
    if query.persona_ids:
        threads = threads.filter(persona__in=query.persona_ids)
    if query.personas:
        personas = Persona.objects.using(using).for_user(user).values_list("pk", "name")
        named = _containing(query.personas, personas)
        if not named:
            query.notes.append(_("You have no persona of that name."))
        threads = threads.filter(persona__in=named)
    if not query.threads:
        return list(threads.values_list("pk", flat=True))
    titled = _containing(query.threads, threads.values_list("pk", "title"))
    if not titled:
        query.notes.append(_("You have no thread of that title."))
    return titled


def _containing(parts: list[str], names: Iterable[tuple[uuid.UUID, str]]) -> list[uuid.UUID]:
    """Return the ids of the names that contain one of the parts, both folded."""
    folded = [fold(part) for part in parts]
    return [key for key, name in names if any(part in fold(name) for part in folded)]


def encode_cursor(hit: Hit) -> str:
    """Return a hit's position in the order of time as text for a URL."""
    microseconds = (hit.created_at - EPOCH) // datetime.timedelta(microseconds=1)
    return base64.urlsafe_b64encode(struct.pack(">q16s", microseconds, hit.id.bytes)).decode()


def decode_cursor(encoded: str) -> Cursor | None:
    """Return the position that `encode_cursor` encoded; None for any other text."""
    try:
        packed = base64.urlsafe_b64decode(encoded.encode("ascii"))
        microseconds, key = struct.unpack(">q16s", packed)
        created_at = EPOCH + datetime.timedelta(microseconds=microseconds)
        return Cursor(created_at, uuid.UUID(bytes=key))
    except (ValueError, binascii.Error, struct.error, OverflowError):
        return None
