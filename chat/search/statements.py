"""The SQL of a search.

A page of the newest hits is asked for in windows: the index is read for the last days, then
for the last weeks, then for all there is, and reading stops when the page is full
(UNION ALL under a LIMIT is read lazily). A word that stands everywhere fills the page from
the first window; a word that stands nowhere costs one look-up a window. OFFSET 0 keeps
PostgreSQL's planner from walking a date index instead, which takes seconds where nothing
matches.
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


# The spans of the newest message that may be found, for PostgreSQL: looking it up by itself
# would take a second round trip.
TOP = f"""
WITH top AS MATERIALIZED (
    SELECT floor(date_part('epoch', created_at) / {match.SHORT})::bigint AS days,
        floor(date_part('epoch', created_at) / {match.LONG})::bigint AS weeks
    FROM chat_messages WHERE user_id = %s AND created_at <= %s
    ORDER BY created_at DESC, id DESC LIMIT 1
)
"""
# PostgreSQL is given the question as a subquery: the planner would spend longer on estimating
# a constant one than the index takes to answer it.
ALL = "(SELECT %s::tsquery)"
WINDOW = """(
    SELECT concat(
        $$('@$$, %s::text, '{mark}', {column} - 1,
        $$'|'@$$, %s::text, '{mark}', {column}, $$')$$, %s::text
    )::tsquery FROM top
)"""


def newest_first(scope: Scope, vendor: str, limit: int, columns: str) -> Statement:
    """Return the statement for the newest `limit` hits; `columns` are of `m` and `t`."""
    statement = Statement(vendor)
    windows: list[match.Window | None] = [None]
    if scope.newest and scope.query.has_words:
        windows = [match.Window.around(scope.newest, n) for n in (match.SHORT, match.LONG)]
        windows.append(None)
        if vendor == "postgresql":
            statement.add(TOP, scope.owner, scope.newest)
    statement.add(f"SELECT {columns} FROM (")
    later: match.Window | None = None
    for place, window in enumerate(windows):
        statement.add("UNION ALL SELECT" if place else "SELECT")
        statement.add("id, created_at FROM (")
        add_matches(statement, scope, window)
        if later and vendor == "postgresql":
            column, _ = match.COLUMNS[later.length]
            edge = f"to_timestamp((SELECT ({column} - 1) * {later.length} FROM top))"
            statement.add(f"AND found.created_at < {edge}")
        elif later:
            statement.add("AND found.created_at < %s", later.start)
        statement.add(
            f"ORDER BY found.created_at DESC, found.id DESC LIMIT %s) AS page{place}", limit
        )
        later = window
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
        question, params = ALL, [match.tsquery(query, scope.owner)]
        if window:
            column, mark = match.COLUMNS[window.length]
            question = WINDOW.format(column=column, mark=mark)
            params = [str(scope.owner), str(scope.owner), match.tsquery_words(query)]
        statement.add(
            f"SELECT {columns} FROM ("
            "SELECT id, user_id, thread_id, role, created_at FROM chat_messages WHERE"
            f" chat_search_document(user_id, created_at, content) @@ {question} OFFSET 0"
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
        statement.add("AND chat_search MATCH %s", match.fts5(query, scope.owner, window))
    statement.add(
        "AND NOT EXISTS (SELECT 1 FROM threads gone"
        " WHERE gone.id = found.thread_id AND gone.deleted_at IS NOT NULL)"
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
