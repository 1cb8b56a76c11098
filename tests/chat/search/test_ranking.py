"""The best of the newest matches first."""

import pytest

from chat.models import ChatMessage
from chat.search import results
from chat.search.query import parse
from chat.search.ranking import scorer
from chat.search.results import search_messages
from tests.factories import make_message, make_thread, make_user

FILLER = "word " * 40
# The better text, and a worse one that differs in one respect only.
BETTER = [
    pytest.param("herons ", "the herons", "the heron.", id="word as typed beats inflection"),
    pytest.param("heron ", "heron heron bird", "heron egret bird", id="repetition counts"),
    pytest.param(
        "heron egret ",
        "heron heron egret egret",
        "heron egret egret egret",
        id="repetition counts less each time",
    ),
    pytest.param("heron ", f"a heron {FILLER}", f"{FILLER}a heron ", id="early match counts"),
    pytest.param("heron ", f"heron {FILLER}", f"heron {FILLER * 2}", id="short text counts"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("typed", "better", "worse"), BETTER)
def test_best_comes_first_although_it_is_older(typed: str, better: str, worse: str) -> None:
    alice = make_user()
    thread = make_thread(alice)
    make_message(thread, better)
    make_message(thread, worse)
    newest = [hit.content for hit in search_messages(alice, typed).hits]
    best = [hit.content for hit in search_messages(alice, typed, best=True).hits]
    assert (newest, best) == ([worse, better], [better, worse])


@pytest.mark.parametrize(
    ("typed", "content", "score"),
    [
        ("heron ", "heron", 1 * 2 / 1.005),
        ("heron ", "herons", 0.7 * 2 / 1.006),
        ("heron ", "heron Heron", 2 * 2.2 / 3.2 * 2 / 1.011),
        ("heron ", "heron herons", 1.7 * 2 / 1.012),
        ("heron ", f"{FILLER}heron", 1 * (1 + 1 / 6) / 1.205),
        ("heron egret ", "egret heron", 2 * 2 / 1.011),
        ('"the heron"', "See the heron", 1 * (1 + 1 / 1.1) / 1.013),
        ("heron ", "egret", 0.0),
        ("from:user", "heron", 0.0),
    ],
)
def test_score_weighs_words_repetition_position_and_length(
    typed: str, content: str, score: float
) -> None:
    assert scorer(parse(typed))(content) == pytest.approx(score)


@pytest.mark.django_db
def test_of_two_equal_matches_the_newer_comes_first() -> None:
    alice = make_user()
    thread = make_thread(alice)
    older, newer = make_message(thread, "heron"), make_message(thread, "heron")
    best = [hit.id for hit in search_messages(alice, "heron", best=True).hits]
    assert best == [newer.pk, older.pk]


@pytest.mark.django_db
@pytest.mark.parametrize(("typed", "ranked"), [("the heron", 4), ('"the heron"', 3)])
def test_only_the_newest_matches_are_ranked(
    typed: str, ranked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "RANKED", 4)
    monkeypatch.setattr(results, "RANKED_PHRASE", 3)
    alice = make_user()
    thread = make_thread(alice)
    ChatMessage.objects.bulk_create(
        ChatMessage(user=alice, thread=thread, role="user", content="the heron") for _ in range(6)
    )
    first = search_messages(alice, typed, best=True, size=2)
    second = search_messages(alice, typed, best=True, size=2, after=first.next)
    assert (len(first.hits), first.next) == (2, "2")
    assert (len(second.hits), second.next) == (ranked - 2, "")
