"""Messages as HTML."""

import re
from html.parser import HTMLParser

import pytest

from chat.rendering import markdown
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
                "code|language|plain|formula|align-(left|right|center)|err|[a-z]{1,2}[0-9]?", name
            )
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


def test_formula_is_shown_as_written() -> None:
    assert markdown.render(r"Take \(a_b*c*d\) and \[ \int_0^1 x^2 dx \]") == (
        r'<p>Take <span class="formula">\(a_b*c*d\)</span>'
        r' and <span class="formula">\[ \int_0^1 x^2 dx \]</span></p>' + "\n"
    )
    assert markdown.render(r"\(a *b*") == "<p>(a <em>b</em></p>\n"


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
