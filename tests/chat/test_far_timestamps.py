"""Rows whose timestamps Python cannot hold, written by other programs, on every page."""

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from chat.models import ChatMessage
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db

FAR = ["infinity", "-infinity", "0044-03-15 BC", "12024-01-01", "9999-12-31 23:59:59+00"]


def set_times(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers
        for table in ("chat_messages", "threads", "personas", "users"):
            cursor.execute(f"UPDATE {table} SET created_at = %s, updated_at = %s", [value, value])
        cursor.execute("UPDATE threads SET last_message_at = %s", [value])
        cursor.execute("UPDATE users SET last_login = %s WHERE NOT is_superuser", [value])
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.parametrize("value", FAR)
def test_every_page_shows_rows_with_far_timestamps(client: Client, value: str) -> None:
    alice = make_user(is_staff=True, is_superuser=True)
    make_persona(alice)
    thread = make_thread(alice)
    for number in range(3):
        make_message(thread, f"hello {number}")
    client.force_login(alice)
    set_times(value)
    pages = [
        reverse("threads:list"),
        reverse("chat:conversation", args=[thread.pk]),
        reverse("chat:search") + "?q=hello",
        reverse("chat:search") + "?q=hello&sort=rank",
        reverse("personas:list"),
        reverse("chat:export_everything", args=["json"]),
        reverse("chat:export_everything", args=["csv"]),
        reverse("chat:export_everything", args=["markdown"]),
        reverse("chat:export_thread", args=[thread.pk, "json"]),
        *(
            reverse(f"admin:{label}_changelist")
            for label in ("users_user", "personas_persona", "threads_thread", "chat_chatmessage")
        ),
        reverse("admin:threads_thread_change", args=[thread.pk]),
        reverse("admin:users_user_change", args=[alice.pk]),
    ]
    for page in pages:
        answer = client.get(page)
        body = b"".join(answer) if answer.streaming else answer.content
        assert answer.status_code == 200, page
        assert body, page


def test_far_timestamps_are_read_as_the_first_or_last_that_python_can_hold() -> None:
    alice = make_user()
    thread = make_thread(alice)
    make_message(thread)
    seen = []
    for value in FAR:
        set_times(value)
        seen.append(
            [
                User.objects.get().created_at.year,
                Thread.objects.get().created_at.year,
                ChatMessage.objects.get().created_at.year,
            ]
        )
    assert seen == [[9999] * 3, [1] * 3, [1] * 3, [9999] * 3, [9999] * 3]
