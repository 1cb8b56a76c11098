"""Every kind of drift that SQLite can have: found, as one difference, and mended."""

import pytest

from schema.catalog import read_catalog
from schema.differences import script
from schema.sqlite_sql import normal, parse_table, tokens
from tests.schema.conftest import Migrated

pytestmark = pytest.mark.sqlite

ROLE_CHECK = (
    ", CONSTRAINT \"chat_messages_role_check\" CHECK (\"role\" IN ('user', 'assistant', 'twin'))"
)
TO_USERS = 'REFERENCES "users" ("id") ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED'

# A table, what its definition said, what it says now, and the one thing that differs then.
TABLE_DRIFT: dict[str, tuple[str, str, str, str]] = {
    "column dropped": (
        "schema_quarantine",
        '"reason" text NOT NULL, ',
        "",
        "column schema_quarantine.reason",
    ),
    "type changed": (
        "threads",
        '"title" varchar(255)',
        '"title" varchar(100)',
        "column threads.title",
    ),
    "NOT NULL dropped": (
        "threads",
        '"title" varchar(255) NOT NULL',
        '"title" varchar(255)',
        "column threads.title",
    ),
    "NOT NULL added": (
        "threads",
        '"last_message_at" datetime NULL',
        '"last_message_at" datetime NOT NULL',
        "column threads.last_message_at",
    ),
    "default dropped": (
        "threads",
        '"message_count" integer DEFAULT 0 NOT NULL',
        '"message_count" integer NOT NULL',
        "column threads.message_count",
    ),
    "default changed": (
        "personas",
        "DEFAULT '#4f46e5'",
        "DEFAULT '#000000'",
        "column personas.color",
    ),
    "collation added": (
        "threads",
        '"title" varchar(255)',
        '"title" varchar(255) COLLATE NOCASE',
        "column threads.title",
    ),
    "AUTOINCREMENT lost": (
        "schema_quarantine",
        "PRIMARY KEY AUTOINCREMENT",
        "PRIMARY KEY",
        "primary key schema_quarantine.(id)",
    ),
    "primary key dropped": (
        "threads",
        " PRIMARY KEY",
        "",
        "primary key threads.(id)",
    ),
    "unique constraint dropped": (
        "users",
        ', CONSTRAINT "users_email_key" UNIQUE ("email")',
        "",
        "unique users.users_email_key",
    ),
    "unique constraint renamed": (
        "users",
        '"users_email_key"',
        '"users_email"',
        "unique users.users_email_key",
    ),
    "unique constraint on fewer columns": (
        "schema_batch_progress",
        'UNIQUE ("app", "name", "step")',
        'UNIQUE ("app", "name")',
        "unique schema_batch_progress.schema_batch_progress_step_key",
    ),
    "check dropped": (
        "chat_messages",
        ROLE_CHECK,
        "",
        "check chat_messages.chat_messages_role_check",
    ),
    "check changed": (
        "chat_messages",
        "'assistant', 'twin'",
        "'assistant', 'system'",
        "check chat_messages.chat_messages_role_check",
    ),
    "check without a name dropped": (
        "personas",
        ' CHECK ((JSON_VALID("metadata") OR "metadata" IS NULL))',
        "",
        "check personas.(metadata)",
    ),
    "foreign key dropped": (
        "threads",
        TO_USERS,
        "",
        "foreign key threads.(user_id)",
    ),
    "foreign key without its action": (
        "threads",
        " ON DELETE CASCADE",
        "",
        "foreign key threads.(user_id)",
    ),
    "foreign key with another action": (
        "threads",
        " ON DELETE SET NULL",
        " ON DELETE CASCADE",
        "foreign key threads.(persona_id)",
    ),
    "foreign key no longer deferrable": (
        "threads",
        TO_USERS,
        TO_USERS.replace(" DEFERRABLE INITIALLY DEFERRED", ""),
        "foreign key threads.(user_id)",
    ),
    "foreign key to another table": (
        "threads",
        'REFERENCES "personas"',
        'REFERENCES "users"',
        "foreign key threads.(persona_id)",
    ),
    "table made strict about row ids": (
        "django_session",
        "",
        " WITHOUT ROWID",
        "table django_session",
    ),
}

DRIFT: dict[str, tuple[list[str], str]] = {
    "table dropped": (
        ["DROP TABLE django_session"],
        "table django_session",
    ),
    "index dropped": (
        ["DROP INDEX chat_messages_thread_idx"],
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index renamed": (
        [
            "DROP INDEX threads_persona_idx",
            "CREATE INDEX idx_threads_persona ON threads (persona_id)",
        ],
        "index threads.threads_persona_idx",
    ),
    "index with its columns in the wrong order": (
        [
            "DROP INDEX chat_messages_thread_idx",
            "CREATE INDEX chat_messages_thread_idx ON chat_messages (created_at, thread_id, id)",
        ],
        "index chat_messages.chat_messages_thread_idx",
    ),
    "index that is no longer descending": (
        [
            "DROP INDEX chat_messages_user_idx",
            "CREATE INDEX chat_messages_user_idx ON chat_messages (user_id, created_at, id)",
        ],
        "index chat_messages.chat_messages_user_idx",
    ),
    "partial unique index without its condition": (
        [
            "DROP INDEX personas_one_active",
            "CREATE UNIQUE INDEX personas_one_active ON personas (user_id)",
        ],
        "index personas.personas_one_active",
    ),
    "unique index made plain": (
        [
            "DROP INDEX users_email_lower_key",
            "CREATE INDEX users_email_lower_key ON users (lower(email))",
        ],
        "index users.users_email_lower_key",
    ),
    "trigger dropped": (
        ["DROP TRIGGER chat_messages_count_insert"],
        "trigger chat_messages.chat_messages_count_insert",
    ),
    "trigger's body replaced": (
        [
            "DROP TRIGGER chat_messages_count_insert",
            "CREATE TRIGGER chat_messages_count_insert AFTER INSERT ON chat_messages"
            " BEGIN SELECT 1; END",
        ],
        "trigger chat_messages.chat_messages_count_insert",
    ),
}

ROWS = [
    "INSERT INTO users (id, email, password_hash) VALUES ('a1', 'alice@example.com', '')",
    "INSERT INTO personas (id, user_id) VALUES ('b1', 'a1')",
    "INSERT INTO chat_messages (id, user_id, role, content) VALUES ('c1', 'a1', 'user', 'Hello')",
    "INSERT INTO chat_messages (id, user_id, role, content) VALUES ('c2', 'a1', 'twin', 'Hello')",
    "INSERT INTO schema_batch_progress (app, name, step) VALUES ('chat', '0003', 'fill')",
    """INSERT INTO schema_quarantine (table_name, "row", reason) VALUES ('users', '{}', 'none')""",
]


def contents(migrated: Migrated) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table, whatever the order of the columns."""
    rows: dict[str, list[tuple[object, ...]]] = {}
    with migrated.database.connection.cursor() as cursor:
        for table in migrated.expected.tables.values():
            columns = ", ".join(f'"{name}"' for name in table.columns) or "rowid"
            cursor.execute(f'SELECT {columns} FROM "{table.name}" ORDER BY 1')
            rows[table.name] = cursor.fetchall()
    return rows


@pytest.mark.parametrize("kind", TABLE_DRIFT)
def test_drift_in_a_table_is_found_and_mended(migrated: Migrated, kind: str) -> None:
    table, before, after, thing = TABLE_DRIFT[kind]
    sql = migrated.expected.tables[table].sql
    assert before in sql
    changed = sql.replace(before, after) if before else sql + after
    other = migrated.expected.tables[table]
    hanging = [index.sql for index in other.indexes.values()]
    hanging += [trigger.sql for trigger in other.triggers.values()]
    # Written anew rather than through a rebuild, which is what is under test.
    migrated.run(["PRAGMA foreign_keys = OFF", f'DROP TABLE "{table}"', changed, *hanging])
    migrated.run(["PRAGMA foreign_keys = ON"])
    found = migrated.differences()
    assert [difference.object for difference in found] == [thing]
    assert found[0].expected != found[0].found
    migrated.run(found[0].mend)
    assert migrated.differences() == []


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_found_and_mended(migrated: Migrated, kind: str) -> None:
    statements, thing = DRIFT[kind]
    migrated.run([*ROWS, *statements])
    before = contents(migrated) if kind != "table dropped" else None
    found = migrated.differences()
    assert [difference.object for difference in found] == [thing]
    assert found[0].expected != found[0].found
    migrated.run(found[0].mend)
    assert migrated.differences() == []
    assert before is None or contents(migrated) == before


def test_rebuild_keeps_rows_and_what_others_made(migrated: Migrated) -> None:
    migrated.run(ROWS)
    before = contents(migrated)
    migrated.run(
        [
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_master SET sql = replace(sql, ' ON DELETE CASCADE', '')"
            " WHERE name IN ('chat_messages', 'threads')",
            """UPDATE sqlite_master SET sql = replace(sql, '"content" text NOT NULL',"""
            """ '"content" text NOT NULL CHECK (length(content) < 99)')"""
            " WHERE name = 'chat_messages'",
            "PRAGMA writable_schema = RESET",
            "ALTER TABLE chat_messages ADD COLUMN mood text DEFAULT 'calm'",
            "CREATE INDEX idx_mood ON chat_messages (mood)",
            "CREATE TRIGGER moody AFTER INSERT ON chat_messages BEGIN SELECT 1; END",
            "UPDATE chat_messages SET mood = 'glad'",
        ]
    )
    assert {difference.object for difference in migrated.differences()} == {
        "foreign key threads.(user_id)",
        "foreign key chat_messages.(user_id)",
        "foreign key chat_messages.(thread_id)",
    }
    migrated.mend()
    assert migrated.differences() == []
    assert contents(migrated) == before
    table = read_catalog(migrated.database.connection).tables["chat_messages"]
    assert "mood" in table.columns
    assert "idx_mood" in table.indexes
    assert "moody" in table.triggers
    assert "check(length(content) < 99)" in [one.definition for one in table.constraints]
    with migrated.database.connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT mood FROM chat_messages")
        assert cursor.fetchall() == [("glad",)]
        cursor.execute("PRAGMA foreign_keys")
        assert cursor.fetchone() == (1,)


def test_rebuild_gives_no_number_again(migrated: Migrated) -> None:
    row = "INSERT INTO schema_quarantine (table_name, row, reason) VALUES ('users', '{}', 'none')"
    migrated.run([row, row, "DELETE FROM schema_quarantine"])
    migrated.run(
        [
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_master SET sql = replace(sql, '\"reason\" text NOT NULL',"
            " '\"reason\" text') WHERE name = 'schema_quarantine'",
            "PRAGMA writable_schema = RESET",
        ]
    )
    assert len(migrated.differences()) == 1
    migrated.mend()
    migrated.run([row])
    with migrated.database.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM schema_quarantine")
        assert cursor.fetchall() == [(3,)]


def test_a_rebuild_for_several_differences_runs_once(migrated: Migrated) -> None:
    migrated.run(
        [
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_master SET sql = replace(sql, 'DEFAULT 0', '') WHERE name = 'threads'",
            "PRAGMA writable_schema = RESET",
        ]
    )
    found = migrated.differences()
    assert [one.object for one in found] == [
        f"column threads.{name}" for name in ("is_general", "message_count", "title_is_automatic")
    ]
    assert [one.mend for one in found] == [script(found)] * len(found)


def test_what_others_made_is_no_difference(migrated: Migrated) -> None:
    migrated.run(
        [
            "CREATE TABLE metrics (id integer PRIMARY KEY, user_id REFERENCES users, n int)",
            "CREATE INDEX idx_personas_user ON personas (user_id)",
            "ALTER TABLE users ADD COLUMN phone text DEFAULT ''",
            "CREATE TRIGGER metrics AFTER INSERT ON users BEGIN SELECT 1; END",
            "CREATE VIEW names AS SELECT name, email FROM users",
            "CREATE VIRTUAL TABLE words USING fts5(word)",
        ]
    )
    assert migrated.differences() == []


def test_normal_form_minds_neither_quotes_nor_case_nor_comments() -> None:
    plain = "create table t(a int check(a in(1, 2)), \"odd name\" text default 'It''s (A)')"
    noisy = (
        'CREATE TABLE [t]\n(`a` INT /* one */ CHECK ( "a" IN (1,2) ), -- two\n'
        "[odd name]  TEXT   DEFAULT 'It''s (A)' )"
    )
    assert normal(tokens(noisy)) == normal(tokens(plain))


def test_every_clause_of_a_column_is_read() -> None:
    parsed = parse_table(
        "CREATE TABLE t (a INT CONSTRAINT p PRIMARY KEY DESC ON CONFLICT IGNORE,"
        " b TEXT NOT NULL UNIQUE DEFAULT (1 + 2) COLLATE nocase CHECK (b <> ''),"
        " c DECIMAL(10, 2) AS (a * 2) STORED,"
        " d INT NULL DEFAULT NULL REFERENCES u (x) ON DELETE SET DEFAULT ON UPDATE SET NULL"
        " NOT DEFERRABLE, e,"
        " FOREIGN KEY (a, b) REFERENCES w, CONSTRAINT q UNIQUE (a, b) ON CONFLICT FAIL) STRICT"
    )
    columns = {name: column.describe() for name, column in parsed.columns.items()}
    assert columns == {
        "a": "int",
        "b": "text COLLATE nocase DEFAULT 1 + 2 NOT NULL",
        "c": "decimal(10, 2) GENERATED ALWAYS AS (a * 2) stored",
        "d": "int DEFAULT null",
        "e": "",
    }
    assert [(one.name, one.definition, one.columns) for one in parsed.constraints] == [
        ("p", "PRIMARY KEY (a) DESC ON CONFLICT IGNORE", ("a",)),
        ("", "UNIQUE (b)", ("b",)),
        ("", "check(b <> '')", ("b",)),
        (
            "",
            "FOREIGN KEY (d) references u(x) on delete set default on update set null"
            " not deferrable",
            ("d",),
        ),
        ("", "FOREIGN KEY (a, b) references w", ("a", "b")),
        ("q", "UNIQUE (a, b) ON CONFLICT FAIL", ("a", "b")),
    ]
    assert parsed.options == "strict"
