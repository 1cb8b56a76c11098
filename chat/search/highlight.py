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
# How much of a long text a snippet is made of, in characters.
READ_LENGTH = 4000
# Repetitions that could be tried from every character are limited, so that no text takes long.
MARKDOWN = [
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^ {0,3}(```+|~~~+).*$", ""),  # the fences of code
        (
            r"^[ \t]{0,9}\|?[ \t]{0,9}:?-{2,}:?[ \t]{0,9}(\|[ \t:|-]*)?$",
            "",
        ),  # the line below a table's head
        (r"^[ \t]*(#{1,6}|>|[-*+]|\d{1,9}[.)])[ \t]+", ""),  # headings, quotations, list items
        (r"^\[[ xX]\][ \t]+", ""),  # the box of a task
        (r"!?\[([^\[\]\n]*)\]\([^()\s]*\)", r"\1"),  # links and images
        (r"(\*\*|__|~~)(?=\S)(.{1,200}?)(?<=\S)\1", r"\2"),  # strong and deleted text
        (r"(?<![\w*])([*_])(?=\S)([^*_\n]+)(?<=\S)\1(?![\w*])", r"\2"),  # emphasis
        (r"`{1,3}([^`\n]+)`{1,3}", r"\1"),  # code
        (r"[ \t]{0,9}\|[ \t]{0,9}", " "),  # the cells of a table
        (r"\n{2,}", "\n"),
    )
]
# In a folded text, where all separators are ASCII.
LETTER = rf"[^\x00-/:-@\[-`{{-\x7f{text.UNSPACED}]"
GAP = r"[\x00-/:-@\[-`{-\x7f]+"


def snippet(query: SearchQuery, content: str) -> SafeString:
    """Return HTML: the part of `content` around the first match, each match in <mark>.

    The signs of Markdown are left out, unless the match is in one, such as the target of a link.
    """
    plain = without_markdown(around_first_match(query, content))
    if matches := find_matches(query, plain):
        content = plain
    else:
        matches = find_matches(query, content)
        content = content if matches else plain
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


def around_first_match(query: SearchQuery, content: str) -> str:
    """Return the part of a long text that a snippet can be made of."""
    if len(content) <= READ_LENGTH:
        return content
    first = next(iter(find_matches(query, content)), (0, 0))[0]
    start = max(0, first - READ_LENGTH // 2)
    return content[start : start + READ_LENGTH]


def without_markdown(content: str) -> str:
    """Return a text without the signs of Markdown."""
    for pattern, replacement in MARKDOWN:
        content = pattern.sub(replacement, content)
    return content.strip()


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
