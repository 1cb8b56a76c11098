"""How often words are met, as PostgreSQL's statistics of its index tell.

ANALYZE, and with it autovacuum, notes the thousand or so lexemes that most messages hold, the
users who write most among them. How a search goes about depends on it, never what it finds.
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

# How long a process goes by what it has read, in seconds.
VALID = 3_600
STATISTICS = """
    SELECT most_common_elems::text::text[], most_common_elem_freqs, greatest(reltuples, 0)
    FROM pg_stats, pg_class
    WHERE schemaname = ANY(current_schemas(false)) AND tablename = 'chat_messages_words_idx'
        AND most_common_elems IS NOT NULL AND pg_class.oid = 'chat_messages'::regclass
"""


@dataclass(frozen=True)
class Frequencies:
    """How many messages hold the commonest lexemes.

    Attributes:
        messages: How many there are, of everyone.
        shares: The share of them, 0 to 1, by lexeme; one at least.
    """

    messages: float
    shares: dict[str, float]

    @functools.cached_property
    def ordered(self) -> list[str]:
        """The lexemes in order."""
        return sorted(self.shares)

    @functools.cached_property
    def rare(self) -> float:
        """What any other lexeme's share is taken to be: it is at most that of the last."""
        return min(self.shares.values()) / 2

    def gathered(self, query: SearchQuery) -> float:
        """Return how many messages of everyone hold a word that an unfinished one begins."""
        beginnings = [term.words[-1] for term in query.terms if term.is_unfinished]
        return self.messages * sum(map(self._beginning, beginnings))

    def share(self, owner: uuid.UUID) -> float:
        """Return the share of the messages, 0 to 1, that are this user's."""
        return self._share(f"@{owner}")

    def with_rarest(self, query: SearchQuery) -> float:
        """Return how many messages of everyone hold the rarest of the words."""
        return self.messages * min(map(self._term, query.terms), default=1)

    def with_all(self, query: SearchQuery) -> float:
        """Return how many messages of everyone hold all words, as if none attracted another."""
        return self.messages * math.prod(map(self._term, query.terms))

    def _term(self, term: Term) -> float:
        words = text.pairs(term.words[0]) if term.is_cjk else term.words
        shares = [self._share(word) for word in words]
        if term.is_unfinished:
            shares[-1] = max(self.rare, self._beginning(words[-1]))
        others = sum(self.shares.get(word, 0) for word in term.alternatives[1:])
        return min(1, math.prod(shares) + others)

    def _share(self, lexeme: str) -> float:
        return self.shares.get(lexeme, self.rare)

    def _beginning(self, beginning: str) -> float:
        total = 0.0
        for lexeme in self.ordered[bisect.bisect_left(self.ordered, beginning) :]:
            if not lexeme.startswith(beginning):
                break
            total += self.shares[lexeme]
        return total


def frequencies(using: str) -> Frequencies | None:
    """Return what PostgreSQL knows; None if it never analyzed the index, and on SQLite."""
    if connections[using].vendor == "sqlite":
        return None
    return _read(using, int(time.monotonic() // VALID))


@functools.lru_cache(maxsize=4)
def _read(using: str, hour: int) -> Frequencies | None:
    with connections[using].cursor() as cursor:
        cursor.execute(STATISTICS)
        row = cursor.fetchone()
    if row is None:
        return None
    lexemes, shares, messages = row
    # After the shares stand the least, the greatest and that of no value at all.
    return Frequencies(messages, dict(zip(lexemes, shares, strict=False)))
