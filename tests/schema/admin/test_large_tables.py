"""The admin over big tables: constant queries, bounded counts, deletes by the database."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import ChatMessage
from personas.models import Persona
from schema.admin import large_tables
from tests.factories import make_message, make_persona, make_thread, make_user
from threads.models import Thread
from users.models import User

pytestmark = pytest.mark.django_db
LISTS = ["users_user", "personas_persona", "threads_thread", "chat_chatmessage"]


@pytest.fixture
def operator(client: Client) -> Client:
    admin = User.objects.create_superuser("admin@example.com", "correct horse battery")
    client.force_login(admin)
    return client


def life(name: str) -> ChatMessage:
    """Make a user with a persona, a thread and a message."""
    user = make_user(name)
    thread = make_thread(user, f"Plans of {name}", persona=make_persona(user))
    return make_message(thread, f"Hello from {name}")


def queries(client: Client, address: str) -> list[str]:
    assert client.get(address).status_code == 200  # what is read once a process is read here
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("page", LISTS)
def test_list_takes_as_many_queries_for_three_rows_as_for_one(operator: Client, page: str) -> None:
    address = reverse(f"admin:{page}_changelist")
    life("alice")
    one = queries(operator, address)
    life("bob")
    life("carol")
    assert len(queries(operator, address)) == len(one)


@pytest.mark.parametrize("page", LISTS)
def test_page_of_a_row_takes_as_many_queries_however_much_is_on_it(
    operator: Client, page: str
) -> None:
    message = life("alice")
    thread = message.thread
    assert thread is not None
    assert thread.persona is not None
    rows = {"users": message.user, "personas": thread.persona, "threads": thread, "chat": message}
    address = reverse(f"admin:{page}_change", args=[rows[page.split("_")[0]].pk])
    one = queries(operator, address)
    for n in range(2):
        make_message(make_thread(message.user, str(n), persona=make_persona(message.user)))
        make_message(thread)
    assert len(queries(operator, address)) == len(one)


@pytest.mark.parametrize("page", LISTS)
def test_no_list_counts_without_a_bound(operator: Client, page: str) -> None:
    life("alice")
    sql = queries(operator, reverse(f"admin:{page}_changelist"))
    unbounded = [line for line in sql if "COUNT(" in line.upper() and "LIMIT" not in line]
    assert unbounded == []


def test_pages_stop_at_the_bound_and_say_so(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_tables, "BOUND", 2)
    message = life("alice")
    assert message.thread is not None
    for _ in range(2):
        make_message(message.thread)
    text = operator.get(reverse("admin:chat_chatmessage_changelist")).content.decode()
    assert "more than 2 chat messages" in " ".join(text.split())
    assert "Select all 2" not in text


def test_search_finds_by_key_or_by_the_beginning_of_an_address(operator: Client) -> None:
    message, other = life("alice"), life("bob")
    address = reverse("admin:chat_chatmessage_changelist")

    def found(**asked: Any) -> set[object]:
        answer = operator.get(address, asked)
        return {row.pk for row in answer.context["cl"].result_list}

    both = {message.pk, other.pk}
    assert found(q="alice@") == found(q="ALI") == {message.pk}
    assert found(q=str(message.pk)) == found(q=str(message.thread_id)) == {message.pk}
    assert found(q=str(message.user_id)) == found(user=message.user_id) == {message.pk}
    assert found(thread=other.thread_id) == {other.pk}
    assert found(q="lice") == found(q="%") == set()
    assert found(user="nonsense") == found() == both
    assert found(role__exact="twin") == set()


@pytest.mark.parametrize("page", LISTS[1:3])
def test_lists_of_threads_and_personas_are_searched_by_user_too(
    operator: Client, page: str
) -> None:
    life("alice")
    life("bob")
    address = reverse(f"admin:{page}_changelist")
    rows = operator.get(address, {"q": "bob@"}).context["cl"].result_list
    assert [row.user.email for row in rows] == ["bob@example.com"]


def test_deleting_a_person_counts_what_goes_and_leaves_it_to_the_database(
    operator: Client,
) -> None:
    message = life("alice")
    life("bob")
    address = reverse("admin:users_user_delete", args=[message.user_id])
    asked = operator.get(address)
    assert dict(asked.context["model_count"]) == {
        "users": 1,
        "personas": 1,
        "threads": 1,
        "chat messages": 1,
    }
    with CaptureQueriesContext(connection) as captured:
        operator.post(address, {"post": "yes"})
    deletes = [q["sql"] for q in captured.captured_queries if q["sql"].startswith("DELETE")]
    assert len(deletes) == 1
    emails = User.objects.order_by("email").values_list("email", flat=True)
    assert list(emails) == ["admin@example.com", "bob@example.com"]
    left = [table._default_manager.count() for table in (Persona, Thread, ChatMessage)]
    assert left == [1, 1, 1]


def test_deleting_chosen_threads_takes_their_messages_along(operator: Client) -> None:
    first, second = life("alice"), life("bob")
    data = {
        "action": "delete_selected",
        "_selected_action": [str(first.thread_id)],
        "post": "yes",
    }
    operator.post(reverse("admin:threads_thread_changelist"), data)
    assert list(ChatMessage.objects.values_list("pk", flat=True)) == [second.pk]


def test_staff_without_the_right_to_delete_messages_cannot_delete_a_thread(client: Client) -> None:
    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.set(
        Permission.objects.filter(codename__in=["delete_thread", "view_thread"])
    )
    client.force_login(clerk)
    message = life("alice")
    address = reverse("admin:threads_thread_delete", args=[message.thread_id])
    assert client.get(address).context["perms_lacking"] == {"chat message"}
    assert client.post(address, {"post": "yes"}).status_code == 403
    assert ChatMessage.objects.count() == 1
