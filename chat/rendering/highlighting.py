"""Highlight code blocks."""

from __future__ import annotations

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

MAX_CHARACTERS = 20_000

_formatter = HtmlFormatter[str](nowrap=True)


def highlight(code: str, language: str) -> str | None:
    """Return the code as highlighted HTML.

    Returns:
        None if the code is longer than MAX_CHARACTERS.

    Raises:
        LookupError: The language is unknown.
    """
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        raise LookupError(language) from None
    return pygments.highlight(code, lexer, _formatter) if len(code) <= MAX_CHARACTERS else None
