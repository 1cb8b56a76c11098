"""Pages of results in order, without a gap or a repeat."""

import datetime
import re

import pytest

from chat.models import ChatMessage
from chat.search import pagination
from chat.search.results import search_messages
from chat.search.statistics import Frequencies
from chat.search.text import fold
from tests.factories import make_message, make_thread, make_user

pytestmark = pytest.mark.django_db


def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    alice = make_user()
    thread = make_thread(alice)
    now = datetime.datetime.now(datetime.UTC)
    # Some days hold several messages of the same time, others are far apart.
    ages = [0, 0, 0, 1, 2, 5, 5, 9, 40, 41, 90, 90, 200, 500, 1500]
    for n, age in enumerate(ages):
        make_message(thread, f"page {n}", created_at=now - datetime.timedelta(days=age))
    expected = [
        message.content for message in ChatMessage.objects.for_user(alice) if message.content
    ]
    seen, after = [], ""
    while True:
        page = search_messages(alice, "page", size=4, after=after)
        seen += [hit.content for hit in page.hits]
        after = page.next
        if not after:
            break
    assert seen == expected
    ranked, after = [], ""
    for _ in range(4):
        page = search_messages(alice, "page", size=4, after=after, best=True)
        ranked += [hit.content for hit in page.hits]
        after = page.next
    assert (sorted(ranked), after) == (sorted(expected), "")


# Newest first: days before the previous text, number of messages, text. There are common and
# rare words, words that are sometimes next to each other, and long gaps.
HISTORY = [
    (0.0, 90, "coffee and tea, number {n}"),
    (0.01, 200, "coffee then tea, again coffee {n}"),
    (2.0, 60, "Tea! Coffee for {n}"),
    (400.0, 1, "a heron drinks coffée - TEA"),
    (0.5, 90, "only tea {n}"),
    (15.0, 40, "tea with coffee tea {n}"),
    (30.0, 2, "heron"),
    (9_000.0, 3, "old coffee, tea"),
    (9_000.0, 3, "older coffee tea"),
]


# Statistics that PostgreSQL may have. The strategy depends on them, the results must not.
WORDS = ["coffee", "heron", "number", "only", "tea"]
KNOWN = [
    pytest.param(None, id="unknown"),
    pytest.param(
        Frequencies(1e3, {"other": 0.01}), id="rare", marks=pytest.mark.engines("postgresql")
    ),
    pytest.param(
        Frequencies(1e9, dict.fromkeys(WORDS, 0.5)),
        id="common",
        marks=pytest.mark.engines("postgresql"),
    ),
]


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("newest", ["2026-06-01", "2025-12-31T12:00", "1970-01-05", "1969-12-25"])
@pytest.mark.parametrize("deleted", ["none", "some", "latest"])
def test_all_matches_are_found_in_order_with_every_strategy(
    newest: str, deleted: str, known: Frequencies | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "frequencies", lambda using: known)
    alice = make_user()
    threads = [make_thread(alice), make_thread(alice, "Other")]
    gone = make_thread(alice, "Gone")
    gone.deleted_at = datetime.datetime.now(datetime.UTC)
    gone.save()
    time = datetime.datetime.fromisoformat(newest).replace(tzinfo=datetime.UTC)
    messages: list[ChatMessage] = []
    for days, count, text in HISTORY:
        for n in range(count):
            time -= datetime.timedelta(days=days if n == 0 or days < 50 else 1)
            thread = threads[n % 2]
            if (deleted == "some" and n % 5 == 3) or (deleted == "latest" and len(messages) < 300):
                thread = gone
            messages.append(
                ChatMessage(
                    user=alice,
                    thread=thread,
                    role="user",
                    content=text.format(n=n),
                    created_at=time,
                )
            )
    ChatMessage.objects.bulk_create(messages)
    kept = ChatMessage.objects.for_user(alice).exclude(thread=gone)
    ordered = [message.content for message in kept]
    for typed, pattern in [
        ("coffee", r"coffee"),
        ("coffee ", r"coffee"),
        ("coff", r"coffee"),
        ("hero", r"heron"),
        ("heron ", r"heron"),
        ("only ", r"only"),
        ("tea heron", r"heron.*tea"),
        ("coffee heron ", r"heron.*coffee"),
        ('"coffee tea"', r"coffee\W+tea"),
        ("tea.numb", r"tea\W+numb"),
        ("coffee.tea", r"coffee\W+tea"),
        ('"tea coffee"', r"tea\W+coffee"),
        ('"heron tea"', r"heron\W+tea"),
        ('-"coffee tea"', r"^(?!.*coffee\W+tea)"),
        ("coffee -tea", r"^(?!.*tea).*coffee"),
        ("-coffee", r"^(?!.*coffee)"),
        ('coffee -"coffee tea"', r"^(?!.*coffee\W+tea).*coffee"),
        ("tea -coffee ", r"^(?!.*coffee).*tea"),
        ("in:other old", r"^old.* tea$"),
    ]:
        expected = [content for content in ordered if re.search(pattern, fold(content))]
        if typed.startswith("in:"):
            expected = expected[:1] + expected[3:4]
        for size in (7, 30, 1_000):
            seen, after = [], ""
            while True:
                page = search_messages(alice, typed, size=size, after=after)
                seen += [hit.content for hit in page.hits]
                after = page.next
                if not after:
                    break
            assert seen == expected, (typed, size)
        every = ChatMessage.objects.for_user(alice).search(typed)
        assert [message.content for message in every] == expected
