"""What search finds, on the engine at hand."""

import datetime
import re
import sys
import uuid
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from chat.models import ChatMessage
from chat.search import conditions, highlight
from chat.search.query import parse
from chat.search.results import find, find_threads, read_cursor, write_cursor
from chat.search.text import fold
from tests.chat.search.cases import TABLE
from tests.factories import make_message, make_persona, make_thread, make_user
from users.models import User

pytestmark = pytest.mark.django_db


def found(user: User, typed: str, **options: Any) -> list[str]:
    return [hit.said for hit in find(user, typed, **options).hits]


def key(value: uuid.UUID) -> uuid.UUID | str:
    return value if connection.vendor == "postgresql" else value.hex


@pytest.mark.every_server
def test_search_means_what_the_table_says() -> None:
    alice = make_user()
    thread = make_thread(alice)
    messages = {text: make_message(thread, text) for text, _, _ in TABLE}
    wrong = []
    for text, query, expected in TABLE:
        page = {hit.message.pk for hit in find(alice, query, size=100).hits}
        best = {hit.message.pk for hit in find(alice, query, size=100, best=True).hits}
        every = set(ChatMessage.objects.for_user(alice).search(query).values_list("pk", flat=True))
        for way, keys in (("find", page), ("best", best), ("search", every)):
            if (messages[text].pk in keys) is not expected:
                wrong.append((way, text, query, not expected))
    assert wrong == []


def test_a_word_longer_than_the_index_takes_is_no_error() -> None:
    alice = make_user()
    make_message(make_thread(alice), "न" * 900 + " end")
    assert found(alice, "end " + "म" * 900) == []
    assert found(alice, f'end -"{"म" * 450} {"म" * 450}"') == ["न" * 900 + " end"]


@pytest.mark.postgresql
def test_words_are_looked_for_in_every_way_their_letters_can_be_written() -> None:
    """What a pattern does not match is never looked at any closer."""
    written: dict[str, list[str]] = {}
    for character in map(chr, range(sys.maxunicode)):
        folded = fold(character)
        if folded.isascii() and folded.isalnum():
            written.setdefault(folded, []).append(character)
    assert len(written) == 36
    assert sum(map(len, written.values())) > 500
    for letter, characters in written.items():
        (phrase,) = conditions.phrases(parse(f'"a{letter} {letter}b"'))
        (word,) = conditions.first_looks(parse(f"{letter}x{letter}"))
        for character in characters:
            for before in ("", " ", "-", "中"):
                assert re.search(word, f"{before}{character}X{character}s")
                assert re.search(word, f"{before}{letter}\u0301x{character}\u0327")
            assert re.search(phrase.pattern, f"A{character} – {character}B")
            assert re.search(phrase.pattern, f"a{letter}\u0301-{character}\u0327b")


def test_snippet_marks_what_the_table_finds() -> None:
    unmarked = [
        (text, query)
        for text, query, expected in TABLE
        if expected and parse(query).terms and "<mark>" not in highlight.snippet(parse(query), text)
    ]
    assert unmarked == []


def test_snippet_is_cut_around_the_first_hit_and_escaped() -> None:
    said = "word " * 100 + "<b>Café & bar</b>" + " word" * 100
    shown = highlight.snippet(parse("cafe"), said)
    assert "&lt;b&gt;<mark>Café</mark> &amp; bar&lt;/b&gt;" in shown
    assert shown.startswith("… word ")
    assert shown.endswith(" …")
    assert len(shown) < 400


def test_rows_are_found_whoever_wrote_edited_or_deleted_them() -> None:
    alice, bob = make_user(), make_user("bob")
    thread = make_thread(alice)
    with connection.cursor() as cursor:
        for content in ("raw heron", "raw egret"):
            cursor.execute(
                "INSERT INTO chat_messages (user_id, thread_id, role, content)"
                " VALUES (%s, %s, 'user', %s)",
                [key(alice.pk), key(thread.pk), content],
            )
        cursor.execute(
            "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', 'lone heron')",
            [key(alice.pk)],
        )
    ChatMessage.objects.bulk_create(
        ChatMessage(user=alice, thread=thread, role="twin", content=f"bulk heron {n}")
        for n in range(3)
    )
    assert sorted(found(alice, "heron")) == [
        *(f"bulk heron {n}" for n in range(3)),
        "lone heron",
        "raw heron",
    ]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chat_messages SET content = 'raw stork' WHERE content = 'raw heron'")
        cursor.execute("DELETE FROM chat_messages WHERE content LIKE 'bulk%%'")
    assert found(alice, "heron") == ["lone heron"]
    assert found(alice, "stork") == ["raw stork"]
    ChatMessage.objects.filter(content="lone heron").update(
        created_at=datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC), user=bob
    )
    assert found(alice, "heron") == []
    assert found(bob, "heron") == ["lone heron"]
    thread.delete()
    assert found(alice, "raw") == []


def test_search_keeps_to_one_person_and_leaves_out_deleted_threads() -> None:
    alice, bob = make_user(), make_user("bob")
    hers, his, gone = make_thread(alice), make_thread(bob), make_thread(alice, "Gone")
    make_message(hers, "secret plan")
    make_message(his, f"secret recipe @{alice.pk}")
    make_message(gone, "secret garden")
    gone.deleted_at = datetime.datetime.now(datetime.UTC)
    gone.save()
    assert found(alice, "secret") == ["secret plan"]
    assert found(alice, "-nothing") == ["secret plan"]
    assert find_threads(alice, parse("gone")) == []
    assert ChatMessage.objects.for_user(alice).search("secret").count() == 1
    with pytest.raises(TypeError, match=r"for_user"):
        ChatMessage.objects.all().search("secret")


def test_cursor_survives_writing_and_refuses_anything_else() -> None:
    message = make_message(make_thread(make_user()))
    cursor = read_cursor(write_cursor(message))
    assert cursor is not None
    assert (cursor.created_at, cursor.id) == (message.created_at, message.pk)
    for written in ("", "x", "é", "AAAA", write_cursor(message)[:-4]):
        assert read_cursor(written) is None


def test_filters_work_as_text() -> None:
    alice = make_user()
    work = make_persona(alice, "Wörk Me")
    rome = make_thread(alice, "Trip to Rome", persona=work)
    plans = make_thread(alice)
    old = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
    make_message(rome, "pasta one", role="twin", created_at=old)
    make_message(plans, "pasta two", role="assistant")
    assert found(alice, "pasta from:twin") == ["pasta one"]
    assert found(alice, "from:assistant") == ["pasta two"]
    assert found(alice, "persona:work pasta") == ["pasta one"]
    assert found(alice, 'in:"trip to"') == ["pasta one"]
    assert found(alice, "pasta thread:plans") == ["pasta two"]
    assert found(alice, "pasta before:2024-05-02") == ["pasta one"]
    assert found(alice, "pasta after:2024-05 before:2024-05-01") == []
    assert found(alice, "pasta after:2025") == ["pasta two"]
    assert find(alice, "persona:nobody").query.notes == ["You have no persona of that name."]
    assert find(alice, "after:soon pasta from:bob").query.notes == [
        "after:soon was left out: it takes a date such as 2025-01-31.",
        "from:bob was left out: it takes user, assistant or twin.",
    ]


@given(
    said=st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.text("éİΣσςßйé한ᄒ\u1161\u11ab\u0301\u0306 a", max_size=12)
)
def test_marks_fold_a_text_as_the_index_does(said: str) -> None:
    folded, origin = highlight._folded(said)
    assert folded == fold(said).replace("ς", "σ")
    assert origin is None or len(origin) == len(folded) + 1


def test_snippet_marks_what_is_written_in_parts() -> None:
    for said, typed in [
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글"),
        ("и\u0306од", "йод"),
        ("ΟΔΟΣ", "οδος"),
    ]:
        assert highlight.snippet(parse(typed), said) == f"<mark>{said}</mark>"
        assert highlight.holds(parse(typed), said)


def test_best_first_prefers_short_texts_and_repeated_words() -> None:
    alice = make_user()
    thread = make_thread(alice)
    make_message(thread, "heron heron heron: all about the heron")
    make_message(thread, "long " * 400 + "heron")
    make_message(thread, "nothing of the kind")
    make_message(thread, "one herons nest " + "long " * 20)
    best = [text[:9] for text in found(alice, "heron ", best=True)]
    assert best == ["heron her", "one heron", "long long"]
    messages = ChatMessage.objects.for_user(alice).search("heron", best=True)
    assert [message.content[:9] for message in messages] == best


def test_huge_messages_are_stored_and_found_by_their_beginning() -> None:
    alice = make_user()
    thread = make_thread(alice)
    for huge in ("heron " + "word " * 300_000, "東京" * 400_000, "é\u0301ﷺ" * 300_000, "x" * 10**6):
        make_message(thread, huge)
    assert len(found(alice, "heron")) == 1
    assert len(found(alice, "東京")) == 1
