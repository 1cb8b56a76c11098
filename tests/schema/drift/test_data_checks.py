"""What `verify --data` finds in the rows: put in with the triggers and keys off."""

import pytest

from schema.drift import data_checks
from schema.drift.compare import Difference
from schema.drift.data_checks import DataCheck, broken
from schema.drift.scratch import built_catalog
from schema.introspection.catalog import Catalog
from tests.schema.conftest import Migrated

ALICE = "00000000000040008000000000000001"
BOB = "00000000000040008000000000000002"
ROWS = [
    f"INSERT INTO users (id, email, password_hash) VALUES ('{ALICE}', 'alice@example.com', '')",
    f"INSERT INTO users (id, email, password_hash) VALUES ('{BOB}', 'bob@example.com', '')",
    f"INSERT INTO personas (user_id, name) VALUES ('{ALICE}', 'One')",
    f"INSERT INTO personas (user_id, name) VALUES ('{ALICE}', 'Two')",
    f"INSERT INTO personas (user_id, name) VALUES ('{BOB}', 'One')",
    f"INSERT INTO threads (user_id, title) VALUES ('{ALICE}', 'Plans')",
    f"INSERT INTO threads (user_id, title) VALUES ('{BOB}', 'Plans')",
    *(
        f"INSERT INTO chat_messages (user_id, role, content) VALUES ('{user}', 'user', 'Hello')"
        for user in (ALICE, ALICE, BOB)
    ),
]
ONE_MESSAGE = f"id = (SELECT min(CAST(id AS text)) FROM chat_messages WHERE user_id = '{ALICE}')"

# What was done to the rows, and the checks that find it.
DAMAGE: dict[str, tuple[str, set[tuple[str, int]]]] = {
    "count too high": (
        f"UPDATE threads SET message_count = 9 WHERE user_id = '{ALICE}' AND title = 'General'",
        {("rows of threads.message_count", 1)},
    ),
    "count where there is no message": (
        "UPDATE threads SET message_count = 9 WHERE title = 'Plans'",
        {("rows of threads.message_count", 2)},
    ),
    "last message forgotten": (
        "UPDATE threads SET last_message_at = NULL",
        {("rows of threads.message_count", 2)},
    ),
    "last message invented": (
        "UPDATE threads SET last_message_at = '2020-01-01 00:00:00' WHERE title = 'Plans'",
        {("rows of threads.message_count", 2)},
    ),
    "message without a thread": (
        f"UPDATE chat_messages SET thread_id = NULL WHERE user_id = '{BOB}'",
        {("rows of chat_messages.thread_id", 1), ("rows of threads.message_count", 1)},
    ),
    "message in another user's thread": (
        "UPDATE chat_messages SET thread_id = (SELECT id FROM threads"
        f" WHERE user_id = '{BOB}' AND title = 'Plans') WHERE user_id = '{ALICE}'",
        {("rows of chat_messages.thread_id", 2), ("rows of threads.message_count", 2)},
    ),
    "message in a thread that is gone": (
        f"DELETE FROM threads WHERE user_id = '{BOB}' AND title = 'General'",
        {("rows of chat_messages.thread_id", 1)},
    ),
    "thread of somebody who is gone": (
        f"DELETE FROM users WHERE id = '{BOB}'",
        {
            ("rows of personas.user_id", 1),
            ("rows of chat_messages.user_id", 1),
            ("rows of threads.user_id", 2),
        },
    ),
    "thread with another user's persona": (
        "UPDATE threads SET persona_id = (SELECT id FROM personas"
        f" WHERE user_id = '{BOB}') WHERE user_id = '{ALICE}'",
        {("rows of threads.persona_id", 2)},
    ),
    "thread with a persona that is gone": (
        f"DELETE FROM personas WHERE user_id = '{BOB}'",
        {("rows of threads.persona_id", 1)},
    ),
    "several active personas": (
        "UPDATE personas SET is_active = true",
        {("rows of personas.is_active", 1)},
    ),
    "no active persona": (
        "UPDATE personas SET is_active = false",
        {("rows of personas.is_active", 2)},
    ),
}


def rows_differ(migrated: Migrated) -> list[Difference]:
    connection = migrated.database.connection
    applied = {
        ("personas", "0002_multi_persona"),
        ("threads", "0001_threads"),
        ("chat", "0003_thread_backfill"),
    }
    return broken(connection, migrated.expected, applied)


@pytest.fixture
def populated(migrated: Migrated) -> Migrated:
    """Return a migrated database with alice's and bob's rows, all of them sound."""
    migrated.run(ROWS)
    assert rows_differ(migrated) == []
    return migrated


def damage(migrated: Migrated, statement: str) -> None:
    """Run the statement with no trigger, key or unique index in its way."""
    connection = migrated.database.connection
    if connection.vendor == "postgresql":
        off = ["SET session_replication_role = replica", "DROP INDEX personas_one_active"]
        on = ["SET session_replication_role = origin"]
    else:
        triggers = [
            trigger
            for table in migrated.expected.tables.values()
            for trigger in table.triggers.values()
        ]
        off = ["PRAGMA foreign_keys = OFF", "DROP INDEX personas_one_active"]
        off += [f"DROP TRIGGER {trigger.name}" for trigger in triggers]
        on = [*(trigger.sql for trigger in triggers), "PRAGMA foreign_keys = ON"]
    migrated.run([*off, statement, *on])


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_and_repaired(populated: Migrated, kind: str) -> None:
    statement, expected = DAMAGE[kind]
    damage(populated, statement)
    found = rows_differ(populated)
    # The order of the tables differs between the engines.
    assert {(one.object, int(one.found.split(" row")[0].split()[-1])) for one in found} == expected
    for difference in found:
        populated.run(difference.repair)
    assert rows_differ(populated) == []
    populated.repair()  # the index that was in the way of the damage
    assert populated.differences() == []


def test_every_foreign_key_is_followed(migrated: Migrated) -> None:
    damage(
        migrated,
        "INSERT INTO django_admin_log (user_id, content_type_id, object_repr, action_flag,"
        " change_message, action_time) VALUES"
        f" ('{ALICE}', 77, '', 1, '', '2020-01-01 00:00:00')",
    )
    assert [(one.object, one.expected) for one in rows_differ(migrated)] == [
        (
            "rows of django_admin_log.content_type_id",
            "each refers to a row of django_content_type",
        ),
        ("rows of django_admin_log.user_id", "each refers to a row of users"),
    ]


def test_missing_column_is_no_crash(migrated: Migrated) -> None:
    applied = {("chat", "0003_thread_backfill")}
    connection = migrated.database.connection
    expected = built_catalog(connection, ())
    name = "message_count"
    migrated.run([f"ALTER TABLE threads RENAME COLUMN {name} TO message_counts"])
    found = broken(connection, expected, applied)
    assert [one.object for one in found] == ["rows of threads.message_count"]
    assert found[0].found.startswith("could not be checked: ")
    assert found[0].repair == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (1, "not so for 1 row, for example 1"),
        (2, "not so for 2 rows, for example 1, 2"),
        (5, "not so for 5 rows, for example 1, 2, 3"),
    ],
)
def test_difference_counts_the_rows_and_names_the_first(
    migrated: Migrated, monkeypatch: pytest.MonkeyPatch, rows: int, words: str
) -> None:
    numbers = " UNION ALL ".join(f"SELECT {number}" for number in range(1, rows + 1))
    check = DataCheck("numbers", ("chat", "0001"), "none", numbers, ("DELETE",), "threads")
    monkeypatch.setattr(data_checks, "registered", lambda: [check])
    connection = migrated.database.connection
    empty = Catalog(connection.vendor)
    assert broken(connection, empty, set()) == []  # not applied yet
    assert broken(connection, empty, {("chat", "0001")}) == [
        Difference("numbers", "none", words, ["DELETE"], "threads")
    ]
