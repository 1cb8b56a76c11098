"""Estimate how common words are from PostgreSQL's statistics of the search index.

ANALYZE, which autovacuum also runs, records the thousand or so lexemes that most messages
contain, among them the owners of most messages. The estimates choose how to search; they never
change what is found.
"""

import bisect
import functools
import math
import time
import uuid
from dataclasses import dataclass

from django.db import connections

from chat.search import text
from chat.search.query import SearchQuery, Term

# How long a process uses what it has read.
VALID_SECONDS = 3_600
STATISTICS = """
    SELECT most_common_elems::text::text[], most_common_elem_freqs, greatest(reltuples, 0)
    FROM pg_stats, pg_class
    WHERE schemaname = ANY(current_schemas(false)) AND tablename = 'chat_messages_tokens_idx'
        AND most_common_elems IS NOT NULL AND pg_class.oid = 'chat_messages'::regclass
"""


@dataclass(frozen=True)
class Frequencies:
    """The most common lexemes.

    Attributes:
        messages: The number of messages of all users.
        shares: The share of them, 0 to 1, that contain a lexeme; never empty.
    """

    messages: float
    shares: dict[str, float]

    @functools.cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.shares)

    @functools.cached_property
    def _other(self) -> float:
        """The share assumed for every other lexeme: it is at most that of the last one."""
        return min(self.shares.values()) / 2

    def share_of_owner(self, owner: uuid.UUID) -> float:
        """Return the share of the messages, 0 to 1, that belong to a user."""
        return self._share(f"@{owner}")

    def with_rarest_term(self, query: SearchQuery) -> float:
        """Return the number of messages of all users that contain the rarest term."""
        return self.messages * min(map(self._share_of_term, query.terms), default=1)

    def with_prefixes(self, query: SearchQuery) -> float:
        """Return the number of messages of all users with a word that a prefix begins."""
        prefixes = [term.words[-1] for term in query.terms if term.is_prefix]
        return self.messages * sum(map(self._share_of_prefix, prefixes))

    def _share_of_term(self, term: Term) -> float:
        """Return the share of a term as if no word of a phrase attracted another."""
        words = text.bigrams(term.words[0]) if term.is_unspaced else term.words
        shares = [self._share(word) for word in words]
        if term.is_prefix:
            shares[-1] = max(self._other, self._share_of_prefix(words[-1]))
        alternatives = sum(self.shares.get(word, 0) for word in term.alternatives[1:])
        return min(1, math.prod(shares) + alternatives)

    def _share(self, lexeme: str) -> float:
        return self.shares.get(lexeme, self._other)

    def _share_of_prefix(self, prefix: str) -> float:
        total = 0.0
        for lexeme in self._sorted[bisect.bisect_left(self._sorted, prefix) :]:
            if not lexeme.startswith(prefix):
                break
            total += self.shares[lexeme]
        return total


def frequencies(using: str) -> Frequencies | None:
    """Return PostgreSQL's statistics; None before the first ANALYZE, and on SQLite."""
    if connections[using].vendor == "sqlite":
        return None
    return _read(using, int(time.monotonic() // VALID_SECONDS))


@functools.lru_cache(maxsize=4)
def _read(using: str, hour: int) -> Frequencies | None:
    with connections[using].cursor() as cursor:
        cursor.execute(STATISTICS)
        row = cursor.fetchone()
    if row is None:
        return None
    lexemes, shares, messages = row
    # The last three shares are the least, the greatest and that of nulls.
    return Frequencies(messages, dict(zip(lexemes, shares, strict=False)))
