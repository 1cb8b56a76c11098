"""The SQL of a search.

OFFSET 0 keeps PostgreSQL's planner from walking a date index where the index of the words is
to be asked: that takes seconds where nothing matches.
"""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chat.search import match
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
# The same for the latest messages: the span of the newest one, and the span before where that
# has not half gone by.
LATEST_QUESTION = """(
    SELECT concat($$'@$$, owner, '+', floor(spans - 0.5)::bigint,
                  $$'|'@$$, owner, '+', floor(spans)::bigint, $$'$$)::tsquery
    FROM newest
)"""
# The latest spans one by one, the newest first.
LATEST_QUESTIONS = """(
    SELECT concat($$'@$$, owner, '+', floor(spans)::bigint - back, $$'$$)::tsquery
    FROM newest, generate_series(0, %s - 1) AS back ORDER BY back
)"""
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
    (SELECT title FROM threads WHERE id = thread_id AND deleted_at IS NULL)
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
    questions = [match.tsquery_scope(scope.owner, [span]) for span in reversed(spans)]
    statement.add(f"SELECT {ROW} FROM")
    _add_in_turn(statement, scope, limit, "unnest(%s::tsquery[])", questions)
    return statement


def latest_hits_span_by_span(scope: Scope, limit: int, count: int) -> Statement:
    """Return PostgreSQL's statement for the newest `limit` hits of the latest `count` spans.

    Rows as of `newest_hits` with one more column, and one more row that only has this: how many
    spans after the epoch the newest message was written that may be found. None if there is none.
    """
    statement = Statement("postgresql")
    _add_newest_moment(statement, scope)
    statement.add(f"(SELECT {ROW}, NULL::float8 FROM")
    _add_in_turn(statement, scope, limit, LATEST_QUESTIONS, count)
    statement.add(f") UNION ALL SELECT {', '.join(['NULL'] * 7)}, spans FROM newest")
    return statement


def latest_hits(scope: Scope, limit: int) -> Statement:
    """Return PostgreSQL's statement for the newest `limit` hits among the latest messages.

    Where none is among them, it gives the newest of all: to ask twice, or for the moment of the
    newest message beforehand, would take as long as to find that nothing matches.

    Those of deleted threads are among them, without a title: to leave them out takes as long again
    as to find nothing.

    Each row: as of `newest_hits`, and how many spans after the epoch the newest message was written
    that may be found, NULL where all were looked at. The latest are those since the beginning of
    its span, or of the one before where that has not half gone by.
    """
    statement = Statement("postgresql")
    # Each table is named as seldom as can be: planning takes longer than finding nothing.
    _add_newest_moment(statement, scope)
    statement.add(", latest AS MATERIALIZED (SELECT * FROM")
    questions = [LATEST_QUESTION, QUESTION]
    _add_indexed(statement, scope, questions, match.tsquery_words(scope.query), deleted=True)
    statement.add(f") SELECT {ROW}, start FROM (SELECT *, (SELECT spans FROM newest) AS start")
    statement.add("FROM latest UNION ALL (SELECT *, NULL FROM")
    questions = match.tsqueries(scope.query, scope.owner)
    _add_indexed(statement, scope, [QUESTION] * len(questions), *questions, deleted=True)
    statement.add("AND NOT EXISTS (SELECT FROM latest))")
    statement.add(f") AS hit {NEWEST_FIRST} LIMIT %s", limit)
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


def _add_newest_moment(statement: Statement, scope: Scope) -> None:
    """Append a WITH: whose the newest message is that may be found, and in which span it lies."""
    # The first span holds all that is older.
    moment = f"greatest(0, date_part('epoch', created_at)) / {match.SPAN}"
    statement.add("WITH newest AS MATERIALIZED (")
    statement.add(f"SELECT user_id AS owner, {moment} AS spans FROM chat_messages")
    _add_place(statement, scope)
    statement.add(f"{NEWEST_FIRST} LIMIT 1)")


def _add_candidates(
    statement: Statement, scope: Scope, spans: Sequence[int] | None, columns: str = "found.*"
) -> None:
    """Append a SELECT of what may match; that phrases stand there is yet to be looked at."""
    query = scope.query
    statement.add(f"SELECT {columns} FROM")
    if query.has_words and statement.vendor == "postgresql":
        questions = match.tsqueries(query, scope.owner, spans)
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
    statement: Statement,
    scope: Scope,
    questions: Sequence[str],
    *params: Any,
    deleted: bool = False,
) -> None:
    """Append what PostgreSQL's index finds of the scope, as `found`, ending in its WHERE."""
    asked = " AND ".join(f"{LEXEMES} @@ {question}" for question in questions)
    indexed = f"SELECT {COLUMNS} FROM chat_messages WHERE {asked} OFFSET 0"
    statement.add(f"({indexed}) AS found", *params)
    _add_place(statement, scope)
    _add_filters(statement, scope, deleted=deleted)


def _add_in_turn(
    statement: Statement, scope: Scope, limit: int, questions: str, param: object
) -> None:
    """Append what the questions find, asked one after the other, until there is enough."""
    # What each question finds is joined to it: LATERAL keeps the questions' order.
    statement.add(
        f"(SELECT found.* FROM {questions} AS asked (question) CROSS JOIN LATERAL (SELECT * FROM",
        param,
    )
    words = match.tsquery_words(scope.query)
    others = [words] if words else []
    _add_indexed(statement, scope, ["question"] + [QUESTION] * len(others), *others)
    statement.add(f"{NEWEST_FIRST} OFFSET 0) AS found OFFSET 0) AS candidate WHERE true")
    _add_phrases(statement, scope.query)
    statement.add("LIMIT %s", limit)


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


def _add_filters(statement: Statement, scope: Scope, *, deleted: bool = False) -> None:
    """Append conditions on the messages; `deleted` leaves those of deleted threads in."""
    query = scope.query
    if not deleted:
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
