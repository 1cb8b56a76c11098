"""Mark the matches of a query in a text."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from chat.search import text
from chat.search.query import SearchQuery, Term

# Half-width Japanese voicing marks, which are folded together with the letter before.
VOICING = re.compile("[\uff9e\uff9f]")
# The length of a snippet and of what it shows before the first match, in characters.
SNIPPET_LENGTH = 240
LEAD_LENGTH = 60
# In a folded text, where all separators are ASCII.
LETTER = rf"[^\x00-/:-@\[-`{{-\x7f{text.UNSPACED}]"
GAP = r"[\x00-/:-@\[-`{-\x7f]+"


def snippet(query: SearchQuery, content: str) -> SafeString:
    """Return HTML: the part of `content` around the first match, each match in <mark>."""
    matches = find_matches(query, content)
    start = max(0, matches[0][0] - LEAD_LENGTH) if matches else 0
    if start:
        blank = content.find(" ", start, start + LEAD_LENGTH // 2)
        start = blank + 1 if blank > 0 else start
    end = min(len(content), start + SNIPPET_LENGTH)
    parts = ["… " if start else ""]
    shown = start
    for first, last in matches:
        if first < shown:
            continue
        if first >= end:
            break
        parts += [escape(content[shown:first]), "<mark>", escape(content[first:last]), "</mark>"]
        shown = last
    parts += [escape(content[shown:end]), " …" if end < len(content) else ""]
    return mark_safe("".join(parts))  # noqa: S308 - all parts of the text are escaped


def contains_terms(query: SearchQuery, content: str) -> bool:
    """Whether a short text contains every term and no excluded one."""
    folded = text.fold(content)

    def contains(term: Term) -> bool:
        pattern = pattern_of((term,))
        return pattern is not None and pattern.search(folded) is not None

    return all(map(contains, query.terms)) and not any(map(contains, query.excluded))


def find_matches(query: SearchQuery, content: str) -> list[tuple[int, int]]:
    """Return the start and the end of every match in `content`."""
    pattern = pattern_of(tuple(query.terms))
    if pattern is None:
        return []
    folded, origins = fold_with_origins(content)
    if origins is None:
        return [match.span() for match in pattern.finditer(folded)]
    return [(origins[match.start()], origins[match.end()]) for match in pattern.finditer(folded)]


@lru_cache(maxsize=256)
def pattern_of(terms: tuple[Term, ...]) -> re.Pattern[str] | None:
    """Return what matches every place of one of the terms in a folded text; None without terms."""
    return (
        re.compile("|".join(f"(?:{_pattern_of_term(term)})" for term in terms)) if terms else None
    )


def _pattern_of_term(term: Term) -> str:
    if term.is_unspaced:
        run = term.words[0]
        return "|".join(re.escape(part) for part in (run, *text.bigrams(run)))
    end = f"{LETTER}*" if term.prefix else ""
    phrase = GAP.join(re.escape(word) for word in term.words) + end
    others = [re.escape(word) for word in term.alternatives[1:]]
    return f"(?<!{LETTER})(?:{'|'.join([phrase, *others])})(?!{LETTER})"


def fold_with_origins(content: str) -> tuple[str, list[int] | None]:
    """Return the folded text and the position in `content` of each of its characters.

    The positions are None where they are the same, and end with the length of the text.
    """
    if content.isascii():
        return content.lower(), None
    folded: list[str] = []
    origins: list[int] = []

    def add(part: str, start: int) -> None:
        folded.append(part)
        origins.extend([start] * len(part))

    done = 0
    for start, end in [*_clusters(content), (len(content), len(content))]:
        for position in range(done, start):
            add(_fold_character(content[position]), position)
        add(text.fold(content[start:end]), start)
        done = end
    return "".join(folded), [*origins, len(content)]


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    return text.fold(character)


def _clusters(content: str) -> list[tuple[int, int]]:
    """Return the start and the end of the sequences that must be folded together."""
    if unicodedata.is_normalized("NFC", content) and not VOICING.search(content):
        return []  # what is left to join are marks, which fold to nothing
    starts = [
        position
        for position, character in enumerate(content)
        if position == 0 or not _is_joined(character)
    ]
    return [(start, end) for start, end in pairwise([*starts, len(content)]) if end - start > 1]


def _is_joined(character: str) -> bool:
    """Whether a character may become one with what it follows: a mark, or part of a syllable."""
    return (
        unicodedata.category(character)[0] == "M"
        or "\u1160" <= character <= "\u11ff"
        or VOICING.match(character) is not None
    )
