"""The newest hits, found by looking at no more messages than it takes.

A word that stands everywhere fills a page from the latest messages, so the search goes back in
time in stretches: each asks the index for some spans of about twelve days, as many as the hits
so far let expect to be enough, and the last one for all that is left. Words that are known to
be rare are asked for all at once.

A word that is still being typed is another thing on PostgreSQL: before it looks for the user's,
its index gathers everyone's messages with any word that begins so. Where it begins common
words, looking at the latest messages one by one is quicker, and the very latest tell.

Nor does PostgreSQL's index know in which order words stand. Where a phrase's are common, one
span is read after the other, and no more of them than hold enough hits.
"""

import datetime
import math
import uuid
from dataclasses import replace
from typing import Any

from django.db import connections

from chat.search import conditions, sql
from chat.search.scope import Cursor, Scope
from chat.search.sql import Statement
from chat.search.statistics import Frequencies, frequencies

SPAN = datetime.timedelta(seconds=conditions.SPAN)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
FIRST_ID = uuid.UUID(int=0)
# How many spans the index is asked for: together, which takes longer the more there are, and one
# after the other. Where more are wanted it is asked for all that is left.
MOST_AT_ONCE = 32
MOST_IN_TURN = 64
# How many a phrase's first question reads one after the other.
FIRST_IN_TURN = 8
ALL = 1_000_000
# Hits do not lie as evenly as the expectation has it.
MARGIN = 1.5
# All are asked for at once where not more messages than these hold a word that an unfinished one
# begins, of everyone, and of the user's the rarest word, or of a phrase all words: each of those
# takes looking at.
MOST_GATHERED = 25_000
MOST_WITH_RAREST = 1_000
MOST_WITH_ALL = 2_000
# How many of the very latest messages tell, and how many hits among them tell of a common word.
SAMPLE = 128
COMMON = 4
# What is looked at one by one, in messages and in bytes: it takes about as long as the index
# takes to gather a common word's.
MOST_WALKED = 1_500
MOST_BYTES = 400_000

Row = tuple[Any, ...]


def newest_rows(scope: Scope, limit: int, using: str) -> list[Row]:
    """Return the newest `limit` hits, each as `statements.newest_hits` says."""
    search = _Search(scope, limit, using)
    if not scope.query.has_words:
        return search.ask(sql.newest_hits(scope, search.vendor, limit))
    search.start()
    search.go_back()
    return search.hits


def moment(value: Any) -> datetime.datetime:
    """Return a moment as the driver gave it with its time zone; SQLite keeps UTC texts."""
    read = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


class _Search:
    """A way back in time.

    Attributes:
        scope: What is left to be searched: its cursor is how far the way has come.
        missing: How many hits are still to be found; 0 once all messages were looked at.
        newest: The moment of the newest message that could be found.
        end: The moment the way has come to.
        top: The newest span that is not yet wholly looked at.
        spans: How many the next stretch takes in.
    """

    def __init__(self, scope: Scope, limit: int, using: str) -> None:
        self.connection = connections[using]
        self.vendor = self.connection.vendor
        self.has_phrases = self.vendor == "postgresql" and bool(conditions.phrases(scope.query))
        self.is_unfinished = self.vendor == "postgresql" and any(
            term.is_unfinished for term in scope.query.terms
        )
        self.scope = replace(scope)
        self.missing = limit
        self.hits: list[Row] = []
        self.newest = self.end = EPOCH
        self.top = 0
        self.spans = ALL

    def ask(self, statement: Statement) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(str(statement), statement.params)
            return cursor.fetchall()  # type: ignore[no-any-return]  # as the driver says

    def found(self, rows: list[Row]) -> None:
        self.hits += [row[:7] for row in rows[: self.missing]]
        self.missing -= min(self.missing, len(rows))

    def start(self) -> None:
        """Look for the latest, unless all had better be asked for at once."""
        known = frequencies(self.connection.alias)
        if known:
            owned = known.messages * known.share(self.scope.owner)
            self.scope.words_first = known.with_rarest(self.scope.query) < owned
            if self.is_rare(known):
                return
        gathers_much = known is None or known.gathered(self.scope.query) > MOST_GATHERED
        if self.is_unfinished and (self.has_phrases or gathers_much):
            self.start_walking()
            return
        self.start_at_newest()
        if self.has_phrases:
            self.spans = FIRST_IN_TURN

    def is_rare(self, known: Frequencies) -> bool:
        """Whether the index has little to gather, to read and to leave to be looked at."""
        query, share = self.scope.query, known.share(self.scope.owner)
        if known.gathered(query) > MOST_GATHERED:
            return False
        if self.has_phrases:
            return known.with_all(query) * share <= MOST_WITH_ALL
        return known.with_rarest(query) * share <= MOST_WITH_RAREST

    def start_from(self, newest: datetime.datetime) -> None:
        """Begin the way at a message's moment."""
        self.newest = self.end = newest
        self.top, into = divmod(newest - EPOCH, SPAN)
        # Of a span that has only just begun there would be little to tell from.
        self.spans = 1 if into > SPAN / 2 else 2

    def start_at_newest(self) -> None:
        """Begin the way at the newest message."""
        rows = self.ask(sql.newest_moment(self.scope, self.vendor))
        if rows:
            self.start_from(moment(rows[0][0]))
        else:
            self.missing = 0

    def start_walking(self) -> None:
        """Look at the latest messages one by one, while that is the quicker way."""
        walked, size = 0, 1
        count = SAMPLE
        while count:
            rows = self.ask(sql.walk(self.scope, count, self.missing))
            self.found([row for row in rows if row[7]])
            if not self.missing:
                return
            if not rows or rows[-1][8] < count:
                self.missing = 0
                return
            last = rows[-1]
            newest = self.newest if walked else last[9]
            self.start_from(last[4])
            self.newest = newest
            self.scope.cursor = Cursor(last[4], last[0])
            walked += count
            size += int(last[10])
            most = min(MOST_WALKED, MOST_BYTES * walked // size) - walked
            if len(self.hits) < COMMON:
                break
            wanted = walked * self.missing / len(self.hits)
            count = min(math.ceil(wanted * MARGIN), most) if wanted <= most else 0
        # To ask twice gathers everyone's twice. So all at once where a phrase is seldom met, and
        # else one span more, for the newest may only just have begun.
        seldom = self.has_phrases and len(self.hits) < COMMON
        self.spans = ALL if seldom else max(self.spans, self.expected() + 1)

    def go_back(self) -> None:
        """Ask the index for one stretch of time after the other."""
        while self.missing:
            # A phrase's words are too common to be read all at once.
            in_turn = self.has_phrases and not self.is_unfinished
            is_last = self.spans > min(self.top, MOST_IN_TURN if in_turn else MOST_AT_ONCE)
            stretch = None if is_last else range(self.top - self.spans + 1, self.top + 1)
            if stretch and in_turn:
                statement = sql.hits_span_by_span(self.scope, self.missing, stretch)
            else:
                statement = sql.newest_hits(self.scope, self.vendor, self.missing, stretch)
            self.found(self.ask(statement))
            if is_last:
                return
            self.come_to(EPOCH + (self.top - self.spans + 1) * SPAN)

    def come_to(self, end: datetime.datetime) -> None:
        """Note that all since `end`, where a span begins, was looked at; size the next stretch."""
        if end <= EPOCH:
            # The first span holds all that is older.
            self.missing = 0
        self.end = end
        self.top = (end - EPOCH) // SPAN - 1
        self.scope.cursor = Cursor(end, FIRST_ID)
        self.spans = self.expected() or ALL

    def expected(self) -> int:
        """Return how many spans should hold the missing hits; 0 if nothing tells."""
        if not self.hits:
            return 0
        looked = (self.newest - self.end) / SPAN
        return math.ceil(looked * self.missing / len(self.hits) * MARGIN)
