"""The SQL of a search.

OFFSET 0 keeps PostgreSQL's planner from walking a date index where the index of the words is
to be asked: that takes seconds where nothing matches.
"""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chat.search import conditions as match
from chat.search.query import SearchQuery
from chat.search.scope import Scope
from chat.search.text import LENGTH


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


LEXEMES = "chat_search_lexemes(user_id, created_at, content)"
# A question is asked as a subquery: PostgreSQL's planner would spend longer on estimating a
# constant one than the index takes to answer it.
QUESTION = "(SELECT %s::tsquery)"
# The index does not know the order of words. Few texts pass the first look, which takes less
# than half as long.
NEXT_TO_EACH_OTHER = """(
    content ~ %s
    AND strpos(concat(' ', chat_search_words(content), ' '), %s) > 0
)"""
COLUMNS = "id, user_id, thread_id, role, created_at, content"
DELETED = "SELECT id FROM threads WHERE user_id = %s AND deleted_at IS NOT NULL"
ROW = f"""
    id, user_id, thread_id, role, created_at, substr(content, 1, {LENGTH}),
    (SELECT title FROM threads WHERE id = thread_id)
"""
NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"


def newest_moment(scope: Scope, vendor: str) -> Statement:
    """Return the statement for the moment of the newest message that may be found."""
    statement = Statement(vendor)
    statement.add("SELECT created_at FROM chat_messages")
    _add_place(statement, scope)
    statement.add(f"{NEWEST_FIRST} LIMIT 1")
    return statement


def newest_hits(
    scope: Scope, vendor: str, limit: int, spans: Sequence[int] | None = None
) -> Statement:
    """Return the statement for the newest `limit` hits, within the spans if any.

    Each row: id, user, thread, role, moment and text of the message, title of its thread.
    """
    statement = Statement(vendor)
    statement.add(f"SELECT {ROW} FROM (")
    _add_candidates(statement, scope, spans)
    _add_newest(statement, scope, limit)
    return statement


def hits_span_by_span(scope: Scope, limit: int, spans: Sequence[int]) -> Statement:
    """Return PostgreSQL's statement for the newest `limit` hits, one span read after the other.

    Rows as of `newest_hits`. Reading stops as soon as there are enough.
    """
    statement = Statement("postgresql")
    # What is found in each span is joined to it: LATERAL keeps the spans' order.
    statement.add(
        f"SELECT {ROW} FROM (SELECT found.* FROM unnest(%s::tsquery[]) AS asked (question)"
        " CROSS JOIN LATERAL (SELECT * FROM",
        [match.tsquery_scope(scope.owner, [span]) for span in reversed(spans)],
    )
    words = match.tsquery_words(scope.query)
    others = [words] if words else []
    _add_indexed(statement, scope, ["question"] + [QUESTION] * len(others), *others)
    statement.add(f"{NEWEST_FIRST} OFFSET 0) AS found OFFSET 0) AS candidate WHERE true")
    _add_phrases(statement, scope.query)
    statement.add("LIMIT %s", limit)
    return statement


def walk(scope: Scope, count: int, limit: int) -> Statement:
    """Return PostgreSQL's statement for the newest `count` messages, looked at one by one.

    Each row: as of `newest_hits`, whether it is a hit, its place counted from 1, the moment of
    the first, and the bytes of it and all before it. Only hits are there, and number `count`;
    at most `limit` rows, and no message is looked at once there are as many.
    """
    statement = Statement("postgresql")
    # What takes longest is looked at last.
    statement.add(f"SELECT {ROW}, is_hit, place, start, bytes FROM (SELECT *, (true")
    for pattern in match.first_looks(scope.query):
        statement.add("AND content ~ %s", pattern)
    _add_filters(statement, scope)
    _add_phrases(statement, scope.query)
    statement.add(f"AND {LEXEMES} @@ {QUESTION}", match.tsquery_words(scope.query))
    statement.add(
        ") AS is_hit, row_number() OVER newest AS place, max(created_at) OVER newest AS start,"
        " sum(octet_length(content)) OVER newest AS bytes FROM (SELECT * FROM chat_messages"
    )
    _add_place(statement, scope)
    statement.add(
        f"{NEWEST_FIRST} LIMIT %s) AS latest WINDOW newest AS ({NEWEST_FIRST})) AS looked_at"
        f" WHERE is_hit OR place = %s {NEWEST_FIRST} LIMIT %s",
        *(count, count, limit),
    )
    return statement


def matches(scope: Scope, vendor: str) -> Statement:
    """Return the statement for the ids of all that match, in no order."""
    statement = Statement(vendor)
    _add_candidates(statement, scope, None, columns="found.id")
    _add_phrases(statement, scope.query)
    return statement


def _add_candidates(
    statement: Statement, scope: Scope, spans: Sequence[int] | None, columns: str = "found.*"
) -> None:
    """Append a SELECT of what may match; that phrases stand there is yet to be looked at."""
    query = scope.query
    statement.add(f"SELECT {columns} FROM")
    if query.has_words and statement.vendor == "postgresql":
        questions = match.tsqueries(scope, spans)
        _add_indexed(statement, scope, [QUESTION] * len(questions), *questions)
        return
    if query.has_words:
        statement.add(
            "chat_search CROSS JOIN chat_search_rows ON number = chat_search.rowid CROSS JOIN"
        )
    statement.add("chat_messages AS found")
    _add_place(statement, scope)
    if query.has_words:
        question = match.fts5(query, scope.owner, spans)
        statement.add("AND found.id = message_id AND chat_search MATCH %s", question)
    _add_filters(statement, scope)


def _add_indexed(
    statement: Statement, scope: Scope, questions: Sequence[str], *params: Any
) -> None:
    """Append what PostgreSQL's index finds of the scope, as `found`, ending in its WHERE."""
    asked = " AND ".join(f"{LEXEMES} @@ {question}" for question in questions)
    indexed = f"SELECT {COLUMNS} FROM chat_messages WHERE {asked} OFFSET 0"
    statement.add(f"({indexed}) AS found", *params)
    _add_place(statement, scope)
    _add_filters(statement, scope)


def _add_newest(statement: Statement, scope: Scope, limit: int) -> None:
    """Append what keeps the newest `limit` of the candidates, and closes a bracket."""
    statement.add(NEWEST_FIRST)
    if statement.vendor == "postgresql" and match.phrases(scope.query):
        # Put in order first: texts are looked at for a phrase until there are enough.
        statement.add("OFFSET 0) AS candidate WHERE true")
        _add_phrases(statement, scope.query)
        statement.add(f"{NEWEST_FIRST} LIMIT %s", limit)
    else:
        statement.add(f"LIMIT %s) AS hit {NEWEST_FIRST}", limit)


def _add_place(statement: Statement, scope: Scope) -> None:
    """Append the WHERE that leads to the place in the user's messages to go on from."""
    statement.add("WHERE user_id = %s", scope.owner)
    if scope.query.before:
        statement.add("AND created_at < %s", scope.query.before)
    if scope.cursor:
        statement.add("AND (created_at, id) < (%s, %s)", scope.cursor.created_at, scope.cursor.id)


def _add_filters(statement: Statement, scope: Scope) -> None:
    """Append conditions on the messages."""
    query = scope.query
    # Not an anti-join: planning one takes longer than finding a rare word.
    statement.add(f"AND thread_id NOT IN ({DELETED})", scope.owner)
    if query.roles:
        marks = ", ".join(["%s"] * len(query.roles))
        statement.add(f"AND role IN ({marks})", *sorted(query.roles))
    if scope.threads is not None:
        marks = ", ".join(["%s"] * len(scope.threads)) or "NULL"
        statement.add(f"AND thread_id IN ({marks})", *scope.threads)
    if query.after:
        statement.add("AND created_at >= %s", query.after)


def _add_phrases(statement: Statement, query: SearchQuery) -> None:
    """Append what PostgreSQL's index leaves to be looked at."""
    if statement.vendor == "postgresql":
        for phrase in match.phrases(query):
            negated = "" if phrase.wanted else "NOT "
            statement.add(f"AND {negated}{NEXT_TO_EACH_OTHER}", phrase.pattern, phrase.words)
