"""A query in the language of each engine's index."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from chat.search import text
from chat.search.query import SearchQuery, Term
from chat.search.scope import Scope

# How long the spans last that messages are indexed under, in seconds, as in
# chat.0008_search_words: about twelve days.
SPAN = 1_048_576
# A longer word is in no tsvector, and a tsquery refuses it; in bytes.
LONGEST_WORD = 2046
NO_WORD = "@@"
BEYOND_ASCII = r"\u0080-\U0010ffff"
# What becomes an ASCII letter: Latin letters with accents, accents written after a letter, and
# the signs for Kelvin and Ångström.
ACCENTED = r"\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff\u212a\u212b"


def tsqueries(scope: Scope, spans: Sequence[int] | None = None) -> list[str]:
    """Return the texts of tsqueries that all have to match: of the user or the spans, of the words.

    PostgreSQL's index begins with the first one and leaps from what matches it to what may match
    the next. In a single one it begins with the rarest word, or the user, and looks all others
    up for each message that has it: with spans, of which one is enough, that takes up to ten
    times as long, and a quarter longer with words that seldom meet where the user wrote much.
    """
    whose, words = tsquery_scope(scope.owner, spans), tsquery_words(scope.query)
    if not words:
        return [whose]
    if spans is not None:
        return [whose, words]
    return [words, whose] if scope.words_first else [f"{words} & {whose}"]


def tsquery_scope(owner: uuid.UUID, spans: Sequence[int] | None = None) -> str:
    """Return the text of a tsquery: this user's messages, within the spans if any."""
    scopes = [f"'@{owner}'"] if spans is None else [f"'@{owner}+{n}'" for n in spans]
    return " | ".join(scopes)


def tsquery_words(query: SearchQuery) -> str:
    """Return the text of a tsquery: the words that must be there and those that must not.

    The words are letters and digits, so that nothing in them could need escaping. That a
    phrase's words stand next to each other is for `phrases` to say.
    """
    parts = [_tsquery_term(term) for term in query.terms]
    parts += [f"!({_tsquery_term(term)})" for term in query.excluded if len(term.words) == 1]
    return " & ".join(parts)


@dataclass(frozen=True)
class Phrase:
    """Words that must, or must not, stand next to each other.

    Attributes:
        words: What the words of a message hold then, a blank around each.
        pattern: What its text matches then, and seldom else: a regular expression of
            PostgreSQL's.
        wanted: Whether they must.
    """

    words: str
    pattern: str
    wanted: bool


def phrases(query: SearchQuery) -> list[Phrase]:
    """Return what the index, which knows no order, leaves to be looked at in each message."""
    return [
        Phrase(
            words=f" {' '.join(term.words)}" + ("" if term.prefix else " "),
            pattern="[^A-Za-z0-9]+".join(map(_unfolded, term.words)),
            wanted=wanted,
        )
        for terms, wanted in ((query.terms, True), (query.excluded, False))
        for term in terms
        if len(term.words) > 1
    ]


def first_looks(query: SearchQuery) -> list[str]:
    """Return regular expressions of PostgreSQL's, which the text of every hit matches.

    Few other texts do, and to match one takes a tenth of what cutting its words does.
    """
    return [
        f"(?:^|[^A-Za-z0-9])(?:{'|'.join(map(_unfolded, _beginnings(term.alternatives)))})"
        for term in query.terms
        if len(term.words) == 1 and not term.is_cjk
    ]


def _beginnings(words: Sequence[str]) -> list[str]:
    """Return those that begin with no other one."""
    return [word for word in words if not any(word.startswith(o) for o in words if o != word)]


def _unfolded(word: str) -> str:
    """Return a pattern for what may have become a word: é has become e, the Kelvin sign k."""
    letters = re.findall(r"[\x00-\x7f]|[^\x00-\x7f]+", word)
    return "".join(
        f"[{letter.upper()}{letter}{ACCENTED}]+" if letter.isascii() else f"[{BEYOND_ASCII}]+"
        for letter in letters
    )


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
        scopes = [f'"u{owner.hex}s{n}"' for n in spans]
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
