"""Clean text of characters that a database or a page cannot take."""

import re

from uploads.unicode import REPLACEMENT, storable

__all__ = ["REPLACEMENT", "one_line", "split_surrogate", "storable"]

CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0 and C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of the text around them
    "\u2028\u2029\ufeff]"
)


def split_surrogate(text: str) -> tuple[str, str]:
    """Return `text` without a trailing high surrogate, and that surrogate.

    Servers that count in UTF-16 may send the two surrogates of a character in two events.
    """
    return (text[:-1], text[-1]) if "\ud800" <= text[-1:] <= "\udbff" else (text, "")


def one_line(text: str) -> str:
    """Return `text` on one line, without control characters and direction marks."""
    return " ".join(CONTROLS.sub(" ", storable(text)).split())
