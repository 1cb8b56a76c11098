"""What PostgreSQL knows of the words, and how a search goes about by it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection

from chat.models import ChatMessage
from chat.search import pagination, statistics
from chat.search.query import parse
from chat.search.results import find
from chat.search.statistics import Frequencies
from tests.factories import make_message, make_thread, make_user
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

Asked = Callable[[int], AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def nothing_read_yet() -> Iterator[None]:
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


def test_nothing_is_known_before_the_first_analyze(alice: User) -> None:
    assert statistics.frequencies("default") is None
    assert len(find(alice, "coff").hits) == 30


@pytest.mark.parametrize(
    ("typed", "gathered", "with_rarest", "with_all"),
    [
        ("coffee ", 0, 90, 90),
        ("coffee", 90, 90, 90),
        ("cof", 120, 120, 120),
        # Not among the known, so half as frequent as tea, beside its singular.
        ("coffees ", 0, 15 + 90, 15 + 90),
        ("coffee tea ", 0, 30, 90 / 4),
        ('"coffee tea"', 0, 90 / 4, 90 / 4),
        ("coffee.tea", 30, 90 / 4, 90 / 4),
        ("漢字", 0, 90, 90),
        ("漢", 90, 90, 90),
        ("heron ", 0, 15, 15),
        ("hero", 0, 15, 15),
        ("-tea", 0, 120, 120),
    ],
)
def test_words_are_counted(
    alice: User, typed: str, gathered: float, with_rarest: float, with_all: float
) -> None:
    analyze()
    query = parse(typed)
    assert known().gathered(query) == pytest.approx(gathered, rel=0.01)
    assert known().with_rarest(query) == pytest.approx(with_rarest, rel=0.01)
    assert known().with_all(query) == pytest.approx(with_all, rel=0.01)


def test_users_messages_are_counted(alice: User) -> None:
    analyze()
    assert known().share(alice.pk) == pytest.approx(90 / 120, rel=0.01)
    assert known().share(make_user("carol@example.com").pk) == pytest.approx(15 / 120, rel=0.01)


def test_what_was_known_of_messages_that_are_gone_does_no_harm(alice: User) -> None:
    analyze()
    ChatMessage.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = 0 WHERE relname = 'chat_messages'")
    assert known().messages == 0
    assert find(alice, "coff").hits == find(alice, '"coffee tea"').hits == []


@pytest.mark.parametrize(
    ("typed", "questions"),
    [("heron ", 1), ("hero", 1), ('"coffee heron"', 1), ("coffee ", 2), ("coff", 1)],
)
def test_a_rare_word_takes_one_question(
    alice: User,
    typed: str,
    questions: int,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Asked,
) -> None:
    monkeypatch.setattr(pagination, "MOST_GATHERED", 80)
    monkeypatch.setattr(pagination, "MOST_WITH_RAREST", 40)
    analyze()
    known()
    with django_assert_num_queries(questions):
        find(alice, typed)


def test_what_was_read_is_relied_on_for_an_hour(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Asked
) -> None:
    analyze()
    with django_assert_num_queries(1):
        assert known() is known()
    later = time.monotonic() + statistics.VALID
    monkeypatch.setattr("chat.search.statistics.time.monotonic", lambda: later)
    with django_assert_num_queries(1):
        known()
