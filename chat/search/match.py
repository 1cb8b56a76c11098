"""A query in the language of each engine's index."""

import datetime
import uuid
from dataclasses import dataclass
from typing import Self

from chat.search import text
from chat.search.query import SearchQuery, Term

# How long the spans last that messages are indexed under, in seconds, as in
# chat.0006_search_document: about twelve days.
SPAN = 1_048_576


@dataclass(frozen=True)
class Window:
    """The two latest spans of time that messages are looked for in first.

    Attributes:
        last: The number of the later span, counted from 1970.
    """

    last: int

    @classmethod
    def until(cls, moment: datetime.datetime) -> Self:
        """Return the window whose later span this moment lies in."""
        return cls(max(0, int(moment.timestamp() // SPAN)))

    @property
    def spans(self) -> list[int]:
        """Return the numbers of the spans."""
        return [n for n in (self.last - 1, self.last) if n >= 0]

    @property
    def start(self) -> datetime.datetime:
        """Return the first moment."""
        return datetime.datetime.fromtimestamp(self.spans[0] * SPAN, datetime.UTC)


def tsquery(query: SearchQuery, owner: uuid.UUID) -> str:
    """Return the text of a tsquery: this user's messages.

    The words are letters and digits, so that nothing in them could need quoting.
    """
    return f"'@{owner}'{tsquery_words(query)}"


def tsquery_words(query: SearchQuery) -> str:
    """Return what follows the user or the window in the text of a tsquery."""
    parts = [f" & {_tsquery_term(term)}" for term in query.terms]
    parts += [f" & !({_tsquery_term(term)})" for term in query.excluded]
    return "".join(parts)


def _tsquery_term(term: Term) -> str:
    if term.is_cjk:
        run = term.words[0]
        if len(run) == 1:
            return f"'{run}':*"
        return "(" + " & ".join(f"'{pair}'" for pair in text.pairs(run)) + ")"
    mark = ":*" if term.prefix else ""
    phrase = " <-> ".join(f"'{word}'" for word in term.words) + mark
    others = [f"'{word}'" for word in term.alternatives[1:]]
    return f"({' | '.join([phrase, *others])})"


def fts5(query: SearchQuery, owner: uuid.UUID, window: Window | None = None) -> str:
    """Return the text of an FTS5 query: this user's messages, within the window if any."""
    scopes = [f'"u{owner.hex}"']
    if window:
        scopes = [f'"u{owner.hex}s{n}"' for n in window.spans]
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
