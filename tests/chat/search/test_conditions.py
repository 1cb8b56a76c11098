"""PostgreSQL's regular expressions that preselect messages."""

import re
import sys

from chat.search import conditions
from chat.search.query import parse
from chat.search.text import fold


def test_patterns_match_all_ways_to_write_a_letter() -> None:
    """A text that a pattern does not match is not examined further."""
    spellings: dict[str, list[str]] = {}
    for character in map(chr, range(sys.maxunicode)):
        folded = fold(character)
        if folded.isascii() and folded.isalnum():
            spellings.setdefault(folded, []).append(character)
    assert len(spellings) == 36
    assert sum(map(len, spellings.values())) > 500
    for letter, characters in spellings.items():
        (phrase,) = conditions.phrases(parse(f'"a{letter} {letter}b"'))
        (word,) = conditions.word_patterns(parse(f"{letter}x{letter}"))
        for character in characters:
            for before in ("", " ", "-", "中"):
                assert re.search(word, f"{before}{character}X{character}s")
                assert re.search(word, f"{before}{letter}\u0301x{character}\u0327")
            assert re.search(phrase.pattern, f"A{character} – {character}B")
            assert re.search(phrase.pattern, f"a{letter}\u0301-{character}\u0327b")
