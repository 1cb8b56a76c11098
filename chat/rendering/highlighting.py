"""Colour code.

A lexer is a set of regular expressions, and some of them take exponential time: nothing that
runs here may run in a process that serves requests.
"""

from django.utils.html import escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

# Longer code is shown without colours.
MAX_CHARACTERS = 50_000

# Languages that describe diagrams. Drawing them would take programs that run in a page.
DIAGRAMS = {"mermaid", "dot", "graphviz", "plantuml", "puml", "d2"}

_formatter = HtmlFormatter[str](nowrap=True)


def code_block(code: str, language: str, *, colours: bool) -> str:
    """Return a code block as HTML, with the name of its language if it is known."""
    html = escape(code)
    if language.lower() in DIAGRAMS:
        label = f'<div class="language">{escape(language)} diagram, shown as text</div>'
        return f'<div class="code">{label}<pre><code>{html}</code></pre></div>\n'
    try:
        lexer = get_lexer_by_name(language)
        if colours and len(code) <= MAX_CHARACTERS:
            html = highlight(code, lexer, _formatter)
        label = f'<div class="language">{escape(language)}</div>'
    except ClassNotFound:
        label = ""
    return f'<div class="code">{label}<pre><code>{html}</code></pre></div>\n'
