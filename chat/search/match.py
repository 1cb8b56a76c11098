"""A query in the language of each engine's index."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from chat.search import text
from chat.search.query import SearchQuery, Term

# How long the spans last that messages are indexed under, in seconds, as in
# chat.0008_search_words: about twelve days.
SPAN = 1_048_576


@dataclass(frozen=True)
class Window:
    """Some spans of time that messages are looked for in.

    Attributes:
        first: How many spans before the newest message's own the window begins.
        last: How many before it ends; 0 takes in the newest message.
    """

    first: int
    last: int

    def spans(self, newest: datetime.datetime) -> list[int]:
        """Return the numbers of the spans, counted from 1970."""
        top = max(0, int(newest.timestamp() // SPAN))
        return [n for n in range(top - self.first, top - self.last + 1) if n >= 0]

    def start(self, newest: datetime.datetime) -> datetime.datetime:
        """Return the first moment."""
        first = (self.spans(newest) or [0])[0]
        return datetime.datetime.fromtimestamp(first * SPAN, datetime.UTC)


# Looked at one after the other until there are enough hits: the latest days, then the last
# five weeks; what comes after is everything.
WINDOWS = (Window(0, 0), Window(2, 1))
# A longer word is in no tsvector, and a tsquery refuses it; in bytes.
LONGEST_WORD = 2046
NO_WORD = "@@"


def tsquery(query: SearchQuery, owner: uuid.UUID) -> str:
    """Return the text of a tsquery: this user's messages.

    The words are letters and digits, so that nothing in them could need escaping.
    """
    return f"'@{owner}'{tsquery_words(query)}"


def tsquery_words(query: SearchQuery) -> str:
    """Return what follows the user or the window in the text of a tsquery.

    That a phrase's words stand next to each other is for `phrases` to say.
    """
    parts = [f" & {_tsquery_term(term)}" for term in query.terms]
    parts += [f" & !({_tsquery_term(term)})" for term in query.excluded if len(term.words) == 1]
    return "".join(parts)


def phrases(query: SearchQuery) -> list[tuple[str, bool]]:
    """Return what the words of a message, a blank around each, must hold, and must not."""
    return [
        (f" {' '.join(term.words)}" + ("" if term.prefix else " "), wanted)
        for terms, wanted in ((query.terms, True), (query.excluded, False))
        for term in terms
        if len(term.words) > 1
    ]


def _tsquery_term(term: Term) -> str:
    if term.is_cjk:
        run = term.words[0]
        if len(run) == 1:
            return f"'{run}':*"
        return "(" + " & ".join(f"'{pair}'" for pair in text.pairs(run)) + ")"
    mark = ":*" if term.prefix else ""
    together = " & ".join(map(_lexeme, term.words)) + mark
    others = map(_lexeme, term.alternatives[1:])
    return f"({' | '.join([together, *others])})"


def _lexeme(word: str) -> str:
    return f"'{word if len(word.encode()) <= LONGEST_WORD else NO_WORD}'"


def fts5(query: SearchQuery, owner: uuid.UUID, spans: Sequence[int] | None = None) -> str:
    """Return the text of an FTS5 query: this user's messages, within the spans if any."""
    scopes = [f'"u{owner.hex}"']
    if spans is not None:
        scopes = [f'"u{owner.hex}s{n}"' for n in spans] or ['"none"']
    parts = [f"scope : ({' OR '.join(scopes)})"]
    parts += [f"words : {_fts5_term(term)}" for term in query.terms]
    wanted = " AND ".join(parts)
    if not query.excluded:
        return wanted
    unwanted = " OR ".join(f"words : {_fts5_term(term)}" for term in query.excluded)
    return f"({wanted}) NOT ({unwanted})"


def _fts5_term(term: Term) -> str:
    if term.is_cjk:
        run = term.words[0]
        if len(run) == 1:
            return f'("{run}" *)'
        return "(" + " AND ".join(f'"{pair}"' for pair in text.pairs(run)) + ")"
    phrase = f'"{" ".join(term.words)}"' + (" *" if term.prefix else "")
    others = [f'"{word}"' for word in term.alternatives[1:]]
    return f"({' OR '.join([phrase, *others])})"
