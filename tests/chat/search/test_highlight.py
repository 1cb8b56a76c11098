"""Matches marked in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.search import highlight, text
from chat.search.query import parse
from tests.chat.search.cases import CASES

pytestmark = pytest.mark.engines("any")


def test_snippet_marks_every_match() -> None:
    unmarked = [
        (content, typed)
        for content, typed, is_match in CASES
        if is_match
        and parse(typed).terms
        and "<mark>" not in highlight.snippet(parse(typed), content)
    ]
    assert unmarked == []


def test_snippet_is_cut_around_the_first_match_and_escaped() -> None:
    content = "word " * 100 + "<b>Café & bar</b>" + " word" * 100
    before, after = "word " * 11, (" word" * 100)[: 240 - 11 * 5 - len("<b>Café & bar</b>")]
    assert highlight.snippet(parse("cafe"), content) == (
        f"… {before}&lt;b&gt;<mark>Café</mark> &amp; bar&lt;/b&gt;{after} …"
    )
    assert highlight.snippet(parse("x"), "z" * 100 + "x") == f"{'z' * 100}x"


def test_snippet_of_a_short_text_is_all_of_it() -> None:
    assert highlight.snippet(parse("a"), "A b a") == "<mark>A</mark> b <mark>a</mark>"
    assert highlight.snippet(parse("from:user"), "A <b>") == "A &lt;b&gt;"


def test_snippet_marks_decomposed_characters() -> None:
    for content, typed in [
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("и\u0306од", "йод"),
        ("ΟΔΟΣ", "οδος"),
    ]:
        assert highlight.snippet(parse(typed), content) == f"<mark>{content}</mark>"
        assert highlight.contains_terms(parse(typed), content)


def test_titles_are_searched_for_all_terms_and_no_excluded_one() -> None:
    for typed, expected in [("rome", True), ("rome trip", True), ("rome bus", False)]:
        assert highlight.contains_terms(parse(typed), "Trip to Rome") is expected
    assert not highlight.contains_terms(parse("rome -trip"), "Trip to Rome")
    assert highlight.contains_terms(parse("rome -bus"), "Trip to Rome")


@given(
    content=st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.text("éİΣσςßйéｶﾞ한ᄒ\u1161\u11ab\u0301\u0306 a", max_size=12)
)
def test_text_is_folded_by_parts_as_it_is_as_a_whole(content: str) -> None:
    folded, origins = highlight.fold_with_origins(content)
    assert folded == text.fold(content)
    assert origins is None or len(origins) == len(folded) + 1


def test_snippet_shows_no_signs_of_markdown() -> None:
    for content, shown in [
        ("## Plans\n\n- **pay** the _bill_", "Plans\n<mark>pay</mark> the bill"),
        ("`pay()` [now](https://example.com/a)", "<mark>pay</mark>() now"),
        ("> 1. pay\n\n```py\nx = 1\n```", "1. <mark>pay</mark>\nx = 1"),
        ("| Who | pay |\n|---|--:|\n| me | 5 |", "Who <mark>pay</mark> \n me 5"),
        ("pay a_b_c, 2 * 3 * 4", "<mark>pay</mark> a_b_c, 2 * 3 * 4"),
        ("- [x] pay", "<mark>pay</mark>"),
        # A match in a sign is shown as it is.
        ("[here](https://example.com/pay)", "[here](https://example.com/<mark>pay</mark>)"),
    ]:
        assert highlight.snippet(parse("pay"), content) == shown


def test_snippet_of_a_long_text_shows_its_first_match() -> None:
    content = "word " * 5000 + "**pay** now"
    assert highlight.snippet(parse("pay"), content).endswith("word <mark>pay</mark> now")
