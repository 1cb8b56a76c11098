"""Queries as typed, parsed."""

import datetime

import pytest

from chat.search.inflections import inflections
from chat.search.query import SearchQuery, Term, parse

pytestmark = pytest.mark.engines("any")


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", []),
        ("!!! 🎉", []),
        ("ab", [Term(("ab",), ("ab",))]),
        ('"Ab c"', [Term(("ab", "c"))]),
        ('"ab', [Term(("ab",))]),
        ("x_yz", [Term(("x", "yz"))]),
        ("x.xyz", [Term(("x", "xyz"), prefix=True)]),
        ("x.xyz ", [Term(("x", "xyz"))]),
        ("北京", [Term(("北京",))]),
        ("a北京b", [Term(("a",), ("a",)), Term(("北京",)), Term(("b",), ("b",))]),
        ("北京xyz", [Term(("北京",)), Term(("xyz",), tuple(inflections("xyz")), prefix=True)]),
        ("xyz北京", [Term(("xyz",), tuple(inflections("xyz"))), Term(("北京",))]),
    ],
)
def test_terms_of_what_was_typed(typed: str, terms: list[Term]) -> None:
    assert parse(typed) == SearchQuery(terms)


def test_word_being_typed_is_a_prefix_from_three_letters_on() -> None:
    assert [term.prefix for term in parse("abc abc").terms] == [False, True]
    assert [term.prefix for term in parse("abc ").terms] == [False]
    assert [term.prefix for term in parse("ab").terms] == [False]
    assert [term.prefix for term in parse('"abc"').terms] == [False]
    assert [term.prefix for term in parse("-abc").excluded] == [False]
    assert [term.is_prefix for term in parse("漢 漢字 abc ").terms] == [True, False, False]


def test_filters_are_combined() -> None:
    query = parse('from:me role:AI -x PERSONA:work thread:"a b" in:c after:2025 since:2024 before:')
    assert query == SearchQuery(
        excluded=[Term(("x",), ("x",))],
        roles={"user", "assistant"},
        personas=["work"],
        threads=["a b", "c"],
        after=query.after,
    )
    assert query.after is not None
    assert query.after.year == 2025
    assert bool(query)
    assert not query.has_words or query.excluded
    assert not parse("before:")


@pytest.mark.parametrize(
    ("typed", "after"),
    [("2025", (2025, 1, 1)), ("2025-3", (2025, 3, 1)), ("2025-03-09", (2025, 3, 9))],
)
def test_dates_are_days_months_or_years(typed: str, after: tuple[int, int, int]) -> None:
    start = datetime.datetime(*after, tzinfo=datetime.UTC)
    assert parse(f"after:{typed}").after == start
    assert parse(f"before:{typed} before:2030").before == start
    assert parse(f"before:2030 before:{typed}").before == start


@pytest.mark.parametrize(
    ("typed", "notes"),
    [
        ("x" * 1_000, []),
        ("x" * 1_001, ["Only the first 1,000 characters were used."]),
        ("x " * 32, []),
        ("x " * 33, ["Only the first 32 words were used."]),
        ("x " * 30 + "-y " * 3, ["Only the first 32 words were used."]),
        ("-from:me", ["-from:me was ignored: only words can be excluded."]),
        ("after:2025-13", ["after:2025-13 was ignored: use a date such as 2025-01-31."]),
        ("after:0000", ["after:0000 was ignored: use a date such as 2025-01-31."]),
        ("from:bob", ["from:bob was ignored: use user, assistant or twin."]),
        (
            "cats OR dogs",
            [
                "OR is searched for as a word. All words must be found;"
                " write - before a word to exclude it."
            ],
        ),
        ("cats or dogs", []),
        ("OR", []),
    ],
)
def test_notes_name_what_was_ignored(typed: str, notes: list[str]) -> None:
    query = parse(typed)
    assert query.notes == notes
    assert len(query.terms) + len(query.excluded) <= 32


def test_terms_are_kept_before_excluded_ones() -> None:
    query = parse("-y " * 5 + "x " * 30)
    assert (len(query.terms), len(query.excluded)) == (30, 2)


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("ab", ["ab"]),
        ("x9z", ["x9z"]),
        ("invoice", ["invoice", "invoiced", "invoices", "invoicing"]),
        ("stop", ["stop", "stoped", "stoping", "stopped", "stopping", "stops"]),
        ("study", ["study", "studied", "studies", "studying"]),
        ("box", ["box", "boxed", "boxes", "boxing"]),
        ("hero", ["hero", "heroed", "heroes", "heroing", "heros"]),
        ("key", ["key", "keyed", "keying", "keys"]),
    ],
)
def test_inflections_of_a_word(word: str, forms: list[str]) -> None:
    assert inflections(word) == forms


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ("studies", "study"),
        ("studied", "study"),
        ("boxes", "box"),
        ("heroes", "hero"),
        ("making", "make"),
        ("stopped", "stop"),
        ("invoices", "invoice"),
        ("ran", "run"),
    ],
)
def test_inflections_include_the_base(form: str, word: str) -> None:
    assert word in inflections(form)


def test_inflections_leave_other_words_alone() -> None:
    assert "gla" not in inflections("glass")
    assert "bu" not in inflections("bus")
    assert "th" not in inflections("thing")
    assert "fe" not in inflections("feed")
    assert max(len(inflections(word)) for word in ("begin", "writing", "meetings", "passed")) <= 24
