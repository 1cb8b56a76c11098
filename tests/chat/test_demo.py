"""The demo: believable, the same every time, and never among other people's data."""

from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F, Min, Model

from chat.demo import loading
from chat.management.commands import demo as command
from chat.models import ChatMessage
from personas.models import Persona
from tests.chat.counts import assert_counts_are_right
from tests.factories import make_user
from threads.models import Thread
from users.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.engines("sqlite", "postgresql")]
SMALL: dict[str, Any] = {"users": 6, "messages": 300, "day": date(2026, 3, 1)}


def demo(**options: Any) -> str:
    out = StringIO()
    call_command("demo", **SMALL | options, stdout=out)
    return out.getvalue()


def everything() -> list[list[Any]]:
    tables: list[type[Model]] = [User, Persona, Thread, ChatMessage]
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def test_demo_is_right_and_can_be_logged_in_to(client: Any) -> None:
    said = demo(password="tea and toast")
    people = User.objects.exclude(is_staff=True)
    assert (people.count(), ChatMessage.objects.count()) == (6, 300)
    assert_counts_are_right()
    assert Persona.objects.active().count() == 6
    assert not Thread.objects.filter(is_general=True).exists()
    begun = Thread.objects.annotate(first=Min("messages__created_at"))
    assert not begun.filter(first__lt=F("created_at")).exists()
    assert ChatMessage.objects.filter(created_at__gte="2026-03-01T00:00Z").count() == 0
    assert "Admin (/admin/):  admin@demo.example  password tea and toast" in said
    assert client.login(username="admin@demo.example", password="tea and toast")
    assert client.login(username=people[0].email, password="tea and toast")


def test_same_seed_and_day_make_the_same_rows_and_replace_them() -> None:
    hashes = {"password": "", "last_login": None}
    demo(seed=7)
    first = everything()
    demo(seed=7)
    second = everything()
    for rows in (first, second):
        rows[0] = [row | hashes for row in rows[0]]
        rows[1] = [dict(row) for row in rows[1]]
    assert first == second
    demo(seed=8)
    assert [row["id"] for row in first[3]] != [row["id"] for row in everything()[3]]


def test_demo_refuses_other_peoples_data_unless_told() -> None:
    alice = make_user()
    with pytest.raises(CommandError, match="--yes"):
        demo()
    assert User.objects.count() == 1
    demo(yes=True)
    assert User.objects.count() == 8
    assert User.objects.filter(pk=alice.pk).exists()


def test_demo_that_fails_half_way_leaves_the_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    demo()
    before = everything()
    monkeypatch.setattr(loading, "CHUNK", 100)
    write = loading.write

    def fail_at_threads(*args: Any) -> None:
        if args[1] == "threads":
            raise RuntimeError("killed")
        write(*args)

    monkeypatch.setattr(loading, "write", fail_at_threads)
    with pytest.raises(RuntimeError), transaction.atomic():
        demo(seed=2)
    assert everything() == before


def test_demo_says_what_to_do_on_a_database_without_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.introspection, "table_names", list)
    with pytest.raises(CommandError, match=r"manage\.py migrate"):
        demo()


@pytest.mark.engines("postgresql")
def test_search_index_that_was_taken_off_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def definitions() -> list[tuple[str, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexdef FROM pg_indexes WHERE tablename = 'chat_messages' ORDER BY 1"
            )
            return list(cursor.fetchall())

    before = definitions()
    monkeypatch.setattr(command, "MANY", 100)
    demo()
    assert definitions() == before
    assert_counts_are_right()
