"""Render messages as HTML.

Neither what a model writes nor what a person pastes is trusted. There are three barriers: the
parser accepts no HTML, the sanitizer removes every tag and attribute not listed below, and the
page's Content-Security-Policy blocks foreign scripts and requests. Images are never shown:
loading one tells its server who reads the message, and a model can be tricked into writing an
address that contains parts of the conversation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from chat.rendering.highlighting import highlight

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
# A longer message is shown as plain text, because rendering it may take more than a second.
MAX_CHARACTERS = 40_000
# The parser drops what is nested deeper than PARSED_NESTING, so a message that is nested deeper
# than MAX_NESTING is shown as plain text. A list inside a list adds two levels.
MAX_NESTING = 20
PARSED_NESTING = 24
# HTML is cached for so many messages of at most so many characters: 30 MB at most.
MAX_CACHED_CHARACTERS = 5_000
CACHE_SIZE = 1_000

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
    return _cached(text) if len(text) <= MAX_CACHED_CHARACTERS else _render(text)


@lru_cache(maxsize=CACHE_SIZE)
def _cached(text: str) -> SafeString:
    return _render(text)


def _render(text: str) -> SafeString:
    if len(text) <= MAX_CHARACTERS:
        env: dict[str, Any] = {}
        tokens = _parser.parse(text, env)
        if all(token.level < MAX_NESTING for token in tokens):
            html = _parser.renderer.render(tokens, _parser.options, env)
            return mark_safe(_sanitizer.clean(html))  # noqa: S308 - sanitized
    return mark_safe(f'<div class="plain">{escape(text)}</div>')  # noqa: S308 - escaped


def _code_block(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """Render a code block, with its language above it if the language is known."""
    token = tokens[index]
    language = token.info.split()[0] if token.info.strip() else ""
    highlighted = None
    try:
        highlighted = highlight(token.content, language)
    except LookupError:
        language = ""
    code = escape(token.content) if highlighted is None else highlighted
    label = f'<div class="language">{escape(language)}</div>' if language else ""
    return f'<div class="code">{label}<pre><code>{code}</code></pre></div>\n'


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Render an image as a link to it, labelled with its description."""
    token = tokens[index]
    source = escape(str(token.attrGet("src") or ""))
    label = self.renderInlineAsText(token.children, options, env) if token.children else ""
    return f'<a href="{source}">{escape(label) or "image"}</a>'


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": False, "breaks": True, "maxNesting": PARSED_NESTING}
    ).enable(["table", "strikethrough"])
    parser.add_render_rule("fence", _code_block)
    parser.add_render_rule("code_block", _code_block)
    parser.add_render_rule("image", _image)
    return parser


_parser = _make_parser()
