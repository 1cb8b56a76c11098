"""The SQL of a search.

A page of the newest hits is asked for in steps: the index is read for the latest days, then for
the last five weeks, then for all there is, and reading stops when the page is full (UNION ALL
under a LIMIT is read lazily). A word that stands everywhere fills the page from the first
step; a word that stands nowhere costs three look-ups. OFFSET 0 keeps PostgreSQL's planner from
walking a date index instead, which takes seconds where nothing matches.
"""

import datetime
import uuid
from dataclasses import dataclass, field
from typing import Any

from chat.search import match
from chat.search.query import SearchQuery


@dataclass(frozen=True)
class Cursor:
    """The last hit of the page before."""

    created_at: datetime.datetime
    id: uuid.UUID


@dataclass
class Scope:
    """What is searched: whose messages, with which properties, older than what.

    Attributes:
        threads: Keep these threads; None keeps all.
        newest: No message is looked at that was written after this; on SQLite, when the
            newest such message was written.
    """

    owner: uuid.UUID
    query: SearchQuery
    threads: list[uuid.UUID] | None = None
    cursor: Cursor | None = None
    newest: datetime.datetime | None = None


@dataclass
class Statement:
    """SQL that is put together with its parameters."""

    vendor: str
    sql: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    def add(self, sql: str, *params: Any) -> None:
        """Append a piece."""
        self.sql.append(sql)
        self.params += [self.value(param) for param in params]

    def value(self, value: Any) -> Any:
        """Return a parameter as the engine's driver takes it."""
        if self.vendor == "postgresql":
            return value
        if isinstance(value, uuid.UUID):
            return value.hex
        if isinstance(value, datetime.datetime):
            # As Django writes them, so that texts compare like moments.
            return str(value.astimezone(datetime.UTC).replace(tzinfo=None))
        return value

    def __str__(self) -> str:
        return " ".join(self.sql)


# The span of the newest message that may be found, for PostgreSQL: looking it up by itself
# would take a second round trip.
TOP = f"""
WITH top AS MATERIALIZED (
    SELECT floor(date_part('epoch', created_at) / {match.SPAN})::bigint AS span
    FROM chat_messages WHERE user_id = %s AND created_at <= %s
    ORDER BY created_at DESC, id DESC LIMIT 1
)
"""
# PostgreSQL is given the question as a subquery: the planner would spend longer on estimating
# a constant one than the index takes to answer it.
ALL = "(SELECT %s::tsquery)"
WITHIN = """(
    SELECT ('(' || string_agg(concat($$'@$$, %s::text, '+', n, $$'$$), '|') || ')' || %s)::tsquery
    FROM top, generate_series(span - %s, span - %s) AS n
)"""
# The index does not know the order of words.
NEXT_TO_EACH_OTHER = """(
    SELECT strpos(concat(' ', chat_search_words(content), ' '), %s) > 0
    FROM chat_messages WHERE id = found.id
)"""


def newest_first(scope: Scope, vendor: str, limit: int, columns: str) -> Statement:
    """Return the statement for the newest `limit` hits; `columns` are of `m` and `t`."""
    statement = Statement(vendor)
    windows: list[match.Window | None] = [None]
    edge: tuple[str, list[Any]] = ("", [])
    if scope.newest and scope.query.has_words:
        windows = [*match.WINDOWS, None]
        oldest = match.WINDOWS[-1]
        edge = ("AND found.created_at < %s", [oldest.start(scope.newest)])
        if vendor == "postgresql":
            statement.add(TOP, scope.owner, scope.newest)
            start = f"to_timestamp((SELECT (span - {oldest.first}) * {match.SPAN} FROM top))"
            edge = (f"AND found.created_at < {start}", [])
    statement.add(f"SELECT {columns} FROM (")
    for place, step in enumerate(windows):
        statement.add("UNION ALL SELECT" if place else "SELECT")
        statement.add("id, created_at FROM (")
        add_matches(statement, scope, step)
        if step is None:
            statement.add(edge[0], *edge[1])
        statement.add(
            f"ORDER BY found.created_at DESC, found.id DESC LIMIT %s) AS step{place}", limit
        )
    statement.add("LIMIT %s) AS hit", limit)
    statement.add("JOIN chat_messages m ON m.id = hit.id JOIN threads t ON t.id = m.thread_id")
    statement.add("ORDER BY hit.created_at DESC, hit.id DESC")
    return statement


def add_matches(
    statement: Statement,
    scope: Scope,
    window: match.Window | None,
    columns: str = "found.id, found.created_at",
) -> None:
    """Append a SELECT of columns of `found`, ending in its WHERE."""
    query = scope.query
    if not query.has_words:
        statement.add(f"SELECT {columns} FROM chat_messages found")
    elif statement.vendor == "postgresql":
        question = ALL
        params: list[Any] = [match.tsquery(query, scope.owner)]
        if window:
            question = WITHIN
            words = match.tsquery_words(query)
            params = [str(scope.owner), words, window.first, window.last]
        statement.add(
            f"SELECT {columns} FROM ("
            "SELECT id, user_id, thread_id, role, created_at FROM chat_messages WHERE"
            f" chat_search_lexemes(user_id, created_at, content) @@ {question} OFFSET 0"
            ") AS found",
            *params,
        )
    else:
        statement.add(
            f"SELECT {columns} FROM chat_search CROSS JOIN chat_search_rows"
            " ON number = chat_search.rowid CROSS JOIN chat_messages found"
            " ON found.id = message_id"
        )
    statement.add("WHERE found.user_id = %s", scope.owner)
    if query.has_words and statement.vendor == "sqlite":
        spans = window.spans(scope.newest) if window and scope.newest else None
        statement.add("AND chat_search MATCH %s", match.fts5(query, scope.owner, spans))
    # Not an anti-join: planning three of them takes longer than finding a rare word.
    statement.add(
        "AND found.thread_id NOT IN"
        " (SELECT id FROM threads WHERE user_id = %s AND deleted_at IS NOT NULL)",
        scope.owner,
    )
    if query.roles:
        marks = ", ".join(["%s"] * len(query.roles))
        statement.add(f"AND found.role IN ({marks})", *sorted(query.roles))
    if scope.threads is not None:
        marks = ", ".join(["%s"] * len(scope.threads)) or "NULL"
        statement.add(f"AND found.thread_id IN ({marks})", *scope.threads)
    if query.after:
        statement.add("AND found.created_at >= %s", query.after)
    if query.before:
        statement.add("AND found.created_at < %s", query.before)
    if scope.cursor:
        statement.add(
            "AND (found.created_at, found.id) < (%s, %s)", scope.cursor.created_at, scope.cursor.id
        )
    if statement.vendor == "postgresql":
        for phrase, wanted in match.phrases(query):
            statement.add(f"AND {'' if wanted else 'NOT '}{NEXT_TO_EACH_OTHER}", phrase)
