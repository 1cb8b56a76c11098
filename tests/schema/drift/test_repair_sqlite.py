"""Every kind of drift that SQLite can have: found, as one difference, and repaired."""

import pytest

from schema.drift.repair import script
from schema.introspection.read import read_catalog
from schema.introspection.sqlite_ddl import normal, parse_table, tokens
from tests.schema.conftest import Migrated
from tests.schema.drift.sqlite import DRIFT, TABLE_DRIFT

pytestmark = pytest.mark.engines("sqlite")

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
def test_drift_in_a_table_is_found_and_repaired(migrated: Migrated, kind: str) -> None:
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
    migrated.run(found[0].repair)
    assert migrated.differences() == []


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_found_and_repaired(migrated: Migrated, kind: str) -> None:
    statements, thing = DRIFT[kind]
    migrated.run([*ROWS, *statements])
    before = contents(migrated) if kind != "table dropped" else None
    found = migrated.differences()
    assert [difference.object for difference in found] == [thing]
    assert found[0].expected != found[0].found
    migrated.run(found[0].repair)
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
        "foreign key threads.(branch_of_id)",
        "foreign key chat_messages.(user_id)",
        "foreign key chat_messages.(thread_id)",
    }
    migrated.repair()
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
    migrated.repair()
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
    assert [one.repair for one in found] == [script(found)] * len(found)


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
