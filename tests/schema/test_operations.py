"""Operations that may be run again, wherever they were cut off."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.postgres.indexes import GinIndex
from django.core.management import call_command
from django.db import models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.utils import IntegrityError

from schema.operations import (
    AddCheckOnline,
    AddForeignKeyOnline,
    AddIndexOnline,
    AddPostgreSQLIndexOnline,
    RemoveIndexOnline,
    RerunnableSQL,
)
from schema.operations.indexes import dropped_index, superseded_indexes
from tests.conftest import Database

INDEX = models.Index(fields=["thread", "created_at", "id"], name="chat_messages_thread_idx")
Run = Callable[..., None]


@pytest.fixture
def run(empty_database: Database) -> Run:
    """Run an operation, outside a transaction, on the schema of chat.0003."""
    call_command("migrate", "chat", "0003", database=empty_database.alias, verbosity=0)
    loader = MigrationLoader(empty_database.connection)

    def once(operation: Operation, *, backwards: bool = False) -> None:
        before = loader.project_state(("chat", "0003_thread_backfill"))
        if isinstance(operation, RemoveIndexOnline):
            AddIndexOnline("chatmessage", INDEX).state_forwards("chat", before)
        after = before.clone()
        operation.state_forwards("chat", after)
        with empty_database.connection.schema_editor(atomic=False) as editor:
            if backwards:
                operation.database_backwards("chat", editor, after, before)
            else:
                operation.database_forwards("chat", editor, before, after)

    return once


def found(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def indexes(database: Database) -> set[str]:
    with database.connection.cursor() as cursor:
        return {
            name
            for name, facts in database.connection.introspection.get_constraints(
                cursor, "chat_messages"
            ).items()
            if facts["index"]
        }


def test_index_is_added_and_removed_however_often_it_is_asked_for(
    run: Run, empty_database: Database
) -> None:
    add, remove = AddIndexOnline("chatmessage", INDEX), RemoveIndexOnline("chatmessage", INDEX.name)
    for operation, backwards, there in [
        (add, False, True),
        (add, True, False),
        (remove, True, True),
        (remove, False, False),
    ]:
        for _ in range(2):
            run(operation, backwards=backwards)
            assert (INDEX.name in indexes(empty_database)) is there


@pytest.mark.engines("postgresql")
def test_invalid_index_is_built_again_and_a_valid_one_left_alone(
    run: Run, empty_database: Database
) -> None:
    state = (
        "SELECT indexrelid, indisvalid FROM pg_index"
        " WHERE indexrelid = 'chat_messages_thread_idx'::regclass"
    )
    add = AddIndexOnline("chatmessage", INDEX)
    run(add)
    ((first, valid),) = found(empty_database, state)
    assert valid
    run(add)
    assert found(empty_database, state) == [(first, True)]
    with empty_database.connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s", [first])
    run(add)
    ((second, valid),) = found(empty_database, state)
    assert (second != first, valid) == (True, True)


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize(("allowed", "taken"), [("1GB", "64MB"), ("8MB", "8MB")])
def test_gin_index_gathers_little_at_a_time(
    run: Run, empty_database: Database, allowed: str, taken: str
) -> None:
    person = str(uuid.uuid4())
    with empty_database.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO users (id, email, password_hash) VALUES (%s, 'a@b', '')", [person]
        )
        cursor.execute(
            "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', '')", [person]
        )
        # What is indexed tells the memory of the session that builds the index.
        cursor.execute(
            """
            CREATE FUNCTION telling(text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE AS $$
            BEGIN
                RAISE NOTICE '%', current_setting('maintenance_work_mem');
                RETURN '';
            END
            $$
            """
        )
        name = empty_database.connection.settings_dict["NAME"]
        cursor.execute(f"ALTER DATABASE \"{name}\" SET maintenance_work_mem = '{allowed}'")
    empty_database.connection.close()
    told: list[str | None] = []
    empty_database.connection.ensure_connection()
    session = empty_database.connection.connection
    session.add_notice_handler(lambda notice: told.append(notice.message_primary))
    index = GinIndex(models.Func("content", function="telling"), name="telling_idx")
    run(AddPostgreSQLIndexOnline("chatmessage", index))
    assert told == [taken]
    assert found(empty_database, "SHOW maintenance_work_mem") == [(allowed,)]


@pytest.mark.engines("postgresql")
def test_foreign_key_is_validated_in_the_end_and_acts_on_delete(
    run: Run, empty_database: Database
) -> None:
    state = (
        "SELECT convalidated, confdeltype, condeferrable FROM pg_constraint"
        " WHERE conrelid = 'chat_messages'::regclass AND contype = 'f'"
        " AND confrelid = 'threads'::regclass"
    )
    assert found(empty_database, state) == []
    for _ in range(2):
        run(AddForeignKeyOnline("chatmessage", "thread", validate=False))
        assert found(empty_database, state) == [(False, "c", True)]
    for _ in range(2):
        run(AddForeignKeyOnline("chatmessage", "thread"))
        assert found(empty_database, state) == [(True, "c", True)]
    for _ in range(2):
        run(AddForeignKeyOnline("chatmessage", "thread"), backwards=True)
        assert found(empty_database, state) == []


def test_check_holds_after_it_was_added_twice(run: Run, empty_database: Database) -> None:
    check = models.CheckConstraint(
        condition=~models.Q(content="forbidden"), name="chat_messages_content_check"
    )
    add = AddCheckOnline("chatmessage", check)
    run(add)
    run(add)
    row = "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', '')"
    said = "INSERT INTO chat_messages (user_id, role, content) SELECT id, 'user', '{}' FROM users"
    with empty_database.connection.cursor() as cursor:
        cursor.execute(row)
        cursor.execute(said.format("hello"))
        with pytest.raises(IntegrityError, match="content_check"):
            cursor.execute(said.format("forbidden"))
    run(add, backwards=True)
    with empty_database.connection.cursor() as cursor:
        cursor.execute(said.format("forbidden"))


def test_statement_that_cannot_be_run_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be run twice"):
        RerunnableSQL(forward={"postgresql": ["CREATE TABLE once ()"]}, backward={})


def test_index_that_a_later_migration_drops_is_not_built_in_vain() -> None:
    found = sorted(MigrationLoader(None).disk_migrations.items())
    chat = [one for (app, _), migration in found if app == "chat" for one in migration.operations]
    assert superseded_indexes(chat) == {"chat_messages_words_idx"}
    assert superseded_indexes(one for one in chat if not dropped_index(one)) == frozenset()
