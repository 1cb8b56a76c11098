"""`message_count` and `last_message_at`, whoever writes the rows."""

import pytest
from django.db import connection
from django.db.models import Count, Max

from chat.models import ChatMessage
from tests.factories import make_message, make_thread, make_user
from threads.models import Thread

pytestmark = pytest.mark.django_db


def assert_counts_are_right() -> None:
    stored = list(Thread.objects.order_by("id").values_list("message_count", "last_message_at"))
    real = list(
        Thread.objects.order_by("id")
        .annotate(n=Count("messages"), last=Max("messages__created_at"))
        .values_list("n", "last")
    )
    assert stored == real


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
    with connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute(
                "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', 'hi')",
                [alice.id if connection.vendor == "postgresql" else alice.id.hex],
            )
    general = Thread.objects.get()
    assert (general.title, general.is_general, general.message_count) == ("General", True, 3)
    ChatMessage.objects.update(thread=None)
    assert list(ChatMessage.objects.values_list("thread", flat=True)) == [general.pk] * 3
    assert_counts_are_right()
