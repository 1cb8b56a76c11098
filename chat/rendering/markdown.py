"""Messages as HTML: what a model wrote is not to be trusted, nor is what was pasted.

Three gates, one after the other: the parser takes no HTML in, the sanitizer lets only the
tags below out, and the page's Content-Security-Policy runs and fetches nothing foreign.
Images are left out altogether: fetching one tells its server what it likes, and a model can
be talked into writing an address that carries the conversation away.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
    *("span", "div"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "span": {"class"}, "div": {"class"}}
SCHEMES = {"http", "https", "mailto"}
# Beyond these a message is shown as plain text: rendering takes milliseconds for what people
# and models write, and may take a second at most for what they should not have written.
MOST_CHARACTERS = 40_000
MOST_HIGHLIGHTED = 20_000
# The parser leaves out what it does not descend to, so well before that a message is shown as
# it was written. A list in a list is two levels.
MOST_NESTING = 20
PARSED_NESTING = 24
# Of the messages up to so many characters, so many are remembered: some 30 MB at most.
MOST_REMEMBERED = 5_000
REMEMBERED = 1_000

_formatter = HtmlFormatter[str](nowrap=True)
_sanitizer = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes=SCHEMES,
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def render(text: str) -> SafeString:
    """Return `text` as HTML that is safe to put on a page."""
    return _remembered(text) if len(text) <= MOST_REMEMBERED else _render(text)


@lru_cache(maxsize=REMEMBERED)
def _remembered(text: str) -> SafeString:
    return _render(text)


def _render(text: str) -> SafeString:
    if len(text) <= MOST_CHARACTERS:
        env: dict[str, Any] = {}
        tokens = _parser.parse(text, env)
        if all(token.level < MOST_NESTING for token in tokens):
            html = _parser.renderer.render(tokens, _parser.options, env)
            return mark_safe(_sanitizer.clean(html))  # noqa: S308 - sanitized
    return mark_safe(f'<div class="plain">{escape(text)}</div>')  # noqa: S308 - escaped


def _code_block(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """Return a fenced block with its language's name and, if it is known, its colours."""
    token = tokens[index]
    name = token.info.split()[0] if token.info.strip() else ""
    code = escape(token.content)
    if len(token.content) <= MOST_HIGHLIGHTED:
        try:
            code = highlight(token.content, get_lexer_by_name(name), _formatter)
        except ClassNotFound:
            name = ""
    label = f'<div class="language">{escape(name)}</div>' if name else ""
    return f'<div class="code">{label}<pre><code>{code}</code></pre></div>\n'


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Return an image's description, with a link where there was the image."""
    token = tokens[index]
    source = escape(str(token.attrGet("src") or ""))
    words = self.renderInlineAsText(token.children, options, env) if token.children else ""
    return f'<a href="{source}">{escape(words) or "image"}</a>'


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": False, "breaks": True, "maxNesting": PARSED_NESTING}
    ).enable(["table", "strikethrough"])
    parser.add_render_rule("fence", _code_block)
    parser.add_render_rule("code_block", _code_block)
    parser.add_render_rule("image", _image)
    return parser


_parser = _make_parser()
