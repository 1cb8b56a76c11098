r"""Extend CommonMark by what GitHub and models write.

- Addresses in the text are links: https://…, www.… and e-mail addresses.
- A link that leads nowhere outside this site shows its target as text.
- A table's columns are aligned by classes, because the page allows no inline styles.
- Emphasis ends beside punctuation that a Chinese or Japanese character follows.
- An item of a list that begins with [ ] or [x] is a task.
- The notes of a text stand at its end; `formulas` adds formulas.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.emphasis import tokenize as tokenize_emphasis
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

EXTERNAL = re.compile(r"https?://|mailto:", re.IGNORECASE)
# As in the specification of GitHub Flavored Markdown, "Autolinks (extension)".
ADDRESS = re.compile(
    r"""
    (?<![A-Za-z0-9_@./+-])
    (?:
        (?P<url>(?:https?://|www\.)[^\s<，。；：！？（）《》「」、]+)
      | (?P<email>[A-Za-z0-9._+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z0-9_-]*[A-Za-z0-9])
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
HOST = re.compile(r"(?:https?://|www\.)(?:[\w-]+\.)*[^\W_][\w-]*", re.IGNORECASE)
ENTITY = re.compile(r"&[A-Za-z0-9]+;$")
# A box cannot be ticked here, so it is a sign and not a control of a form.
TASK = re.compile(r"\[([ xX])\]\s+")
BOXES = {" ": "\N{BALLOT BOX} ", "x": "\N{BALLOT BOX WITH CHECK} "}


def extend(parser: MarkdownIt) -> None:
    """Add the extensions to a parser."""
    parser.use(footnote_plugin, inline=False)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.core.ruler.push("table_classes", _table_classes)
    parser.core.ruler.push("external_links", _external_links)
    parser.core.ruler.push("addresses", _addresses)
    parser.core.ruler.after("inline", "tasks", _tasks)
    parser.add_render_rule("footnote_ref", _note_mark)
    parser.add_render_rule("footnote_block_open", lambda *_: '<hr>\n<ol class="notes">\n')
    parser.add_render_rule("footnote_block_close", lambda *_: "</ol>\n")
    parser.add_render_rule("footnote_open", lambda *_: "<li>")
    parser.add_render_rule("footnote_anchor", lambda *_: "")


def external(href: str) -> str:
    """Return the address that a link leads to outside this site; "" for any other link."""
    if href.startswith("//"):
        return f"https:{href}"
    return href if EXTERNAL.match(href) else ""


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Parse emphasis; a wide character beside the stars counts as a border of a word."""
    start = state.pos
    if silent or state.src[start] != "*":
        return tokenize_emphasis(state, silent)
    stars = state.scanDelims(start, True)
    end = start + stars.length
    before = state.src[start - 1] if start else " "
    after = state.src[end] if end < state.posMax else " "
    can_open = stars.can_open or (_is_wide(before) and not after.isspace())
    can_close = stars.can_close or (_is_wide(after) and not before.isspace())
    for _ in range(stars.length):
        state.push("text", "", 0).content = "*"
        state.delimiters.append(
            Delimiter(
                marker=ord("*"),
                length=stars.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=can_open,
                close=can_close,
            )
        )
    state.pos = end
    return True


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F"}


def _table_classes(state: StateCore) -> None:
    for token in state.tokens:
        style = token.attrGet("style") if token.type in {"th_open", "td_open"} else None
        if style:
            token.attrs = {"class": str(style).replace("text-align:", "align-")}


def _tasks(state: StateCore) -> None:
    """Show the items that begin with a box as tasks."""
    tokens = state.tokens
    for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_item = item.type == "list_item_open" and paragraph.type == "paragraph_open"
        words = inline.children[0] if is_item and inline.children else None
        match = TASK.match(words.content) if words and words.type == "text" else None
        if words and match:
            item.attrSet("class", "task")
            words.content = BOXES[match[1].lower()] + words.content[match.end() :]


def _note_mark(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """Return the number of a note. It is no link: the page may show the same text twice."""
    return f'<sup class="note">{tokens[index].meta["id"] + 1}</sup>'


def _external_links(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_without_internal_links(token.children))


def _without_internal_links(tokens: list[Token]) -> Iterator[Token]:
    target = ""
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrGet("href") or "")
            target = "" if external(href) else href
            if target:
                continue
            token.attrSet("href", external(href))
        elif token.type == "link_close" and target:
            yield _text(f" ({target})", token.level)
            target = ""
            continue
        yield token


def _addresses(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_with_addresses(state.md, token.children))


def _with_addresses(parser: MarkdownIt, tokens: list[Token]) -> Iterator[Token]:
    is_in_link = False
    for token in tokens:
        if token.type in {"link_open", "link_close"}:
            is_in_link = token.type == "link_open"
        if token.type != "text" or is_in_link:
            yield token
            continue
        shown = 0
        for match in ADDRESS.finditer(token.content):
            address = match["email"] or _trimmed(match["url"])
            href = parser.normalizeLink(_href(address, is_email=bool(match["email"])))
            if not address or not parser.validateLink(href):
                continue
            yield _text(token.content[shown : match.start()], token.level)
            yield from _link(href, address, token.level)
            shown = match.start() + len(address)
        yield _text(token.content[shown:], token.level)


def _trimmed(url: str) -> str:
    """Return an address without the punctuation that belongs to the sentence; "" if it is none."""
    while url:
        entity = ENTITY.search(url)
        if entity:
            url = url[: entity.start()]
        elif url[-1] in "?!.,:;*_~'\"" or (url[-1] == ")" and url.count(")") > url.count("(")):
            url = url[:-1]
        else:
            break
    return url if HOST.match(url) else ""


def _href(address: str, *, is_email: bool) -> str:
    if is_email:
        return f"mailto:{address}"
    return address if EXTERNAL.match(address) else f"http://{address}"


def _text(content: str, level: int) -> Token:
    return Token("text", "", 0, content=content, level=level)


def _link(href: str, content: str, level: int) -> list[Token]:
    return [
        Token("link_open", "a", 1, attrs={"href": href}, level=level),
        _text(content, level + 1),
        Token("link_close", "a", -1, level=level),
    ]
