"""Messages as HTML."""

import re
import time
from html.parser import HTMLParser

import pytest

from chat.rendering import markdown
from tests.chat.rendering.attacks import ATTACKS


class Found(HTMLParser):
    """The tags and attributes of a piece of HTML."""

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
            assert re.fullmatch("code|language|plain|err|[a-z]{1,2}[0-9]?", name)
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


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2_000_000,
        "# *x* " * 200_000,
        ">" * 40_000,
        "[" * 40_000,
        "![" * 20_000,
        "*a _b " * 6_000,
        "`" * 39_000 + "a",
        "<" * 40_000,
        "&" * 40_000,
        "\n".join(" " * depth + "- a" for depth in range(250)),
        "```python\n" + "('" * 9_000 + "\n```",
        "```c\nx\n```\n" * 3_000,
        "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + ("|b" * 100 + "|\n") * 150,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_nothing_takes_long_and_no_word_is_lost(text: str) -> None:
    begin = time.process_time()
    html = markdown.render(text)
    assert time.process_time() - begin < 5  # seconds; alone the worst takes one
    assert html


def test_deep_nesting_is_shown_as_it_was_written() -> None:
    text = "> " * 50 + "the end"
    assert markdown.render(text) == f'<div class="plain">{"&gt; " * 50}the end</div>'
