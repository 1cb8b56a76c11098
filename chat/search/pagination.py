"""Find the newest matches while reading as few messages as possible.

How depends on how common the words are; docs/search.md gives an example and the figures of each
way.

- A rare word is looked up in the index once, for all messages of the user.
- A common word is looked up period by period, newest first, until the page is full.
- On PostgreSQL, a prefix of common words makes the index collect the messages of all users.
  The newest messages are read without it first.
"""

import datetime
import math
import uuid
from dataclasses import replace
from typing import Any

from django.db import connections

from chat.search import conditions, sql
from chat.search.conditions import Cursor, Scope
from chat.search.query import SearchQuery
from chat.search.sql import Statement
from chat.search.statistics import Frequencies, frequencies

PERIOD = datetime.timedelta(seconds=conditions.PERIOD_SECONDS)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
FIRST_ID = uuid.UUID(int=0)
# How many messages of the user contain the rarest term of a rare query, and how many of all
# users a word that its prefix begins, at most.
RARE = 1_000
RARE_PREFIX = 25_000
# How many messages are read without the index: first, and at most, as long as they are short.
FIRST_READ = 128
MAX_READ = 1_500
MAX_READ_BYTES = 400_000
# How many periods are looked up first, and with a phrase, which few messages match that contain
# its words. If more than the most are needed, all that is left is looked up at once.
FIRST_PERIODS = 2
FIRST_PERIODS_OF_PHRASE = 8
MAX_PERIODS = 32
# Matches are not spread evenly, so that more must be searched than the average suggests.
MARGIN = 1.5

Row = tuple[Any, ...]


def newest_matches(scope: Scope, limit: int, using: str) -> list[Row]:
    """Return the newest `limit` matches as rows of `sql.COLUMNS`."""
    search = _Search(scope, limit, using)
    known = frequencies(using)
    if not scope.query.has_words or _is_rare(scope, known):
        search.look_up()
        return search.rows
    if search.vendor == "postgresql" and _has_common_prefix(scope.query, known):
        search.read_newest()
    search.look_up_periods()
    return search.rows


def parse_time(value: Any) -> datetime.datetime:
    """Return a timestamp as an aware datetime; SQLite's are texts in UTC."""
    time = datetime.datetime.fromisoformat(value) if isinstance(value, str) else value
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def _is_rare(scope: Scope, known: Frequencies | None) -> bool:
    """Whether all matches can be found by reading few messages."""
    if known is None or _has_common_prefix(scope.query, known):
        return False
    share = known.share_of_owner(scope.owner)
    return known.with_rarest_term(scope.query) * share <= RARE


def _has_common_prefix(query: SearchQuery, known: Frequencies | None) -> bool:
    """Whether many messages contain words that a prefix begins; assumed if nothing is known."""
    if known is None:
        return query.has_prefix
    return known.with_prefixes(query) > RARE_PREFIX


class _Search:
    """A search from the newest message backwards.

    Attributes:
        scope: What is left to search; its cursor moves back in time.
        rows: The matches so far.
        missing: How many are still to find; 0 also once everything was searched.
    """

    def __init__(self, scope: Scope, limit: int, using: str) -> None:
        self.connection = connections[using]
        self.vendor = self.connection.vendor
        self.scope = scope
        self.rows: list[Row] = []
        self.missing = limit

    def run(self, statement: Statement) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(str(statement), statement.params)
            return cursor.fetchall()  # type: ignore[no-any-return]  # untyped in django-stubs

    def add(self, rows: list[Row]) -> None:
        self.rows += rows
        self.missing -= len(rows)

    def look_up(self, periods: range | None = None) -> None:
        """Look up some periods in the index, or all that is left."""
        self.add(self.run(sql.newest_matches(self.scope, self.vendor, self.missing, periods)))

    def read_newest(self) -> None:
        """Read the newest messages one by one, as long as enough of them match."""
        read, read_bytes, count = 0, 0, FIRST_READ
        while self.missing and count:
            self.add(self.run(sql.matches_among_newest(self.scope, self.missing, count)))
            if not self.missing:
                return
            last = self.run(sql.last_of_newest(self.scope, count))
            if not last:
                self.missing = 0
                return
            created_at, key, new_bytes = last[0]
            self.scope = replace(self.scope, cursor=Cursor(created_at, key))
            read += count
            read_bytes += int(new_bytes)
            count = self.estimate(read, len(self.rows))
            most = min(MAX_READ, MAX_READ_BYTES * read // (read_bytes + 1))
            if read + count > most:
                return

    def look_up_periods(self) -> None:
        """Look up period by period, as many at once as should contain the missing matches."""
        if not self.missing:
            return
        latest = self.run(sql.latest_time(self.scope, self.vendor))
        if not latest:
            return
        # Period 0 also contains everything before 1970.
        newest = end = (parse_time(latest[0][0]) - EPOCH) // PERIOD + 1
        found_before = len(self.rows)
        has_phrase = bool(conditions.phrases(self.scope.query))
        count = FIRST_PERIODS_OF_PHRASE if has_phrase else FIRST_PERIODS
        while 0 < count <= MAX_PERIODS and count < end:
            self.look_up(range(end - count, end))
            if not self.missing:
                return
            end -= count
            self.scope = replace(self.scope, cursor=Cursor(EPOCH + end * PERIOD, FIRST_ID))
            count = self.estimate(newest - end, len(self.rows) - found_before)
        self.look_up()

    def estimate(self, searched: int, found: int) -> int:
        """Return how much more to search for the missing matches; 0 if nothing was found."""
        return math.ceil(MARGIN * searched * self.missing / found) if found else 0
