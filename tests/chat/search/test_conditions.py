"""PostgreSQL's regular expressions that preselect messages."""

import re
import sys
import unicodedata

import pytest

from chat.search import conditions, text
from chat.search.query import SearchQuery, Term

pytestmark = pytest.mark.engines("any")


def test_patterns_match_every_text_with_the_words() -> None:
    """A text that a pattern does not match is not examined further."""
    missed = []
    for character in map(chr, range(sys.maxunicode)):
        is_phrase = character in "ﷺﷻ"  # several words in one letter
        if is_phrase or unicodedata.category(character) in {"Cs", "Cn", "Co"}:
            continue
        content = f"A{character}n – {character}b, d.C\u0301{character}\u0327e {character}"
        words = [word for word in text.words(content) if not text.IS_UNSPACED.match(word)]
        query = SearchQuery(
            [Term((word,), (word, "other")) for word in words] + [Term(tuple(words))]
        )
        patterns = conditions.word_patterns(query)
        patterns += [phrase.pattern for phrase in conditions.phrases(query)]
        missed += [(content, one) for one in patterns if not re.search(one, content)]
    assert missed == []


def test_patterns_reject_other_texts() -> None:
    query = SearchQuery([Term(("blue",), ("blue", "blues")), Term(("blue", "heron"))])
    (word,) = conditions.word_patterns(query)
    (phrase,) = conditions.phrases(query)
    for content, is_word, is_phrase in [
        ("Blue. Heron", True, True),
        ("the “blues”, herons", True, False),
        ("light-blue heron!", True, True),
        ("lightblue heron 🎉", False, True),
        ("heron blue", True, False),
        ("no such words — at all…", False, False),
    ]:
        assert bool(re.search(word, content)) is is_word
        assert bool(re.search(phrase.pattern, content)) is is_phrase
