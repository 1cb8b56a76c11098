"""Render Markdown as HTML that is safe on a page, whoever wrote it.

Three barriers follow each other: the parser treats HTML as text, the sanitizer allows only the
tags below, and the page's Content-Security-Policy neither runs nor fetches anything foreign.
Images become links: to fetch one tells its server that it was read, and a model can be talked
into writing an address that contains the conversation.

Rendering takes milliseconds for normal texts, but has no bound for others. Requests call
`pool.render`, which runs it in a process with limits.
"""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import nh3
from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from chat.rendering import formulas, syntax
from chat.rendering.highlighting import code_block

# Rises with every change of the HTML, so that messages are rendered again.
VERSION = 2
TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
    *("span", "div", "sup"),
    *formulas.TAGS,
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start", "class"},
    **{tag: {"class"} for tag in ("span", "div", "th", "td", "li", "sup")},
    **dict.fromkeys(formulas.TAGS, formulas.ATTRIBUTES),
}
SCHEMES = {"http", "https", "mailto"}
# The parser drops what is nested deeper than it descends. A text that is nested almost as deep is
# shown as written. A list in a list is two levels.
MAX_NESTING = 20
PARSED_NESTING = 24


def _filter(tag: str, attribute: str, value: str) -> str | None:
    """Return the value of an allowed attribute; None drops it. A formula stays in its place."""
    is_length = tag in formulas.TAGS and attribute in formulas.LENGTHS
    return None if is_length and not formulas.LENGTH.fullmatch(value) else value


_sanitizer = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_filter,
    url_schemes=SCHEMES,
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def render(text: str, *, colours: bool = True) -> str:
    """Return `text` as safe HTML, with or without colours in code."""
    env: dict[str, Any] = {"colours": colours}
    tokens = _parser.parse(text, env)
    if any(token.level >= MAX_NESTING for token in tokens):
        return plain(text)
    return _sanitizer.clean(_parser.renderer.render(tokens, _parser.options, env))


def digest(text: str) -> uuid.UUID:
    """Return a key for what `render` returns for a text."""
    source = f"{VERSION}:{text}".encode("utf-8", "surrogatepass")
    return uuid.UUID(bytes=hashlib.blake2b(source, digest_size=16).digest())


def plain(text: str) -> str:
    """Return `text` as HTML that shows it as it was written."""
    return f'<div class="plain">{escape(text)}</div>'


def _code_block(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    token = tokens[index]
    language = token.info.split()[0] if token.info.strip() else ""
    return code_block(token.content, language, colours=env["colours"])


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Return a link to the image, or its source as text, with its description."""
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    words = self.renderInlineAsText(token.children, options, env) if token.children else ""
    description = escape(words) or "image"
    if href := syntax.external(source):
        return f'<a href="{escape(href)}">{description}</a>'
    return f"{description} ({escape(source)})"


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": False, "breaks": True, "maxNesting": PARSED_NESTING}
    ).enable(["table", "strikethrough"])
    parser.use(syntax.extend)
    parser.use(formulas.extend)
    parser.add_render_rule("fence", _code_block)
    parser.add_render_rule("code_block", _code_block)
    parser.add_render_rule("image", _image)
    return parser


_parser = _make_parser()
