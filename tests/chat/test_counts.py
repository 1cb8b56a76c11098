"""`message_count` and `last_message_at`, whoever writes the rows."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core import serializers
from django.db import connection
from django.db.models import F

from chat.models import ChatMessage
from schema.functions import uuid7
from tests.chat.counts import assert_counts_are_right, recounted, stored
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run(sql: str, *params: UUID) -> None:
    """Run SQL as another program would: with keys as the engine writes them."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            [key.hex if connection.vendor == "sqlite" else key for key in params],
        )


def test_counts_follow_bulk_insert_move_edit_and_delete() -> None:
    alice = make_user()
    first, second = make_thread(alice, "First"), make_thread(alice, "Second")
    for thread in (first, second, first):
        make_message(thread)
    ChatMessage.objects.bulk_create(
        ChatMessage(user=alice, thread=thread, role="user", content=str(n))
        for n in range(20)
        for thread in (first, second)
    )
    assert_counts_are_right()
    first.refresh_from_db()
    assert first.message_count == 22
    ChatMessage.objects.filter(content__in=["3", "4"], thread=first).update(thread=second)
    assert_counts_are_right()
    ChatMessage.objects.update(content="edited")
    assert_counts_are_right()
    ChatMessage.objects.filter(thread=second).order_by("-created_at")[0].delete()
    assert_counts_are_right()
    ChatMessage.objects.filter(thread=first).delete()
    assert_counts_are_right()
    first.refresh_from_db()
    assert (first.message_count, first.last_message_at) == (0, None)


def test_message_without_thread_goes_into_the_one_general_thread() -> None:
    alice = make_user()
    for _ in range(3):
        run(
            "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', 'hi')", alice.id
        )
    general = Thread.objects.get()
    assert (general.title, general.is_general, general.message_count) == ("General", True, 3)
    ChatMessage.objects.update(thread=None)
    assert list(ChatMessage.objects.values_list("thread", flat=True)) == [general.pk] * 3
    assert_counts_are_right()


def test_old_backend_bulk_insert_for_several_people_counts_in_each_general_thread() -> None:
    alice, bob = make_user(), make_user("bob")
    twin = make_persona(bob)
    run(
        "INSERT INTO chat_messages (user_id, role, content)"
        " VALUES (%s, 'user', '1'), (%s, 'user', '2'), (%s, 'assistant', '3')",
        alice.id,
        bob.id,
        alice.id,
    )
    rows = Thread.objects.order_by("message_count").values_list("user", "persona", "message_count")
    assert list(rows) == [(bob.pk, twin.pk, 1), (alice.pk, None, 2)]
    assert_counts_are_right()


def test_last_message_goes_back_when_the_newest_is_deleted_moved_or_dated_earlier() -> None:
    alice = make_user()
    thread, other = make_thread(alice), make_thread(alice, "Other")
    old, new, newest = (
        make_message(thread, created_at=NOON + timedelta(minutes=n)) for n in range(3)
    )

    def last() -> object:
        return Thread.objects.get(pk=thread.pk).last_message_at

    assert last() == newest.created_at
    newest.delete()
    assert last() == new.created_at
    ChatMessage.objects.filter(pk=new.pk).update(thread=other)
    assert last() == old.created_at
    ChatMessage.objects.filter(pk=old.pk).update(created_at=NOON - timedelta(days=1))
    assert last() == NOON - timedelta(days=1)
    ChatMessage.objects.filter(pk=old.pk).update(created_at=NOON + timedelta(days=1))
    assert last() == NOON + timedelta(days=1)
    assert_counts_are_right()


def test_messages_that_swap_threads_in_one_statement_are_counted_where_they_arrive() -> None:
    alice = make_user()
    first, second, third = (make_thread(alice, str(n)) for n in range(3))
    for n, thread in enumerate([first, first, second, third]):
        make_message(thread, created_at=NOON + timedelta(minutes=n))
    run(
        "UPDATE chat_messages SET thread_id = CASE thread_id"
        " WHEN %s THEN %s WHEN %s THEN %s ELSE thread_id END",
        first.pk,
        second.pk,
        second.pk,
        first.pk,
    )
    counts = Thread.objects.order_by("title").values_list("message_count", flat=True)
    assert list(counts) == [1, 2, 1]
    assert_counts_are_right()


def test_upsert_that_inserts_or_changes_is_counted_once() -> None:
    alice = make_user()
    thread, other = make_thread(alice), make_thread(alice, "Other")
    message = make_message(thread)
    upsert = (
        "INSERT INTO chat_messages (id, user_id, thread_id, role, content)"
        " VALUES (%s, %s, %s, 'user', 'x') ON CONFLICT (id) DO "
    )
    run(upsert + "NOTHING", message.pk, alice.pk, other.pk)
    assert_counts_are_right()
    run(upsert + "UPDATE SET thread_id = excluded.thread_id", message.pk, alice.pk, other.pk)
    run(upsert + "NOTHING", uuid7(), alice.pk, other.pk)
    assert Thread.objects.get(pk=other.pk).message_count == 2
    assert_counts_are_right()


@pytest.mark.engines("sqlite")
def test_insert_or_replace_counts_the_replaced_message_off() -> None:
    alice = make_user()
    thread, other = make_thread(alice), make_thread(alice, "Other")
    message = make_message(thread)
    run(
        "INSERT OR REPLACE INTO chat_messages (id, user_id, thread_id, role, content)"
        " VALUES (%s, %s, %s, 'user', 'x')",
        message.pk,
        alice.pk,
        other.pk,
    )
    counts = Thread.objects.order_by("-title").values_list("message_count", flat=True)
    assert list(counts) == [0, 1]
    assert_counts_are_right()


@pytest.mark.parametrize("victim", ["threads", "users", "personas"])
def test_cascades_in_the_database_leave_right_counts(victim: str) -> None:
    alice, bob = make_user(), make_user("bob")
    for user in (alice, bob):
        persona = make_persona(user)
        for title in ("First", "Second"):
            thread = make_thread(user, title, persona=persona)
            make_message(thread)
            make_message(thread, role="twin")
    column = "id" if victim == "users" else "user_id"
    run(f"DELETE FROM {victim} WHERE {column} = %s", alice.pk)
    left = {"threads": 2, "users": 2, "personas": 4}[victim]
    assert (Thread.objects.count(), ChatMessage.objects.count()) == (left, left * 2)
    assert_counts_are_right()


def test_deleting_people_and_threads_through_the_models_leaves_right_counts() -> None:
    alice, bob = make_user(), make_user("bob")
    for user in (alice, bob):
        for title in ("First", "Second"):
            make_message(make_thread(user, title))
    Thread.objects.filter(title="First").delete()
    assert_counts_are_right()
    alice.delete()
    assert [
        (user, count) for user, count in Thread.objects.values_list("user", "message_count")
    ] == [(bob.pk, 1)]
    assert_counts_are_right()


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("table", ["chat_messages CASCADE", "threads CASCADE", "users CASCADE"])
def test_truncate_sets_the_counts_to_nothing(table: str) -> None:
    thread = make_thread(make_user())
    make_message(thread)
    run("SET CONSTRAINTS ALL IMMEDIATE")  # the test's transaction has not checked them yet
    run(f"TRUNCATE {table}")
    assert stored() == recounted()
    assert ChatMessage.objects.count() == 0


def test_saving_a_thread_that_was_read_earlier_keeps_what_was_counted_since() -> None:
    alice = make_user()
    thread = make_thread(alice)
    make_message(thread)
    thread.title = "A better title"
    thread.save()
    thread.refresh_from_db()
    assert (thread.title, thread.message_count) == ("A better title", 1)
    assert_counts_are_right()


def test_thread_that_arrives_with_a_count_does_not_count_twice() -> None:
    alice = make_user()
    thread = make_thread(alice)
    for _ in range(3):
        make_message(thread)
    fixture = serializers.serialize(
        "json", [*Thread.objects.all(), *ChatMessage.objects.order_by("created_at")]
    )
    Thread.objects.all().delete()
    for row in serializers.deserialize("json", fixture):
        row.save()
    assert Thread.objects.get().message_count == 3
    assert_counts_are_right()


@pytest.mark.engines("postgresql")
def test_count_written_by_a_client_is_replaced_by_the_real_one() -> None:
    thread = make_thread(make_user())
    make_message(thread, created_at=NOON)
    Thread.objects.update(message_count=F("message_count") + 1, last_message_at=None)
    assert list(Thread.objects.values_list("message_count", "last_message_at")) == [(1, NOON)]
