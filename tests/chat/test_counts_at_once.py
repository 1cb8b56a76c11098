"""`message_count` and `last_message_at` while several connections write."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.models import ChatMessage
from tests.chat.counts import assert_counts_are_right
from tests.factories import make_message, make_thread, make_user
from threads.models import Thread
from users.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.engines("sqlite", "postgresql"),
]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at_once(*works: Callable[[], Any]) -> list[BaseException]:
    """Run each work on a thread and a connection of its own; return what they raised."""
    start = threading.Barrier(len(works))
    raised: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def rows(user: User, threads: list[Thread], each: int) -> Iterator[ChatMessage]:
    for _ in range(each):
        for thread in threads:
            yield ChatMessage(user=user, thread=thread, role="user", content="x")


def test_two_writers_on_one_thread_are_both_counted() -> None:
    alice = make_user()
    thread = make_thread(alice)

    def write() -> None:
        for n in range(25):
            make_message(thread, created_at=NOON + timedelta(seconds=random.random() * n))

    assert at_once(write, write) == []
    thread.refresh_from_db()
    assert thread.message_count == 50
    assert_counts_are_right()


def test_writers_that_delete_and_insert_the_last_message_agree_on_it() -> None:
    alice = make_user()
    thread = make_thread(alice)
    messages = [make_message(thread, created_at=NOON + timedelta(minutes=n)) for n in range(20)]

    def delete() -> None:
        for message in reversed(messages):
            ChatMessage.objects.filter(pk=message.pk).delete()

    def insert() -> None:
        for n in range(20):
            make_message(thread, created_at=NOON + timedelta(minutes=n, seconds=30))

    def rename() -> None:
        for n in range(20):
            stale = Thread.objects.get(pk=thread.pk)
            stale.title = str(n)
            stale.save()

    assert at_once(delete, insert, rename) == []
    thread.refresh_from_db()
    assert thread.message_count == 20
    assert_counts_are_right()


def test_statements_over_the_same_threads_in_opposite_orders_do_not_deadlock() -> None:
    alice = make_user()
    threads = [make_thread(alice, str(n)) for n in range(8)]

    def insert(order: list[Thread]) -> Callable[[], None]:
        def work() -> None:
            for _ in range(8):
                ChatMessage.objects.bulk_create(rows(alice, order, 3))

        return work

    def move() -> None:
        for n in range(8):
            source = ChatMessage.objects.filter(thread=threads[n])
            source.update(thread=threads[-1 - n])

    def clear() -> None:
        for _ in range(4):
            keys = list(ChatMessage.objects.order_by("-id").values_list("pk", flat=True)[:20])
            ChatMessage.objects.filter(pk__in=keys)._raw_delete("default")

    assert at_once(insert(threads), insert(threads[::-1]), move, clear) == []
    assert_counts_are_right()


def test_first_messages_of_the_old_backend_at_once_make_one_general_thread() -> None:
    alice = make_user()
    key = alice.pk.hex if connection.vendor == "sqlite" else alice.pk

    def write() -> None:
        with connection.cursor() as cursor:
            for _ in range(10):
                cursor.execute(
                    "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', 'x')",
                    [key],
                )

    assert at_once(*[write] * 4) == []
    assert list(Thread.objects.values_list("is_general", "message_count")) == [(True, 40)]
    assert_counts_are_right()


def test_what_is_rolled_back_is_not_counted() -> None:
    alice = make_user()
    thread = make_thread(alice)

    def change_mind() -> None:
        for n in range(10):
            try:
                with transaction.atomic():
                    make_message(thread)
                    if n % 2:
                        raise KeyError
            except KeyError:
                continue

    assert at_once(change_mind, change_mind) == []
    thread.refresh_from_db()
    assert thread.message_count == 10
    assert_counts_are_right()


WHERE = st.integers(0, 2)
WHEN = st.integers(0, 50)
STEP = st.one_of(
    st.tuples(st.just("insert"), WHERE, WHEN),
    st.tuples(st.just("insert many"), WHERE, WHEN),
    st.tuples(st.just("to general"), WHERE, WHEN),
    st.tuples(st.just("move"), WHERE, WHERE),
    st.tuples(st.just("redate"), WHERE, WHEN),
    st.tuples(st.just("delete last"), WHERE, WHEN),
    st.tuples(st.just("delete all"), WHERE, WHEN),
    st.tuples(st.just("save thread"), WHERE, WHEN),
    st.tuples(st.just("delete thread"), WHERE, WHEN),
)


def step(user: User, what: str, where: int, number: int) -> None:
    """Do one random change to the thread at `where`, if there is one."""
    threads = list(Thread.objects.order_by("id"))
    if len(threads) < 3:
        threads.append(make_thread(user, str(number)))
    thread = threads[where % len(threads)]
    messages = ChatMessage.objects.filter(thread=thread)
    at = NOON + timedelta(minutes=number)
    if what == "insert":
        make_message(thread, created_at=at)
    elif what == "insert many":
        ChatMessage.objects.bulk_create(rows(user, threads, 2))
    elif what == "to general":
        messages.update(thread=None)
    elif what == "move":
        messages.update(thread=threads[number % len(threads)])
    elif what == "redate":
        messages.order_by("created_at").filter(created_at__lt=at).update(created_at=at)
    elif what == "delete last":
        ChatMessage.objects.filter(pk__in=messages.order_by("-created_at")[:1]).delete()
    elif what == "delete all":
        messages.delete()
    elif what == "save thread":
        thread.title = str(number)
        thread.save()
    else:
        thread.delete()


@pytest.mark.django_db(transaction=False)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=12))
def test_counts_are_right_after_any_series_of_steps(
    db: None, steps: list[tuple[str, int, int]]
) -> None:
    with transaction.atomic():
        user = User.objects.create(email="alice@example.com", password="x")
        for what, where, number in steps:
            step(user, what, where, number)
            assert_counts_are_right()
        transaction.set_rollback(True)
