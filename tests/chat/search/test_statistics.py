"""PostgreSQL's statistics of words, and the strategies chosen by them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection

from chat.models import ChatMessage
from chat.search import pagination, statistics
from chat.search.query import parse
from chat.search.results import search_messages
from chat.search.statistics import Frequencies
from tests.factories import make_message, make_thread, make_user
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("postgresql")]

Asked = Callable[[int], AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def no_cached_statistics() -> Iterator[None]:
    statistics._read.cache_clear()
    yield
    statistics._read.cache_clear()


@pytest.fixture
def alice() -> User:
    """Write three of four messages, all of them with coffee; one other user drinks tea."""
    alice = make_user()
    thread, other = make_thread(alice), make_thread(make_user("bob@example.com"))
    for n in range(120):
        text = "Coffee, coffee and 漢字 again" if n % 4 else "tea and cof"
        make_message(thread if n % 4 else other, text)
    return alice


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE chat_messages")


def known() -> Frequencies:
    read = statistics.frequencies("default")
    assert read
    return read


def test_there_are_no_statistics_before_the_first_analyze(alice: User) -> None:
    assert statistics.frequencies("default") is None
    assert len(search_messages(alice, "coff").hits) == 30


@pytest.mark.parametrize(
    ("typed", "with_prefixes", "with_rarest_term"),
    [
        ("coffee ", 0, 90),
        ("coffee", 90, 90),
        ("cof", 120, 120),
        # Not among the most common lexemes, so half as common as tea; its singular is.
        ("coffees ", 0, 15 + 90),
        ("coffee tea ", 0, 30),
        ('"coffee tea"', 0, 90 / 4),
        ("coffee.tea", 30, 90 / 4),
        ("漢字", 0, 90),
        ("漢", 90, 90),
        ("heron ", 0, 15),
        ("hero", 0, 15),
        ("-tea", 0, 120),
    ],
)
def test_frequencies_estimate_how_many_messages_contain_words(
    alice: User, typed: str, with_prefixes: float, with_rarest_term: float
) -> None:
    analyze()
    query = parse(typed)
    assert known().with_prefixes(query) == pytest.approx(with_prefixes, rel=0.01)
    assert known().with_rarest_term(query) == pytest.approx(with_rarest_term, rel=0.01)


def test_frequencies_estimate_the_share_of_an_owner(alice: User) -> None:
    analyze()
    carol = make_user("carol@example.com")
    assert known().share_of_owner(alice.pk) == pytest.approx(90 / 120, rel=0.01)
    assert known().share_of_owner(carol.pk) == pytest.approx(15 / 120, rel=0.01)


def test_statistics_of_deleted_messages_do_no_harm(alice: User) -> None:
    analyze()
    ChatMessage.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = 0 WHERE relname = 'chat_messages'")
    assert known().messages == 0
    assert search_messages(alice, "coff").hits == search_messages(alice, '"coffee tea"').hits == []


@pytest.mark.parametrize(
    ("typed", "statements"),
    [("heron ", 1), ("hero", 1), ('"coffee heron"', 1), ("coffee ", 2), ("coff", 1)],
)
def test_rare_word_takes_one_statement(
    alice: User,
    typed: str,
    statements: int,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Asked,
) -> None:
    monkeypatch.setattr(pagination, "RARE_PREFIX", 80)
    monkeypatch.setattr(pagination, "RARE", 40)
    analyze()
    known()
    with django_assert_num_queries(statements):
        search_messages(alice, typed)


def test_statistics_are_cached_for_an_hour(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Asked
) -> None:
    analyze()
    with django_assert_num_queries(1):
        assert known() is known()
    later = time.monotonic() + statistics.VALID_SECONDS
    monkeypatch.setattr("chat.search.statistics.time.monotonic", lambda: later)
    with django_assert_num_queries(1):
        known()
