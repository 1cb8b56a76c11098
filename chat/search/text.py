"""Words as the search index has them.

The same rules stand in SQL, for PostgreSQL in chat.0008_search_words and for SQLite in
chat.0006_search_document; tests/chat/search/cases.py holds the three to one meaning.
"""

import re
import unicodedata

CJK = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003134f"
)
ACCENTS = re.compile("([A-Za-z])[\u0300-\u036f]+")
RUN = re.compile(f"[{CJK}]+|[^{CJK}]+")
IS_CJK = re.compile(f"[{CJK}]")
# Only the beginning of a message is indexed: a tsvector is limited to 1 MB.
INDEXED_LENGTH = 50_000


def fold(text: str) -> str:
    """Return `text` in lower case and without accents on Latin letters."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", ACCENTS.sub(r"\1", decomposed)).lower()


def words(text: str) -> list[str]:
    """Return the folded words of `text`: runs of letters and digits, CJK runs apart."""
    spaced = "".join(c if is_letter(c) else " " for c in fold(text))
    return [run for word in spaced.split() for run in RUN.findall(word)]


def is_letter(character: str) -> bool:
    """Whether a character is part of a word: a letter, a digit or a combining mark."""
    if character.isascii():
        return character.isalnum()
    category = unicodedata.category(character)
    # Variation selectors are marks too, but follow an emoji.
    return (
        category[0] == "L"
        or category == "Nd"
        or (category[0] == "M" and not "\ufe00" <= character <= "\ufe0f")
    )


def bigrams(run: str) -> list[str]:
    """Return the bigrams of a CJK run: 北京, 京烤 and 烤鸭 of 北京烤鸭."""
    return [run[n : n + 2] for n in range(len(run) - 1)] or [run]
