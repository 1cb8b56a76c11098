"""Searches of messages and threads, on both engines."""

import datetime
import uuid
from typing import Any

import pytest
from django.db import connection

from chat.models import ChatMessage
from chat.search.query import parse
from chat.search.results import (
    decode_cursor,
    encode_cursor,
    search_messages,
    search_threads,
)
from tests.chat.search.cases import CASES
from tests.factories import make_message, make_persona, make_thread, make_user
from users.models import User

pytestmark = pytest.mark.django_db


def found(user: User, typed: str, **options: Any) -> list[str]:
    return [hit.content for hit in search_messages(user, typed, **options).hits]


def key(value: uuid.UUID) -> uuid.UUID | str:
    return value if connection.vendor == "postgresql" else value.hex


@pytest.mark.engines("sqlite", "postgresql", "older")
def test_search_finds_what_the_cases_say() -> None:
    alice = make_user()
    thread = make_thread(alice)
    messages = {content: make_message(thread, content).pk for content, _, _ in CASES}
    wrong = []
    for content, typed, is_match in CASES:
        ways = {
            "newest": {hit.id for hit in search_messages(alice, typed, size=100).hits},
            "best": {hit.id for hit in search_messages(alice, typed, size=100, best=True).hits},
            "all": set(
                ChatMessage.objects.for_user(alice).search(typed).values_list("pk", flat=True)
            ),
        }
        for way, keys in ways.items():
            if (messages[content] in keys) is not is_match:
                wrong.append((way, content, typed, not is_match))
    assert wrong == []


def test_word_longer_than_the_index_allows_is_no_error() -> None:
    alice = make_user()
    make_message(make_thread(alice), "न" * 900 + " end")
    assert found(alice, "end " + "म" * 900) == []
    assert found(alice, f'end -"{"म" * 450} {"म" * 450}"') == ["न" * 900 + " end"]


def test_rows_are_found_however_they_were_written() -> None:
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


def test_search_finds_only_the_users_messages_in_threads_that_are_not_deleted() -> None:
    alice, bob = make_user(), make_user("bob")
    hers, his, gone = make_thread(alice), make_thread(bob), make_thread(alice, "Gone")
    make_message(hers, "secret plan")
    make_message(his, f"secret recipe @{alice.pk}")
    make_message(gone, "secret garden")
    gone.deleted_at = datetime.datetime.now(datetime.UTC)
    gone.save()
    assert found(alice, "secret") == ["secret plan"]
    assert found(alice, "-nothing") == ["secret plan"]
    assert search_threads(alice, parse("gone")) == []
    assert ChatMessage.objects.for_user(alice).search("secret").count() == 1
    with pytest.raises(TypeError, match=r"for_user"):
        ChatMessage.objects.all().search("secret")


def test_cursor_is_decoded_as_encoded_and_other_texts_are_no_cursor() -> None:
    alice = make_user()
    message = make_message(make_thread(alice))
    (hit,) = search_messages(alice, "hello").hits
    encoded = encode_cursor(hit)
    cursor = decode_cursor(encoded)
    assert cursor is not None
    assert (cursor.created_at, cursor.id) == (message.created_at, message.pk)
    for text in ("", "x", "é", "AAAA", encoded[:-4]):
        assert decode_cursor(text) is None


def test_filters_can_be_typed() -> None:
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
    assert search_messages(alice, "persona:nobody").query.notes == [
        "You have no persona of that name."
    ]
    assert search_messages(alice, "after:soon pasta from:bob").query.notes == [
        "after:soon was ignored: use a date such as 2025-01-31.",
        "from:bob was ignored: use user, assistant or twin.",
    ]


def test_long_messages_are_stored_and_found_by_their_beginning() -> None:
    alice = make_user()
    thread = make_thread(alice)
    for huge in ("heron " + "word " * 300_000, "東京" * 400_000, "é\u0301ﷺ" * 300_000, "x" * 10**6):
        make_message(thread, huge)
    assert len(found(alice, "heron")) == 1
    assert len(found(alice, "東京")) == 1
