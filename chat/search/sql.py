"""Build the SQL of a search.

OFFSET 0 keeps PostgreSQL's planner from reading messages in the order of an index on dates
until enough of them match: where few match, that takes seconds.
"""

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chat.search import conditions
from chat.search.conditions import Scope
from chat.search.query import SearchQuery
from chat.search.text import INDEXED_LENGTH

LEXEMES = "chat_search_tokens(user_id, created_at, content)"
# A subquery, because the planner takes longer to estimate a constant tsquery than the index
# takes to answer it.
TSQUERY = "(SELECT %s::tsquery)"
# Few texts match the regular expression, which takes half the time of splitting the text.
PHRASE = "(content ~ %s AND strpos(concat(' ', chat_search_folded(content), ' '), %s) > 0)"
# What a row of results consists of: a `results.Hit` in the order of its fields.
COLUMNS = f"""
    id, thread_id, role, created_at, substr(content, 1, {INDEXED_LENGTH}),
    (SELECT title FROM threads WHERE id = thread_id)
"""
DELETED_THREADS = "SELECT id FROM threads WHERE user_id = %s AND deleted_at IS NOT NULL"
NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"


@dataclass
class Statement:
    """An SQL statement under construction and its parameters."""

    vendor: str
    sql: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    @property
    def is_postgresql(self) -> bool:
        """Whether the statement is for PostgreSQL, else it is for SQLite."""
        return self.vendor == "postgresql"

    def add(self, sql: str, *params: Any) -> None:
        """Append SQL and the parameters in it."""
        self.sql.append(sql)
        self.params += params if self.is_postgresql else map(_sqlite_value, params)

    def __str__(self) -> str:
        return " ".join(self.sql)


def _sqlite_value(value: Any) -> Any:
    """Return a parameter as Django stores it in SQLite."""
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, datetime.datetime):
        return str(value.astimezone(datetime.UTC).replace(tzinfo=None))
    return value


def latest_time(scope: Scope, vendor: str) -> Statement:
    """Return the statement for the time of the newest message in the scope."""
    statement = Statement(vendor)
    statement.add("SELECT created_at FROM chat_messages")
    _add_owner_and_age(statement, scope)
    statement.add(f"{NEWEST_FIRST} LIMIT 1")
    return statement


def newest_matches(
    scope: Scope, vendor: str, limit: int, periods: Iterable[int] | None = None
) -> Statement:
    """Return the statement for the newest `limit` matches, of some periods only if given."""
    statement = Statement(vendor)
    statement.add(f"SELECT {COLUMNS} FROM (")
    _add_indexed(statement, scope, "found.*", periods)
    statement.add(NEWEST_FIRST)
    if statement.is_postgresql and conditions.phrases(scope.query):
        # Sort first: then texts are checked for phrases only until there are enough matches.
        statement.add("OFFSET 0) AS candidates WHERE true")
        _add_phrases(statement, scope.query)
        statement.add(f"{NEWEST_FIRST} LIMIT %s", limit)
    else:
        statement.add(f"LIMIT %s) AS matches {NEWEST_FIRST}", limit)
    return statement


def matches_among_newest(scope: Scope, limit: int, count: int) -> Statement:
    """Return PostgreSQL's statement for the matches among the newest `count` messages.

    It reads messages without the index of words, and stops at `limit` matches.
    """
    statement = Statement("postgresql")
    statement.add(f"SELECT {COLUMNS} FROM (SELECT * FROM chat_messages")
    _add_owner_and_age(statement, scope)
    statement.add(f"{NEWEST_FIRST} LIMIT %s) AS newest WHERE true", count)
    # The conditions in the order of their cost.
    for pattern in conditions.word_patterns(scope.query):
        statement.add("AND content ~ %s", pattern)
    _add_filters(statement, scope)
    _add_phrases(statement, scope.query)
    statement.add(f"AND {LEXEMES} @@ {TSQUERY}", conditions.tsquery_words(scope.query))
    statement.add(f"{NEWEST_FIRST} LIMIT %s", limit)
    return statement


def last_of_newest(scope: Scope, count: int) -> Statement:
    """Return PostgreSQL's statement for the last of the newest `count` messages.

    The row: time and id of that message, and the bytes of all of them. No row if there are
    fewer messages.
    """
    statement = Statement("postgresql")
    statement.add(
        "SELECT created_at, id, sum(octet_length(content)) OVER () FROM"
        " (SELECT created_at, id, content FROM chat_messages"
    )
    _add_owner_and_age(statement, scope)
    statement.add(f"{NEWEST_FIRST} LIMIT %s) AS newest {NEWEST_FIRST}", count)
    statement.add("OFFSET %s", count - 1)
    return statement


def all_matches(scope: Scope, vendor: str) -> Statement:
    """Return the statement for the ids of all matches, in any order."""
    statement = Statement(vendor)
    _add_indexed(statement, scope, "found.id")
    _add_phrases(statement, scope.query)
    return statement


def _add_indexed(
    statement: Statement, scope: Scope, columns: str, periods: Iterable[int] | None = None
) -> None:
    """Append a SELECT of the messages that match but for the order of the words in phrases."""
    statement.add(f"SELECT {columns} FROM")
    if not scope.query.has_words:
        statement.add("chat_messages AS found")
    elif statement.is_postgresql:
        tsqueries = _tsqueries(scope, periods)
        condition = " AND ".join([f"{LEXEMES} @@ {TSQUERY}"] * len(tsqueries))
        statement.add(
            f"(SELECT * FROM chat_messages WHERE {condition} OFFSET 0) AS found", *tsqueries
        )
    else:
        statement.add(
            "(SELECT message_id FROM chat_search CROSS JOIN chat_search_rows"
            " ON number = chat_search.rowid WHERE chat_search MATCH %s) CROSS JOIN"
            " chat_messages AS found ON found.id = message_id",
            conditions.fts5(scope.query, scope.owner, periods),
        )
    _add_owner_and_age(statement, scope)
    _add_filters(statement, scope)


def _tsqueries(scope: Scope, periods: Iterable[int] | None) -> list[str]:
    """Return tsqueries that must all match.

    PostgreSQL reads the index for the rarest word of a tsquery and looks up the other words for
    each message. With many alternatives, as periods are, that takes ten times as long as to
    intersect two tsqueries.
    """
    owner = conditions.tsquery_owner(scope.owner, periods)
    words = conditions.tsquery_words(scope.query)
    if not words:
        return [owner]
    return [f"{words} & {owner}"] if periods is None else [owner, words]


def _add_owner_and_age(statement: Statement, scope: Scope) -> None:
    """Append the WHERE clause that an index on users and dates can answer."""
    statement.add("WHERE user_id = %s", scope.owner)
    if scope.query.before:
        statement.add("AND created_at < %s", scope.query.before)
    if scope.cursor:
        statement.add("AND (created_at, id) < (%s, %s)", scope.cursor.created_at, scope.cursor.id)


def _add_filters(statement: Statement, scope: Scope) -> None:
    """Append the filters of the query."""
    query = scope.query
    # Not an anti-join: to plan one takes longer than to find a rare word.
    statement.add(f"AND thread_id NOT IN ({DELETED_THREADS})", scope.owner)
    if query.roles:
        statement.add(f"AND role IN ({_placeholders(query.roles)})", *sorted(query.roles))
    if scope.threads is not None:
        statement.add(f"AND thread_id IN ({_placeholders(scope.threads)})", *scope.threads)
    if query.after:
        statement.add("AND created_at >= %s", query.after)


def _placeholders(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values) or "NULL"


def _add_phrases(statement: Statement, query: SearchQuery) -> None:
    """Append the conditions on phrases, which FTS5 checks by itself."""
    if statement.is_postgresql:
        for phrase in conditions.phrases(query):
            negation = "NOT " if phrase.is_excluded else ""
            statement.add(f"AND {negation}{PHRASE}", phrase.pattern, phrase.words)
