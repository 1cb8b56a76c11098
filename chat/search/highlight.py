"""Where a query's words stand in a text: for snippets and for putting the best first."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from chat.search import text
from chat.search.query import SearchQuery, Term

# A letter and the accents written after it by themselves: they are folded as one.
ACCENTED = re.compile("[^\u0300-\u036f][\u0300-\u036f]+", re.DOTALL)
# How much of a message its snippet shows, in characters, and how much stands before the hit.
SHOWN = 240
LEAD = 60
# Python counts raised and broken digits among the letters; the index does not.
LETTER = rf"[^\W_{text.CJK}\u00b2\u00b3\u00b9\u00bc-\u00be]"
GAP = r"[\W_]+"


def pattern(query: SearchQuery) -> re.Pattern[str] | None:
    """Return what finds every place of a folded text that one of the terms stands in."""
    return _compiled(tuple(query.terms)) if query.terms else None


@lru_cache(maxsize=256)
def _compiled(terms: tuple[Term, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_of_term(term)})" for term in terms))


def _of_term(term: Term) -> str:
    if term.is_cjk:
        return "|".join(re.escape(pair) for pair in (term.words[0], *text.pairs(term.words[0])))
    end = f"{LETTER}*" if term.prefix else ""
    phrase = GAP.join(re.escape(_alike(word)) for word in term.words) + end
    others = [re.escape(word) for word in term.alternatives[1:]]
    return f"(?<!{LETTER})(?:{'|'.join([phrase, *others])})(?!{LETTER})"


def holds(query: SearchQuery, said: str) -> bool:
    """Whether a short text holds every term and none of the excluded."""
    folded = _folded(said)[0]

    def stands(term: Term) -> bool:
        return _compiled((term,)).search(folded) is not None

    return all(map(stands, query.terms)) and not any(map(stands, query.excluded))


def places(query: SearchQuery, said: str) -> list[tuple[int, int]]:
    """Return the start and end of every hit in `said`."""
    wanted = pattern(query)
    if wanted is None:
        return []
    folded, origin = _folded(said)
    if origin is None:
        return [hit.span() for hit in wanted.finditer(folded)]
    return [(origin[hit.start()], origin[hit.end()]) for hit in wanted.finditer(folded)]


def _folded(said: str) -> tuple[str, list[int] | None]:
    """Return the folded text and, where its characters moved, where each one came from."""
    if said.isascii():
        return said.lower(), None
    pieces: list[str] = []
    origin: list[int] = []
    at = 0
    for start, end in [*_clusters(said), (len(said), len(said))]:
        for place in range(at, start):
            piece = fold_character(said[place])
            pieces.append(piece)
            origin += [place] * len(piece)
        piece = _alike(text.fold(said[start:end]))
        pieces.append(piece)
        origin += [start] * len(piece)
        at = end
    return "".join(pieces), [*origin, len(said)]


def _clusters(said: str) -> list[tuple[int, int]]:
    """Return the start and end of what has to be folded as one."""
    if unicodedata.is_normalized("NFC", said):
        return [found.span() for found in ACCENTED.finditer(said)]
    # Marks and the parts of Korean syllables may become one with what they follow.
    starts = [
        place
        for place, character in enumerate(said)
        if place == 0
        or not (unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff")
    ]
    return [(start, end) for start, end in pairwise([*starts, len(said)]) if end - start > 1]


def _alike(folded: str) -> str:
    """Return a folded text in which a Greek word may end with either of the two sigmas.

    Which one a capital becomes depends on what stands around it.
    """
    return folded.replace("ς", "σ")


@lru_cache(maxsize=4096)
def fold_character(character: str) -> str:
    """Return one character folded."""
    return _alike(text.fold(character))


def snippet(query: SearchQuery, said: str) -> SafeString:
    """Return HTML: the part of `said` around the first hit, with every hit in <mark>."""
    found = places(query, said)
    start = max(0, found[0][0] - LEAD) if found else 0
    if start:
        blank = said.find(" ", start, start + LEAD // 2)
        start = blank + 1 if blank > 0 else start
    end = min(len(said), start + SHOWN)
    parts = ["… " if start else ""]
    at = start
    for first, last in found:
        if first < at:
            continue
        if first >= end:
            break
        parts += [escape(said[at:first]), "<mark>", escape(said[first:last]), "</mark>"]
        at = last
    parts += [escape(said[at:end]), " …" if end < len(said) else ""]
    return mark_safe("".join(parts))  # noqa: S308 - every piece of the text is escaped above


def score(query: SearchQuery, said: str) -> float:
    """Return how well `said` answers the query: higher is better.

    Each term counts once for standing there and less for each time more, as in BM25
    (k = 1.2, without a document frequency: all that is compared holds every term); a short
    text counts more than a long one, a word as it was typed more than another form of it.
    """
    wanted = pattern(query)
    if wanted is None:
        return 0.0
    folded = _alike(text.fold(said))
    counts: dict[str, int] = {}
    first = len(folded)
    for hit in wanted.finditer(folded):
        counts[hit.group()] = counts.get(hit.group(), 0) + 1
        first = min(first, hit.start())
    typed = {_alike(word) for term in query.terms for word in term.words}
    total = sum(
        (1.0 if form in typed or " " in form else 0.7) * times * 2.2 / (times + 1.2)
        for form, times in counts.items()
    )
    return total * (1.0 + 1.0 / (1.0 + first / 40)) / (1.0 + len(said) / 1_000)
