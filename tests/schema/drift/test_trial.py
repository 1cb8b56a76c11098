"""What repairs a difference is tried: refused SQL has its reason, and nothing is changed."""

import psycopg
import pytest

from schema.drift.trial import Limits
from tests.schema.conftest import Migrated

ALICE = (
    "INSERT INTO users (id, email, name, password_hash) VALUES ('{id}', '{email}', '{name}', '')"
)
ID = "0000000000000000000000000000000{}"
ROWS = [
    ALICE.format(id=ID.format(1), email="alice@example.com", name="A" * 200),
    ALICE.format(id=ID.format(2), email="bob@example.com", name="B"),
    f"INSERT INTO threads (id, user_id, title) VALUES ('{ID.format(3)}', '{ID.format(1)}', 'T')",
]

# What happened to the database, the object that differs then, and why its repair is refused.
POSTGRESQL = {
    "duplicates where values are to be unique": (
        "ALTER TABLE users DROP CONSTRAINT users_email_key; DROP INDEX users_email_lower_key;"
        "UPDATE users SET email = 'alice@example.com'",
        {
            "unique users.users_email_key": 'could not create unique index "users_email_key".',
            "index users.users_email_lower_key": "could not create unique index"
            ' "users_email_lower_key".',
        },
    ),
    "a row against a check": (
        "ALTER TABLE personas DROP CONSTRAINT personas_color_check, DISABLE TRIGGER USER;"
        "INSERT INTO personas (user_id, color) SELECT id, 'blue' FROM users;"
        "ALTER TABLE personas ENABLE TRIGGER USER",
        {
            "check personas.personas_color_check": 'check constraint "personas_color_check" of'
            ' relation "personas" is violated by some row.'
        },
    ),
    "NULL without a default": (
        "ALTER TABLE threads ALTER COLUMN user_id DROP NOT NULL; ALTER TABLE threads DISABLE"
        " TRIGGER USER; UPDATE threads SET user_id = NULL; ALTER TABLE threads ENABLE TRIGGER USER",
        {
            "column threads.user_id": 'check constraint "user_id_is_not_null" of relation'
            ' "threads" is violated by some row.'
        },
    ),
    "a column without a default, and rows": (
        "INSERT INTO schema_quarantine (table_name, row, reason) VALUES ('users', '{}', 'none');"
        "ALTER TABLE schema_quarantine DROP COLUMN reason",
        {
            "column schema_quarantine.reason": 'column "reason" of relation "schema_quarantine"'
            " contains null values."
        },
    ),
    "values that the type does not hold": (
        "ALTER TABLE django_session ALTER COLUMN expire_date TYPE text;"
        "INSERT INTO django_session VALUES ('one', '', 'tomorrow, perhaps')",
        {
            "column django_session.expire_date": "invalid input syntax for type timestamp with"
            ' time zone: "tomorrow, perhaps".'
        },
    ),
    "a view of the missing table's name": (
        "DROP TABLE django_session; CREATE VIEW django_session AS SELECT 1 AS one",
        {"table django_session": 'relation "django_session" already exists.'},
    ),
    "a foreign key of another schema on the key": (
        "CREATE SCHEMA owners; CREATE TABLE owners.notes (id bigint REFERENCES schema_quarantine);"
        "ALTER TABLE schema_quarantine DROP CONSTRAINT schema_quarantine_pkey CASCADE;"
        "ALTER TABLE schema_quarantine ADD PRIMARY KEY (id) DEFERRABLE;"
        "ALTER TABLE schema_quarantine DROP CONSTRAINT schema_quarantine_pkey,"
        " ADD CONSTRAINT schema_quarantine_pkey UNIQUE (id);"
        "ALTER TABLE owners.notes ADD FOREIGN KEY (id) REFERENCES schema_quarantine (id)",
        {
            "primary key schema_quarantine.schema_quarantine_pkey": "cannot drop constraint"
            " schema_quarantine_pkey on table schema_quarantine because other objects depend on"
            " it. constraint notes_id_fkey on table owners.notes depends on index"
            " schema_quarantine_pkey. Use DROP ... CASCADE to drop the dependent objects too."
        },
    ),
    "a policy on the column": (
        "ALTER TABLE schema_quarantine ALTER COLUMN reason TYPE varchar(500);"
        "CREATE POLICY own ON schema_quarantine USING (reason = '')",
        {
            "column schema_quarantine.reason": "cannot alter type of a column used in a policy"
            ' definition. policy own on table schema_quarantine depends on column "reason".'
        },
    ),
}


def reasons(migrated: Migrated) -> dict[str, str]:
    """Return what is refused; what is left is repaired, and nothing else differs then."""
    refused = migrated.tried()
    assert [one for one in refused if one.not_tried] == []
    skipped = {one.statements for one in refused}
    migrated.run(
        [
            statement
            for repair in dict.fromkeys(tuple(one.repair) for one in migrated.differences())
            if repair not in skipped
            for statement in repair
        ]
    )
    named = {name for one in refused for name in one.objects}
    assert {one.object for one in migrated.differences()} == named
    return {name: one.refused for one in refused for name in one.objects}


@pytest.mark.engines("postgresql", "older")
@pytest.mark.parametrize("kind", POSTGRESQL)
def test_refused_repair_has_its_reason(migrated: Migrated, kind: str) -> None:
    statements, expected = POSTGRESQL[kind]
    migrated.run([*ROWS, *statements.split(";")])
    assert reasons(migrated) == expected


@pytest.mark.engines("postgresql")
def test_what_would_hold_others_up_is_not_tried(migrated: Migrated) -> None:
    migrated.run(
        [
            *ROWS,
            "ALTER TABLE threads ALTER COLUMN message_count DROP NOT NULL, DISABLE TRIGGER USER",
            "UPDATE threads SET message_count = NULL",
            "ALTER TABLE threads ENABLE TRIGGER USER",
        ]
    )
    name = "column threads.message_count"
    with psycopg.connect(migrated.database.url) as other:
        other.execute("SELECT FROM threads FOR UPDATE")
        other.execute("LOCK TABLE threads IN SHARE MODE")
        (one,) = migrated.tried()
        assert (one.objects, one.not_tried) == (
            (name,),
            "another session holds a lock that it needs",
        )
    migrated.run(
        [
            "CREATE TRIGGER owners BEFORE UPDATE ON threads FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ]
    )
    (one,) = migrated.tried()
    assert one.not_tried == "threads has a trigger that no migration made, and it would fire"
    (one,) = migrated.tried(Limits(large=-1))
    assert one.not_tried == "threads is large, and it reads every row"
    (one,) = migrated.tried(Limits(seconds=-1))
    assert one.not_tried == "to try all of it would lock tables for too long"
    migrated.run(["DROP TRIGGER owners ON threads"])
    assert migrated.tried() == []
    migrated.repair()
    assert migrated.differences() == []


# As above, on SQLite.
SQLITE = {
    "duplicates where values are to be unique": (
        ["DROP INDEX users_email_lower_key", "UPDATE users SET email = upper(email)"],
        "",
        "",
        "",
        ["INSERT INTO users (id, email, password_hash) VALUES ('3', 'alice@example.com', '')"],
        {
            "index users.users_email_lower_key": "UNIQUE constraint failed: index"
            " 'users_email_lower_key'",
        },
    ),
    "a row against a check": (
        [],
        "chat_messages",
        "''assistant'', ''twin''",
        "''assistant'', ''system''",
        [
            "INSERT INTO chat_messages (id, user_id, role, content) SELECT id, id, 'system', ''"
            " FROM users"
        ],
        {
            "check chat_messages.chat_messages_role_check": "CHECK constraint failed:"
            " chat_messages_role_check"
        },
    ),
    "NULL without a default": (
        [],
        "threads",
        '"user_id" char(32) NOT NULL',
        '"user_id" char(32)',
        ["UPDATE threads SET user_id = NULL"],
        {"column threads.user_id": "NOT NULL constraint failed: new__threads.user_id"},
    ),
    "a column without a default, and rows": (
        [],
        "schema_quarantine",
        '"reason" text NOT NULL, ',
        "",
        ['INSERT INTO schema_quarantine (table_name, "row") VALUES (1, 2)'],
        {
            "column schema_quarantine.reason": "NOT NULL constraint failed:"
            " new__schema_quarantine.reason"
        },
    ),
    "a view of the missing table's name": (
        ["DROP TABLE django_session", "CREATE VIEW django_session AS SELECT 1 AS one"],
        "",
        "",
        "",
        [],
        {"table django_session": 'view "django_session" already exists'},
    ),
}


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("kind", SQLITE)
def test_refused_rebuild_has_its_reason(migrated: Migrated, kind: str) -> None:
    statements, table, before, after, rows, expected = SQLITE[kind]
    migrated.run([*ROWS, *statements])
    if table:
        assert before.replace("''", "'") in migrated.expected.tables[table].sql
        migrated.run(
            [
                "PRAGMA writable_schema = ON",
                f"UPDATE sqlite_master SET sql = replace(sql, '{before}', '{after}')"
                f" WHERE name = '{table}' AND type = 'table'",
                "PRAGMA writable_schema = RESET",
            ]
        )
    migrated.run(["CREATE VIEW owners AS SELECT * FROM threads, users", *rows])
    assert reasons(migrated) == expected


@pytest.mark.engines("sqlite")
def test_large_database_is_tried_without_its_rows(
    migrated: Migrated,
) -> None:
    migrated.run([*ROWS, "DROP INDEX threads_persona_idx"])
    assert migrated.tried() == []
    (one,) = migrated.tried(Limits(large_file=0))
    assert one.not_tried == "with the rows: the database is large, and rows may be in the way"
