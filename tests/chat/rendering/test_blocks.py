"""Blocks that are whole while the rest is still being written."""

import pytest
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from chat.rendering import markdown
from chat.rendering.blocks import closed, finished, is_plain

pytestmark = pytest.mark.engines("any")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("One", "One"),
        ("One\n\n", "One\n\n"),
        ("One\n\nT", "T"),
        ("One\n\nTwo\n\nThree", "Three"),
        ("One\n\n- ", "One\n\n- "),
        ("One\n\n-", "One\n\n-"),
        ("- a\n\n- b\n\nText", "Text"),
        ("1. a\n\n2", "1. a\n\n2"),
        ("1. a\n\n2. b", "1. a\n\n2. b"),
        ("One\n\n    code", "One\n\n    code"),
        ("> a\n\n> b", "> a\n\n> b"),
        ("One\n\n```py\na\n\nb", "```py\na\n\nb"),
        ("```py\na\n\nb\n```\n\nText", "Text"),
        ("````\n```\n\na\n```\n\nb\n````\n\nText", "Text"),
        ("~~~\n```\n\na", "~~~\n```\n\na"),
        ("One\n\u2028Two\n\x1cThree", "One\n\u2028Two\n\x1cThree"),
    ],
)
def test_unfinished_block_is_found(text: str, rest: str) -> None:
    assert text[finished(text) :] == rest


PARTS = ["Words and *more*", "# Head", "```py\na\n\nb\n```", "- a\n\n- b", "1. a\n2. b", "> q"]
BLOCKS = st.sampled_from([*PARTS, "|a|\n|-|"])


@given(st.lists(BLOCKS, min_size=1, max_size=6), st.randoms())
def test_blocks_one_by_one_are_the_whole(blocks: list[str], random: object) -> None:
    text = "\n\n".join(blocks)
    html, begin = "", 0
    for place in range(len(text) + 1):
        end = finished(text[:place], begin)
        assert end == finished(text[:place])  # it follows from the text alone
        html += markdown.render(text[begin:end])
        begin = end
    html += markdown.render(text[begin:])
    assert html == markdown.render(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("A **bold wo", "A **bold wo**"),
        ("A **bold** word", "A **bold** word"),
        ("**a `co", "**a `co`**"),
        ("`a ** b", "`a ** b`"),
        ("2 ** 3", "2 ** 3"),
        ("~~a __b ", "~~a __b__~~"),
        ("word **", "word "),
        ("word *", "word "),
        (r"\** a", r"\** a"),
        ("```\n**a", "```\n**a"),
    ],
)
def test_open_block_is_shown_without_marks_that_have_no_end_yet(text: str, shown: str) -> None:
    assert closed(text) == shown


@given(st.text(alphabet="ab ,;'?é漢()-1", max_size=40))
def test_plain_text_looks_the_same_rendered(text: str) -> None:
    if is_plain(text) and text.strip():
        assert markdown.render(text) == f"<p>{escape(text.strip())}</p>\n".replace("&#x27;", "'")
