r"""Formulas: LaTeX in a text, as MathML.

`$…$` and `\(…\)` stand in a line. `$$…$$`, `\[…\]` and `\begin{align}…\end{align}` have lines of
their own. A dollar sign before an amount of money begins no formula. What cannot be converted is
shown as code.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.utils.html import escape
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# The elements and attributes of MathML that the sanitizer allows. Lengths are limited by LENGTH.
TAGS = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msup", "msub", "msubsup", "mfrac"),
    *("msqrt", "mroot", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle"),
    *("menclose", "mpadded", "mphantom", "mmultiscripts", "mprescripts", "none"),
}
LENGTHS = {"width", "height", "depth", "minsize", "maxsize", "lspace", "rspace", "linethickness"}
LENGTH = re.compile(r"-?[0-9]?(\.[0-9]{1,3})?(em|ex|px|pt)?|[a-z]{1,30}")
ATTRIBUTES = LENGTHS | {
    *("display", "displaystyle", "scriptlevel", "mathvariant", "stretchy", "fence", "form"),
    *("accent", "accentunder", "movablelimits", "separator", "symmetric", "largeop"),
    *("columnalign", "columnlines", "rowlines", "notation", "mathcolor"),
}
# How long and deep a formula may be, and how long all formulas of a text together.
MAX_CHARACTERS = 2_000
MAX_DEPTH = 40
MAX_ALL = 10_000
ENDS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$", "$": "$"}
ENVIRONMENTS = (
    *("align", "aligned", "alignat", "alignedat", "eqnarray", "split", "gather", "gathered"),
    *("multline", "equation", "cases", "matrix", "pmatrix", "bmatrix", "vmatrix", "array"),
)
BEGIN = re.compile(rf"\\begin\{{({'|'.join(ENVIRONMENTS)})(\*?)\}}")
# In scripts that put spaces between words, a formula is not part of one.
WORD = re.compile(r"[A-Za-z0-9$]")
# `$5 and more`: an amount with words after it.
MONEY = re.compile(r"\d[^\\^_={]*\s[A-Za-z]{2,}")
# What the converter knows under another name.
SAME = (
    (re.compile(r"\\(begin|end)\{(?:align|aligned|eqnarray|split)\*?\}"), r"\\\1{align*}"),
    (re.compile(r"\\begin\{(?:alignat|alignedat)\*?\}(?:\{\d+\})?"), r"\\begin{align*}"),
    (re.compile(r"\\end\{(?:alignat|alignedat)\*?\}"), r"\\end{align*}"),
    (re.compile(r"\\(begin|end)\{(?:gather|gathered|multline)\*?\}"), r"\\\1{matrix}"),
    (re.compile(r"\\([RNZQC])(?![A-Za-z])"), r"\\mathbb{\1}"),
)
ALIGNED = re.compile(r"\\\\|(?<!\\)&")
# The converter writes the words of a text as they are.
WORDS = re.compile(r"\\(?:text|mbox|textbf|textit|textrm|textsf|texttt)\s*\{[^{}]*\}")
BRACE = re.compile(r"\\.|[{}]")


def extend(parser: MarkdownIt) -> None:
    """Add formulas to a parser."""
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before(
        "fence", "formula_block", _block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    parser.add_render_rule("formula", _render)
    parser.add_render_rule("formula_block", _render)


def mathml(latex: str, *, is_display: bool) -> str:
    """Return a formula as MathML; "" if it cannot be converted."""
    if not latex.strip() or len(latex) > MAX_CHARACTERS or not _is_balanced(latex):
        return ""
    for pattern, replacement in SAME:
        latex = pattern.sub(replacement, latex)
    if "\\begin" not in latex and ALIGNED.search(latex):
        latex = f"\\begin{{align*}}{latex}\\end{{align*}}"
    latex = WORDS.sub(lambda match: escape(match[0]), latex)
    try:
        html = convert(latex, display="block" if is_display else "inline")
    except Exception:  # the converter documents no errors, and raises many kinds of them
        return ""
    return "" if "<mi>\\" in html else html  # an unknown command


def _is_balanced(latex: str) -> bool:
    depth = 0
    for mark in BRACE.findall(latex):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if not 0 <= depth <= MAX_DEPTH:
            return False
    return depth == 0


def _inline(state: StateInline, silent: bool) -> bool:
    """Parse a formula in a line, so that nothing in it becomes emphasis."""
    start, text = state.pos, state.src
    mark = next((mark for mark in ENDS if text.startswith(mark, start)), "")
    if not mark or state.env.get(mark) is text:
        return False
    begin = start + len(mark)
    end = text.find(ENDS[mark], begin, state.posMax)
    if end < 0:
        state.env[mark] = text  # so that a text of such marks is not searched from each of them
        return False
    if not text[begin:end].strip():
        return False
    if mark == "$" and not _is_between_dollars(text, begin, end):
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = text[begin:end], mark
    state.pos = end + len(ENDS[mark])
    return True


def _is_between_dollars(text: str, begin: int, end: int) -> bool:
    """Return whether two dollar signs enclose a formula, not the words between two prices."""
    before, after = text[max(begin - 2, 0) : begin - 1], text[end + 1 : end + 2]
    content = text[begin:end]
    return (
        content == content.strip()
        and not content.endswith("\\")
        and not WORD.fullmatch(before)
        and not WORD.fullmatch(after)
        and not MONEY.match(content)
    )


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a formula with lines of its own, up to the next blank line."""
    if state.is_code_block(start):
        return False
    first = _line(state, start)
    if environment := BEGIN.match(first):
        mark, closing, rest = "", f"\\end{{{environment[1]}{environment[2]}}}", first
    else:
        mark = next((mark for mark in ("$$", "\\[") if first.startswith(mark)), "")
        closing, rest = ENDS.get(mark, ""), first[len(mark) :]
    if not closing:
        return False
    lines: list[str] = []
    size, number = 0, start
    while closing not in rest:
        lines.append(rest)
        size, number = size + len(rest), number + 1
        if number >= end or state.isEmpty(number) or size > MAX_CHARACTERS:
            return False
        if state.sCount[number] < state.blkIndent:
            return False
        rest = _line(state, number)
    last, _, after = rest.partition(closing)
    if after.strip():
        return False  # the text goes on in the same line
    if not silent:
        lines.append(last if mark else last + closing)
        token = state.push("formula_block", "", 0)
        token.content, token.markup, token.map = "\n".join(lines), mark, [start, number + 1]
        token.block = True
        state.line = number + 1
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _render(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: dict[str, Any]
) -> str:
    token = tokens[index]
    latex, mark = token.content, token.markup
    env["formulas"] = env.get("formulas", 0) + len(latex)
    is_display = mark not in ("$", "\\(")
    html = mathml(latex, is_display=is_display) if env["formulas"] <= MAX_ALL else ""
    if not html:
        return f"<code>{escape(mark + latex + ENDS.get(mark, ''))}</code>"
    if token.block:
        return f'<div class="formula">{html}</div>\n'
    return f'<span class="formula">{html}</span>' if is_display else html
