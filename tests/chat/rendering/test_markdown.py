"""Messages as HTML."""

import re
from html.parser import HTMLParser

import pytest

from chat.rendering import formulas, markdown
from tests.chat.rendering.attacks import ATTACKS

pytestmark = pytest.mark.engines("any")


class Found(HTMLParser):
    """The tags and attributes in HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_leaves_only_harmless_tags(attack: str) -> None:
    for tag, attributes in Found(markdown.render(attack)).tags:
        assert tag in markdown.TAGS
        for name in (attributes.get("class") or "").split():
            assert re.fullmatch(
                "code|language|plain|formula|task|notes?|align-(left|right|center)|err|[a-z]{1,2}[0-9]?",
                name,
            )
        if tag in formulas.TAGS:
            assert set(attributes) <= formulas.ATTRIBUTES
            continue
        assert set(attributes) <= {"href", "title", "rel", "target", "class", "start"}
        if address := attributes.get("href"):
            assert re.match("(https?|mailto):", address)
            assert attributes["rel"] == "noopener noreferrer nofollow"


def test_code_is_highlighted_by_classes() -> None:
    html = markdown.render("```python\nprint('hi')\n```")
    assert '<div class="language">python</div>' in html
    assert '<span class="nb">print</span>' in html


def test_unknown_language_is_plain_code() -> None:
    assert markdown.render("```zzz\na < b\n```").strip() == (
        '<div class="code"><pre><code>a &lt; b\n</code></pre></div>'
    )


def test_image_becomes_a_link_to_it() -> None:
    assert markdown.render("![A cat](https://example.com/cat.png)").strip() == (
        '<p><a href="https://example.com/cat.png" target="_blank"'
        ' rel="noopener noreferrer nofollow">A cat</a></p>'
    )


def test_line_breaks_and_tables_are_kept() -> None:
    assert markdown.render("one\ntwo").strip() == "<p>one<br>\ntwo</p>"
    assert "<td>1</td>" in markdown.render("|a|\n|-|\n|1|")


def test_deep_nesting_is_shown_as_it_was_written() -> None:
    text = "> " * 50 + "the end"
    assert markdown.render(text) == f'<div class="plain">{"&gt; " * 50}the end</div>'


LINK = ' target="_blank" rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("See https://en.wikipedia.org/wiki/Foo_(bar).", "https://en.wikipedia.org/wiki/Foo_(bar)"),
        ("(www.example.com)", "http://www.example.com"),
        ("a@b.example, c", "mailto:a@b.example"),
        ("**https://example.com/**", "https://example.com/"),
        ("见https://example.com/a。好", "https://example.com/a"),
        ("http://localhost:8000/x?", "http://localhost:8000/x"),
        ("https://example.com/&lt;", "https://example.com/"),
        ("https://example.com/a;b;", "https://example.com/a;b"),
        ("[x](//host.example/a)", "https://host.example/a"),
        ("![x](//host.example/a)", "https://host.example/a"),
        ("[https://a.example](https://b.example)", "https://b.example"),
    ],
)
def test_address_is_a_link(text: str, html: str) -> None:
    links = [found for tag, found in Found(markdown.render(text)).tags if tag == "a"]
    assert [found["href"] for found in links] == [html]


@pytest.mark.parametrize(
    "text", ["https://", "www.", "xhttps://a.example", "a@b", "`https://a.example`", "a.example"]
)
def test_other_text_is_no_link(text: str) -> None:
    assert "<a" not in markdown.render(text)


def test_text_around_addresses_is_kept() -> None:
    assert markdown.render("a www.b.example, c@d.example: e") == (
        f'<p>a <a href="http://www.b.example"{LINK}>www.b.example</a>,'
        f' <a href="mailto:c@d.example"{LINK}>c@d.example</a>: e</p>\n'
    )


def test_internal_link_shows_its_target() -> None:
    assert markdown.render("[readme](README.md) *b*") == "<p>readme (README.md) <em>b</em></p>\n"
    assert markdown.render("![map](map.png)") == "<p>map (map.png)</p>\n"


def in_math(html: str) -> str:
    """Return what a rendered text shows of a formula: its characters, one after the other."""
    return re.sub(r"<[^>]*>|\s", "", html)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\(a_b*c*d\)", "ab*c*d"),
        ("$a_b*c*d$", "ab*c*d"),
        ("当$x_1$时", "当x1时"),
        (r"\[\int_0^1\]", "∫01"),
        ("$$\nx = y\n- z\n$$", "x=y−z"),
        ("- a\n  \\[\n  x\n  - y\n  \\]", "ax−y"),
        ("> $$\n> x\n> $$", "x"),
        ("\\begin{aligned}\na &= b \\\\\n- c\n\\end{aligned}", "a=b−c"),
        ("|a|\n|-|\n|$x$|", "ax"),
        (r"$\text{<script>}$", "&lt;script&gt;"),
    ],
)
def test_formula_is_mathml(text: str, shown: str) -> None:
    html = markdown.render(text)
    assert html.count("<math") == 1
    assert in_math(html) == shown


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $10",
        "It is $20 (was $30).",
        "$5-$10, US$5/US$6",
        "$5k a month, spend 3k$ on it",
        "$HOME and $PATH",
        "$ x $",
        "a $$ b",
    ],
)
def test_price_is_text(text: str) -> None:
    assert markdown.render(text) == f"<p>{text}</p>\n"


@pytest.mark.parametrize(
    "latex",
    [
        r"\unknown{x}",
        r"\frac{a",
        "x" * 2001,
        "{" * 41 + "x" + "}" * 41,
        r"\left(" * 300,
        "^" * 1000,
    ],
)
def test_formula_that_cannot_be_shown_is_code(latex: str) -> None:
    assert markdown.render(f"${latex}$") == f"<p><code>${latex}$</code></p>\n"


def test_formulas_have_limits_together_and_no_huge_sizes() -> None:
    html = markdown.render("$" + "x" * 1000 + "$ " + ("$" + "y" * 1900 + "$ ") * 7)
    assert html.count("<math") == 5
    assert "999em" not in markdown.render(r"$\rule{999em}{999em} \hspace{999em} x$")
    assert "href" not in markdown.render(r"$\href{https://a.example}{x} \style{color:red}{x}$")


def test_tasks_notes_and_diagrams() -> None:
    assert markdown.render("- [x] done\n- [ ] *open*\n- [x]") == (
        '<ul>\n<li class="task">☑ done</li>\n<li class="task">☐ <em>open</em></li>\n'
        "<li>[x]</li>\n</ul>\n"
    )
    assert markdown.render("a[^1]\n\n[^1]: b").replace("\n", "") == (
        '<p>a<sup class="note">1</sup></p><hr><ol class="notes"><li><p>b</p></li></ol>'
    )
    assert markdown.render("```mermaid\nA-->B\n```") == (
        '<div class="code"><div class="language">mermaid diagram, shown as text</div>'
        "<pre><code>A--&gt;B\n</code></pre></div>\n"
    )


def test_table_columns_are_aligned_by_classes() -> None:
    assert markdown.render("|a|b|c|\n|:-|-:|-|\n|1|2|3|").replace("\n", "") == (
        '<table><thead><tr><th class="align-left">a</th><th class="align-right">b</th>'
        '<th>c</th></tr></thead><tbody><tr><td class="align-left">1</td>'
        '<td class="align-right">2</td><td>3</td></tr></tbody></table>'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**“强调”**后面", "<strong>“强调”</strong>后面"),
        ("不如人意的**《书》**已经", "不如人意的<strong>《书》</strong>已经"),
        ("a**“b”**c", "a**“b”**c"),
        ("**a** * b", "<strong>a</strong> * b"),
        ("好 ** 好", "好 ** 好"),
        ("_a_ *b*", "<em>a</em> <em>b</em>"),
    ],
)
def test_emphasis_works_beside_wide_characters(text: str, html: str) -> None:
    assert markdown.render(text) == f"<p>{html}</p>\n"
