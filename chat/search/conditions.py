"""Write a query in the query language of the engine's index: tsquery or FTS5."""

import datetime
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chat.search import text
from chat.search.query import SearchQuery, Term

# The index holds the time of a message as the number of its period: 2^20 seconds, about
# twelve days, counted from 1970. The migrations' functions use the same number.
PERIOD_SECONDS = 1_048_576
# PostgreSQL refuses longer words, in bytes. They are not in the index.
MAX_WORD_BYTES = 2046
NO_WORD = "@@"
# A word of a text that is not all ASCII, and perhaps more.
NON_ASCII_WORD = rf"[A-Za-z0-9]*[^\u0001-\u007f{text.SEPARATORS}]\S*"


@dataclass(frozen=True)
class Cursor:
    """A position in the order of time; the next page is what is older."""

    created_at: datetime.datetime
    id: uuid.UUID


@dataclass(frozen=True)
class Scope:
    """The messages to search.

    Attributes:
        owner: The id of the user whose messages they are.
        query: What they must match.
        threads: The threads they must be in; None for all.
        cursor: The position they must be older than.
    """

    owner: uuid.UUID
    query: SearchQuery
    threads: list[uuid.UUID] | None = None
    cursor: Cursor | None = None


def tsquery_owner(owner: uuid.UUID, periods: Iterable[int] | None = None) -> str:
    """Return a tsquery for a user's messages, of some periods only if given."""
    if periods is None:
        return f"'@{owner}'"
    return " | ".join(f"'@{owner}+{period}'" for period in periods)


def tsquery_words(query: SearchQuery) -> str:
    """Return a tsquery for the words of a query; "" if there are none.

    Words consist of letters and digits, so they need no escaping. The order of a phrase's
    words is checked by `phrases`.
    """
    parts = [_tsquery_term(term) for term in query.terms]
    parts += [f"!({_tsquery_term(term)})" for term in query.excluded if not term.is_phrase]
    return " & ".join(parts)


def _tsquery_term(term: Term) -> str:
    if term.is_unspaced:
        run = term.words[0]
        if len(run) == 1:
            return f"'{run}':*"
        return "(" + " & ".join(f"'{bigram}'" for bigram in text.bigrams(run)) + ")"
    phrase = " & ".join(map(_lexeme, term.words)) + (":*" if term.prefix else "")
    return f"({' | '.join([phrase, *map(_lexeme, term.alternatives[1:])])})"


def _lexeme(word: str) -> str:
    return f"'{word if len(word.encode()) <= MAX_WORD_BYTES else NO_WORD}'"


@dataclass(frozen=True)
class Phrase:
    """Words that must be next to each other, or must not.

    Attributes:
        words: The words, with a blank between them and around them.
        pattern: A PostgreSQL regular expression that matches every text with these words, and
            few others. It is much faster than splitting a text into words.
        is_excluded: Whether a message with these words does not match.
    """

    words: str
    pattern: str
    is_excluded: bool


def phrases(query: SearchQuery) -> list[Phrase]:
    """Return the phrases of a query. PostgreSQL's index does not know the order of words."""
    return [
        Phrase(
            words=f" {' '.join(term.words)}" + ("" if term.prefix else " "),
            pattern="[^A-Za-z0-9]*".join(_pattern([word]) for word in term.words),
            is_excluded=is_excluded,
        )
        for terms, is_excluded in ((query.terms, False), (query.excluded, True))
        for term in terms
        if term.is_phrase
    ]


def word_patterns(query: SearchQuery) -> list[str]:
    """Return PostgreSQL regular expressions that match every text with the words of a query.

    Few other texts match, and a match takes a tenth of the time of splitting a text into words.
    """
    return [
        f"(?:^|[^A-Za-z0-9]){_pattern(_shortest(term.alternatives))}"
        for term in query.terms
        if not term.is_phrase and not term.is_unspaced
    ]


def _shortest(words: Sequence[str]) -> list[str]:
    """Return the words that do not begin with another of the words."""
    return [word for word in words if not any(word.startswith(w) for w in words if w != word)]


def _pattern(words: Iterable[str]) -> str:
    """Return a pattern for what may fold to one of the words.

    A word in ASCII letters is written so, in any case, or with a letter such as ß or é that may
    fold to any letters.
    """
    ascii_words = ["".join(map(_any_case, word)) for word in words if word.isascii()]
    return f"(?:{'|'.join([*ascii_words, NON_ASCII_WORD])})"


def _any_case(letter: str) -> str:
    return f"[{letter.upper()}{letter}]" if letter.isalpha() else letter


def fts5(query: SearchQuery, owner: uuid.UUID, periods: Iterable[int] | None = None) -> str:
    """Return an FTS5 query for a user's messages, of some periods only if given."""
    owners = [f'"u{owner.hex}"']
    if periods is not None:
        owners = [f'"u{owner.hex}s{period}"' for period in periods]
    parts = [f"scope : ({' OR '.join(owners)})"]
    parts += [f"words : {_fts5_term(term)}" for term in query.terms]
    included = " AND ".join(parts)
    if not query.excluded:
        return included
    excluded = " OR ".join(f"words : {_fts5_term(term)}" for term in query.excluded)
    return f"({included}) NOT ({excluded})"


def _fts5_term(term: Term) -> str:
    if term.is_unspaced:
        run = term.words[0]
        if len(run) == 1:
            return f'("{run}" *)'
        return "(" + " AND ".join(f'"{bigram}"' for bigram in text.bigrams(run)) + ")"
    phrase = f'"{" ".join(term.words)}"' + (" *" if term.prefix else "")
    others = [f'"{word}"' for word in term.alternatives[1:]]
    return f"({' OR '.join([phrase, *others])})"
