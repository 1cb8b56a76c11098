"""The migrations, there and back again, with rows in the tables."""

import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from schema.drift.repair import differences
from schema.history.status import known_migrations, project_apps
from schema.introspection.catalog import Catalog
from schema.introspection.read import read_catalog
from tests.conftest import Database

pytestmark = pytest.mark.engines("sqlite", "postgresql", "older")
Key = tuple[str, str]
ALICE, BOB, CAROL = (uuid.UUID(int=n) for n in (1, 2, 3))
PERSONAS = [  # (key, user, name, age in days)
    (uuid.UUID(int=11), ALICE, "Younger", 1),
    (uuid.UUID(int=12), ALICE, "Oldest", 9),
    (uuid.UUID(int=13), BOB, "Only", 5),
]
MESSAGES = [  # (key, user, role, content, day of May)
    (uuid.UUID(int=21), ALICE, "user", "Hello", 1),
    (uuid.UUID(int=22), ALICE, "assistant", "Hello Alice", 3),
    (uuid.UUID(int=23), BOB, "twin", "", 2),
]


def steps() -> list[Key]:
    """Return this project's migrations in the order of the plan."""
    return [key for key in known_migrations() if key[0] in project_apps()]


def forwards(connection: BaseDatabaseWrapper, key: Key) -> None:
    MigrationExecutor(connection).migrate([key])


def backwards(connection: BaseDatabaseWrapper, key: Key) -> None:
    """Take back one migration: those that come after it are not applied."""
    earlier = [step for step in steps() if step[0] == key[0] and step < key]
    target = max(earlier) if earlier else (key[0], None)
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan([target])
    assert [(step.app_label, step.name) for step, _ in plan] == [key]
    executor.migrate([target], plan)


def run(connection: BaseDatabaseWrapper, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement as another program would, and return its rows with keys as UUIDs."""
    plain = [
        value.hex if isinstance(value, uuid.UUID) and connection.vendor == "sqlite" else value
        for value in values
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, plain)
        return list(cursor.fetchall()) if cursor.description else []


def fill(connection: BaseDatabaseWrapper) -> None:
    """Write rows as they are before multi-persona and threading."""
    for key, name in [(ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")]:
        run(
            connection,
            "INSERT INTO users (id, email, password_hash, name) VALUES (%s, %s, 'x', %s)",
            *(key, f"{name}@example.com", name),
        )
    for key, user, name, age in PERSONAS:
        run(
            connection,
            "INSERT INTO personas (id, user_id, name, created_at) VALUES (%s, %s, %s, %s)",
            *(
                key,
                user,
                name,
                f"2025-01-{30 - age} 00:00:00+00:00"[: 19 if sqlite(connection) else None],
            ),
        )
    for key, user, role, content, day in MESSAGES:
        run(
            connection,
            "INSERT INTO chat_messages (id, user_id, role, content, created_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            *(
                key,
                user,
                role,
                content,
                f"2025-05-0{day} 00:00:00+00:00"[: 19 if sqlite(connection) else None],
            ),
        )


def sqlite(connection: BaseDatabaseWrapper) -> bool:
    return connection.vendor == "sqlite"


def check_rows(connection: BaseDatabaseWrapper, applied: set[Key]) -> None:
    """Compare the rows with what the applied migrations make of them."""
    names = [name for (name,) in run(connection, "SELECT name FROM users ORDER BY name")]
    assert names == ["alice", "bob", "carol"]
    personas = run(connection, "SELECT name FROM personas ORDER BY name")
    assert personas == [("Oldest",), ("Only",), ("Younger",)]
    if ("personas", "0002_multi_persona") in applied:
        active = run(connection, "SELECT name FROM personas WHERE is_active ORDER BY name")
        assert active == [("Oldest",), ("Only",)]
    if ("chat", "0001_chat_history") in applied:
        said = run(connection, "SELECT role, content FROM chat_messages ORDER BY created_at")
        assert said == [("user", "Hello"), ("twin", ""), ("assistant", "Hello Alice")]
    if ("chat", "0004_thread_index") in applied:
        general = run(
            connection,
            "SELECT users.name, threads.title, threads.message_count, threads.is_general,"
            " (SELECT count(*) FROM chat_messages WHERE thread_id = threads.id),"
            " last_message_at = (SELECT max(created_at) FROM chat_messages"
            " WHERE thread_id = threads.id), personas.name"
            " FROM threads JOIN users ON users.id = threads.user_id"
            " LEFT JOIN personas ON personas.id = threads.persona_id ORDER BY users.name",
        )
        assert general == [
            ("alice", "General", 2, True, 2, True, "Oldest"),
            ("bob", "General", 1, True, 1, True, "Only"),
        ]


def same(before: Catalog, after: Catalog) -> None:
    assert [str(one.object) for one in differences(before, after)] == []
    assert [str(one.object) for one in differences(after, before)] == []


def test_each_step_goes_forward_back_and_forward_and_loses_only_what_it_added(
    empty_database: Database,
) -> None:
    connection = empty_database.connection
    order = steps()
    filled_at = order.index(("chat", "0001_chat_history"))
    before: list[Catalog] = []
    for place, key in enumerate(order):
        before.append(read_catalog(connection))
        forwards(connection, key)
        if place == filled_at:
            fill(connection)
        if place >= filled_at:
            check_rows(connection, set(order[: place + 1]))
    latest = read_catalog(connection)
    for place in reversed(range(filled_at, len(order))):
        backwards(connection, order[place])
        same(before[place], read_catalog(connection))
        check_rows(connection, set(order[:place]))
    forwards(connection, order[filled_at])
    assert run(connection, "SELECT count(*) FROM chat_messages") == [(0,)]
    for key in order[filled_at + 1 :]:
        forwards(connection, key)
    same(latest, read_catalog(connection))
    assert run(connection, "SELECT count(*) FROM threads") == [(0,)]
    assert run(connection, "SELECT count(*) FROM personas WHERE is_active") == [(2,)]


def test_all_the_way_back_leaves_no_table_of_this_project(empty_database: Database) -> None:
    connection = empty_database.connection
    call_command("migrate", database=empty_database.alias, verbosity=0)
    first = read_catalog(connection)
    for app in ("chat", "users"):
        MigrationExecutor(connection).migrate([(app, None)])
    tables = set(connection.introspection.table_names())
    assert tables & {"users", "personas", "threads", "chat_messages"} == set()
    call_command("migrate", database=empty_database.alias, verbosity=0)
    same(first, read_catalog(connection))


REFUSED = [
    (
        "an address in another case",
        "INSERT INTO users (email, password_hash) VALUES ('ALICE@example.com', 'x')",
    ),
    ("a role nobody has", "UPDATE chat_messages SET role = 'robot'"),
    ("no user", "UPDATE chat_messages SET user_id = NULL"),
    ("a user who is not there", "UPDATE threads SET user_id = persona_id"),
]


def test_constraints_and_defaults_hold_for_raw_sql(empty_database: Database) -> None:
    connection = empty_database.connection
    call_command("migrate", database=empty_database.alias, verbosity=0)
    run(connection, "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', 'x')")
    run(connection, "INSERT INTO personas (user_id) SELECT id FROM users")
    run(connection, "INSERT INTO personas (user_id, name) SELECT id, 'Second' FROM users")
    run(
        connection,
        "INSERT INTO threads (user_id, persona_id, title)"
        " SELECT user_id, id, 'Plans' FROM personas WHERE is_active",
    )
    run(
        connection,
        "INSERT INTO chat_messages (user_id, role, content) SELECT id, 'user', 'hi' FROM users",
    )
    given = run(
        connection, "SELECT id, name, is_active, is_staff, created_at, updated_at FROM users"
    )
    assert len(uuid.UUID(str(given[0][0])).hex) == 32
    assert given[0][1:4] == ("", True, False)
    assert None not in given[0]
    assert run(
        connection,
        "SELECT name, color, is_active, description FROM personas ORDER BY name",
    ) == [("My Twin", "#4f46e5", True, ""), ("Second", "#4f46e5", False, "")]
    assert run(
        connection, "SELECT title, message_count, description FROM threads ORDER BY title"
    ) == [
        ("General", 1, ""),
        ("Plans", 0, ""),
    ]
    for what, statement in REFUSED:
        assert refuses(connection, statement), f"{what} was taken in"


def refuses(connection: BaseDatabaseWrapper, statement: str) -> bool:
    """Tell whether a constraint stands against the statement; nothing of it stays."""
    try:
        with transaction.atomic(using=connection.alias):
            run(connection, statement)
            connection.check_constraints()
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize("colour", ["red", "#fff"])
def test_colour_that_is_not_hexadecimal_is_never_stored(
    empty_database: Database, colour: str
) -> None:
    """PostgreSQL replaces it, because other programs write there; SQLite refuses it."""
    connection = empty_database.connection
    call_command("migrate", database=empty_database.alias, verbosity=0)
    run(connection, "INSERT INTO users (email, password_hash) VALUES ('alice@example.com', 'x')")
    run(connection, "INSERT INTO personas (user_id, color) SELECT id, '#123456' FROM users")
    change = f"UPDATE personas SET color = '{colour}'"
    assert refuses(connection, change) == (connection.vendor == "sqlite")
    expected = "#123456" if connection.vendor == "sqlite" else "#4f46e5"
    assert run(connection, "SELECT color FROM personas") == [(expected,)]
